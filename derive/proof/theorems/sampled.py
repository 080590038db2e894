"""Comparing expressions at random values modulo a large prime, where writing them out would take too long."""

from __future__ import annotations

import random
from functools import reduce

import sympy as sp

MODULUS = 2**61 - 1
"""A prime. Sides that differ agree modulo it with a probability of about degree/MODULUS, below 1e-16."""


def same(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions in numbers, symbols and undefined functions agree, each being given random values."""
    known: dict[sp.Expr, int] = {}
    return _residue(left, known) == _residue(right, known)


def _residue(expr: sp.Expr, known: dict[sp.Expr, int]) -> int:
    """The value modulo the prime; `known` remembers those of the parts."""
    if expr not in known:
        known[expr] = _combined(expr, [_residue(part, known) for part in expr.args])
    return known[expr]


def _combined(expr: sp.Expr, parts: list[int]) -> int:
    if expr.is_Rational:
        return int(expr.p) * pow(int(expr.q), -1, MODULUS) % MODULUS
    if isinstance(expr, sp.Add):
        return sum(parts) % MODULUS
    if isinstance(expr, sp.Mul):
        return reduce(lambda u, v: u * v % MODULUS, parts)
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        base, _ = parts
        return pow(base, int(expr.exp), MODULUS)
    if isinstance(expr, sp.Symbol):
        return random.Random(str(expr)).randrange(MODULUS)
    if isinstance(expr, sp.Function):  # the same function of the same number is the same number
        return random.Random(f"{expr.func.__name__} {parts}").randrange(MODULUS)
    raise NotImplementedError(f"{expr.func.__name__} in a loss")
