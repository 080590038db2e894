"""Stable forms: the same function, written so that nothing overflows and little is cancelled.

The rules are few and general. A quotient of polynomials in E = exp(u) is written with
t = exp(-|u|), which never exceeds 1, once for each sign of u. A logarithm of such a polynomial has its
largest term taken out. In a branch of a `where`, exponents are clamped to where the branch applies,
because NumPy computes both branches. What a rule produces is proved equal to what it was given.
"""

from __future__ import annotations

from functools import cache

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from derive.codegen.forms.branches import branch_at, equal, kinks, pieces
from derive.codegen.forms.elementary import MAX_POWER, UndecidedError, common_unit, involved
from derive.codegen.statements.accurate import NormalCdf, Size
from derive.model.expression import Z

E = sp.Symbol("E", positive=True)
T = sp.Symbol("T", positive=True)


@cache
def stable(expr: sp.Expr) -> sp.Expr:
    """`expr`, a function of z, in a form whose parts stay finite wherever the function does.

    Where so much stands in it that this could not be proved in time, it is left as it is.
    """
    if involved(expr):
        return expr
    try:
        result = sharpened(_piecewise(pieces(expr)))
    except UndecidedError:
        return expr
    return result if equal(result, expr) else expr  # without a proof nothing is rewritten


def _piecewise(parts: list[tuple[sp.Expr, sp.Basic]]) -> sp.Expr:
    """The stable form of a function given piece by piece, from left to right."""
    low: sp.Expr = -sp.oo
    result: list[tuple[sp.Expr, sp.Basic]] = []
    for value, condition in parts:
        high = sp.oo if condition == sp.true else condition.rhs
        result.append((_clamped(_smooth(value), low, high), condition))
        low = high
    folded = result[-1][0]
    for value, condition in reversed(result[:-1]):
        folded = _larger_or_smaller(value, condition, folded)
    return folded


def _larger_or_smaller(value: sp.Expr, condition: sp.Basic, otherwise: sp.Expr) -> sp.Expr:
    """Rule: two lines that cross where the branches meet are a maximum or a minimum of the two."""
    slope = (otherwise - value).diff(Z)
    if slope.is_number and slope != 0 and sp.expand(otherwise - value - slope * (Z - condition.rhs)) == 0:
        if value == -otherwise:
            return sp.Abs(value) if slope > 0 else -sp.Abs(value)
        return sp.Max(value, otherwise) if slope > 0 else sp.Min(value, otherwise)
    return sp.Piecewise((value, condition), (otherwise, True))


def _clamped(expr: sp.Expr, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """`expr` with z kept within [low, high], where its branch applies, if it might leave the finite elsewhere."""
    if expr.is_polynomial(Z) or (low == -sp.oo and high == sp.oo):
        return expr
    inside = [c for c in kinks(expr) if low < c < high]
    if not inside:  # on this side of its kinks the expression has one branch
        ends = [end for end in (low, high) if end.is_finite]
        expr = branch_at(expr, sum(ends) / 2 if len(ends) == 2 else ends[0] + (1 if low.is_finite else -1))
    return _within(expr, sp.Min(sp.Max(Z, low), high))


def _within(expr: sp.Expr, bounded: sp.Expr) -> sp.Expr:
    """`expr` with z replaced by `bounded`, but not in conditions, which stay comparisons of z."""
    if isinstance(expr, sp.core.relational.Relational):
        return expr
    if not expr.args:
        return bounded if expr == Z else expr
    return expr.func(*(_within(argument, bounded) for argument in expr.args))


def _smooth(expr: sp.Expr) -> sp.Expr:
    """A stable form of an expression without branches."""
    written = _in_exponentials(expr)
    result = _composed(written)
    return result if result != written or written == expr else _composed(expr)  # tanh in exponentials only if it helps


def _composed(expr: sp.Expr) -> sp.Expr:
    """The rules for quotients and logarithms, applied to `expr` and to what it is a function of."""
    if not expr.has(sp.exp, sp.log, sp.sinh, sp.cosh):
        return expr
    inner: dict[sp.Expr, sp.Expr] = {}
    for function in sorted(expr.atoms(sp.Function), key=sp.default_sort_key):
        if not isinstance(function, sp.exp | sp.sinh | sp.cosh) and function.has(sp.exp, sp.sinh, sp.cosh):
            inner[function] = sp.Symbol(f"inner{len(inner)}", real=True)
    outermost = {f: s for f, s in inner.items() if not any(g != f and g.has(f) for g in inner)}
    if expr in outermost:
        argument = expr.args[0]
        return _logarithm(argument) if isinstance(expr, sp.log) else expr.func(_smooth(argument))
    result = _quotient(expr.xreplace(outermost))
    return result.xreplace({symbol: _smooth(function) for function, symbol in outermost.items()})


def _in_exponentials(expr: sp.Expr) -> sp.Expr:
    """Rule: tanh is written in exponentials where it cancels against a number, or is taken of a logarithm."""
    if not expr.has(sp.tanh):
        return expr
    if expr.is_Add:
        number = expr.args[0]
        for term in expr.args[1:]:
            coefficient, function = term.as_coeff_Mul()
            if number.is_Rational and isinstance(function, sp.tanh) and abs(coefficient) == abs(number):
                return sp.together(expr.rewrite(sp.tanh, sp.exp))
    if isinstance(expr, sp.tanh):
        inside = _in_exponentials(expr.args[0])
        if isinstance(inside, sp.log):
            square = inside.args[0] ** 2
            return (square - 1) / (square + 1)
        return sp.tanh(inside)
    return expr.func(*(_in_exponentials(argument) for argument in expr.args)) if expr.args else expr


def _in_exponential(expr: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """`expr` as a rational function of E = exp(u) and the exponent u; None if there is no single u."""
    expr = expr.rewrite((sp.sinh, sp.cosh), sp.exp) if expr.has(sp.sinh, sp.cosh) else expr
    multiples = _multiples(expr)
    if not multiples:
        expr = sp.expand_power_exp(expr)
        multiples = _multiples(expr)
    if not multiples:
        return None
    step = common_unit(abs(c) for c, _ in multiples)
    if max(abs(c) for c, _ in multiples) > MAX_POWER * step:
        return None
    unit = step * multiples[0][1]
    replaced = expr.replace(lambda e: isinstance(e, sp.exp) and e.has(Z), lambda e: E ** sp.cancel(e.args[0] / unit))
    rational = sp.together(replaced)
    return (rational, unit) if rational.is_rational_function(E) else None


def _multiples(expr: sp.Expr) -> list[tuple[sp.Rational, sp.Expr]]:
    """The exponents in `expr` as rational multiples of one u; none if they are not."""
    exponents = sorted((e.args[0] for e in expr.atoms(sp.exp) if e.has(Z)), key=sp.default_sort_key)
    if not exponents:
        return []
    coefficient, shape = exponents[0].as_independent(Z, as_Add=False)
    unit = shape if coefficient.is_Rational else coefficient * shape
    unit = -unit if unit.could_extract_minus_sign() else unit
    ratios = [sp.cancel(exponent / unit) for exponent in exponents]
    return [(ratio, unit) for ratio in ratios] if all(ratio.is_Rational for ratio in ratios) else []


def _quotient(expr: sp.Expr) -> sp.Expr:
    """Rule: P(E)/Q(E) in powers of t = exp(-|u|), separately for u >= 0 and u < 0."""
    found = _in_exponential(expr)
    if found is None:
        return expr
    rational, u = found
    top, bottom = sp.fraction(sp.cancel(rational))
    if not bottom.has(E):
        return expr  # it grows like an exponential or is one: nothing to divide out
    degree = max(sp.degree(top, E), sp.degree(bottom, E))
    if sp.degree(bottom, E) < degree or bottom.subs(E, 0) == 0:
        return expr
    scale = sp.LC(bottom, E)
    if not scale.is_Rational and not scale.has(Z):
        top, bottom = (sp.expand(part / scale) for part in (top, bottom))
    common = sp.igcd(*(power for part in (top, bottom) for (power,), _ in sp.Poly(part, E).terms()))
    top, bottom = (sp.Poly(part, E) for part in (top, bottom))
    degree, u = degree // common, u * common
    below, above = (
        [
            sp.factor_terms(sp.Add(*(c * T ** (abs(first - power // common)) for (power,), c in part.terms())))
            for part in (top, bottom)
        ]
        for first in (0, degree)
    )
    if (-u).is_nonnegative:
        return (below[0] / below[1]).subs(T, sp.exp(u))
    if u.is_nonnegative:
        return (above[0] / above[1]).subs(T, sp.exp(-u))
    c = _sign_change(u)
    if c is None and not u.free_symbols - {Z}:
        return expr
    positive = u >= 0 if c is None else sp.Ge(Z, c)
    t = sp.exp(-_absolute(u))
    if sp.expand(above[1] - below[1]) == 0:
        numerator = sp.Piecewise((above[0], positive), (below[0], True))
        return (numerator / below[1]).subs(T, t)
    return sp.Piecewise((above[0] / above[1], positive), (below[0] / below[1], True)).subs(T, t)


def _logarithm(argument: sp.Expr) -> sp.Expr:
    """Rule: log P(E) is the logarithm of the largest term plus log1p of the others divided by it."""
    found = _in_exponential(argument)
    if found is None:
        return sp.log(_smooth(argument))
    rational, u = found
    top, bottom = sp.fraction(sp.cancel(rational))
    if _sign_change(u) is None or not (top.is_polynomial(E) and bottom.is_polynomial(E)):
        return sp.log(_smooth(argument))
    logarithm, below, above = sp.S.Zero, 0, 0  # below * u and above * u: the largest terms for u < 0 and u > 0
    for part, sign in ((top, 1), (bottom, -1)):
        rest, lowest, highest = _log_polynomial(sp.Poly(part, E), u)
        logarithm, below, above = logarithm + sign * rest, below + sign * lowest, above + sign * highest
    if below == above:
        return logarithm + above * u
    if below == -above:
        return logarithm + above * _absolute(u)
    if above == 0:
        return logarithm + below * sp.Min(0, u)
    return logarithm + below * u + (above - below) * sp.Max(0, u)


def _log_polynomial(polynomial: sp.Poly, u: sp.Expr) -> tuple[sp.Expr, int, int]:
    """log P(E) without its largest term, and the powers of E in that term for u < 0 and for u > 0."""
    terms = sorted((power, coefficient) for (power,), coefficient in polynomial.terms())
    (lowest, first), (highest, last) = terms[0], terms[-1]
    t = sp.exp(-_absolute(u))
    above = sp.log(last) + log1p(sum(c / last * t ** (highest - k) for k, c in terms[:-1]))
    below = sp.log(first) + log1p(sum(c / first * t ** (k - lowest) for k, c in terms[1:]))
    rest = above if above == below else sp.Piecewise((below, sp.Le(Z, _sign_change(u))), (above, True))
    return rest, lowest, highest


def _sign_change(u: sp.Expr) -> sp.Expr | None:
    """The c left of which u is nowhere positive, and right of it nowhere negative: 0 for z**3, 1/2 for 2*z - 1."""
    if not u.is_polynomial(Z):
        return None
    if sp.expand(u / Z).is_nonnegative:
        return sp.S.Zero
    slope = u.coeff(Z, 1)
    c = sp.cancel(Z - u / slope) if slope.is_positive else None
    return c if c is not None and c.is_Rational else None


def _absolute(u: sp.Expr) -> sp.Expr:
    """|u|, for a polynomial with the sign of z as a polynomial in |z|."""
    if _sign_change(u) == 0 and sp.expand(u + u.subs(Z, -Z)) == 0:
        return u.subs(Z, sp.Abs(Z))
    if u.free_symbols - {Z}:
        return Size(u)
    number, shape = u.as_independent(Z, as_Add=False)
    return abs(number) * sp.Abs(shape)


def sharpened(expr: sp.Expr) -> sp.Expr:
    """Rules against cancellation: exp(u) - 1 is expm1(u), log(1 + u) is log1p(u), 1 + erf(u) is 2*Phi(sqrt(2)*u)."""
    if not expr.args or isinstance(expr, sp.core.relational.Relational):
        return expr
    expr = expr.func(*(sharpened(argument) for argument in expr.args))
    if isinstance(expr, sp.log) and isinstance(expr.args[0], sp.Add) and expr.args[0].args[0] == 1:
        return log1p(expr.args[0] - 1)
    if isinstance(expr, sp.Add) and len(expr.args) == 2 and expr.args[0].is_number:
        number, exponential = expr.args
        if isinstance(exponential / -number, sp.exp):
            return -number * expm1((exponential / -number).args[0])
    if isinstance(expr, sp.Add) and expr.args[0].is_Rational:
        number, *terms = expr.args
        for term in terms:
            coefficient, function = term.as_coeff_Mul()
            if isinstance(function, sp.erf) and function.has(Z) and abs(coefficient) == abs(number):
                u = sp.sqrt(2) * function.args[0] * sp.sign(coefficient * number)
                return expr - number - term + NormalCdf(u, 2 * number)
    return expr
