"""The gain of an activation: 1/sqrt(E[f(z)**2]) for z ~ N(0, 1), by quadrature from its own expression.

With biases zero and weights independent of each other and centred, Var z^l = n_(l-1) Var(W^l) E[(a^(l-1))**2]
(He, Zhang, Ren and Sun 2015, arXiv 1502.01852, eq. 9). Weights of variance gain**2/n_(l-1) therefore give
Var z^l = 1 wherever z^(l-1) has variance 1 and is about normal.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import mpmath
import sympy as sp

from derive.codegen.forms.branches import branch_at, kinks
from derive.model.errors import DeriveError
from derive.model.expression import Z

DIGITS = 30
TOLERANCE = mpmath.mpf(10) ** -18
CUTS = (*range(-12, 13), *(side * cut for cut in (16, 20, 24, 32, 40) for side in (-1, 1)))
"""Between these points, beside the kinks, a polynomial rule is exact to many digits; beyond 40 nothing is left."""

Number = Any  # of mpmath, which is not typed


@cache
def gain(formula: sp.Expr) -> float:
    """1/sqrt(E[f(z)**2]), z ~ N(0, 1), to 15 digits. Raises DeriveError where that has no finite value.

    >>> from derive.model.activation import activation
    >>> gain(activation("relu").formula)
    1.4142135623730951
    """
    with mpmath.workdps(DIGITS):
        points = sorted({mpmath.mpf(cut) for cut in CUTS} | {_number(point) for point in kinks(formula)})
        total, error, edges = mpmath.mpf(0), mpmath.mpf(0), []
        for low, high in pairwise(point for point in points if abs(point) <= max(CUTS)):
            density = _density(branch_at(formula, sp.Rational(str((low + high) / 2))))
            value, uncertain = mpmath.quad(density, [low, high], error=True, method="gauss-legendre")
            total, error = total + value, error + uncertain
            edges += [density(end) for end in (low, high) if abs(end) == max(CUTS)]
        if not (total > 0 and max(edges) < TOLERANCE * total and error < TOLERANCE * total):
            raise DeriveError(
                f"initialization 'variance_preserving': E[f(z)**2], z ~ N(0, 1), of f(z) = {formula} is not finite, or "
                "cannot be computed to 15 digits; choose another initialization, such as 'lecun_normal'"
            )
        return float(1 / mpmath.sqrt(total))


def _density(formula: sp.Expr) -> Callable[[Number], Number]:
    """f(z)**2 times the density of N(0, 1)."""
    f = _function(formula)
    return lambda z: mpmath.re(f(z)) ** 2 * mpmath.npdf(z)


def _function(expr: sp.Expr) -> Callable[[Number], Number]:
    """A function of mpmath's numbers, from an expression without branches."""
    if expr == Z:
        return lambda z: z
    if not expr.has(Z):
        value = _number(expr)
        return lambda z: value
    parts = [_function(argument) for argument in expr.args]
    if isinstance(expr, sp.Add):
        return lambda z: mpmath.fsum(part(z) for part in parts)
    if isinstance(expr, sp.Mul):
        return lambda z: mpmath.fprod(part(z) for part in parts)
    if isinstance(expr, sp.Pow):
        return lambda z: parts[0](z) ** parts[1](z)
    function = getattr(mpmath, expr.func.__name__)  # the activations' functions have the same names there
    return lambda z: function(*(part(z) for part in parts))


def _number(expr: sp.Expr) -> Number:
    return mpmath.mpf(str(sp.N(expr, DIGITS + 5)))
