"""Kinks of a function of z: where its cases meet, and the smooth functions between them."""

from __future__ import annotations

from itertools import combinations, pairwise

import sympy as sp

from derive.model.errors import FormulaError
from derive.model.expression import Z

DIGITS = 30
"""Kinks are put in order by so many."""


def breakpoints(formula: sp.Expr) -> set[sp.Expr]:
    """Where the cases of `formula` meet, exactly.

    Raises FormulaError for a condition that is not linear in z.
    """
    points: set[sp.Expr] = set()
    for relation in formula.atoms(sp.core.relational.Relational):
        point = _meeting(relation)
        if point is None:
            raise FormulaError(f"the condition {relation} is not linear in z; compare z with numbers")
        points.add(point)
    return points


def _meeting(relation: sp.Basic) -> sp.Expr | None:
    """Where both sides of a comparison are equal, if it is linear in z."""
    difference = relation.lhs - relation.rhs
    slope = difference.diff(Z)
    return -difference.subs(Z, 0) / slope if slope.is_number and slope != 0 else None


def gaps(formula: sp.Expr) -> set[sp.Rational]:
    """How far apart two conditions of `formula` are, and two of its kinks, as far as these are rational numbers.

    >>> sorted(gaps(sp.Piecewise((1, Z > sp.Rational(1, 2)), (-1, Z < -sp.Rational(1, 2)), (2 * Z, True))))
    [1]
    """
    relations = formula.atoms(sp.core.relational.Relational)
    compared = [relation.lhs - relation.rhs for relation in relations]
    places = [point for relation in relations if (point := _meeting(relation)) is not None]
    apart = [left - sign * right for left, right in combinations(compared, 2) for sign in (1, -1)]
    apart += [left - right for left, right in combinations(places, 2)]
    return {abs(gap) for gap in apart if gap.is_Rational and gap != 0}


def kinks_of(formula: sp.Expr) -> list[sp.Expr]:
    """The breakpoints in order, if no symbol but z is in them. Raises FormulaError."""
    return sorted(breakpoints(formula), key=lambda point: sp.N(point, DIGITS))


def between(kinks: list[sp.Expr]) -> list[sp.Expr]:
    """A place below the kinks, one above, and one between each two."""
    middles = [(left + right) / 2 for left, right in pairwise(kinks)]
    return [kinks[0] - 1, *middles, kinks[-1] + 1] if kinks else [sp.S.Zero]


def branch(formula: sp.Expr, place: sp.Expr) -> sp.Expr:
    """The smooth function that `formula` is around a place between its kinks."""

    def chosen(cases: sp.Piecewise) -> sp.Expr:
        return next(value for value, condition in cases.args if condition.subs(Z, place) == sp.true)

    return formula.replace(lambda part: isinstance(part, sp.Piecewise), chosen)
