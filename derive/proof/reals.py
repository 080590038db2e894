"""Whether an answer differs from what is right in real numbers, where residues cannot tell.

For functions such as sqrt, log or sin not every identity is known modulo a prime, so a difference there proves
nothing. A difference in floating point far beyond rounding does; agreement proves nothing either way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.grammar import ELEMENTWISE
from derive.proof.small import SmallData, SmallFunctions, drawn_network
from derive.proof.terms import Term
from derive.proof.values import Layout

SIZES = (3, (2, 4, 3, 5))
TRIES = 24
FAR = 1e-6


class RealFunctions(SmallFunctions):
    """Functions as what they are, in floating point."""

    def named(self, formula: sp.Expr, z: Any) -> Any:
        return float(formula.subs(Z, sp.Float(float(z))))

    def value(self, layer: int, order: int, z: Any) -> Any:
        return float(self.activations[layer - 1].initial.diff(Z, order).subs(Z, sp.Float(float(z))))


def differ(architecture: Architecture, layout: Layout, answer: Term, truth: Term) -> bool:
    """Whether both are finite real matrices of one shape that are far from equal."""
    for seed in range(TRIES):
        functions = RealFunctions(architecture.activations, random.Random(f"reals {seed}"), architecture)
        try:
            data = drawn_network(architecture, layout, *SIZES, functions)
            given, right = (np.asarray(_value(data, term), dtype=float) for term in (answer, truth))
        except (TypeError, ValueError, ZeroDivisionError, OverflowError, ArithmeticError, KeyError):
            continue  # a root of a negative number, or nothing that is a number
        if given.shape == right.shape and np.isfinite(given).all():
            return bool(np.max(np.abs(given - right)) > FAR * (1 + np.max(np.abs(right))))
    return False


def _value(data: SmallData, term: Term) -> Any:
    """The value of a term with every function as what it is."""
    own: Mapping[Term, Any] = {
        part: _each(part.head, _value(data, part.parts[0])) for part in term.walk() if part.head in ELEMENTWISE
    }
    return data.value(term, own)


def _each(name: str, array: Any) -> Any:
    values = [float(ELEMENTWISE[name](sp.Float(float(v)))) for v in np.ravel(array)]
    if not all(map(math.isfinite, values)):
        raise ValueError(name)
    return np.array(values, dtype=object).reshape(np.shape(array))
