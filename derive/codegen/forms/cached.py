"""f' from the cached output: a polynomial g with f'(z) = g(a), found by elimination and proved.

Between two kinks both a = f(z) and d = f'(z) are rational in one generator: E = exp(u), or z itself,
or, where f is a logarithm, exp(a) stands for a. The resultant of the two relations eliminates the
generator; a factor that is linear in d and free of division gives d = g(a). So tanh' = 1 - a**2,
sigmoid' = a*(1 - a) and softplus' = 1 - exp(-a) come out, and a user's own functions are treated alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import sympy as sp

from derive.codegen.forms.branches import between, branch_at, holds, kinks, pieces
from derive.codegen.forms.elementary import UndecidedError, involved, normal
from derive.codegen.forms.stable import sharpened, stable
from derive.codegen.statements.accurate import meaning
from derive.model.expression import Z

A = sp.Symbol("a", real=True)
"""The output of the neuron, a = f(z)."""

D = sp.Symbol("d", real=True)
"""Its slope, d = f'(z)."""

_X = sp.Symbol("x", positive=True)

MAX_DEGREE = 8
"""In the generator: a resultant of polynomials of higher degrees takes for ever, and has no factor linear in d."""
MAX_BITS = 640
"""Of a number in a resultant, some 190 digits; with 800, as constants of 1e99 make them, factors take half a minute."""
MAX_LOSS = 10
"""How many roundings of the slope a rounding of the output may cost; a tanh costs 4."""
_SAMPLES = tuple(sp.Rational(n, 2) for n in (-20, -6, -2, -1, 0, 1, 2, 6, 20))
MAX_OPERATIONS = 16
"""In an expression whose sign is asked for; those of the table have up to 5, and SymPy takes seconds for 50."""


@cache
def from_output(f: sp.Expr) -> sp.Expr | None:
    """f' as an expression in `A` alone (or in A and z, as polynomials), or None if there is none.

    >>> from_output(sp.tanh(Z))
    1 - a**2
    """
    if f.free_symbols - {Z}:
        return None  # a trained constant may have any value, so that nothing is known of its sign
    try:
        return _from_output(f)
    except UndecidedError:
        return None


def _from_output(f: sp.Expr) -> sp.Expr | None:
    slopes = pieces(f.diff(Z))
    result = []
    for value, condition in slopes:
        found = next(_candidates(_around(f, slopes, condition), value), None)
        restated = _restated(f, condition)
        if found is None or restated is None:
            return None
        result.append((found, restated))
    form = sharpened(result[0][0] if len(result) == 1 else sp.Piecewise(*result))
    return form if _proved(form, f, 1) else None


@cache
def second_from_output(f: sp.Expr) -> sp.Expr | None:
    """f'' as an expression in `A`, `D` and z, by the chain rule on f' = g(a, z): d * dg/da + dg/dz.

    None if f' has no such form, or if at a kink f'' is that of another branch than f'.

    >>> second_from_output(sp.tanh(Z))
    -2*a*d
    """
    slope = from_output(f)
    if slope is None:
        return None
    form = D * slope.diff(A) + slope.diff(Z)
    try:
        return form if _proved(form, f, 2) else None
    except UndecidedError:
        return None


def _proved(form: sp.Expr, f: sp.Expr, order: int) -> bool:
    """Whether `form`, with a = f(z) and d = f'(z), is the derivative of that order between all kinks and at them."""
    slope, derivative = f.diff(Z), f.diff(Z, order)
    points = kinks(f, slope, derivative)
    for point in [*between(points), *points]:
        output = branch_at(f, point)
        chosen = _branch_of(form, output, point).subs({A: output, D: branch_at(slope, point)})
        difference = chosen - branch_at(derivative, point)
        if normal(difference.subs(Z, point) if point in points else difference).value != 0:
            return False
    return True


def _branch_of(form: sp.Expr, output: sp.Expr, point: sp.Expr) -> sp.Expr:
    """`form` with the branches that apply at z = `point`, where a is `output`."""

    def branch(*pieces: sp.Basic) -> sp.Expr:
        return next(value for value, condition in pieces if holds(condition.subs(A, output), point))

    return form.replace(sp.Piecewise, branch)


def _around(f: sp.Expr, slopes: list[tuple[sp.Expr, sp.Basic]], condition: sp.Basic) -> sp.Expr:
    """The branch of f that applies where a piece of f' does."""
    points = [c.rhs for _, c in slopes if c != sp.true]
    position = [c for _, c in slopes].index(condition)
    return branch_at(f, between(points)[min(position, len(points))])


def _candidates(f: sp.Expr, slope: sp.Expr) -> Iterator[sp.Expr]:
    """Expressions in A that equal `slope` where A = f, both without branches."""
    if slope.is_number:
        yield slope
    if slope.is_number or involved(f, slope):
        return
    for output, derivative, back in _generators(f, slope):
        relations = [sp.numer(sp.together(part)) for part in (output - _X, derivative - D)]
        if any(relation.free_symbols - {back[0], _X, D, Z} for relation in relations):
            continue  # another function of z would remain
        if max(sp.degree(relation, back[0]) for relation in relations) > MAX_DEGREE:
            continue
        eliminated = sp.resultant(*relations, back[0])
        parts = (int(part) for number in eliminated.atoms(sp.Rational) for part in (number.p, number.q))
        if max((part.bit_length() for part in parts), default=0) > MAX_BITS:
            continue
        for factor, _ in sp.factor_list(eliminated)[1]:
            if sp.degree(factor, D) == 1:
                found = sp.expand(sp.cancel(-factor.subs(D, 0) / factor.coeff(D, 1)))
                candidate = _written(found).subs(_X, back[1])
                if _safe(candidate) and _keeps(candidate, f) and normal(candidate.subs(A, f) - slope).value == 0:
                    yield candidate


def _written(found: sp.Expr) -> sp.Expr:
    """A polynomial as a power, or by its roots, where its coefficients would be rounded: 0 where f saturates.

    1.7159*tanh(z) ends at the root 1.7159, as a float too, where the two terms of 1.7159 - a**2/1.7159 leave 1e-16.
    """
    power = sp.factor(found)  # before exp(a) stands in it, which may have a high power
    if power.is_Pow:
        return power
    if found.is_polynomial(_X) and found.free_symbols == {_X} and sp.degree(found, _X) == 2:
        leading, *rest = sp.Poly(found, _X).all_coeffs()
        roots = sorted(sp.roots(found, _X, multiple=True), key=sp.re)
        if not all(number.is_integer for number in (leading, *rest)) and all(root.is_rational for root in roots):
            low, high = roots
            return sp.Mul(-leading, _X - low, high - _X)
    return sp.factor_terms(found)


def _keeps(form: sp.Expr, f: sp.Expr) -> bool:
    """Whether a rounded output tells f' as well as z would: it does not for tanh(z) + 1000000, of which 1e-10 is lost.

    What rounding takes from a and from the terms of `form` is held against the slope there and around 0.
    """
    parts = [A * form.diff(A), *sp.Add.make_args(form)]

    def sizes(z: sp.Rational) -> tuple[sp.Expr, sp.Expr]:
        values = {A: sp.N(meaning(f).subs(Z, z)), Z: z}
        return sum(abs(sp.N(part.subs(values))) for part in parts), abs(sp.N(form.subs(values)))

    sampled = {z: sizes(z) for z in _SAMPLES}
    usual = max((slope for z, (_, slope) in sampled.items() if abs(z) <= 1 and slope.is_finite), default=sp.S.Zero)
    finite = [(lost, slope) for lost, slope in sampled.values() if lost.is_finite and slope.is_finite]
    return all(lost <= MAX_LOSS * max(usual, slope) for lost, slope in finite)


def _generators(f: sp.Expr, slope: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr, tuple[sp.Symbol, sp.Expr]]]:
    """Ways to see a and d as rational in one generator: (a or exp(a), d, (generator, what a's symbol is))."""
    value, derivative = normal(f), normal(slope)
    exponentials = [k for k, meaning in (*value.kernels, *derivative.kernels) if isinstance(meaning, sp.exp)]
    if len(set(exponentials)) == 1 and value.value.has(exponentials[0]):
        yield value.value, derivative.value, (exponentials[0], A)
    if not value.kernels and not derivative.kernels:
        yield value.value, derivative.value, (Z, A)
    scale, logarithm = f.as_independent(sp.log, as_Add=False)
    if isinstance(logarithm, sp.log) and scale.is_number:
        inside = normal(logarithm.args[0])
        shared = [k for k, meaning in inside.kernels if isinstance(meaning, sp.exp)]
        if len(shared) == 1:
            yield inside.value, derivative.value, (shared[0], sp.exp(A / scale))


def _safe(expr: sp.Expr) -> bool:
    """Whether `expr` is a polynomial in a, z and exponentials of a in which nothing can blow up or cancel.

    A sum with z in it, such as (z - a)**2 for a = z - tanh(z), loses all digits where z is large. What is left of
    other functions of z, after one generator was eliminated, cannot be written in a at all.
    """
    if not expr.free_symbols <= {A, Z}:
        return False
    if any(part.has(Z) for part in expr.atoms(sp.Add)):
        return False
    return all(not power.has(A, Z) or (power.exp.is_Integer and power.exp > 0) for power in expr.atoms(sp.Pow))


def _restated(f: sp.Expr, condition: sp.Basic) -> sp.Basic | None:
    """A condition on z as one on a: z <= c becomes a <= f(c), where f is on that side of f(c) on both sides.

    Where a is rounded so that it does not tell, z stays compared.
    """
    if condition == sp.true:
        return sp.true
    c, step = condition.rhs, sp.Symbol("step", positive=True)
    here = branch_at(f, c).subs(Z, c)
    left, right = (_sign(sp.expand(_beside(f, c, side).subs(Z, c + side * step) - here), step) for side in (-1, 1))
    if isinstance(condition, sp.Le) and left in (-1, 0) and right == 1:
        stated = sp.Le(A, here)
    elif isinstance(condition, sp.Lt) and left == -1 and right in (0, 1):
        stated = sp.Lt(A, here)
    else:
        return None
    return stated if all(_tells(_beside(f, c, side), c) for side in (-1, 1)) else condition


def _tells(branch: sp.Expr, c: sp.Expr) -> bool:
    """Whether a branch of f, rounded, still tells the side of z = c that z lies on: 1 + z and z**2 do not at c = 0.

    What rounding takes from its terms has to be no more than what a rounding of z changes: at c = 0 all have to vanish.
    """
    if not branch.has(Z):
        return True
    terms = [abs(sp.N(meaning(term).subs(Z, c))) for term in sp.Add.make_args(stable(branch))]
    slope = abs(sp.N(branch.diff(Z).subs(Z, c)))
    most = slope * abs(sp.N(c)) * (1 + sp.Float(1e-9))
    return bool(slope.is_positive and all(term.is_finite and term <= most for term in terms))


def _beside(f: sp.Expr, c: sp.Expr, side: int) -> sp.Expr:
    """The branch of f next to z = c, if it is the only one on that side."""
    points = kinks(f)
    outer = between(points)[0 if side < 0 else -1] if points else sp.Rational(1, 3)
    alone = not points or points[0 if side < 0 else -1] == c
    return branch_at(f, outer) if alone else sp.nan


def _sign(expr: sp.Expr, step: sp.Symbol) -> int | None:
    """1, 0 or -1 if `expr` has that sign (0: also nothing) for every positive step; None if not known."""
    if expr == 0:
        return 0
    if expr.count_ops() > MAX_OPERATIONS:
        return None
    if expr.is_positive:
        return 1
    if expr.is_negative:
        return -1
    if expr.is_finite is not None and expr.subs(step, 0) == 0:  # it starts at 0, so its slope decides
        slope = expr.diff(step)
        return 1 if slope.is_positive else -1 if slope.is_negative else None
    return None
