"""Every way in which arrays may lie is found by running the code, and slips are found in each of them."""

from __future__ import annotations

import signal
from itertools import pairwise
from pathlib import Path

import pytest

from derive.model.architecture import Architecture
from derive.proof.certificate import Certificate
from derive.teach.code import timed
from derive.teach.code.handwritten import audit_function, example
from derive.teach.code.layouts import LAYOUTS, WEIGHTS, Convention

ROWS_OUT_IN = """import numpy as np

def backprop(W1, b1, W2, b2, X, Y):
    N = len(X)
    z1 = X @ W1.T + b1
    a1 = np.tanh(z1)
    delta2 = (a1 @ W2.T + b2 - Y) / N
    delta1 = (delta2 @ W2) * (1 - a1**2)
    return delta1.T @ X, delta1.sum(axis=0), delta2.T @ a1, delta2.sum(axis=0)
"""
ROWS_IN_OUT = """import numpy as np

def backprop(W1, b1, W2, b2, X, Y):
    N = len(X)
    z1 = X @ W1 + b1
    a1 = np.tanh(z1)
    delta2 = (a1 @ W2 + b2 - Y) / N
    delta1 = (delta2 @ W2.T) * (1 - a1**2)
    return X.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)
"""
COLUMNS_OUT_IN = """import numpy as np

def backprop(W1, b1, W2, b2, X, Y):
    N = X.shape[1]
    z1 = W1 @ X + b1
    a1 = np.tanh(z1)
    delta2 = (W2 @ a1 + b2 - Y) / N
    delta1 = (W2.T @ delta2) * (1 - a1**2)
    return delta1 @ X.T, delta1.sum(axis=1), delta2 @ a1.T, delta2.sum(axis=1, keepdims=True)
"""
COLUMNS_IN_OUT = """import numpy as np

def backprop(W1, b1, W2, b2, X, Y):
    N = X.shape[1]
    z1 = W1.T @ X + b1
    a1 = np.tanh(z1)
    delta2 = (W2.T @ a1 + b2 - Y) / N
    delta1 = (W2 @ delta2) * (1 - a1**2)
    return X @ delta1.T, delta1.sum(axis=1), a1 @ delta2.T, delta2.sum(axis=1, keepdims=True)
"""
FLAT = """import numpy as np

def gradient(theta, X, Y):
    W1, b1 = theta[:6].reshape(2, 3), theta[6:9]
    W2, b2 = theta[9:21].reshape(3, 4), theta[21:]
    a1 = np.tanh(X @ W1 + b1)
    delta2 = (a1 @ W2 + b2 - Y) / len(X)
    delta1 = (delta2 @ W2.T) * (1 - a1**2)
    parts = [X.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)]
    return np.concatenate([part.ravel() for part in parts])
"""
CODE = {
    ("rows", "out-in"): ROWS_OUT_IN,
    ("rows", "in-out"): ROWS_IN_OUT,
    ("columns", "out-in"): COLUMNS_OUT_IN,
    ("columns", "in-out"): COLUMNS_IN_OUT,
}
NETWORK = Architecture((6, 5, 3), ("tanh", "identity"))
BIAS = "delta1.sum(axis=0), "


def audited(folder: Path, text: str, convention: Convention | None = None, network=NETWORK) -> Certificate:
    path = folder / "own.py"
    path.write_text(text)
    return audit_function(path, network, None, convention)


@pytest.mark.parametrize("layout", CODE)
def test_each_layout_is_found_and_its_code_proved(tmp_path, layout):
    certificate = audited(tmp_path, CODE[layout])
    assert [v.verdict for v in certificate.verdicts] == ["proved"] * 4, certificate.verdicts
    assert f"{LAYOUTS[layout[0]]}, {WEIGHTS[layout[1]]}, mean loss" in certificate.subject
    assert "2-3-4" in certificate.subject


@pytest.mark.parametrize("layout", CODE)
@pytest.mark.parametrize("other", CODE)
def test_a_layout_that_is_asked_for_is_the_only_one_that_passes(tmp_path, layout, other):
    assert audited(tmp_path, CODE[layout], Convention(other[0], weights=other[1])).holds == (layout == other)


def test_a_flat_vector_shows_its_layout_by_its_values(tmp_path):
    certificate = audited(tmp_path, FLAT, network=example(NETWORK))
    assert certificate.holds, certificate.verdicts
    assert WEIGHTS["in-out"] in certificate.subject
    wrong = audited(tmp_path, FLAT.replace("(1 - a1**2)", "1"), network=example(NETWORK))
    assert WEIGHTS["in-out"] in wrong.subject
    assert [v.verdict for v in wrong.verdicts] == ["refuted", "refuted", "proved", "proved"]
    assert "missing-derivative" in wrong.verdicts[0].note


@pytest.mark.parametrize("layout", CODE)
@pytest.mark.parametrize(
    ("right", "wrong", "line", "slip", "refuted"),
    [
        ("(1 - a1**2)", "1", 8, "missing-derivative", "W1 b1"),
        ("(1 - a1**2)", "(1 - z1**2)", 8, "derivative-at-wrong-argument", "W1 b1"),
        (") / N", ") / 1", 0, "missing-mean", "W1 b1 W2 b2"),
        ("b2 - Y", "b2 + Y", 7, "", "W1 b1 W2 b2"),
    ],
)
def test_slips_have_their_names_in_every_layout(tmp_path, layout, right, wrong, line, slip, refuted):
    assert right in CODE[layout]
    certificate = audited(tmp_path, CODE[layout].replace(right, wrong))
    assert LAYOUTS[layout[0]] in certificate.subject
    assert WEIGHTS[layout[1]] in certificate.subject
    short = [v for v in certificate.verdicts if v.verdict == "refuted"]
    assert [v.label for v in short] == [f"d{name}" for name in refuted.split()]
    assert slip in short[0].note
    assert not line or f"line {line}:" in short[0].note


@pytest.mark.parametrize(
    ("layout", "right", "wrong"),
    [
        (("rows", "out-in"), "delta1.T @ X", "X.T @ delta1"),
        (("rows", "in-out"), "X.T @ delta1", "delta1.T @ X"),
        (("columns", "out-in"), "delta1 @ X.T", "X @ delta1.T"),
        (("columns", "in-out"), "X @ delta1.T", "delta1 @ X.T"),
    ],
)
def test_one_gradient_the_other_way_round_is_a_slip_and_no_layout(tmp_path, layout, right, wrong):
    certificate = audited(tmp_path, CODE[layout].replace(right, wrong))
    assert WEIGHTS[layout[1]] in certificate.subject
    assert [v.verdict for v in certificate.verdicts] == ["refuted", "proved", "proved", "proved"]
    assert "outer-product-order" in certificate.verdicts[0].note


@pytest.mark.parametrize(
    ("layout", "right", "wrong"),
    [
        (("rows", "out-in"), "delta2 @ W2)", "delta2 @ W2.T)"),
        (("rows", "in-out"), "delta2 @ W2.T", "delta2 @ W2"),
        (("columns", "out-in"), "W2.T @ delta2", "W2 @ delta2"),
        (("columns", "in-out"), "W2 @ delta2", "W2.T @ delta2"),
    ],
)
def test_shapes_that_do_not_fit_are_explained_in_the_layout_that_came_furthest(tmp_path, layout, right, wrong):
    assert right in CODE[layout]
    certificate = audited(tmp_path, CODE[layout].replace(right, wrong))
    (verdict,) = certificate.verdicts
    assert "(line 8)" in verdict.note
    assert "missing-transpose" in verdict.note


def test_the_example_has_distinct_neighbours_at_every_depth():
    for depth in (1, 2, 8, 9, 50):
        sizes = example(Architecture((3,) * (depth + 1), ("identity",) * depth)).sizes
        assert all(one != other for one, other in pairwise(sizes))


# Real widths.


def test_the_widths_that_were_asked_for_are_run_too(tmp_path):
    certificate = audited(tmp_path, ROWS_OUT_IN)
    assert all("in floats also at widths 6-5-3" in v.validity for v in certificate.verdicts)
    broken = ROWS_OUT_IN.replace("    return", "    if X.shape[1] == 6: delta1 = delta1 * 1.001\n    return")
    verdicts = audited(tmp_path, broken).verdicts
    assert [v.verdict for v in verdicts] == ["refuted", "refuted", "proved", "proved"]
    assert "widths 6-5-3" in verdicts[0].validity
    assert "line 9" in verdicts[0].note
    failing = ROWS_OUT_IN.replace("    return", "    assert X.shape[1] != 6\n    return")
    verdicts = audited(tmp_path, failing).verdicts
    assert all(v.verdict == "refuted" and "AssertionError" in v.note for v in verdicts)


def test_code_for_sizes_of_its_own_is_audited_at_them(tmp_path):
    fixed = FLAT.replace("2, 3", "6, 5").replace("3, 4", "5, 3")
    fixed = fixed.replace(":6]", ":30]").replace("6:9", "30:35").replace("9:21", "35:50").replace("21:", "50:")
    certificate = audited(tmp_path, fixed)
    assert certificate.holds, certificate.verdicts
    assert "6-5-3" in certificate.subject
    assert all(v.validity.startswith("widths 6-5-3") for v in certificate.verdicts)
    wrong = audited(tmp_path, fixed.replace("(1 - a1**2)", "(1 - a1)"))
    assert [v.verdict for v in wrong.verdicts] == ["refuted", "refuted", "proved", "proved"]
    assert "line 8" in wrong.verdicts[0].note


def test_widths_that_are_too_large_are_not_run_and_that_is_said(tmp_path):
    certificate = audited(tmp_path, ROWS_OUT_IN, network=Architecture((20000, 1000, 3), ("tanh", "identity")))
    assert certificate.holds
    assert any("too large" in line for line in certificate.not_covered)
    assert all("20000" not in v.validity for v in certificate.verdicts)
    assert not any("too large" in line for line in audited(tmp_path, ROWS_OUT_IN).not_covered)


# What a file may do.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROWS_OUT_IN + "\nraise SystemExit(0)\n", "the file raises SystemExit"),
        (ROWS_OUT_IN + "\n1 / 0\n", "the file raises ZeroDivisionError: division by zero (line 11)"),
        (ROWS_OUT_IN.replace("    return", "    raise SystemExit(0)\n    return"), "it raises SystemExit"),
        (ROWS_OUT_IN.replace("    return", "    return 'a', 'b', 'c', 'd'\n    return"), "dW1"),
        (ROWS_OUT_IN.replace("    return", "    return None\n    return"), "not among what is returned"),
    ],
)
def test_a_file_that_ends_the_program_or_returns_anything_is_refuted(tmp_path, text, words):
    certificate = audited(tmp_path, text)
    assert not certificate.holds
    assert all(v.verdict == "refuted" for v in certificate.verdicts)
    assert words in certificate.verdicts[0].note


@pytest.mark.parametrize("place", ["    N = len(X)", "import numpy as np"])
def test_what_does_not_end_is_stopped_and_undecided(tmp_path, monkeypatch, place):
    monkeypatch.setattr(timed, "SECONDS", 0.3)
    indent = place[: len(place) - len(place.lstrip())]
    loop = f"{place}\n{indent}while True:\n{indent}    try:\n{indent}        1 / 0\n"
    loop += f"{indent}    except Exception:\n{indent}        pass"
    before = signal.getsignal(signal.SIGALRM)
    (verdict,) = audited(tmp_path, ROWS_OUT_IN.replace(place, loop, 1)).verdicts
    assert verdict.verdict == "undecided"
    assert verdict.note.startswith("it is not done after 0.3 seconds (line ")
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    monkeypatch.undo()
    assert audited(tmp_path, ROWS_OUT_IN).holds


def test_a_function_that_changes_its_arguments_does_not_change_the_truth(tmp_path):
    changing = ROWS_OUT_IN.replace("    N = len(X)", "    N = len(X)\n    X *= 2; W1 /= 2")
    certificate = audited(tmp_path, changing)
    assert [v.verdict for v in certificate.verdicts] == ["refuted", "proved", "proved", "proved"]


def test_what_the_file_prints_is_no_part_of_the_certificate(derive):
    Path("own.py").write_text("print('training')\n" + ROWS_IN_OUT.replace("    return", "    print(X)\n    return"))
    result = derive("audit", "own.py", "--layers", "2-3-4", "--json")
    assert result.status == 0, result.out
    assert result.out.startswith("{")
    assert "training" in result.err
    assert derive("audit", "own.py", "--layers", "2-3-4", "--weights", "out-in").status == 1
