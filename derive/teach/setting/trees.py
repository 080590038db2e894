"""Programs as plain data: nested lists that a page can evaluate, in floats and modulo a prime.

["+", a, b, …]   ["*", a, b, …]   ["^", a, k]   ["num", p, q]   ["at", tensor, [indices]]   ["sym", name]
["sum", [[index, size], …], body]   ["largest", [[index, size]], body]   ["call", name, argument, …]
["f", "f2", "1", argument, …], where "1" are the orders of the derivative by each argument
["where", [[value, condition], …]]   ["<", a, b] and the other comparisons   ["otherwise"]
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from derive.algebra.forward import concrete, functions
from derive.algebra.gradient import Derivation
from derive.algebra.notation import Largest, is_opaque, opaque
from derive.algebra.program import Program
from derive.codegen.forms.stable import stable
from derive.codegen.statements.accurate import meaning
from derive.model.expression import Z

Tree = list[Any]


def tree(expr: sp.Basic) -> Tree:
    """`expr` as nested lists."""
    if isinstance(expr, sp.Rational):
        return ["num", int(expr.p), int(expr.q)]
    if isinstance(expr, sp.Indexed):
        return ["at", str(expr.base.label), [str(i) for i in expr.indices]]
    if isinstance(expr, sp.Symbol):
        return ["sym", str(expr)]
    if isinstance(expr, sp.Sum):
        return ["sum", [[str(i), str(high)] for i, _, high in expr.limits], tree(expr.function)]
    if is_opaque(expr):
        return ["f", type(expr).activation, orders(expr), *(tree(argument) for argument in expr.args)]
    if isinstance(expr, Largest):
        return ["largest", [[str(i), str(high)] for i, _, high in expr.limits], tree(expr.function)]
    if expr == sp.true:
        return ["otherwise"]
    if isinstance(expr, sp.Piecewise):
        return ["where", [[tree(value), tree(condition)] for value, condition in expr.args]]
    if isinstance(expr, sp.core.relational.Relational):
        return [expr.rel_op, tree(expr.lhs), tree(expr.rhs)]
    if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
        return ["^", tree(expr.base), int(expr.exp)]
    if isinstance(expr, sp.Pow) and expr.exp.is_Rational and expr.exp.q == 2:
        return ["^", ["call", "sqrt", tree(expr.base)], int(expr.exp.p)]
    if isinstance(expr, sp.Add | sp.Mul):  # in an order of their own, so that the page is the same everywhere
        parts = [tree(argument) for argument in sorted(expr.args, key=str)]
        return ["+" if isinstance(expr, sp.Add) else "*", *parts]
    parts = [tree(argument) for argument in expr.args]
    if isinstance(expr, sp.KroneckerDelta):
        return ["==", *parts]
    return ["call", type(expr).__name__.lower() if expr.args else str(expr).lower(), *parts]


def program_tree(program: Program) -> list[dict[str, Any]]:
    """The equations of a program, in order."""
    return [
        {
            "name": equation.tensor.name,
            "axes": [str(axis) for axis in equation.tensor.axes],
            "indices": [str(i) for i in equation.indices],
            "value": tree(equation.value),
        }
        for equation in program.equations
    ]


def page_programs(derivation: Derivation) -> dict[str, Any]:
    """The forward and the gradient program of a derivation as a page evaluates them."""
    tensors = {**derivation.forward.tensors, **derivation.gradient.tensors}
    return {
        "axes": {tensor.name: [str(axis) for axis in tensor.axes] for tensor in tensors.values()},
        "inputs": [tensor.name for tensor in derivation.forward.inputs],
        "forward": program_tree(derivation.forward),
        "gradient": program_tree(derivation.gradient),
        "functions": function_trees(derivation),
        "targets": derivation.architecture.loss.targets,
    }


def orders(call: sp.Basic) -> str:
    """The orders of the derivative that an opaque function is, by each of its arguments: "1", or "0,1"."""
    return ",".join(map(str, type(call).orders))


def function_trees(derivation: Derivation) -> dict[str, dict[str, dict[str, Any]]]:
    """What f1, f2, … and their derivatives are: as stable forms for floats, and as they are defined.

    Name → orders → the symbols of the arguments, and both trees.
    """
    known = functions(derivation.architecture)
    calls = {call for e in (*derivation.forward.equations, *derivation.gradient.equations) for call in _calls(e.value)}
    wanted = {type(call) for call in calls}
    wanted |= {
        type(opaque(name, order)(Z)) for name, (_, symbols) in known.items() if symbols == (Z,) for order in (0, 1)
    }
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for function in sorted(wanted, key=str):
        formula, symbols = concrete(function, known)
        entry = {
            "symbols": [str(symbol) for symbol in symbols],
            "floats": tree(meaning(stable(formula))),
            "exact": tree(formula),
        }
        found.setdefault(function.activation, {})[",".join(map(str, function.orders))] = entry
    return found


def _calls(expr: sp.Expr) -> set[sp.Basic]:
    """The opaque functions in an expression."""
    return {part for part in sp.preorder_traversal(expr) if is_opaque(part)}
