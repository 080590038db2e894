"""Exact comparison of elementary functions of one variable z.

Between two kinks an activation is an expression in z, exponentials, logarithms and a few other
functions. `normal` writes it as a rational function of z and *kernels*: exp of one unit, logarithms of
irreducible factors, everything else as it stands. Relations such as log(1 + exp(-z)) =
log(1 + exp(z)) - z, or tanh in exponentials, then hold by plain algebra, and equality is decided
without `simplify`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from itertools import pairwise

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from derive.codegen.statements.accurate import Size, meaning
from derive.model.activation import breakpoints
from derive.model.expression import Z

MAX_POWER = 60
"""A kernel's power beyond which a power is a kernel of its own: polynomials of high degree take for ever."""
HYPERBOLIC = (sp.tanh, sp.sinh, sp.cosh)
MAX_EXPONENTIALS = 24
"""So many exponentials and hyperbolic functions may stand in an expression whose normal form is looked for."""


@dataclass(frozen=True)
class Normal:
    """A rational function `value` of z and kernels; `kernels` says what each symbol in it stands for."""

    value: sp.Expr
    kernels: tuple[tuple[sp.Symbol, sp.Expr], ...]


class UndecidedError(Exception):
    """Where a branch ends, or which of them applies, depends on a constant that is trained."""


def branch_at(expr: sp.Expr, point: sp.Rational) -> sp.Expr:
    """`expr` as it reads around z = `point`: every |u|, max, min and where replaced by its branch."""
    if isinstance(expr, sp.Piecewise):
        return branch_at(next(value for value, condition in expr.args if _holds(condition, point)), point)
    if not expr.args or not expr.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min):
        return expr
    arguments = [branch_at(argument, point) for argument in expr.args]
    if isinstance(expr, sp.Abs):
        return arguments[0] if arguments[0].subs(Z, point) >= 0 else -arguments[0]
    if isinstance(expr, sp.Max | sp.Min):
        best = max if isinstance(expr, sp.Max) else min
        return best(arguments, key=lambda argument: sp.N(argument.subs(Z, point)))
    return expr.func(*arguments)


def _holds(condition: sp.Basic, point: sp.Expr) -> bool:
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
    return [sp.floor(points[0]) - sp.Rational(4, 3), *inner, sp.ceiling(points[-1]) + sp.Rational(4, 3)]


def involved(*exprs: sp.Expr) -> bool:
    """Whether so much stands in the expressions that their normal forms would take for ever."""
    nodes = (node for expr in exprs for node in sp.preorder_traversal(expr))
    return sum(isinstance(node, (sp.exp, *HYPERBOLIC)) for node in nodes) > MAX_EXPONENTIALS


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


@cache
def normal(expr: sp.Expr) -> Normal:
    """The normal form of a branch-free expression in z."""
    expr = meaning(expr).replace(expm1, lambda u: sp.exp(u) - 1).replace(log1p, lambda u: sp.log(1 + u))
    expr = expr.rewrite(HYPERBOLIC, sp.exp) if expr.has(*HYPERBOLIC) else expr
    walk = _Walk(_units(expr))
    value = sp.cancel(sp.together(walk.visit(expr)))
    return Normal(value, tuple((k, v) for k, v in walk.kernels.items() if k in value.free_symbols))


def _units(expr: sp.Expr) -> dict[sp.Expr, sp.Rational]:
    """For every monomial m in an exponent, the largest rational u that makes all c*m multiples of u*m.

    There is none where a multiple would be a high power, as for exp(z) beside exp(1.000001*z): then every
    exponential is a kernel of its own, which leaves a relation unused but claims nothing false.
    """
    units: dict[sp.Expr, sp.Rational] = {}
    largest: dict[sp.Expr, sp.Rational] = {}
    for exponential in expr.atoms(sp.exp):
        for term in sp.Add.make_args(sp.expand(exponential.args[0])):
            number, monomial = term.as_coeff_Mul()
            if number.is_Rational and monomial.is_polynomial(Z) and not monomial.has(sp.Function):
                units[monomial] = common_unit([abs(number), units.get(monomial, sp.S.Zero)])
                largest[monomial] = max(abs(number), largest.get(monomial, sp.S.Zero))
    return {monomial: unit for monomial, unit in units.items() if largest[monomial] <= MAX_POWER * unit}


def common_unit(numbers: Iterable[sp.Rational]) -> sp.Rational:
    """The largest rational number of which all the given ones are multiples."""
    return reduce(lambda a, b: sp.Rational(sp.igcd(a.p * b.q, b.p * a.q), a.q * b.q), numbers)


class _Walk:
    """Replaces every function by a kernel symbol, named after what it stands for."""

    def __init__(self, units: dict[sp.Expr, sp.Rational]) -> None:
        self.units = units
        self.kernels: dict[sp.Symbol, sp.Expr] = {}

    def kernel(self, meaning: sp.Expr) -> sp.Symbol:
        symbol = sp.Symbol(f"<{meaning}>", positive=True)
        self.kernels[symbol] = meaning
        return symbol

    def visit(self, expr: sp.Expr) -> sp.Expr:
        if isinstance(expr, sp.exp):
            return self.exponential(expr.args[0])
        if isinstance(expr, sp.log):
            return self.logarithm(expr.args[0])
        if isinstance(expr, sp.Pow) and not (expr.exp.is_Integer and abs(expr.exp) <= MAX_POWER):
            base = self.reduced(expr.base)
            if expr.exp.is_Rational and abs(expr.exp.p) <= MAX_POWER:
                return self.kernel(self.meaning(base) ** sp.Rational(1, expr.exp.q)) ** expr.exp.p
            return self.kernel(self.meaning(base) ** self.visit(expr.exp))
        if isinstance(expr, sp.Function):
            arguments = [self.meaning(self.reduced(a)) for a in expr.args]
            return self.kernel(expr.func(*arguments, evaluate=False))
        if expr.is_number and not expr.is_Rational and not expr.args:
            return self.kernel(expr)  # pi, E: transcendental, so without relations
        return expr.func(*(self.visit(a) for a in expr.args)) if expr.args else expr

    def reduced(self, expr: sp.Expr) -> sp.Expr:
        """`expr` with its kernels, in lowest terms."""
        return sp.cancel(sp.together(self.visit(expr)))

    def meaning(self, value: sp.Expr) -> sp.Expr:
        """`value` with the kernels written out again, so that a kernel's name shows the function."""
        return value.xreplace(self.kernels)

    def exponential(self, argument: sp.Expr) -> sp.Expr:
        """exp(argument): powers of units' exponentials, what is inside logarithms, and a kernel for the rest.

        A fraction is not taken apart: z/2 + z*tanh(z)/2 and z/(1 + exp(-2*z)) are one kernel.
        """
        result, rest = sp.S.One, sp.S.Zero
        parts = [(term, *term.as_coeff_Mul()) for term in sp.Add.make_args(sp.expand(argument))]
        others = sp.Add(*(term for term, number, part in parts if not (isinstance(part, sp.log) and number.is_Integer)))
        whole = not others.is_polynomial(Z) and bool(sp.fraction(self.reduced(others))[1].free_symbols)
        for term, number, monomial in parts:
            if isinstance(monomial, sp.log) and number.is_Integer:
                result *= self.visit(monomial.args[0]) ** number
            elif not whole and monomial in self.units and number.is_Rational:
                unit = self.units[monomial]
                result *= self.kernel(sp.exp(unit * monomial)) ** (number / unit)
            else:
                rest += term
        if rest == 0:
            return result
        top, bottom = (part.as_content_primitive() for part in sp.fraction(self.reduced(rest)))
        number, primitive = top[0] / bottom[0], top[1] / bottom[1]
        if abs(number.p) > MAX_POWER:
            return result * self.kernel(sp.exp(self.meaning(number * primitive)))
        symbols = sorted(top[1].free_symbols, key=str)
        if symbols and sp.Poly(top[1], *symbols).LC().is_negative:
            number, primitive = -number, sp.expand(-top[1]) / bottom[1]
        return result * self.kernel(sp.exp(self.meaning(primitive) / number.q)) ** number.p

    def logarithm(self, argument: sp.Expr) -> sp.Expr:
        """log(argument), as a sum over the irreducible factors of the argument."""
        top, bottom = sp.fraction(self.reduced(argument))
        result = sp.S.Zero
        for part, sign in ((top, 1), (bottom, -1)):
            constant, factors = sp.factor_list(part)
            for prime, power in sp.factorrat(constant).items():
                result += sign * power * (sp.log(prime) if prime == 1 else self.kernel(sp.log(prime)))
            for factor, power in factors:
                meaning = self.meaning(factor)
                inner = self.visit(meaning.args[0]) if isinstance(meaning, sp.exp) else self.kernel(sp.log(meaning))
                result += sign * power * inner
        return result
