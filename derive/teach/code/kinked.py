"""What somebody's function takes as f' at a kink: the specification's value, another convention, or none at all.

On a kink any slope between those of the two sides is a convention that people use. With every unit of a layer on its
kink the gradients are affine in the slope there, so it can be solved for, and all entries have to agree on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.residues import PRIME, inverse
from derive.codegen.exact.rounds import BESIDE
from derive.codegen.forms.branches import branch_at
from derive.model.expression import Z
from derive.proof.certificate import Verdict
from derive.teach.code.exactly import entries, same
from derive.teach.code.naming import close
from derive.teach.code.observed import Source
from derive.teach.code.reference import AtKink
from derive.teach.code.tried import Tried

LARGEST = 2**14
"""Of numerator and denominator of a slope that is read from a residue."""
EXACT, FLOAT = "exact arithmetic modulo a prime", "run in floats"


def kink_verdict(source: Source, order: list[str], place: AtKink, with_slope: Callable[[int | None], Tried]) -> Verdict:
    """The verdict about the function where every unit of a layer lies on the kink.

    `with_slope` runs it in floats there, beside the derivation with that slope, or with the one of the specification.
    """
    ran = with_slope(None)
    validity = f"{ran.validity}: at the kink"
    label, claim = f"z{place.layer} = {place.kink}", f"the gradients are those with f'({place.kink}) ="
    stated, *sides = _slopes(ran, place)
    formula = f"{claim} {stated}, as specified"
    slope = _in_floats(ran, order, with_slope, float(stated))
    if slope is None:
        note = "they are those of no slope"
        if ran.error:
            note = f"it raises {ran.error}"
        return Verdict(label, formula, "refuted", FLOAT, validity, note=note)
    if not min(sides) - 1e-9 <= slope <= max(sides) + 1e-9:
        note = (
            f"they are those with {slope:.6g}, which is not between the slopes {sides[0]} and {sides[1]} of its sides"
        )
        return Verdict(label, formula, "refuted", FLOAT, validity, note=note)
    exact = _exactly(source, ran, order, place, stated)
    if not isinstance(exact, str) and abs(float(exact) - slope) > 1e-6:
        exact = f"there they are those with {exact}"
    if isinstance(exact, str):
        note = f"in floats they are those with {slope:.6g}; not exact: {exact}"
        return Verdict(label, formula, "undecided", FLOAT, validity, note=note)
    if exact != stated:
        formula = f"{claim} {exact}: another convention than the specification's {stated}, and none is wrong"
    return Verdict(label, formula, "proved", EXACT, validity)


def _slopes(ran: Tried, place: AtKink) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """f' at the kink as specified, and just below and above it."""
    slope = ran.at.architecture.activations[place.layer - 1].formula.diff(Z)
    points = (place.kink, place.kink - BESIDE, place.kink + BESIDE)
    here, below, above = (branch_at(slope, point).subs(Z, place.kink) for point in points)
    return here, below, above


def _in_floats(ran: Tried, order: list[str], with_slope: Callable[[int | None], Tried], stated: float) -> float | None:
    """The slope that all gradients agree on, or None."""
    if ran.error or not all(map(ran.fits, order)):
        return None
    if all(map(ran.same, order)):
        return stated
    with_zero, with_one = with_slope(0), with_slope(1)

    def joined(tensors: Callable[[str], Any]) -> Any:
        return np.concatenate([np.ravel(tensors(name)) for name in order])

    found, zero, one = joined(ran.found.__getitem__), joined(with_zero.right), joined(with_one.right)
    largest = int(np.abs(one - zero).argmax())
    if not np.isfinite(found).all() or one[largest] == zero[largest]:
        return None
    slope = float((found[largest] - zero[largest]) / (one[largest] - zero[largest]))
    return slope if close(found, zero + slope * (one - zero)) else None


def _exactly(source: Source, ran: Tried, order: list[str], place: AtKink, stated: sp.Expr) -> sp.Expr | str:
    """The slope that all entries agree on in exact arithmetic, or why there is none."""
    result = entries(source, ran.at.architecture, order, ran.convention, 3, place)
    if isinstance(result, str):
        return result
    found, right = result
    if all(same(found[name], value) for name, value in right(None).items()):
        return stated
    zero, one = right(replace(place, slope=0)), right(replace(place, slope=1))
    for name in order:
        change = (one[name] - zero[name]).ravel() % PRIME
        if change.any():
            entry = int(change.argmax())
            gained = int(found[name].ravel()[entry]) - int(zero[name].ravel()[entry])
            residue = gained * inverse(int(change[entry])) % PRIME
            fits = all(
                same(found[each], (zero[each] + residue * ((one[each] - zero[each]) % PRIME)) % PRIME) for each in order
            )
            slope = _fraction(residue) if fits else None
            return "no slope fits" if slope is None else sp.Rational(slope.numerator, slope.denominator)
    return "no gradient depends on the slope"


def _fraction(residue: int) -> Fraction | None:
    """The simple fraction with this residue, by Euclid's algorithm (Wang 1981), if there is one."""
    (r, s), (t, u) = (PRIME, residue), (0, 1)
    while s > LARGEST:
        (r, s), (t, u) = (s, r % s), (u, t - r // s * u)
    return Fraction(s, u) if 0 < abs(u) <= LARGEST else None
