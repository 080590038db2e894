"""Expected values over random weights: W[i, j] drawn independently, each with mean mu and variance sigma2.

The expression is multiplied out; a term with one weight has the weight's mean as its expected value, one with two has
E(W[i,j] W[k,m]) = mu^2 + sigma2 delta(i,k) delta(j,m). Nothing else about the distribution is used, and products of
three weights have no answer here.
Whatever else stands in the expression has to be independent of the weights: the output of the layer below, a bias.
"""

from __future__ import annotations

from collections.abc import Container
from itertools import product

import sympy as sp

from derive.proof.words.statements import MEAN, VARIANCE

Ranges = tuple[tuple[sp.Symbol, sp.Expr], ...]
Part = tuple[tuple[sp.Expr, ...], Ranges]


def expected(expr: sp.Expr, independent: Container[str]) -> sp.Expr | None:
    """E(expr); None if it has more than two weights in a product, or what is not `independent` of them, by its name."""
    total = sp.S.Zero
    for factors, ranges in multiplied_out(expr):
        weights = [f for f in factors if _weight(f)]
        rest = [f for f in factors if not _weight(f)]
        others = {entry for factor in rest for entry in factor.atoms(sp.Indexed)}
        if len(weights) > 2 or any(_weight(e) or str(e.base.label) not in independent for e in others):
            return None
        value = sp.Mul(*rest, _moment(weights))
        total += sp.Sum(value, *((name, 1, high) for name, high in ranges)) if ranges else value
    return total


def _weight(expr: sp.Expr) -> bool:
    return isinstance(expr, sp.Indexed) and str(expr.base.label).startswith("W")


def _moment(weights: list[sp.Expr]) -> sp.Expr:
    match weights:
        case []:
            return sp.S.One
        case [_]:
            return MEAN
    one, other = weights
    if one.base != other.base:
        return MEAN**2
    same = sp.Mul(*(sp.KroneckerDelta(i, k) for i, k in zip(one.indices, other.indices, strict=True)))
    return MEAN**2 + VARIANCE * same


def multiplied_out(expr: sp.Expr) -> list[Part]:
    """`expr` as a sum of products, each with the indices it is summed over, all of them new."""
    if isinstance(expr, sp.Add):
        return [part for argument in expr.args for part in multiplied_out(argument)]
    if isinstance(expr, sp.Sum):
        fresh = {name: sp.Dummy(integer=True, positive=True) for name, _, _ in expr.limits}
        own: Ranges = tuple((fresh[name], high) for name, _, high in expr.limits)
        return [(factors, ranges + own) for factors, ranges in multiplied_out(expr.function.xreplace(fresh))]
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp.is_positive:
        return _products([multiplied_out(expr.base) for _ in range(int(expr.exp))])
    if isinstance(expr, sp.Mul):
        return _products([multiplied_out(argument) for argument in expr.args])
    return [((expr,), ())]


def _products(parts: list[list[Part]]) -> list[Part]:
    return [
        (tuple(f for factors, _ in choice for f in factors), tuple(r for _, ranges in choice for r in ranges))
        for choice in product(*parts)
    ]
