"""Polynomials through the Chebyshev points of an interval: nearly the best of their degree, and made from scratch.

T. J. Rivlin, Chebyshev Polynomials, 1990. The error is about the size of the first coefficient left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

Number: TypeAlias = Any
DIGITS = 50
"""Of the arithmetic in which the coefficients are computed."""


def interpolation(function: Callable[[Number], Number], count: int) -> tuple[list[Number], Number]:
    """Coefficients of 1, y, y**2, … of the interpolating polynomial on -1 <= y <= 1 with `count` of them.

    Also the size of the last two coefficients in Chebyshev polynomials, relative to the largest: what a further
    term would change. Computed with mpmath numbers at `DIGITS` digits.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        angles = [mpmath.pi * (2 * k + 1) / (2 * count) for k in range(count)]
        values = [function(mpmath.cos(angle)) for angle in angles]
        weights = [
            (2 - (j == 0)) * mpmath.fsum(v * mpmath.cos(j * angle) for v, angle in zip(values, angles, strict=True))
            for j in range(count)
        ]
        coefficients = [mpmath.mpf(0)] * count
        before, polynomial = [mpmath.mpf(0)], [mpmath.mpf(1)]
        for j, weight in enumerate(weights):
            for power, coefficient in enumerate(polynomial):
                coefficients[power] += weight * coefficient / count
            after = [0 * mpmath.mpf(1), *((1 + (j > 0)) * c for c in polynomial)]
            for power, coefficient in enumerate(before):
                after[power] -= (j > 0) * coefficient
            before, polynomial = polynomial, after
        last = max(abs(weight) for weight in weights[-2:]) / max(abs(weight) for weight in weights)
        return coefficients, last
