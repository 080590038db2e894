"""From opaque functions to concrete ones: f becomes its stable form, f' its form in the cached output."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.forward import concrete, functions
from derive.algebra.gradient import Derivation
from derive.algebra.notation import is_opaque, opaque
from derive.algebra.program import Program
from derive.algebra.simplify import simplified
from derive.codegen.forms.cached import A, from_output
from derive.codegen.forms.logarithms import Functions, with_logarithms
from derive.codegen.forms.naming import free
from derive.codegen.forms.precise import precise
from derive.codegen.forms.stable import stable
from derive.model.architecture import Architecture
from derive.model.definition import Definition, written
from derive.model.expression import Z
from derive.model.loss import Loss
from derive.model.tables import ACTIVATIONS, LOSSES


@dataclass(frozen=True)
class Helper:
    """A function of one array that is emitted under its own name: an activation, a loss or a derivative of one."""

    name: str
    form: sp.Expr
    """What it computes, in a stable form in the symbols of its arguments."""
    symbols: tuple[sp.Symbol, ...]
    meaning: str


SUFFIXES = ("", "_derivative", "_second_derivative")
"""What follows an activation's name in the name of a helper, for each order of derivative."""
MAX_INLINE = 3
"""A form with more operations than this becomes a function with a name, where the style has such."""


@dataclass(frozen=True)
class _Names:
    """What an opaque function is called and what it means, in words."""

    name: str
    meaning: str


def _named(architecture: Architecture) -> dict[str, _Names]:
    names = {name: name for f in architecture.activations if (name := f.name) in ACTIVATIONS} | {"absolute": "absolute"}
    loss = architecture.loss
    if loss.name in LOSSES:
        names[loss.name] = loss.name
    for f in architecture.activations:
        if f.name not in names:
            names[f.name] = free(f.name, set(names.values()))
    known = {
        f"f{label}": _Names(names[f.name], written(Definition(f.expression, f.constants, f.trained)))
        for label, f in enumerate(architecture.activations, 1)
    }
    own = loss.name if loss.name in LOSSES else free(loss.name, set(names.values()))
    known |= _loss_names(loss, own)
    known["absolute"] = _Names("absolute", "abs(z)")
    return known


def _loss_names(loss: Loss, own: str) -> dict[str, _Names]:
    """The names of the functions h(r) that the loss has, numbered if there are several."""
    definition = written(Definition(loss.expression, loss.constants))
    found = {}
    for number, part in enumerate(loss.parts, 1):
        name = own if len(loss.parts) == 1 else f"{own}_part{number}"
        what = definition if part.whole == loss.formula else f"a part of {definition}"
        found[part.function] = _Names(name, f"{what}, where z = {part.r}")
    return found


def specialize(derivation: Derivation, helpers: bool = False) -> tuple[Program, Program, tuple[Helper, ...]]:
    """The forward and the gradient program with every function written out, and the helpers they call.

    f'(z) is written in terms of a = f(z) where such a form exists, otherwise in z. With `helpers`, a
    long form in z becomes a call: `sigmoid(z1[s, i])`.
    """
    known = functions(derivation.architecture)
    forward, composed = with_logarithms(derivation.forward, known)
    writer = _Writer({**known, **composed}, _named(derivation.architecture), helpers, forward)
    facts = derivation.architecture.loss.targets
    gradient = simplified(writer.rewritten(derivation.gradient), derivation.forward, facts)
    return writer.rewritten(forward), gradient, tuple(writer.called.values())


class _Writer:
    """Writes functions out, and remembers the helpers that it called instead."""

    def __init__(self, known: Functions, names: dict[str, _Names], helpers: bool, forward: Program) -> None:
        self.known, self.names, self.helpers = known, names, helpers
        self.outputs = {e.value: e.target for e in forward.equations if is_opaque(e.value)}
        self.called: dict[str, Helper] = {}

    def rewritten(self, program: Program) -> Program:
        equations = []
        for equation in program.equations:
            calls = {node: self.concrete(node) for node in sp.preorder_traversal(equation.value) if is_opaque(node)}
            value = equation.value.xreplace(calls)
            empty = {total: sp.S.Zero for total in value.atoms(sp.Sum) if total.function == 0}  # a vanishing f''
            equations.append(replace(equation, value=value.xreplace(empty)) if calls else equation)
        return Program(program.inputs, tuple(equations))

    def concrete(self, call: sp.Expr) -> sp.Expr:
        formula, symbols = concrete(call.func, self.known)
        arguments = dict(zip(symbols, call.args, strict=True))
        base = opaque(call.func.activation, *(0,) * len(symbols))
        output = self.outputs.get(base(*call.args))
        if call.func.orders == (1,) and output is not None:
            form = from_output(self.known[call.func.activation][0])
            if form is not None:
                return form.subs({A: output, **arguments}, simultaneous=True)
        form = stable(formula) if any(call.func.orders) else precise(formula)
        if self.helpers and sp.count_ops(form) > MAX_INLINE and call.func.activation in self.names:
            return self.call(call, form, symbols)
        return form.subs(arguments, simultaneous=True)

    def call(self, call: sp.Expr, form: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> sp.Expr:
        """A call of the helper for this function; its symbols are the arguments that the form has."""
        names = self.names[call.func.activation]
        order, *further = call.func.orders
        by = "".join(f"_by_{symbol}" * times for symbol, times in zip(symbols[1:], further, strict=True))
        name = names.name + SUFFIXES[order] + by
        used = tuple(symbol for symbol in symbols if symbol == Z or form.has(symbol))
        kind = ("", "derivative", "second derivative")[order + bool(by) * (not order)]
        meaning = f"The {kind}{by.replace('_by_', ' by ')} of {names.meaning}" if kind else names.meaning
        self.called[name] = Helper(name, form, used, meaning)
        return sp.Function(name)(
            *(argument for symbol, argument in zip(symbols, call.args, strict=True) if symbol in used)
        )
