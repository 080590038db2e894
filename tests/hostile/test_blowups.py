"""A module under audit comes to an end, whatever stands in it, with a message that says what there is too much of."""

from __future__ import annotations

import pytest

from derive import Architecture, audit, differentiate, emit
from derive.model.errors import DeriveError
from derive.proof.certificate import Verdict
from tests.codegen.test_audit import signed
from tests.hostile.blowups import BLOWUPS

NETWORK = Architecture((2, 3), ["tanh"])


@pytest.fixture(scope="module")
def module() -> str:
    return emit(differentiate(NETWORK), "readable")


def wrong(verdict: Verdict) -> bool:
    """Whether something does not hold, besides that there are numbers that derive does not write."""
    return not verdict.holds and verdict.label != "numbers"


def said(text: str) -> list[str]:
    """What an audit has to say against a module."""
    try:
        return [verdict.note or verdict.label for verdict in audit(signed(text), NETWORK).verdicts if wrong(verdict)]
    except DeriveError as error:
        return [str(error)]


HARMLESS = ("powers of powers", "an expression that doubles", "a power of a sum")
"""In residues these stay as small as they are, so the audit goes through with them."""


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOWUPS)
def test_a_blow_up_is_refused(module, bounded, name):
    notes = said(f"{module}\n{BLOWUPS[name]}\n")
    assert bool(notes) == (name not in HARMLESS)
    assert all(note.isprintable() and len(note) < 500 for note in notes)


@pytest.mark.parametrize("name", ["a repeated list", "zeros", "a tower", "a large power"])
def test_some_of_them_in_every_run(module, bounded, name):
    assert said(f"{module}\n{BLOWUPS[name]}\n")


def test_as_much_as_that_is_allowed(module, bounded):
    little = "for i in range(3):\n    np.zeros((10, 10))"
    assert said(f"{module}\n{little}\n") == []


def test_an_honest_module_that_takes_sequences_apart_passes():
    network = Architecture((4, 3), ("gaussian",), loss="log_cosh", optimizer={"momentum": 0.9})
    text = emit(differentiate(network), "readable")
    assert ", *rest = " in text
    assert audit(text, to_the_end=False).holds
