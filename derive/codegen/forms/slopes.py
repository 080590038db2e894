"""f' and f'' as arrays of their own, df1 and ddf1, so that each is computed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import sympy as sp

from derive.algebra.forward import functions
from derive.algebra.gradient import Derivation
from derive.algebra.notation import is_opaque, opaque
from derive.algebra.program import Equation, Program, Tensor, entries
from derive.codegen.forms.cached import A, D, from_output, second_from_output
from derive.codegen.forms.stable import stable
from derive.model.expression import Z


def with_slopes(program: Program, derivation: Derivation, uses: int = 2) -> Program:
    """`program` with f'(z) as a tensor of its own if it occurs at least `uses` times, and f''(z) in terms of it.

    A derivative that is a number is put in; one that only switches on and off, as that of relu, stays where it
    stands: a choice costs no more than a product.
    """
    outputs = {e.value: e.target for e in derivation.forward.equations if is_opaque(e.value)}
    meaning = functions(derivation.architecture)
    counted = Counter(call for e in program.equations for call in _slopes(e.value))
    known: dict[sp.Basic, sp.Expr] = {}
    made: set[str] = set()
    taken = set(program.tensors)
    equations: list[Equation] = []
    for equation in program.equations:
        for call in sorted(_slopes(equation.value) - set(known), key=lambda call: (call.func.order, str(call))):
            formula, _ = meaning[call.func.activation]
            output = outputs.get(opaque(call.func.activation)(*call.args))
            form = _second(call, formula, output) if call.func.order == 2 else call
            form = form.xreplace(known)
            name, place = "d" * call.func.order + call.func.activation, call.args[0]
            if form.is_number:
                known[call] = form
            elif name in taken:
                continue  # the same activation of something else: it stays where it stands
            elif call.func.order == 2 or (counted[call] >= uses and not _switches(formula)):
                tensor = Tensor(name, program.tensors[str(place.base.label)].axes)
                if name not in made:
                    equations.append(Equation(tensor, place.indices, form))
                made.add(name)
                known[call] = tensor[place.indices]
        equations.append(replace(equation, value=_added_up(equation.value.xreplace(known))))
    return Program(program.inputs, tuple(equations))


def _slopes(expr: sp.Expr) -> set[sp.Expr]:
    """The derivatives of activations of one argument in an expression."""
    calls = (node for node in sp.preorder_traversal(expr) if is_opaque(node) and len(node.args) == 1)
    return {call for call in calls if call.func.order > 0 and call.func.activation != "absolute"}


def _second(call: sp.Expr, formula: sp.Expr, output: sp.Expr | None) -> sp.Expr:
    """f''(z) in terms of a and f'(z), or a number; otherwise the call as it is."""
    form = second_from_output(formula)
    if form is not None and output is not None:
        slope = opaque(call.func.activation, 1)(*call.args)
        return form.subs({A: output, D: slope, Z: call.args[0]}, simultaneous=True)
    written = stable(formula.diff(Z, 2))
    return written if written.is_number else call


def _switches(formula: sp.Expr) -> bool:
    """Whether f' takes no values but 0 and 1, or is a number."""
    form = from_output(formula)
    values = {value for value, _ in form.args} if isinstance(form, sp.Piecewise) else {form}
    return values <= {sp.S.Zero, sp.S.One} or (form is not None and form.is_number)


def without_zeros(program: Program) -> Program:
    """`program` without the equations whose value is 0, and without the terms that vanish with them."""
    zero: set[str] = set()
    equations = []
    for equation in program.equations:
        value = equation.value
        if zero & equation.reads:
            gone = {entry: sp.S.Zero for entry in entries(value) if str(entry.base.label) in zero}
            value = _added_up(value.xreplace(gone))
        if value == 0:
            zero.add(equation.tensor.name)
        else:
            equations.append(replace(equation, value=value))
    return Program(program.inputs, tuple(equations))


def _added_up(expr: sp.Expr) -> sp.Expr:
    """`expr` with sums of nothing but zeros as 0, which SymPy leaves as they stand."""
    return expr.xreplace({total: sp.S.Zero for total in expr.atoms(sp.Sum) if total.function == 0})
