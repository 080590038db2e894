"""Whether an answer differs from what is right in real numbers, where residues cannot tell.

For functions such as sqrt, log or sin not every identity is known modulo a prime, so a difference there proves
nothing. A difference in floating point far beyond rounding does; agreement proves nothing either way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.pointwise import FLOATS, at
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.model.kinks import breakpoints
from derive.proof.formulas.grammar import ELEMENTWISE
from derive.proof.formulas.values import CONSTANTS, Layout
from derive.proof.grading.terms import Term, leaf
from derive.proof.numbers.small import NoExactValueError, SmallData, SmallFunctions, drawn_network

SIZES = (3, (2, 4, 3, 5))
TRIES = 24
FAR, CLOSE = 1e-6, 1e-9
EXACT_TRIES, FINE = 6, 991
REAL: dict[Term, Any] = {leaf(name): np.full((1, 1, 1), float(value)) for name, value in CONSTANTS.items()}
DEEPEST = 8
"""In deeper networks exact fractions grow too long."""
COMPARING = (">", "<", ">=", "<=", "max", "min", "abs", "sign")
ORDERED = (*COMPARING, "where")
"""Heads of terms that ask which of two numbers is larger."""
PASSED = (Fraction(0), Fraction(1, 2), Fraction(1), Fraction(2))
"""Numbers that drawn ones lie on both sides of."""


class RealFunctions(SmallFunctions):
    """Functions as what they are, in floating point."""

    def named(self, formula: sp.Expr, z: Any) -> Any:
        return at(formula, FLOATS, {str(Z): float(z)})

    def value(self, layer: int, order: int, z: Any) -> Any:
        return self.named(self.activations[layer - 1].initial.diff(Z, order), z)


def differ(architecture: Architecture, layout: Layout, answer: Term, truth: Term) -> bool:
    """Whether both are finite real matrices of one shape that are far from equal."""
    for given, right in _pairs(architecture, layout, answer, truth):
        if given.shape == right.shape and np.max(np.abs(given - right)) > FAR * (1 + np.max(np.abs(right))):
            return True
    return False


def multiple(architecture: Architecture, layout: Layout, answer: Term, of: Term) -> float | None:
    """k with answer = k * of in real numbers, whatever they are; None if there is none."""
    found: list[float] = []
    for given, right in _pairs(architecture, layout, answer, of):
        try:
            given, right = np.broadcast_arrays(given, right)
        except ValueError:
            return None
        if not right.any():
            continue
        k = float(np.sum(given * right) / np.sum(right * right))
        if np.max(np.abs(given - k * right)) > CLOSE * np.max(np.abs(given)):
            return None
        found.append(k)
    same = found and max(found) - min(found) <= CLOSE * abs(found[0])
    return found[0] if same else None


def _pairs(architecture: Architecture, layout: Layout, left: Term, right: Term) -> Iterator[tuple[Any, Any]]:
    """The values of both in one draw after another, where they are finite."""
    for seed in range(TRIES):
        try:
            data = _drawn(RealFunctions, architecture, layout, seed)
            values = [np.asarray(_value(data, term), dtype=float) for term in (left, right)]
        except (TypeError, ValueError, ArithmeticError, KeyError, NoExactValueError):
            continue  # a root of a negative number, or nothing that is a number
        if all(np.isfinite(value).all() for value in values):
            yield values[0], values[1]


class Fine(SmallFunctions):
    """Fractions from -2 to 2, so that every case of what has cases comes up."""

    def drawn(self) -> Fraction:
        return Fraction(self.draw.randint(-2 * FINE, 2 * FINE), FINE)


@lru_cache(maxsize=64)
def _drawn(kind: type[SmallFunctions], architecture: Architecture, layout: Layout, seed: int) -> SmallData:
    functions = kind(architecture.activations, random.Random(f"{kind.__name__} {seed}"), architecture)
    return drawn_network(architecture, layout, *SIZES, functions)


def agree(architecture: Architecture, layout: Layout, answer: Term, truth: Term) -> bool:
    """Whether both are equal, exactly, at fractions that know which of two is larger.

    Residues have no order: of cases such as |u| < 1 and u > 1 they do not know that only one can be.
    """
    if architecture.depth > DEEPEST:
        return False
    for seed in range(EXACT_TRIES):
        try:
            data = _drawn(Fine, architecture, layout, seed)
            given, right = np.broadcast_arrays(data.value(answer, {}), data.value(truth, {}))
            if not np.array_equal(given, right):
                return False
        except (NoExactValueError, ValueError, ArithmeticError):
            return False
    return True


def threshold(architecture: Architecture, answer: Term) -> Term | None:
    """What is compared with in the answer, if nothing says that both sides of it have been tried."""
    functions = [function for function in architecture.activations if function.elementwise]
    known = {*PASSED, *(Fraction(str(value)) for function in functions for _, value in function.constants)}
    formulas = [*(function.formula for function in functions), *(part.h for part in architecture.loss.parts)]
    known |= {
        abs(Fraction(kink.p, kink.q)) for formula in formulas for kink in breakpoints(formula) if kink.is_Rational
    }
    for part in answer.walk():
        for inner in part.walk() if part.head in COMPARING else ():
            if inner.head in ("N", "n") or (inner.head == "number" and abs(inner.number) not in known):
                return inner
    return None


def _value(data: SmallData, term: Term) -> Any:
    """The value of a term with every function as what it is."""
    own = {part: _each(part.head, _value(data, part.parts[0])) for part in term.walk() if part.head in ELEMENTWISE}
    return data.value(term, REAL | own)


def _each(name: str, array: Any) -> Any:
    values = [float(ELEMENTWISE[name](sp.Float(float(v)))) for v in np.ravel(array)]
    if not all(map(math.isfinite, values)):
        raise ValueError(name)
    return np.array(values, dtype=object).reshape(np.shape(array))
