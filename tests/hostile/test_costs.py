"""Files that took for ever or all memory to read: each is read or refused in about as long as any other of its size."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from derive import Activation, Architecture, audit, differentiate, emit
from derive.model.errors import DeriveError
from derive.model.limits import LIMITS
from derive.model.sources import toml_table
from derive.proof.seal import read_certificate
from derive.teach.code.observed import read_source
from tests.hostile.test_corpus import LAYERS, refused

NETWORK = Architecture((2, 3, 1), ("tanh", "identity"))

NEVER_CLOSED = {
    "a text": 'a = "' + '\\"' * 120_000,
    "a text of several lines": 'a = """' + '\\"' * 100_000,
    "texts one after the other": 'a = "' + '" "' * 80_000,
    "a literal": "a = '" + "\\'" * 100_000,
    "a literal of several lines": "a = '''" + "''" * 120_000,
    "keys that go nowhere": ("a." * 15 + "a ") * 7000,
}


@pytest.mark.parametrize("case", NEVER_CLOSED)
def test_toml_that_is_never_closed(derive, tmp_path, bounded, case):
    (tmp_path / "net.toml").write_text(NEVER_CLOSED[case])
    refused(derive, tmp_path, ["generate", "net.toml"], "not valid TOML")
    refused(derive, tmp_path, ["verify", "--text", "net.toml"], "not valid TOML")


def test_dots_in_texts_and_comments_join_no_keys():
    dots = "a." * 40 + "a"
    text = f'a = "{dots}"\nb = \'{dots}\'\nc = """x\\"""\n{dots}"""\nd = \'\'\'\n{dots}\'\'\'\n# {dots}\n'
    assert set(toml_table(text, "net.toml")) == set("abcd")
    with pytest.raises(DeriveError, match="parts of a key"):
        toml_table(f"{text}{dots} = 1", "net.toml")


def test_a_number_of_thousands_of_digits_is_not_told_in_pythons_words():
    with pytest.raises(DeriveError, match=r"not valid TOML: too many digits in a number; at most 40$"):
        toml_table(f"a = {'9' * 5000}", "net.toml")


@pytest.mark.parametrize(
    ("spec", "words"),
    [(NEVER_CLOSED["a text"], "not valid TOML"), ("#" * 250_001, "250001 bytes in a specification; at most 250000")],
    ids=["never closed", "too large"],
)
def test_the_same_within_a_module(bounded, spec, words):
    text = emit(differentiate(NETWORK), "readable").replace("SPEC = ", f"SPEC = r'''{spec}'''\nOTHER = ", 1)
    with pytest.raises(DeriveError, match=words):
        audit(text)


def test_a_certificate_of_many_keys_and_one_twice(tmp_path, bounded):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(dict.fromkeys(map(str, range(100_000)), 0))[:-1] + ', "a": 0, "a": 1}')
    with pytest.raises(DeriveError, match="the key 'a' stands twice"):
        read_certificate(path)


def test_a_module_is_read_up_to_its_limit(derive, tmp_path, bounded):
    (tmp_path / "large.py").touch()
    os.truncate(tmp_path / "large.py", 60 << 30)
    for arguments in ([], LAYERS, ["--rounding"]):
        result = derive("audit", "large.py", *arguments)
        assert (result.status, result.out) == (2, "")
        assert "large.py: too many bytes in a module; at most 4000000" in result.err


@pytest.mark.parametrize(
    "name", ["/proc/self/fd/../../../dev/zero", "/dev/stdin/../zero", "/dev/fd/../zero", "/dev/fd/0/../../zero"]
)
def test_a_device_behind_the_name_of_a_stream(derive, tmp_path, bounded, name):
    refused(derive, tmp_path, ["audit", name, *LAYERS], "cannot be read: ")
    assert "too many bytes" not in derive("audit", name, *LAYERS).err


def piped(text: str) -> str:
    """The name of an open pipe with this text in it."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        file.write(text)
    return f"/dev/fd/{read}"


def test_a_module_in_a_pipe_is_read_once(derive, tmp_path):
    text = emit(differentiate(NETWORK), "readable")
    assert derive("audit", piped(text), *LAYERS).status == 0
    assert "the name open" in derive("audit", piped(f"{text}\nopen('x', 'w')\n"), *LAYERS).out
    refused(derive, tmp_path, ["audit", piped("print(1)\n"), *LAYERS], "it is a device or a pipe")
    np.savez("at.npz", theta=np.zeros(13), X=np.zeros((1, 2)), Y=np.zeros((1, 1)))
    assert derive("audit", piped(text), "--rounding", "--data", "at.npz").status == 0


def test_an_archive_is_no_pipe(derive, tmp_path, bounded):
    (tmp_path / "net.py").write_text(emit(differentiate(NETWORK), "readable"))
    zeros = os.open("/dev/zero", os.O_RDONLY)
    for name in (f"/dev/fd/{zeros}", piped("PK")):
        result = derive("audit", "net.py", "--rounding", "--data", name)
        assert result.status == 2
        assert f"{name}: cannot be read: it is a device or a pipe" in result.err
    os.close(zeros)


def test_a_module_without_a_line_break_is_no_path(tmp_path):
    (tmp_path / "other.py").write_text(emit(differentiate(NETWORK), "readable"))
    with pytest.raises(DeriveError, match=r"^net.py: SPEC is missing"):
        audit("x = 1", where="net.py")


MODULES = {
    "lines": ("a\n" * 200_000, "200011 lines and semicolons in a module; at most 150000"),
    "semicolons": ("a;" * 200_000 + "a", "200011 lines and semicolons in a module; at most 150000"),
    "names": ("x = (" + "a," * 800_000 + ")", "words and signs in a module; at most 1500000"),
    "minus signs": ("-" * 1_400_000 + "1", "not Python: nested too deeply"),
    "not": ("not " * 900_000 + "1", "not Python: nested too deeply"),
    "branches": ("if a: 0\n" + "elif a: 0\n" * 100_000, "not Python: nested too deeply"),
    "digits": ("x = " + "9" * 5000, "not Python, line 11: too many bits in a whole number; at most 1000"),
    "a bracket": ("x = (", "not Python, line 11: '(' was never closed"),
    "a mapping as SIZES": ("SIZES = {[]: 1}", "SIZES is not a literal"),
    "a text as SIZES": ("SIZES = '\x1b[31m" + "x" * 100_000 + "'", "expected a tuple of whole numbers"),
    "fractions as SIZES": ("SIZES = (2, 1.5)", r"SIZES is (2, 1.5); expected a tuple of whole numbers"),
    "truth as SIZES": ("SIZES = (2, True)", r"SIZES is (2, True); expected a tuple of whole numbers"),
    "a mapping as SPEC": ("SPEC = {[]: 1}", "SPEC is not a literal"),
    "bytes as SPEC": ("SPEC = b'name'", "SPEC is b'name'; expected TOML text"),
    "a list as DIGEST": ("DIGEST = []", "DIGEST is []; expected text"),
    "a number as NAME": ("NAME = 1", "NAME is 1; expected text"),
    "a sum as NAME": ("NAME = {1} + 1", "NAME is not a literal"),
}
"""What follows the constants of a module, and why it is not read further."""


@pytest.mark.parametrize("case", MODULES)
def test_a_module_of_more_than_derive_writes(derive, tmp_path, bounded, case):
    code, words = MODULES[case]
    (tmp_path / "net.py").write_text(f"SPEC = ''\nSIZES = (2,)\nDIGEST = ''\n\n\n\n\n\n\n\n{code}\n")
    refused(derive, tmp_path, ["audit", "net.py"], words)


def test_what_is_missing_is_said_before_anything_is_parsed(monkeypatch):
    monkeypatch.setattr("derive.codegen.exact.frame.syntax", None)
    with pytest.raises(DeriveError, match=r"^net.py: DIGEST is missing"):
        audit("SPEC = ''\nSIZES = ()\nx = 1 +\n", where="net.py")


def test_sizes_that_differ_are_shortened():
    text = emit(differentiate(NETWORK), "readable").replace("n2 = (2, 3, 1)", f"n2 = ({'1, ' * 50_000})")
    (verdict,) = (v for v in audit(text, to_the_end=False).verdicts if v.label == "digest")
    assert verdict.note.startswith("SIZES is (1, 1, ")
    assert verdict.note.endswith("..., the specification says (2, 3, 1)")
    assert len(verdict.note) < 200


def test_code_by_hand_has_the_limits_of_modules(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("def g(W1, b1, X, Y):\n    return W1, b1\n" + "a\n" * LIMITS["lines"].most)
    with pytest.raises(DeriveError, match="lines and semicolons in a module; at most"):
        read_source(path, None)


def test_an_output_of_which_hardly_anything_is_left(bounded):
    """At z = -20 it is erf(-20) + 1 - exp(-160000), for which SymPy takes 70,000 digits."""
    own = Activation("own", "z * (erf(z) + 1 - exp(-z**4))")
    loss = {"name": "near", "expression": "log(1 + (a - y)**2)"}
    assert Architecture((2, 3), [own], loss=loss).loss.transcendental
