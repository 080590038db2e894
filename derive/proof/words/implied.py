"""Conditional equalities: what follows from given equations, for all sizes and all values.

A given equation is a rule, its left side may be replaced by its right side wherever it occurs. The sides of a
conclusion are unfolded stage by stage as in `proof.theorems.decide`, the rules are applied at every stage, and equal
canonical forms are a proof. Replacing equals by equals is all that happens, so nothing is proved that does not follow.
"""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from derive.algebra.program import Equation, Program
from derive.proof.formulas.values import QUANTITIES
from derive.proof.theorems.canonical import SwellError, canonical, unfold
from derive.proof.theorems.decide import STAGES
from derive.proof.words.expectation import expected
from derive.proof.words.statements import ANY, EXPECTED, Equality

Bound = dict[sp.Basic, sp.Basic]


def follows(conclusion: Equality, given: Iterable[Equality], program: Program) -> bool:
    """Whether the sides of `conclusion` were found equal under the equations that are `given`, or some of them."""
    rules = tuple(given)
    fewer = tuple(rule for rule in rules if not isinstance(rule.left, sp.Sum))  # a sum in pieces is not recognised
    return _equal(conclusion, rules, program) or (fewer != rules and _equal(conclusion, fewer, program))


def _equal(conclusion: Equality, rules: tuple[Equality, ...], program: Program) -> bool:
    definitions, independent = program.definitions, [t.name for t in program.inputs if not t.name.startswith("delta")]
    left, right = (rewritten(side, rules) for side in (conclusion.left, conclusion.right))
    unfolded: dict[str, Equation] = {}
    for stage in STAGES:
        unfolded |= {name: e for name, e in definitions.items() if _letter(name) in stage}
        left, right = (
            _averaged(rewritten(unfold(side, unfolded), rules), rules, independent) for side in (left, right)
        )
        try:
            if canonical(left) == canonical(right):
                return True
        except SwellError:
            return False
    return False


def _letter(name: str) -> str:
    return next((letter for letter in sorted(QUANTITIES, key=len, reverse=True) if name.startswith(letter)), name)


def _averaged(expr: sp.Expr, rules: tuple[Equality, ...], independent: list[str]) -> sp.Expr:
    """`expr` with its expected values replaced by moments, where they can be."""
    values = {call: expected(call.args[0], independent) for call in expr.atoms(EXPECTED)}
    found = {call: value for call, value in values.items() if value is not None}
    return rewritten(expr.xreplace(found), rules) if found else expr


def rewritten(expr: sp.Expr, rules: tuple[Equality, ...]) -> sp.Expr:
    """`expr` with every instance of a rule's left side replaced, from the inside out; a sum of zeros is 0."""
    if not expr.args or isinstance(expr, sp.IndexedBase | sp.Idx):
        return _replaced(expr, rules)
    if isinstance(expr, sp.Sum):
        body = rewritten(expr.function, rules)
        expr = sp.S.Zero if body == 0 else sp.Sum(body, *expr.limits)
    elif isinstance(expr, sp.Indexed):
        pass
    else:
        expr = expr.func(*(rewritten(argument, rules) for argument in expr.args))
    return _replaced(expr, rules)


def _replaced(expr: sp.Expr, rules: tuple[Equality, ...]) -> sp.Expr:
    for rule in rules:
        bound: Bound = {}
        if matches(rule.left, expr, bound):
            return rule.right.xreplace(bound)
    return expr


def matches(pattern: sp.Basic, expr: sp.Basic, bound: Bound) -> bool:
    """Whether `expr` is an instance of `pattern`; `bound` is filled with what its indices stand for."""
    if pattern in ANY:
        return bool(bound.setdefault(pattern, expr) == expr)
    if not pattern.free_symbols & ANY:
        return bool(pattern == expr)
    if type(pattern) is not type(expr) or len(pattern.args) != len(expr.args):
        return False
    if isinstance(pattern, sp.Sum):
        same = all(mine[1:] == other[1:] for mine, other in zip(pattern.limits, expr.limits, strict=True))
        inner = dict(bound) | {mine[0]: other[0] for mine, other in zip(pattern.limits, expr.limits, strict=True)}
        if not same or not matches(pattern.function, expr.function, inner):
            return False
        bound.update({key: value for key, value in inner.items() if key not in pattern.bound_symbols})
        return True
    return all(matches(mine, other, bound) for mine, other in zip(pattern.args, expr.args, strict=True))
