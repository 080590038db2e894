"""The proof room says what it said before: see `goldens`, which also says how to accept a change."""

import pytest

from tests.proof.goldens import SECTIONS, golden, named, said

CASES = {
    f"{name}: {named(question)}": (section.answer, question, golden(name).get(named(question)))
    for name, section in SECTIONS.items()
    for question in section.questions
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_has_not_changed(case):
    answer, question, before = CASES[case]
    assert said(answer, question) == before


def test_every_answer_has_its_question():
    assert {f"{name}: {question}" for name in SECTIONS for question in golden(name)} == set(CASES)
