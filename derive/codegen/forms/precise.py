"""Precise forms: stable ones whose relative error stays small where the function itself is small.

    1 + erf(u)                        2*Phi(sqrt(2)*u)                    nothing cancels in the tail
    x*exp(q), x*Phi(z)                Scaled, NormalCdf                   nothing is subnormal too early
    exp(q), q a polynomial            a kernel that corrects exp by the rounding error of q, unless q is exact
    terms that cancel around 0        a kernel with a polynomial there

Derivatives need none of this but the first: they are added up, so their absolute error matters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import sympy as sp

from derive.codegen.forms.branches import branch_at, equal, kinks
from derive.codegen.forms.elementary import involved
from derive.codegen.forms.kernels import near, order_at_zero
from derive.codegen.forms.stable import stable
from derive.codegen.statements.accurate import HalfExp, NormalCdf, Scaled, Size, Squared, kernel
from derive.model.expression import Z


@cache
def precise(expr: sp.Expr) -> sp.Expr:
    """`expr`, a function of z, in a form that is accurate relative to its value."""
    form = stable(expr)
    if involved(expr):
        return form
    around = _cancelling(expr, form)
    result = around(Z) if around is not None else _compensated(_scaled(form))
    return result if result == form or equal(result, expr) else form


def _scaled(expr: sp.Expr) -> sp.Expr:
    """Rule: what grows with z is multiplied by each half of an exponential or Phi that vanishes, not by the whole."""
    if not expr.args or isinstance(expr, sp.core.relational.Relational):
        return expr
    expr = expr.func(*(_scaled(argument) for argument in expr.args))
    if not isinstance(expr, sp.Mul):
        return expr
    tails = [f for f in expr.args if isinstance(f, NormalCdf) or (isinstance(f, sp.exp) and _falls(f.args[0]))]
    rest = sp.Mul(*(factor for factor in expr.args if factor not in tails[:1]))
    if not tails or not sp.numer(rest).has(Z):
        return expr
    if isinstance(tails[0], NormalCdf):
        z, factor = tails[0].args
        return NormalCdf(z, factor * rest)
    top, bottom = sp.fraction(rest, exact=True)
    return Scaled(top, HalfExp(tails[0].args[0])) / bottom if top.has(Z) else expr


def _falls(exponent: sp.Expr) -> bool:
    """Whether an exponent is a polynomial in |z| (or an even one in z), or a multiple of one |u|, and tends to -oo."""
    number, shape = exponent.as_coeff_Mul()
    return (number.is_negative and isinstance(shape, sp.Abs | Size)) or _polynomial(exponent) is not None


def _polynomial(exponent: sp.Expr) -> sp.Expr | None:
    """The polynomial q with exponent = q(|z|) that tends to -oo, in z, or None."""
    x = sp.Symbol("x", positive=True)
    q, mirrored = (sp.expand(exponent.subs(Z, side * x)) for side in (1, -1))
    if q != mirrored or q.free_symbols != {x} or not q.is_polynomial(x) or not sp.LC(q, x).is_negative:
        return None
    return q.subs(x, Z)


def _compensated(form: sp.Expr) -> sp.Expr:
    """Rule: exp of a polynomial is corrected by the polynomial's rounding error, if it has one.

    Where a half is taken of an exponential, its powers elsewhere become powers of the half.
    """
    halves = {h.args[0] for h in form.atoms(HalfExp)}
    for whole in halves:
        powers = {
            e: Squared(HalfExp(whole)) ** (e.args[0] / whole)
            for e in form.atoms(sp.exp)
            if sp.cancel(e.args[0] / whole).is_Integer
        }
        form = form.xreplace(powers)
    replaced: dict[sp.Expr, sp.Expr] = {}
    for e in form.atoms(sp.exp, HalfExp):
        q = _polynomial(e.args[0] / 2 if isinstance(e, HalfExp) else e.args[0])
        if q is not None and not _exact(q) and isinstance(sp.exp(q), sp.exp):  # SymPy makes exp(log(2) - z) 2*exp(-z)
            replaced[e] = kernel(sp.exp(q))(sp.Abs(Z))
    return form.xreplace(replaced)


def _exact(q: sp.Expr) -> bool:
    """Whether floating point computes q without a rounding error: a power of two times z."""
    number, shape = q.as_independent(Z, as_Add=False)
    return bool(shape == Z and number.is_Rational and abs(number.p) & (abs(number.p) - 1) == 0 and _power(number.q))


def _power(number: int) -> bool:
    return number & (number - 1) == 0


def _cancelling(expr: sp.Expr, form: sp.Expr) -> Callable[[sp.Expr], sp.Expr] | None:
    """Rule: the kernel for a sum that vanishes at 0 to a higher order than its terms, if `form` is one."""
    if not isinstance(form, sp.Add) or expr.free_symbols != {Z} or kinks(expr) or form.has(sp.erf, NormalCdf):
        return None
    smooth = branch_at(expr, sp.Rational(1, 3))
    order = order_at_zero(smooth)
    terms = [branch_at(term, sp.Rational(1, 3)) for term in form.args]
    if order == 0 or all(order_at_zero(term) >= order for term in terms):
        return None
    try:
        near(smooth)
    except ValueError:
        return None  # no polynomial comes near enough: the form stays as it is
    made: Callable[[sp.Expr], sp.Expr] = kernel(smooth, form)
    return made
