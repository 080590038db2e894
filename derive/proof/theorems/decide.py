"""Deciding one formula: proved by canonical form, refuted by a counterexample, or undecided.

The sides are compared as they stand, then with more and more of what they mention replaced by its
definition: first the intermediate derivatives, then delta, then a, then z. Equality at any of these
stages is a proof. A difference is none: only a counterexample refutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.program import Equation, Program
from derive.model.errors import DeriveError
from derive.model.loss import COMBINATIONS, Loss
from derive.proof.certificate import Outcome, Verdict
from derive.proof.formulas.claims import Claim
from derive.proof.formulas.matrices import PlaceError, ShapeError
from derive.proof.formulas.scope import COINCIDENCES, Scope, read_ranges
from derive.proof.formulas.sides import Sides, names_layers, read_sides
from derive.proof.theorems.canonical import SwellError, equal, unfold, unfold_once
from derive.proof.theorems.refute import Pairs, counterexample
from derive.proof.theorems.relations import Relations, related, relations, words
from derive.proof.theorems.worlds import World, world_for

STAGES: tuple[tuple[str, ...], ...] = (
    (),
    (
        *("c", "loss", "da", "da_c", "db", "db_c", "dW", "dW_c"),
        *(name for r in COMBINATIONS for name in (r, f"d{r}", f"d{r}_c")),
    ),
    ("delta", "delta_c"),
    ("a",),
    ("z",),
)
"""What is unfolded, stage by stage; each stage unfolds what the earlier ones did as well."""
DEEPEST = 6
"""In longer chains a and z are not unfolded: every layer would repeat all below it."""

EXACT = "counterexample in exact arithmetic, values of f being independent integers"

WorldOf = Callable[[Sides], World]


@dataclass(frozen=True)
class Decision:
    """What was decided about one formula, and how."""

    outcome: Outcome
    method: str
    validity: str = ""
    counterexample: Pairs = ()
    note: str = ""


def decide(claim: Claim, loss: str | Loss, given: Derivation | None = None) -> tuple[Verdict, ...]:
    """The verdicts about a claim: one, or two for an erratum (as printed, expected refuted, and corrected).

    Numbered layers are those of the `given` network, unless the claim says "L >= 2". Raises DeriveError,
    with the label, for what cannot be read.
    """
    try:
        if not claim.corrected:
            return (_verdict(claim, claim.formula, loss, given),)
        printed = _verdict(claim, claim.formula, loss, given)
        corrected = _verdict(claim, claim.corrected, loss, given)
    except DeriveError as error:
        raise type(error)(f"{claim.label}: {error}") from None
    note = "; ".join(filter(None, (f"known erratum; it should read {claim.corrected}", printed.note)))
    return (
        replace(printed, expected="refuted", note=note),
        replace(corrected, label=f"{claim.label}, corrected"),
    )


def proved(claim: Claim, loss: str | Loss, given: Derivation | None = None) -> bool:
    """Whether the claim's formula can be proved; no counterexample is looked for if it cannot."""
    scope, known = _setting(claim, claim.formula, given)
    try:
        sides = read_sides(claim.formula, scope)
    except (PlaceError, ShapeError):
        return False
    program = world_for(sides.mentions, sides.scope, loss, given).program
    return bool(equality(sides, program) or (known and equality(sides, program, known)))


def _setting(claim: Claim, formula: str, given: Derivation | None) -> tuple[Scope, Relations]:
    """How the labels of a formula are read, and what is known of the activations that they point to."""
    scope = read_ranges(claim.ranges, claim.layout)
    if given is not None and not scope.anywhere and names_layers(formula):
        scope = read_ranges(claim.ranges, claim.layout, sp.Integer(given.architecture.depth))
    return scope, relations(given.architecture, scope) if given is not None else {}


def _verdict(claim: Claim, formula: str, loss: str | Loss, given: Derivation | None) -> Verdict:
    scope, known = _setting(claim, formula, given)
    decision = decide_formula(formula, scope, lambda sides: world_for(sides.mentions, sides.scope, loss, given), known)
    return Verdict(
        label=claim.label,
        formula=formula,
        verdict=decision.outcome,
        method=decision.method,
        validity=decision.validity,
        counterexample=decision.counterexample,
        note=decision.note,
    )


def decide_formula(formula: str, scope: Scope, world_of: WorldOf, known: Relations | None = None) -> Decision:
    """What can be said about `formula`; shapes that do not fit are refuted where sizes coincide, if they can be.

    What does not hold for every activation is decided for those whose relations are `known`.
    """
    try:
        sides = read_sides(formula, scope)
    except PlaceError as error:
        return Decision("refuted", "layers", "", (("layers", str(error)),), str(error))
    except ShapeError as error:
        return _misfit(formula, scope, world_of, error)
    world = world_of(sides)
    if how := equality(sides, world.program):
        return Decision("proved", how, world.validity)
    if known and (how := equality(sides, world.program, known)):
        validity = world.validity.replace("every activation", "").replace("any activation", "").rstrip(", ")
        return Decision("proved", how, f"{validity}; the activations of this network: {words(known)}")
    if pairs := counterexample(sides, world.program, known):
        return Decision("refuted", EXACT + (f", with {words(known)}" if known else ""), world.validity, pairs)
    note = "no two canonical forms agree, and no counterexample was found"
    return Decision("undecided", "canonical form, residues modulo a prime", "", (), note)


def _misfit(formula: str, scope: Scope, world_of: WorldOf, error: ShapeError) -> Decision:
    """A formula whose shapes do not fit is wrong; equal sizes show where it is wrong in value as well."""
    for coincide in COINCIDENCES:
        try:
            sides = read_sides(formula, replace(scope, coincide=coincide))
        except ShapeError:
            continue
        world = world_of(sides)
        if pairs := counterexample(sides, world.program):
            method = f"{EXACT}, at sizes that coincide, since the shapes do not fit otherwise"
            return Decision("refuted", method, world.validity, pairs, str(error))
    return Decision("refuted", "shapes", "", (("shapes", str(error)),), str(error))


def equality(sides: Sides, program: Program, known: Relations | None = None) -> str:
    """How the sides were found equal for all sizes and values; "" if they were not.

    They may use what is `known` of concrete activations.
    """
    definitions = program.definitions
    deep = len([name for name in definitions if _base(name) == "z"]) > DEEPEST
    left, right = unfold_once(sides.left.expr, definitions), sides.right.expr
    unfolded: dict[str, Equation] = {}
    for stage in STAGES:
        if deep and stage in (("a",), ("z",)):
            return ""
        unfolded |= {name: e for name, e in definitions.items() if _base(name) in stage}
        try:
            if equal(*(related(unfold(side, unfolded), known or {}) for side in (left, right))):
                return _method(sides, unfolded)
        except SwellError:
            return ""
    return ""


def _base(name: str) -> str:
    """delta_c for delta_c[l+1]."""
    found = re.match(r"[A-Za-z_]+", name)
    return found[0] if found else name


def _method(sides: Sides, unfolded: dict[str, Equation]) -> str:
    if sides.counts:
        return "canonical form of counts"
    derived = any(name[0] == "d" for name in (*sides.names, *unfolded))
    return "canonical form against the reverse sweep" if derived else "canonical form against the forward equations"
