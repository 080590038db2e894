"""The normal form of elementary functions of one variable z, so that equal ones are the same.

Between two kinks an activation is an expression in z, exponentials, logarithms and a few other
functions. `normal` writes it as a rational function of z and *kernels*: exp of one unit, logarithms of
irreducible factors, everything else as it stands. Relations such as log(1 + exp(-z)) =
log(1 + exp(z)) - z, or tanh in exponentials, then hold by plain algebra, and equality is decided
(`codegen.forms.branches`) without `simplify`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, reduce
from math import comb, prod

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from derive.codegen.statements.accurate import meaning
from derive.model.expression import Z

MAX_POWER = 60
"""A kernel's power beyond which a power is a kernel of its own: polynomials of high degree take for ever."""
HYPERBOLIC = (sp.tanh, sp.sinh, sp.cosh)
MAX_EXPONENTIALS = 24
"""So many exponentials and hyperbolic functions may stand in an expression whose normal form is looked for."""
MAX_TERMS = 3_500
"""So many terms may stand in a normal form, counted before they are multiplied out; those of the table have 3,056."""


class UndecidedError(Exception):
    """Where a branch ends depends on a constant that is trained, or what would tell is too large to be worked out."""


@dataclass(frozen=True)
class Normal:
    """A rational function `value` of z and kernels; `kernels` says what each symbol in it stands for."""

    value: sp.Expr
    kernels: tuple[tuple[sp.Symbol, sp.Expr], ...]


def involved(*exprs: sp.Expr) -> bool:
    """Whether so much stands in the expressions that their normal forms would take for ever."""
    nodes = (node for expr in exprs for node in sp.preorder_traversal(expr))
    return sum(isinstance(node, (sp.exp, *HYPERBOLIC)) for node in nodes) > MAX_EXPONENTIALS


@cache
def normal(expr: sp.Expr) -> Normal:
    """The normal form of a branch-free expression in z. Raises UndecidedError if it would be too large."""
    form = rational(expr)
    if max(map(_terms, sp.fraction(form.value))) > MAX_TERMS:
        raise UndecidedError(f"more than {MAX_TERMS} terms")
    value = sp.cancel(form.value)
    return Normal(value, tuple((k, v) for k, v in form.kernels if k in value.free_symbols))


@cache
def rational(expr: sp.Expr) -> Normal:
    """A branch-free expression in z as a rational function of z and kernels, with nothing multiplied out."""
    expr = meaning(expr).replace(expm1, lambda u: sp.exp(u) - 1).replace(log1p, lambda u: sp.log(1 + u))
    expr = expr.rewrite(HYPERBOLIC, sp.exp) if expr.has(*HYPERBOLIC) else expr
    walk = _Walk(_units(expr))
    return Normal(sp.together(walk.visit(expr)), tuple(walk.kernels.items()))


def _terms(expr: sp.Expr) -> int:
    """How many terms `expr` has when it is multiplied out, at most."""
    if isinstance(expr, sp.Add):
        return sum(map(_terms, expr.args))
    if isinstance(expr, sp.Mul):
        return prod(map(_terms, expr.args))
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        inside, power = _terms(expr.base), abs(int(expr.exp))
        return comb(inside + power - 1, power)
    return 1


def _units(expr: sp.Expr) -> dict[sp.Expr, sp.Rational]:
    """For every monomial m in an exponent, the largest rational u that makes all c*m multiples of u*m.

    There is none where a multiple would be a high power, as for exp(z) beside exp(1.000001*z): then every
    exponential is a kernel of its own, which leaves a relation unused but claims nothing false.
    """
    units: dict[sp.Expr, sp.Rational] = {}
    largest: dict[sp.Expr, sp.Rational] = {}
    for exponential in expr.atoms(sp.exp, type(sp.E)):
        for term in sp.Add.make_args(sp.expand(exponential.as_base_exp()[1])):
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
        if isinstance(expr, sp.exp) or expr == sp.E:
            return self.exponential(expr.as_base_exp()[1])
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
            return self.kernel(expr)  # pi: transcendental, so without relations
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
                logarithm = sp.log(meaning)
                inner = self.kernel(logarithm) if isinstance(logarithm, sp.log) else self.visit(logarithm)
                result += sign * power * inner
        return result
