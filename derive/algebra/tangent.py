"""Forward mode: from a program to the program of its derivatives along one direction.

Every equation t[i] = value(u, …) gets an equation for the derivative of t,

    vt[i] = sum over the tensors u in the value of d value / d u * vu,

by SymPy's `diff`, term by term; a derivative moves inside a sum over an index. A name that begins with v is a
derivative along the direction, and the direction itself holds vW1, vb1, …: Pearlmutter's R{.} operator, with
R{w} = v (Fast exact multiplication by the Hessian, Neural Computation 6, 1994). Applied to a gradient program,
it gives the product of the Hessian with v.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sympy as sp

from derive.algebra.notation import Largest
from derive.algebra.program import Equation, Program, Tensor, check


def tangent_name(name: str) -> str:
    """The name of a tensor's derivative along the direction v: vz1 for z1, vdelta2 for delta2."""
    return "v" + name


def tangent(program: Program, along: Iterable[str]) -> Program:
    """The program that defines, beside every tensor of `program`, its derivative along a direction.

    `along` names the inputs that move; the direction's parts are new inputs. A tensor whose derivative is 0
    gets no equation.

    >>> from derive.algebra.forward import forward
    >>> from derive.model.architecture import Architecture
    >>> print(tangent(forward(Architecture([2, 1], ["tanh"])), ["W1", "b1"]).definitions["va1"])
    va1[s, i] = f1'(z1[s, i])*vz1[s, i]    for s in 1..N, i in 1..n1
    """
    moving = set(along)
    direction = tuple(replace(t, name=tangent_name(t.name)) for t in program.inputs if t.name in moving)
    equations: list[Equation] = []
    for equation in program.equations:
        if isinstance(equation.value, Largest):
            continue  # a shift: nothing depends on it
        value = along_direction(equation.value, moving)
        if value != 0:
            name = equation.tensor.name
            moving.add(name)
            equations.append(Equation(Tensor(tangent_name(name), equation.tensor.axes), equation.indices, value))
    return check(Program((*program.inputs, *direction), (*program.equations, *equations)))


def along_direction(value: sp.Expr, moving: set[str]) -> sp.Expr:
    """The derivative of `value` along the direction, if the tensors named in `moving` change along it.

    Entries and sums are the variables of the expression: SymPy differentiates by them, as by any symbol.
    """
    variables: dict[sp.Basic, sp.Symbol] = {}
    for node in _outermost(value):
        if isinstance(node, sp.Sum) or _name(node) in moving:
            variables[node] = sp.Dummy(real=True)
    inside = {symbol: node for node, symbol in variables.items()}
    plain = value.xreplace(variables)
    return sp.Add(*(plain.diff(symbol).xreplace(inside) * _moved(node, moving) for node, symbol in variables.items()))


def _moved(node: sp.Expr, moving: set[str]) -> sp.Expr:
    """The derivative of an entry, or of a sum: one sum for each term, so that products stay matrix products."""
    if isinstance(node, sp.Sum):
        terms = sp.Add.make_args(along_direction(node.function, moving))
        return sp.Add(*(sp.Sum(term, *node.limits) for term in terms if term != 0))
    name = tangent_name(_name(node))
    return sp.IndexedBase(name)[node.indices] if isinstance(node, sp.Indexed) else sp.Symbol(name)


def _outermost(expr: sp.Expr) -> list[sp.Expr]:
    """The sums, entries and scalars in `expr` that do not lie within another sum or entry, in a fixed order."""
    if isinstance(expr, sp.Sum | sp.Indexed | sp.Symbol):
        return [expr]
    found = (node for argument in expr.args for node in _outermost(argument))
    return sorted(dict.fromkeys(found), key=sp.default_sort_key)


def _name(node: sp.Expr) -> str:
    return str(node.base.label) if isinstance(node, sp.Indexed) else str(node)
