"""Sums of products with Kronecker deltas: each delta picks one term of a sum, and the sum disappears.

`contract(g(k)*KroneckerDelta(k, p), over=[(k, n)])` is `g(p)`. SymPy's own `Sum.doit` would put range
conditions (`Piecewise`) around the result; here every index runs over a whole axis, so none are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, product

import sympy as sp

from derive.algebra.notation import N, index

Range = tuple[sp.Symbol, sp.Expr]
"""An index and the size it runs to."""


def contract(expr: sp.Expr, over: Iterable[Range] = ()) -> sp.Expr:
    """The sum of `expr` over the given ranges, with all deltas collapsed and nothing else expanded."""
    fresh = count()
    return sp.Add(*(_collapse(factors, [*over, *ranges]) for factors, ranges in _terms(expr, fresh)))


def _terms(expr: sp.Expr, fresh: Iterator[int]) -> Iterator[tuple[sp.Expr, list[Range]]]:
    """`expr` as products with the ranges that they are summed over.

    Only what has to be is distributed: sums that are factors, and brackets that contain a delta.
    """
    if isinstance(expr, sp.Sum):
        renamed = {name: index(f"_{next(fresh)}") for name, _, _ in expr.limits}
        ranges = [(renamed[name], high) for name, _, high in expr.limits]
        for factors, inner in _terms(expr.function.xreplace(renamed), fresh):
            yield factors, [*ranges, *inner]
    elif isinstance(expr, sp.Add) and (expr.has(sp.KroneckerDelta) or expr.has(sp.Sum)):
        for term in expr.args:
            yield from _terms(term, fresh)
    elif isinstance(expr, sp.Mul) and (expr.has(sp.KroneckerDelta) or expr.has(sp.Sum)):
        for choice in product(*(list(_terms(factor, fresh)) for factor in expr.args)):
            yield sp.Mul(*(factor for factor, _ in choice)), [r for _, ranges in choice for r in ranges]
    else:
        yield expr, []


def _collapse(factors: sp.Expr, ranges: list[Range]) -> sp.Expr:
    """One product, summed over `ranges`: deltas removed, what does not depend on an index moved out."""
    summed = dict(ranges)
    while deltas := [d for d in _deltas(factors) if set(d.args) & set(summed)]:
        delta = deltas[0]
        gone, stays = delta.args if delta.args[0] in summed else reversed(delta.args)
        factors = sp.Mul(*(f for f in sp.Mul.make_args(factors) if f != delta)).xreplace({gone: stays})
        del summed[gone]
    inside = [f for f in sp.Mul.make_args(factors) if f.free_symbols & set(summed)]
    outside = [f for f in sp.Mul.make_args(factors) if not f.free_symbols & set(summed)]
    body = sp.Mul(*inside)
    unused = [high for name, high in summed.items() if name not in body.free_symbols]
    limits = [(name, 1, high) for name, high in summed.items() if name in body.free_symbols]
    return sp.Mul(*outside, *unused, sp.Sum(body, *limits) if limits else body)


def _deltas(factors: sp.Expr) -> list[sp.Expr]:
    return [factor for factor in sp.Mul.make_args(factors) if isinstance(factor, sp.KroneckerDelta)]


def rename_indices(expr: sp.Expr, free: Iterable[sp.Symbol]) -> sp.Expr:
    """`expr` with readable names for its summation indices: s over samples, otherwise the next of k, j, i, …"""
    taken = {str(name) for name in free}
    if isinstance(expr, sp.Sum):
        renamed: dict[sp.Basic, sp.Basic] = {}
        for name, _, high in expr.limits:
            letter = next(x for x in ("stuv" if high == N else "kjimpqr") if x not in taken)
            taken.add(letter)
            renamed[name] = index(letter)
        inner = rename_indices(expr.function, [*taken, *(str(name) for name in renamed)])
        return sp.Sum(inner.xreplace(renamed), *((renamed[name], 1, high) for name, _, high in expr.limits))
    if expr.has(sp.Sum):
        return expr.func(*(rename_indices(argument, taken) for argument in expr.args))
    return expr
