"""What an activation has to be so that a network can be trained with it."""

from __future__ import annotations

import sympy as sp

from derive.model.errors import FormulaError, shorten
from derive.model.expression import Z
from derive.model.kinks import between, branch, kinks_of
from derive.model.limits import HUGE


def check_trainable(formula: sp.Expr, expression: str, jumps: bool = False) -> None:
    """Refuse what is not a real, non-constant function of z on the whole line, continuous unless it may jump."""
    if not formula.has(Z):
        raise FormulaError(f"{shorten(expression)} is not a function of z")
    kinks = kinks_of(formula)
    probes = [sp.Rational(k, 7) for k in (-703, -61, -11, -3, 0, 2, 13, 67, 709)] + kinks
    for probe in probes:
        value = value_at(formula, probe, expression)
        if not (value.is_number and value.is_extended_real) or value in (sp.oo, -sp.oo, sp.nan):
            raise FormulaError(f"{shorten(expression)} has no real value at z = {sp.N(probe, 4)!s}")
    step = sp.Rational(1, 10**12)
    for kink in kinks:
        below, above = (value_at(formula, kink + side * step, expression) for side in (-1, 1))
        if not jumps and abs(above - below) > 1e-6 * (1 + abs(above)):
            raise FormulaError(
                f"{shorten(expression)} jumps at z = {sp.N(kink, 4)!s} from {sp.N(below, 4)!s} to "
                f"{sp.N(above, 4)!s}, so it is not differentiable there"
            )
    slope = formula.diff(Z)
    probes += between(kinks)
    if slope == 0 or all(value_at(slope, probe, expression) == 0 for probe in probes):
        raise FormulaError(f"{shorten(expression)} has derivative 0 everywhere")


def value_at(formula: sp.Expr, at: sp.Expr, expression: str) -> sp.Expr:
    """f(at) to 30 digits, from the inside out, so that exp(exp(exp(z))) is refused and not waited for.

    Nor is the cancellation of erf(z) + 1 - exp(-z**4), which SymPy finds 70,000 digits for. Raises FormulaError.
    """

    def visit(node: sp.Basic) -> sp.Basic:
        if node == Z:
            return at
        if isinstance(node, sp.Piecewise):
            return visit(next(branch for branch, condition in node.args if condition.subs(Z, at) == sp.true))
        if not node.has(Z):
            return node
        arguments = [visit(argument) for argument in node.args]
        if isinstance(node, sp.Function):
            for size in (abs(sp.N(argument, 5)) for argument in arguments):
                if not size.is_finite:
                    raise FormulaError(f"{shorten(expression)} has no real value at z = {sp.N(at, 4)}")
                if size > HUGE:
                    raise FormulaError(f"{shorten(expression)} grows beyond every float at z = {sp.N(at, 4)}")
        return sp.N(node.func(*arguments), 30)

    return sp.N(visit(formula), 30)


def check_constant(formula: sp.Expr, name: str) -> None:
    """Refuse a trained constant that moves a kink, or that nothing depends on."""
    symbol = sp.Symbol(name, real=True)
    if any(relation.has(symbol) for relation in formula.atoms(sp.core.relational.Relational)):
        raise FormulaError(f"the trained constant {name!r} decides where a kink lies; it can only be a fixed one")
    slope, kinks = formula.diff(symbol), kinks_of(formula)
    if all(branch(slope, place) == 0 for place in between(kinks)):
        raise FormulaError(f"nothing depends on the trained constant {name!r}")
