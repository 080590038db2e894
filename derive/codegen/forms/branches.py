"""Branches of a function of one variable z: where they meet, which one applies, and whether two functions are equal.

A function made of pieces is compared piece by piece: between its kinks, where each has a normal form, and at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import sympy as sp

from derive.codegen.forms.elementary import UndecidedError, normal
from derive.codegen.statements.accurate import Size, meaning
from derive.model.expression import Z
from derive.model.kinks import breakpoints


def branch_at(expr: sp.Expr, point: sp.Rational) -> sp.Expr:
    """`expr` as it reads around z = `point`: every |u|, max, min and where replaced by its branch."""
    if isinstance(expr, sp.Piecewise):
        return branch_at(next(value for value, condition in expr.args if holds(condition, point)), point)
    if not expr.args or not expr.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min):
        return expr
    arguments = [branch_at(argument, point) for argument in expr.args]
    if isinstance(expr, sp.Abs):
        return arguments[0] if arguments[0].subs(Z, point) >= 0 else -arguments[0]
    if isinstance(expr, sp.Max | sp.Min):
        best = max if isinstance(expr, sp.Max) else min
        return best(arguments, key=lambda argument: sp.N(argument.subs(Z, point)))
    return expr.func(*arguments)


def holds(condition: sp.Basic, point: sp.Expr) -> bool:
    """Whether a condition on z holds at a point. Raises UndecidedError."""
    stands = condition.subs(Z, point)
    if stands in (sp.true, sp.false):
        return bool(stands)
    if stands.free_symbols or not isinstance(stands, sp.core.relational.Relational):
        raise UndecidedError(str(stands))
    difference = sp.S.Zero if _same(stands.lhs, stands.rhs) else sp.N(stands.lhs - stands.rhs, 50)
    return bool(stands.func(difference, 0))


def kinks(*exprs: sp.Expr) -> list[sp.Expr]:
    """The points, in order, at which a branch of one of the expressions may change."""
    exprs = tuple(signed(expr)[0] for expr in exprs)
    points = {point for expr in exprs for point in breakpoints(expr)}
    for difference in _differences(exprs):
        if difference.is_polynomial(Z):
            points |= set(_roots(sp.Poly(difference, Z)))
    points = {meaning(point) for point in points}
    if any(point.free_symbols for point in points):
        raise UndecidedError(f"kinks at {points}")
    ordered = sorted(points, key=lambda point: (float(point), point.count_ops()))
    return [point for before, point in zip([None, *ordered], ordered, strict=False) if not _same(before, point)]


def _same(one: sp.Expr | None, other: sp.Expr) -> bool:
    """Whether two numbers are one and the same, written in two ways."""
    return one is not None and abs(sp.N(one - other, 50)) < sp.Rational(1, 10**40)


def _roots(polynomial: sp.Poly) -> list[sp.Expr]:
    """The real roots, exactly; SymPy's real_roots takes rational coefficients only."""
    if polynomial.degree() == 1:
        slope, constant = polynomial.all_coeffs()
        return [-constant / slope]
    return list(polynomial.real_roots())


def _differences(exprs: Iterable[sp.Expr]) -> Iterator[sp.Expr]:
    """What changes its sign where an |u|, a max or a min changes its branch."""
    for expr in exprs:
        for function in expr.atoms(sp.Abs, sp.Max, sp.Min):
            first, second = (*function.args, sp.S.Zero)[:2]
            if (first - second).has(Z):
                yield first - second


def between(points: list[sp.Expr]) -> list[sp.Rational]:
    """A rational point of every interval that `points`, in order, cut the line into."""
    if not points:
        return [sp.Rational(1, 3)]
    inner = [sp.nsimplify((a + b) / 2, rational=True) for a, b in pairwise(points)]
    low, high = (sp.Integer(limit(sp.N(point))) for limit, point in ((sp.floor, points[0]), (sp.ceiling, points[-1])))
    return [low - sp.Rational(4, 3), *inner, high + sp.Rational(4, 3)]


def equal(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two functions of z are the same, between their kinks and at them. A proof if True."""
    try:
        return all(_equal(first, second) for first in signed(left) for second in signed(right))
    except UndecidedError:
        return False


def signed(expr: sp.Expr) -> tuple[sp.Expr, ...]:
    """`expr` for u >= 0 and for u < 0, if choices in it depend on the sign of a u = beta*z with a trained constant.

    Two functions are equal if both are equal everywhere, also where u has the other sign: nothing is asked of beta.
    """
    unknown = {
        difference
        for difference in (
            *_differences([expr]),
            *(size.args[0] for size in expr.atoms(Size)),
            *(relation.lhs - relation.rhs for relation in expr.atoms(sp.core.relational.Relational)),
        )
        if difference.free_symbols - {Z}
    }
    if not unknown:
        return (expr,)
    u = min(unknown, key=lambda d: (d.could_extract_minus_sign(), str(d)))
    if not unknown <= {u, -u}:
        return (expr,)
    return tuple(_with_sign(expr, u, sign) for sign in (1, -1))


def _with_sign(expr: sp.Expr, u: sp.Expr, sign: int) -> sp.Expr:
    """`expr` with its choices made as for u > 0 or u < 0."""
    if not expr.args:
        return expr
    if isinstance(expr, sp.core.relational.Relational):
        side = {u: sign, -u: -sign}.get(expr.lhs - expr.rhs)
        return expr if side is None else sp.true if expr.func(side, 0) == True else sp.false  # noqa: E712
    arguments = [_with_sign(argument, u, sign) for argument in expr.args]
    if isinstance(expr, sp.Abs | Size) and arguments[0] in (u, -u):
        return sign * u
    if isinstance(expr, sp.Max | sp.Min) and len(arguments) == 2 and arguments[0] - arguments[1] in (u, -u):
        larger = arguments[0] if (arguments[0] - arguments[1] == u) == (sign > 0) else arguments[1]
        return larger if isinstance(expr, sp.Max) else arguments[0] + arguments[1] - larger
    return expr.func(*arguments)


def _equal(left: sp.Expr, right: sp.Expr) -> bool:
    if not all(difference.is_polynomial(Z) for difference in _differences((left, right))):
        return False  # there may be kinks that `kinks` does not see
    points = kinks(left, right)
    return all(
        normal(branch_at(left, point) - branch_at(right, point)).value == 0 for point in between(points)
    ) and all(normal((branch_at(left, c) - branch_at(right, c)).subs(Z, c)).value == 0 for c in points)


def pieces(expr: sp.Expr) -> list[tuple[sp.Expr, sp.Basic]]:
    """`expr` as branch-free values with the conditions under which they apply, from left to right.

    Each condition is `z < c` or `z <= c`, the last True; one applies where those before it do not.
    """
    points = kinks(expr)
    values = [branch_at(expr, point) for point in between(points)]
    result: list[tuple[sp.Expr, sp.Basic]] = []
    for c, (left, right) in zip(points, pairwise(values), strict=True):
        here = branch_at(expr, c).subs(Z, c)
        if normal(here - left.subs(Z, c)).value == 0:
            result.append((left, sp.Le(Z, c)))
        else:
            result.append((left, sp.Lt(Z, c)))
            if normal(here - right.subs(Z, c)).value != 0:
                result.append((here, sp.Le(Z, c)))
    merged = [*result, (values[-1], sp.true)]
    return [
        piece for piece, after in zip(merged, [*merged[1:], None], strict=True) if not after or after[0] != piece[0]
    ]
