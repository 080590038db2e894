"""From opaque activations to concrete ones: f becomes its stable form, f' its form in the cached output."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.notation import is_opaque, named, opaque
from derive.algebra.program import Program
from derive.codegen.cached import A, from_output
from derive.codegen.stable import stable
from derive.model.activation import Activation
from derive.model.expression import Z


def functions(derivation: Derivation) -> dict[str, Activation]:
    """What the opaque functions f1, f2, … of a derivation stand for."""
    return {named("f", label): f for label, f in enumerate(derivation.architecture.activations, 1)}


@dataclass(frozen=True)
class Helper:
    """A function of one array that is emitted under its own name: an activation or its derivative."""

    name: str
    activation: Activation
    order: int

    @property
    def form(self) -> sp.Expr:
        """What it computes, in a stable form in z."""
        return stable(self.activation.formula.diff(Z, self.order))


SUFFIXES = ("", "_derivative", "_second_derivative")
"""What follows an activation's name in the name of a helper, for each order of derivative."""
MAX_INLINE = 3
"""A form with more operations than this becomes a function with a name, where the style has such."""


def specialize(derivation: Derivation, helpers: bool = False) -> tuple[Program, Program, tuple[Helper, ...]]:
    """The forward and the gradient program with every activation written out, and the helpers they call.

    f'(z) is written in terms of a = f(z) where such a form exists, otherwise in z. With `helpers`, a
    long form in z becomes a call: `sigmoid(z1[s, i])`.
    """
    outputs = {e.value: e.target for e in derivation.forward.equations if is_opaque(e.value)}
    meaning = functions(derivation)
    called: dict[str, Helper] = {}

    def concrete(call: sp.Expr) -> sp.Expr:
        activation, order, argument = meaning[call.func.activation], call.func.order, call.args[0]
        output = outputs.get(opaque(call.func.activation)(argument))
        if order == 1 and output is not None and (form := from_output(activation.formula)) is not None:
            return form.subs({A: output, Z: argument}, simultaneous=True)
        helper = Helper(activation.name + SUFFIXES[order], activation, order)
        if helpers and sp.count_ops(helper.form) > MAX_INLINE:
            called[helper.name] = helper
            return sp.Function(helper.name)(argument)
        return helper.form.subs(Z, argument)

    def rewritten(program: Program) -> Program:
        equations = []
        for equation in program.equations:
            calls = {node: concrete(node) for node in sp.preorder_traversal(equation.value) if is_opaque(node)}
            equations.append(replace(equation, value=equation.value.xreplace(calls)) if calls else equation)
        return Program(program.inputs, tuple(equations))

    return rewritten(derivation.forward), rewritten(derivation.gradient), tuple(called.values())
