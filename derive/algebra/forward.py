"""The forward program of an architecture: the tables' equations, layer by layer, with symbolic sizes."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from derive.algebra.blackboard import read_equation
from derive.algebra.notation import Label, N, named, size
from derive.algebra.program import Equation, Program, Tensor, check
from derive.model.architecture import Architecture
from derive.model.expression import read_expression
from derive.model.tables import LAYERS, LOSSES, MEAN_LOSS


def output(label: Label) -> Tensor:
    """a^l for all samples: N rows of n_l entries."""
    return Tensor(named("a", label), (N, size(label)))


def target(label: Label) -> Tensor:
    """y, with the axes of the output of layer `label`."""
    return Tensor("y", (N, size(label)))


def parameters(label: Label, kind: str = "dense") -> tuple[Tensor, ...]:
    """W^l and b^l, with the axes that the table of layers declares."""
    return tuple(
        Tensor(named(name, label), tuple(size(_axis(axis, label)) for axis in axes.split(",")))
        for name, axes in LAYERS[kind].parameters.items()
    )


def _axis(text: str, label: Label) -> sp.Expr:
    """The label in an axis such as n[l-1]."""
    return read_expression(text.strip().removeprefix("n[").removesuffix("]"), {"l": sp.sympify(label, strict=True)})


def layer(label: Label, kind: str = "dense", below: Tensor | None = None) -> tuple[Equation, ...]:
    """The forward equations of layer `label`, which reads a^{l-1}."""
    below = below or output(sp.sympify(label, strict=True) - 1)
    return _read(LAYERS[kind].equations, (below, *parameters(label, kind)), {"l": sp.sympify(label, strict=True)})


def loss(name: str, label: Label) -> tuple[Equation, ...]:
    """The equations of c and of the mean loss, from the output a^L with L = `label`."""
    equations = (f"c[s] = {LOSSES[name]}", MEAN_LOSS)
    return _read(equations, (output(label), target(label)), {"L": sp.sympify(label, strict=True)})


def _read(equations: Iterable[str], known: Iterable[Tensor], labels: dict[str, sp.Expr]) -> tuple[Equation, ...]:
    tensors = {tensor.name: tensor for tensor in known}
    result = []
    for text in equations:
        equation = read_equation(text, tensors, labels)
        tensors[equation.tensor.name] = equation.tensor
        result.append(equation)
    return tuple(result)


def forward(architecture: Architecture) -> Program:
    """The forward program: from a0 (the input) and y to the loss, one layer after the other.

    >>> print(forward(Architecture([2, 1], ["tanh"])).equations[0])
    z1[s, i] = b1[i] + Sum(W1[i, j]*a0[s, j], (j, 1, n0))    for s in 1..N, i in 1..n1
    """
    depth = architecture.depth
    labels = range(1, depth + 1)
    inputs = (output(0), target(depth), *(tensor for label in labels for tensor in parameters(label)))
    equations = (*(equation for label in labels for equation in layer(label)), *loss(architecture.loss, depth))
    return check(Program(inputs, equations))
