"""The proof room says what it said before: see `goldens`, which also says how to accept a change."""

import pytest
import sympy as sp
from sympy.core.cache import clear_cache

from tests.proof.goldens import SECTIONS, golden, named, said

LONG = {"certificates", "claims", "directions", "values", "activations", "verdicts", "grades", "beyond"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in SECTIONS])
def test_what_is_said_has_not_changed(name):
    section, before = SECTIONS[name], golden(name)
    for question in section.questions:
        assert (named(question), said(section.answer, question)) == (named(question), before.get(named(question)))


def test_every_answer_has_its_question():
    for name, section in SECTIONS.items():
        assert set(golden(name)) == set(map(named, section.questions))


ALIKE = [
    section
    for section in SECTIONS
    if section not in ("certificates", "claims", "examples", "hidden", "steps", "directions")
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALIKE)
def test_nothing_depends_on_which_of_two_equal_objects_is_at_hand(name, monkeypatch):
    """Symbols that are made again, and texts that are copied, are equal to those before, but other objects."""
    monkeypatch.setattr(sp.Symbol, "_Symbol__xnew_cached_", sp.Symbol.__xnew__)  # each time anew
    questions = list(SECTIONS[name].questions)
    for question in questions[:: max(1, len(questions) // 12)]:
        clear_cache()
        copied = tuple("".join(list(part)) if isinstance(part, str) else part for part in question)
        assert said(SECTIONS[name].answer, copied) == golden(name)[named(question)]
