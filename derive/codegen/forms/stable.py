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
    """Rule: tanh is written in exponentials where it cancels against a number, is taken of a logarithm, or of an
    exponential beside another."""
    if not expr.has(sp.tanh):
        return expr
    towers = {function: E for function in expr.atoms(sp.tanh) if function.has(sp.exp)}
    if towers and expr.xreplace(towers).has(sp.exp):
        return sp.together(expr.rewrite(sp.tanh, sp.exp))  # what grows there may be cut off by what is in the tanh
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
    """`expr` as a rational function of E = exp(u) and the exponent u; None if there is no single u.

    Of exponentials within exponentials the outermost decide; others are coefficients then.
    """
    expr = expr.rewrite((sp.sinh, sp.cosh), sp.exp) if expr.has(sp.sinh, sp.cosh) else expr
    multiples = _multiples(expr)
    if not multiples:
        expr = sp.expand_power_exp(expr)
        multiples = _multiples(expr)
    if not multiples:
        return None
    step = common_unit(abs(c) for c, _ in multiples.values())
    if max(abs(c) for c, _ in multiples.values()) > MAX_POWER * step:
        return None
    replaced = expr.xreplace({exponential: E ** (c / step) for exponential, (c, _) in multiples.items()})
    rational = sp.together(replaced)
    unit = step * next(iter(multiples.values()))[1]
    return (rational, unit) if rational.is_rational_function(E) else None


def _multiples(expr: sp.Expr) -> dict[sp.Expr, tuple[sp.Rational, sp.Expr]]:
    """The outermost exponentials in `expr`, with exponents as rational multiples of one u; none if they are not."""
    exponentials = sorted((e for e in expr.atoms(sp.exp) if e.has(Z)), key=lambda e: sp.default_sort_key(e.args[0]))
    highest = max(map(_storeys, exponentials), default=0)
    exponents = {e: e.args[0] for e in exponentials if _storeys(e) == highest}
    if not exponents:
        return {}
    coefficient, shape = next(iter(exponents.values())).as_independent(Z, as_Add=False)
    unit = shape if coefficient.is_Rational else coefficient * shape
    unit = -unit if unit.could_extract_minus_sign() else unit
    ratios = {e: sp.cancel(exponent / unit) for e, exponent in exponents.items()}
    return {e: (ratio, unit) for e, ratio in ratios.items()} if all(r.is_Rational for r in ratios.values()) else {}


def _storeys(expr: sp.Expr) -> int:
    """How many exponentials of z stand within one another."""
    return max(map(_storeys, expr.args), default=0) + (isinstance(expr, sp.exp) and expr.has(Z))


def _quotient(expr: sp.Expr) -> sp.Expr:
    """Rule: P(E)/Q(E) in powers of t = exp(-|u|), separately for u >= 0 and u < 0.

    Where it grows like a power of E, that power stands before the rest, which is bounded.
    """
    found = _in_exponential(expr)
    if found is None:
        return expr
    rational, u = found
    top, bottom = sp.fraction(sp.cancel(rational))
    [((least,), last), *more] = sp.Poly(bottom, E).terms()
    if not more:  # it grows like an exponential or is one: nothing to divide out
        terms = [(power - least, c / last) for (power,), c in sp.Poly(top, E).terms()]
        grows = any(_storeys(c) for _, c in terms)
        return sp.Add(*(_joined(c, power, u) for power, c in terms)).subs(T, sp.exp(u)) if grows else expr
    scale = sp.LC(bottom, E)
    if not scale.is_Rational and not (scale.has(Z) and _sums(scale)):
        top, bottom = (sp.expand(part / scale) for part in (top, bottom))
    top, bottom = (sp.Poly(part, E) for part in (top, bottom))
    common = sp.igcd(*(power for part in (top, bottom) for (power,) in part.monoms()))
    u = u * common
    top, bottom = ([(power // common, c) for (power,), c in part.terms()] for part in (top, bottom))
    told = _has_sign_of_z(u)
    fall = u if (-u).is_nonnegative else -u if u.is_nonnegative else -_absolute(u)
    sides = []
    for end in (min, max):  # the largest term of Q where u < 0 and where u >= 0
        first = end(power for power, _ in bottom)
        growth = end(end(power for power, _ in top) - first, 0)
        parts = (_falling(top, first + growth, fall), _falling(bottom, first, fall))
        sides.append((parts[0] * sp.exp(growth * u), parts[1]))
    below, above = sides
    if (-u).is_nonnegative:
        return (below[0] / below[1]).subs(T, sp.exp(u))
    if u.is_nonnegative:
        return (above[0] / above[1]).subs(T, sp.exp(-u))
    positive = Z >= 0 if told else u >= 0
    t = sp.exp(fall)
    if sp.expand(above[1] - below[1]) == 0:
        numerator = sp.Piecewise((above[0], positive), (below[0], True))
        return (numerator / below[1]).subs(T, t)
    return sp.Piecewise((above[0] / above[1], positive), (below[0] / below[1], True)).subs(T, t)


def _falling(terms: list[tuple[int, sp.Expr]], first: int, fall: sp.Expr) -> sp.Expr:
    """The sum of c*T**|first - power|, where T = exp(fall)."""
    return sp.factor_terms(sp.Add(*(_joined(c, abs(first - power), fall) for power, c in terms)))


def _joined(factor: sp.Expr, power: int, fall: sp.Expr) -> sp.Expr:
    """factor*T**power, where T = exp(fall); in one exponential with those of the factor, which may grow as it falls."""
    if not power or not factor.has(sp.exp):
        return factor * T**power
    if _sums(sp.denom(factor)):
        return _quotient(factor) * T**power
    terms = (sp.Mul.make_args(term) for term in sp.Add.make_args(sp.expand(factor)))
    pairs = (sp.sift(term, lambda part: isinstance(part, sp.exp), binary=True) for term in terms)
    return sp.Add(*(sp.Mul(*rest) * sp.exp(sum(e.args[0] for e in es) + power * fall) for es, rest in pairs))


def _sums(expr: sp.Expr) -> bool:
    """Whether a factor of it is a sum, or a power of one."""
    return any(factor.as_base_exp()[0].is_Add for factor in sp.Mul.make_args(expr))


def _logarithm(argument: sp.Expr) -> sp.Expr:
    """Rule: log P(E) is the logarithm of the largest term plus log1p of the others divided by it."""
    found = _in_exponential(argument)
    if found is None:
        return sp.log(_smooth(argument))
    rational, u = found
    top, bottom = sp.fraction(sp.cancel(rational))
    if not (top.is_polynomial(E) and bottom.is_polynomial(E)):
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
    rest = above if above == below else sp.Piecewise((below, (Z if _has_sign_of_z(u) else u) <= 0), (above, True))
    return rest, lowest, highest


def _has_sign_of_z(u: sp.Expr) -> bool:
    """Whether u is nowhere negative where z is positive, nor positive where z is negative: z itself, 3*z/2, z**3."""
    return bool(u.is_polynomial(Z) and sp.expand(u / Z).is_nonnegative)


def _absolute(u: sp.Expr) -> sp.Expr:
    """|u|, for a polynomial with the sign of z as a polynomial in |z|."""
    if _has_sign_of_z(u) and sp.expand(u + u.subs(Z, -Z)) == 0:
        return u.subs(Z, sp.Abs(Z))
    if u.free_symbols - {Z} or not u.is_polynomial(Z):
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
