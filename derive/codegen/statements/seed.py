"""A gradient program times a number: the learning rate, so that an update is one subtraction.

A gradient is linear in its adjoints, so it is multiplied as a whole where it starts: every term that contains no
adjoint takes the factor. There the factor meets the 1/N of a mean loss, and both become one number, `rate`.
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from derive.algebra.notation import N
from derive.algebra.program import Program, entries
from derive.model.errors import DeriveError

SCALE, RATE = sp.symbols("scale rate", real=True)
"""The factor, and the factor divided by N."""


def scaled(gradient: Program) -> Program:
    """`gradient` with every derivative times `SCALE`; a DeriveError if it is not linear in its adjoints."""
    adjoints = frozenset(gradient.definitions)
    return replace(gradient, equations=tuple(replace(e, value=_scaled(e.value, adjoints)) for e in gradient.equations))


def _scaled(value: sp.Expr, adjoints: frozenset[str]) -> sp.Expr:
    """The terms without an adjoint times the factor."""
    if not _read(value, adjoints):
        return _times(value)
    terms = sp.Add.make_args(value)
    if len(terms) == 1 and not _vanishes(value, adjoints):
        terms = sp.Add.make_args(sp.expand(value))
    return sp.Add(*(_term(term, adjoints) for term in terms))


def _term(term: sp.Expr, adjoints: frozenset[str]) -> sp.Expr:
    if not _read(term, adjoints):
        return _times(term)
    if not _vanishes(term, adjoints):
        raise DeriveError(f"{term} is not linear in the adjoints, so it cannot be scaled")
    return term


def _read(expr: sp.Expr, adjoints: frozenset[str]) -> list[sp.Basic]:
    """The adjoints' entries in `expr`."""
    scalars = [s for s in expr.free_symbols if str(s) in adjoints]
    return scalars + [e for e in entries(expr) if str(e.base.label) in adjoints]


def _vanishes(expr: sp.Expr, adjoints: frozenset[str]) -> bool:
    """Whether nothing is left of `expr` where all adjoints are 0. Zeros put in would evaluate all functions."""
    match expr:
        case sp.Mul():
            return any(_vanishes(factor, adjoints) for factor in expr.args)
        case sp.Add():
            return all(_vanishes(term, adjoints) for term in expr.args)
        case sp.Sum():
            return _vanishes(expr.function, adjoints)
        case sp.Piecewise():
            return all(_vanishes(value, adjoints) for value, _ in expr.args)
        case sp.Indexed():
            return str(expr.base.label) in adjoints
        case sp.Symbol():
            return str(expr) in adjoints
    return bool(expr == 0)


def _times(expr: sp.Expr) -> sp.Expr:
    """`expr` times the factor: N * expr times `RATE` if the 1/N that a mean has then cancels."""
    if expr == 0:
        return expr
    whole = expr * N
    return whole * RATE if expr.has(N) and not whole.has(N) else expr * SCALE
