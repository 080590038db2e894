"""f' as a polynomial in f, found from values: 1 - A**2 for tanh, A - A**2 for sigmoid.

    >>> from derive.model.architecture import Architecture
    >>> [str(c) for c in slope(Architecture([2, 1], ["tanh"]).activations[0]) or ()]
    ['1', '0', '-1']

The coefficients solve a linear system at random residues, and are then checked at others. `proof.theorems.relations`
finds the same for proofs, by algebra; this takes a millisecond, which is what a grade can afford.
"""

from __future__ import annotations

import random
from fractions import Fraction
from functools import cache

import numpy as np

from derive.algebra.residues import PRIME
from derive.model.activation import Activation
from derive.model.expression import Z
from derive.proof.numbers.functions import NoResidueError, ResidueFunctions
from derive.proof.numbers.valuation import fraction, inverse_of

COEFFICIENTS, POINTS = 3, 12
"""Those of a polynomial of the highest degree that is looked for, and the points at which it has to agree."""


@cache
def slope(activation: Activation) -> tuple[Fraction, ...] | None:
    """The coefficients of 1, A, A**2, … in f'(z), with A = f(z); None if f' is no polynomial of low degree in f."""
    functions = ResidueFunctions((activation,), random.Random("slope"))
    draw = random.Random("points")
    points = [draw.randrange(1, PRIME) for _ in range(POINTS)]
    try:
        values = [functions.at(activation.initial, z) for z in points]
        slopes = [functions.at(activation.initial.diff(Z), z) for z in points]
        powers = [[pow(a, k, PRIME) for k in range(COEFFICIENTS)] for a in values]
        inverse = inverse_of(np.array(powers[:COEFFICIENTS], dtype=np.int64))
    except (NoResidueError, ValueError, ZeroDivisionError):
        return None
    found = [sum(int(c) * s for c, s in zip(row, slopes, strict=False)) % PRIME for row in inverse]
    if any(
        sum(c * p for c, p in zip(found, row, strict=True)) % PRIME != s for row, s in zip(powers, slopes, strict=True)
    ):
        return None
    coefficients = [fraction(c) for c in found]
    while coefficients and coefficients[-1] == 0:
        coefficients.pop()
    return None if None in coefficients else tuple(c for c in coefficients if c is not None)
