"""Modules that somebody has changed, with the digest put right: what would be proved of them is not what they do."""

from __future__ import annotations

import re
from functools import cache

import pytest

from derive import Architecture, audit, differentiate, emit
from derive.codegen.emit import digest
from derive.model.errors import DeriveError


@cache
def text(style: str = "readable") -> str:
    return emit(differentiate(Architecture((2, 3, 1), ("tanh", "identity"))), style)


def signed(changed: str) -> str:
    """The text with the digest that belongs to it."""
    return re.sub(r'^DIGEST = "[^"\n]*"$', f'DIGEST = "{digest(changed)}"', changed, count=1, flags=re.M)


def verdicts(changed: str) -> dict[str, tuple[str, str]]:
    """Label → verdict and note, of what does not hold."""
    assert changed not in (text(), text("fast"))
    return {v.label: (v.verdict, v.note) for v in audit(signed(changed)).verdicts if not v.holds}


@pytest.mark.parametrize("line", ["# -*- coding: raw_unicode_escape -*-", "\n# vim: fileencoding=utf-7", "#coding:x"])
def test_a_text_that_python_would_read_as_another(line: str) -> None:
    with pytest.raises(
        DeriveError, match=r"^the module: its first lines name another encoding \(.*\); expected UTF-8$"
    ):
        audit(signed(f"{line}\n{text()}"))


def test_utf_8_may_be_named() -> None:
    assert audit(signed(f"# -*- coding: utf-8 -*-\n{text()}")).holds


@pytest.mark.parametrize(
    ("added", "name"),
    [
        ("_own = standardize = unpack", "standardize"),
        ("(standardize, _own) = (unpack, 1)", "standardize"),
        ("[_own, standardize] = [1, unpack]", "standardize"),
        ("if True:\n    initialize = unpack", "initialize"),
        ("if True:\n    def _finite(array, name):\n        pass", "_finite"),
        ("for _finite in (float,):\n    pass", "_finite"),
        ('(SPEC, _own) = ("name = 3", 1)', "SPEC"),
        ('_own = NAME = "x"', "NAME"),
    ],
)
def test_a_name_that_gets_another_meaning(added: str, name: str) -> None:
    assert verdicts(f"{text()}{added}\n")["frame"] == ("refuted", f"changed or missing: {name}")


@pytest.mark.parametrize("added", ["np.square = np.abs", "Parameters.W1 = 3", "_own = np\n_own.square = np.abs"])
def test_an_attribute_that_gets_another_meaning(added: str) -> None:
    verdict, note = verdicts(f"{text()}{added}\n")["module"]
    assert verdict == "undecided"
    assert "the assignment to" in note


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        ("delta2 @ W2", "delta2 * 1931011320 @ W2"),
        ("    da1 =", "    delta2 = delta2 + 1931011319\n    da1 ="),
        ("    da1 =", "    if N > 50:\n        delta2 = delta2 * 2\n    da1 ="),
        ("    da1 =", "    delta2 = delta2 * (1 + N // 50)\n    da1 ="),
        ("    da1 =", "    if 1e-20 + 1.0 == 1.0:\n        delta2 = delta2 * 2\n    da1 ="),
        ("    da1 =", "    delta2 = delta2 + 1e30 - 1e30\n    da1 ="),
        ("    da1 =", "    if N > 2 * 2 * 2 * 2 * 2 * 2:\n        delta2 = delta2 * 2\n    da1 ="),
        ("    da1 =", "    delta2[50:] *= 2\n    da1 ="),
        ("- a1**2", "- np.where(z1 > 5, 0, a1**2)"),
    ],
)
def test_what_begins_beyond_what_is_tried_is_not_proved(before: str, changed: str) -> None:
    body = text().index("def loss_and_gradient")
    place = text().index(before, body)
    found = verdicts(text()[:place] + changed + text()[place + len(before) :])
    assert found["numbers"][0] == "undecided"
    assert "numbers that derive does not write: " in found["numbers"][1]
