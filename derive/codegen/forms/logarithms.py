"""Logarithms of outputs, written out: the log of a quotient is a difference, the log of exp(u) is u.

Loss functions take logarithms of what an output activation has made of exponentials. Written in terms of z they
are exact, and neither overflow nor lose digits. The same rewriting serves the emitted module (`specialize`) and
what it is audited against (`truth`): it uses only log(x*y) = log(x) + log(y) for positive x and y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import sympy as sp

from derive.algebra.notation import is_opaque, opaque
from derive.algebra.program import Program, entries
from derive.model.expression import Z

Functions: TypeAlias = Mapping[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]]
"""What opaque functions stand for: an expression, and the symbols of its arguments."""


def with_logarithms(
    program: Program, known: Functions
) -> tuple[Program, dict[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]]]:
    """`program` with the definitions written into its logarithms, and the compositions log(f(z)) that this makes."""
    composed: dict[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]] = {}

    def rewritten(logarithm: sp.Expr) -> sp.Expr:
        argument = _defined(logarithm.args[0], program)
        calls = [call for call in argument.atoms(sp.Function) if is_opaque(call)]
        if len(calls) == 1 and not argument.xreplace({calls[0]: sp.S.One}).atoms(sp.Indexed):
            return _composition(argument, calls[0], known, composed)
        return sp.Add(*(_split(factor, program) for factor in sp.Mul.make_args(argument)))

    equations = []
    for equation in program.equations:
        found = {f: rewritten(f) for f in equation.value.atoms(sp.log) if f.atoms(sp.Indexed)}
        equations.append(replace(equation, value=equation.value.xreplace(found)) if found else equation)
    return replace(program, equations=tuple(equations)), composed


def with_outputs(program: Program, known: Functions) -> tuple[Program, Functions]:
    """`program` with h(f(z)) as one opaque function of z where it applies a function h to the output of an activation.

    What a module computes from an output is a function of z to its audit, so the truth has to know it as one.
    """
    composed: dict[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]] = {}

    def output(entry: sp.Expr) -> sp.Expr:
        """The activation's call that the entry is, if it is one."""
        while isinstance(entry, sp.Indexed) and (definition := program.definitions.get(str(entry.base.label))):
            entry = definition.at(entry.indices)
        return entry

    def rewritten(call: sp.Expr) -> sp.Expr:
        found = {entry: output(entry) for entry in entries(call)}
        inner = next(iter(found.values()), call)
        if len(found) != 1 or len(call.args) != 1 or not is_opaque(inner):
            return call
        formula, symbols = known[inner.func.activation]
        argument = call.args[0].xreplace(dict.fromkeys(found, formula))
        whole = known[call.func.activation][0].subs(Z, argument) if is_opaque(call) else call.func(argument)
        name = f"{call.func}({call.args[0].xreplace(dict.fromkeys(found, sp.Symbol(inner.func.activation)))})"
        composed[name] = (whole, symbols)
        return opaque(name, *(0,) * len(symbols))(*inner.args)

    equations = []
    for equation in program.equations:
        calls = {call: rewritten(call) for call in equation.value.atoms(sp.Function)}
        equations.append(replace(equation, value=equation.value.xreplace(calls)) if calls else equation)
    return replace(program, equations=tuple(equations)), composed


def _defined(expr: sp.Expr, program: Program) -> sp.Expr:
    """`expr` with every entry of a product, quotient or activation replaced by what defines it."""
    replaced = {}
    for entry in entries(expr):
        equation = program.definitions.get(str(entry.base.label))
        if equation is not None and (equation.value.is_Mul or equation.value.is_Pow or is_opaque(equation.value)):
            replaced[entry] = equation.at(entry.indices)
    return expr.xreplace(replaced)


def _split(factor: sp.Expr, program: Program) -> sp.Expr:
    """The logarithm of one factor: of a power a multiple, of an exponential its exponent."""
    base, power = factor.as_base_exp() if factor.is_Pow else (factor, sp.S.One)
    if isinstance(base, sp.Indexed):
        equation = program.definitions.get(str(base.base.label))
        if equation is not None and isinstance(equation.value, sp.exp):
            return power * equation.at(base.indices).args[0]
    return power * sp.log(base)


def _composition(
    argument: sp.Expr, call: sp.Expr, known: Functions, composed: dict[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]]
) -> sp.Expr:
    """log of an expression in one activation's value, as an opaque function of that activation's arguments."""
    formula, symbols = known[call.func.activation]
    inner = sp.Symbol("inner")
    outer = sp.log(argument.xreplace({call: inner}))
    name = str(outer).replace("inner", call.func.activation)
    composed[name] = (outer.subs(inner, formula), symbols)
    return opaque(name, *(0,) * len(symbols))(*call.args)
