"""Which other convention would make a refuted formula true.

One choice at a time is changed: the layout, one sample's loss, the mean or the sum, the place of 1/N, the factor of
the loss, and the count of the layers. The first under which the formula is *proved* is named. Two conventions that a
text may declare are not guessed, `weights` and `derivatives`: a transpose that is missing would always find an
excuse in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from derive.algebra.gradient import Derivation
from derive.model.errors import DeriveError
from derive.model.loss import Loss
from derive.proof.formulas.claims import Claim
from derive.proof.formulas.conventions import CHOICES, WORDS, Conventions, contradiction, usual
from derive.proof.formulas.translate import translated, translated_ranges
from derive.proof.theorems.decide import proved

SEARCHED = ("factor", "input_layer", "parameters", "cost", "mean_in", "layout")
"""The choices that are tried, the smallest changes first."""


def stated(claim: Claim) -> Conventions:
    """The conventions of a claim's text."""
    return claim.conventions or usual(claim.layout)


def in_grammar(claim: Claim, conventions: Conventions) -> Claim:
    """The claim as the grammar writes it, if its text has these conventions."""
    return replace(
        claim,
        formula=translated(claim.formula, conventions),
        corrected=translated(claim.corrected, conventions) if claim.corrected else "",
        ranges=translated_ranges(claim.ranges, conventions),
        layout=conventions.layout,
    )


def others(conventions: Conventions) -> Iterator[Conventions]:
    """The conventions that differ in one choice and in what goes with it."""
    for key in SEARCHED:
        for value in CHOICES[key].values():
            changed = replace(conventions, **{key: value}, **_along(key, value))
            if value != getattr(conventions, key) and not contradiction(changed):
                yield changed


def _along(key: str, value: Any) -> dict[str, Any]:
    """The choices that go with one: where 1/N stands asks for a mean, and a layout has its usual loss."""
    match key:
        case "layout":
            return {"cost": usual(value).cost, "mean_in": "delta"}
        case "cost":
            return {"mean_in": "delta"}
        case "mean_in":
            return {"cost": "mean"}
    return {}


def convention_that_fits(claim: Claim, loss: str | Loss, given: Derivation | None = None) -> str:
    """The convention under which a formula that is wrong as stated is right, in words; "" if there is none."""
    own = stated(claim)
    tried: set[tuple[str, str, str]] = set()
    for other in others(own):
        try:
            candidate = in_grammar(claim, other)
            if _key(candidate) not in tried and proved(candidate, loss, given):
                return _note(own, other)
        except DeriveError:
            continue  # it cannot even be read that way
        tried.add(_key(candidate))
    return ""


def _key(claim: Claim) -> tuple[str, str, str]:
    return claim.formula, claim.ranges, claim.layout


def _note(own: Conventions, other: Conventions) -> str:
    changed = [key for key in CHOICES if getattr(own, key) != getattr(other, key)]
    if other.cost != "mean":
        changed = [key for key in changed if key != "mean_in"]
    would = " and ".join(WORDS[key, getattr(other, key)] for key in changed)
    states = " and ".join(WORDS[key, getattr(own, key)] for key in changed)
    settings = ", ".join(f'{key} = "{getattr(other, key)}"'.replace('"0"', "0").replace('"1"', "1") for key in changed)
    return f"it would be true if {would} ({settings}), but the text states that {states}"
