"""`derive audit MODULE.py --rounding`: bounds beside the certificate, and one line for what cannot be used."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from derive import Architecture, differentiate, emit
from derive.commands.rounding import rounded_up

NETWORK = Architecture((2, 3, 1), ("tanh", "identity"))
THETA, X, Y = np.linspace(-1, 1, 13), np.linspace(-2, 2, 8).reshape(4, 2), np.ones((4, 1))


def written(change: tuple[str, str] = ("", "")) -> str:
    text = emit(differentiate(NETWORK), style="readable")
    assert change[0] in text
    Path("net.py").write_text(text.replace(*change) if change[0] else text)
    return "net.py"


def test_the_bounds_stand_below_the_certificate(derive):
    result = derive("audit", written(), "--rounding")
    assert result.status == 0, result.err
    assert "running this file" in result.err
    assert "The certificate holds." in result.out
    assert "5 of 5 quantities have a rigorous bound" in result.out
    assert "trusts  Arb (python-flint" in result.out


def test_as_json_it_is_sealed_and_can_be_checked_again(derive):
    np.savez("at.npz", theta=THETA, X=X, Y=Y, more=X)
    result = derive("audit", written(), "--rounding", "--data", "at.npz", "--json")
    found = json.loads(result.out)
    assert [entry["quantity"] for entry in found["rounding"]["quantities"]] == ["loss", "dW1", "db1", "dW2", "db2"]
    assert all(0 <= entry["ulps"] < 10 for entry in found["rounding"]["quantities"])
    assert "4 samples" in found["rounding"]["data"]
    Path("seal.json").write_text(result.out)
    checked = derive("verify", "--certificate", "seal.json", "net.py")
    assert checked.status == 0, checked.out
    assert "not made again" in checked.out
    found["rounding"]["quantities"][0]["error"] = 0.0
    Path("seal.json").write_text(json.dumps(found))
    assert derive("verify", "--certificate", "seal.json", "net.py").status == 1


def test_an_altered_gradient_is_seen_by_both(derive):
    result = derive(
        "audit", written(("db1 = delta1.sum(axis=0)", "db1 = delta1.sum(axis=0) * 1.000000001")), "--rounding"
    )
    assert result.status == 1
    (line,) = (line for line in result.out.splitlines() if line.startswith("db1 "))
    assert float(line.split()[2]) == pytest.approx(1e-9, rel=0.05)


def test_without_a_bound_the_status_says_so(derive):
    np.savez("at.npz", theta=THETA * 1e200, X=X * 1e200, Y=Y * 1e200)
    result = derive("audit", written(), "--rounding", "--data", "at.npz")
    assert result.status == 1
    assert "not finite" in result.out


def test_without_the_extra_one_line_says_what_to_install(derive, monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    result = derive("audit", written(), "--rounding")
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert "pip install 'derive[rigor]'" in result.err


class Planted:
    """What would write a file if it were unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("planted"),))


def saved(**changes) -> None:
    arrays = {"theta": THETA, "X": X, "Y": Y} | changes
    np.savez("at.npz", **{name: array for name, array in arrays.items() if array is not None})


def holed(array, value):
    changed = array.copy()
    changed.flat[3] = value
    return changed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"theta": None}, "theta is missing"),
        ({"Y": None}, "Y is missing"),
        ({"theta": THETA[1:]}, "theta has shape (12,); expected (13,)"),
        ({"X": X.T}, "X has shape (2, 4); expected (2, 2)"),
        ({"X": X[0]}, "X has shape (2,); expected (N, 2)"),
        ({"X": X[:0], "Y": Y[:0]}, "X has shape (0, 2); expected (N, 2)"),
        ({"Y": Y[1:]}, "Y has shape (3, 1); expected (4, 1)"),
        ({"X": holed(X, np.nan)}, "X[1, 1] is nan"),
        ({"theta": holed(THETA, np.inf)}, "theta[3] is inf"),
        ({"X": X * 1j}, "complex128"),
        ({"X": X.astype(str)}, "expected real numbers"),
        ({"X": np.array([[Planted(), 1.0]], dtype=object)}, "Python objects"),
    ],
)
def test_data_that_do_not_fit_get_one_line(derive, changes, words):
    saved(**changes)
    result = derive("audit", written(), "--rounding", "--data", "at.npz")
    assert result.status == 2
    assert words in result.err
    assert "Traceback" not in result.err
    assert not result.out
    assert not Path("planted").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "not an .npz file"), (b"PK\x03\x04 no archive", "not an .npz file"), (b"\x93NUMPY", "not an .npz file")],
)
def test_files_that_are_no_archives_get_one_line(derive, content, words):
    Path("at.npz").write_bytes(content)
    result = derive("audit", written(), "--rounding", "--data", "at.npz")
    assert result.status == 2
    assert words in result.err


def test_a_damaged_archive_gets_one_line(derive):
    saved()
    content = bytearray(Path("at.npz").read_bytes())
    content[150:160] = bytes(10)
    Path("at.npz").write_bytes(content)
    result = derive("audit", written(), "--rounding", "--data", "at.npz")
    assert result.status == 2
    assert "at.npz" in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("net.py", "--data", "net.py"), "--data: it is for --rounding"),
        (("net.py", "--rounding", "--data", "none.npz"), "none.npz"),
        (("net.py", "--rounding", "--data", "."), "folder"),
        (("own.py", "--rounding", "--layers", "2-3-1"), "own.py is no module that derive emitted"),
        (("net.py", "--rounding", "--layers", "2-4-1"), "theta"),
    ],
)
def test_options_that_do_not_fit_get_one_line(derive, arguments, words):
    written()
    Path("own.py").write_text("x = 1\n")
    result = derive("audit", *arguments)
    assert result.status == 2, result.out
    assert words in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("number", "text"), [(0.0, "0"), (0.5, "5.0e-1"), (0.5000001, "5.1e-1"), (9.91, "1.0e+1"), (np.inf, "none")]
)
def test_bounds_are_rounded_up(number, text):
    assert rounded_up(number) == text
