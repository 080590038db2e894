"""Reading equations as they stand on the blackboard, in index notation.

    z[l][s,i] = sum(W[l][i,j] * a[l-1][s,j], j) + b[l][i]

`l` and `L` are given labels (a number, or a symbol for "every layer"), `f[l](…)` is the layer's
activation, `sum(…, j)` a sum over an index. The range of an index is the size of the axis at which
it stands, so nothing about sizes has to be written.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

import sympy as sp

from derive.algebra.notation import Largest, N, index, named, opaque, size
from derive.algebra.program import Equation, Tensor
from derive.model.errors import FormulaError
from derive.model.expression import ScalarReader

INDICES = {name: index(name) for name in "sijkmpqr"}
SCALARS = {"N": N}
OVER_INDEX = {"sum": sp.Sum, "max": Largest}


class BlackboardReader(ScalarReader):
    """Reads the right-hand side of one equation; `tensors` are those already defined."""

    what = "equation"

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        labels: Mapping[str, sp.Expr],
        further: tuple[sp.Expr, ...] = (),
    ) -> None:
        super().__init__(SCALARS)
        self.tensors = tensors
        self.labels = labels
        self.further = further
        self.ranges: dict[sp.Symbol, sp.Expr] = {}

    def label(self, node: ast.expr) -> sp.Expr:
        """The layer that `l`, `l-1`, `L` or a number stands for."""
        return ScalarReader(self.labels).read(ast.unparse(node))

    def subscript(self, base: ast.expr, position: ast.expr, node: ast.AST) -> sp.Expr:
        """`W[l][i,j]` or, for a tensor without a layer, `y[s,i]`; and `n[l]`, a size."""
        if isinstance(base, ast.Subscript) and isinstance(base.value, ast.Name):
            name = named(base.value.id, self.label(base.slice))
        elif isinstance(base, ast.Name) and base.id == "n":
            return size(self.label(position))
        elif isinstance(base, ast.Name):
            name = base.id
        else:
            self.fail(node, f"{self.source(node)} is not a tensor's entry")
        if name not in self.tensors:
            self.fail(node, f"{name} is not defined before it is used")
        tensor = self.tensors[name]
        indices = self.indices(position)
        if len(indices) != len(tensor.axes):
            self.fail(node, f"{name} has {len(tensor.axes)} axes, but {len(indices)} indices here")
        for i, axis in zip(indices, tensor.axes, strict=True):
            if self.ranges.setdefault(i, axis) != axis:
                self.fail(node, f"the index {i} runs to {self.ranges[i]}, but this axis of {name} to {axis}")
        return tensor[indices]

    def indices(self, node: ast.expr) -> tuple[sp.Symbol, ...]:
        """The indices written between brackets."""
        nodes = node.elts if isinstance(node, ast.Tuple) else [node]
        for i in nodes:
            if not (isinstance(i, ast.Name) and i.id in INDICES):
                self.fail(node, f"{self.source(i)} is not an index; the indices are {', '.join(INDICES)}")
        return tuple(INDICES[i.id] for i in nodes if isinstance(i, ast.Name))

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> sp.Expr:
        if name not in OVER_INDEX:
            return super().call(name, arguments, node)
        if len(arguments) != 2:
            self.fail(node, f"write {name}(expression, index)")
        body, (over,) = self.visit(arguments[0]), self.indices(arguments[1])
        if over not in self.ranges:
            self.fail(node, f"the index {over} does not occur in the {name}")
        return OVER_INDEX[name](body, (over, 1, self.ranges[over]))

    def apply(self, function: ast.expr, arguments: list[ast.expr], node: ast.AST) -> Any:
        """`f[l](argument)`: the activation of layer l."""
        match function, arguments:
            case ast.Subscript(value=ast.Name(id="f"), slice=label), [argument]:
                orders = (0,) * (1 + len(self.further))
                return opaque(named("f", self.label(label)), *orders)(self.visit(argument), *self.further)
        self.fail(node, f"{self.source(function)} is not a function")


def read_equation(
    text: str,
    tensors: Mapping[str, Tensor],
    labels: Mapping[str, sp.Expr],
    further: tuple[sp.Expr, ...] = (),
) -> Equation:
    """The equation that `text` writes, with the layer labels l and L replaced by `labels`.

    The tensor on the left is new; its axes are the ranges of its indices on the right. `further` are the arguments
    that an activation has besides z: its trained constants.
    """
    left, equals, right = text.partition("=")
    if not equals:
        raise FormulaError(f"{text!r} is not an equation: write target = value")
    reader = BlackboardReader(tensors, labels, further)
    value = reader.read(right)
    target = ast.parse(left.strip(), mode="eval").body
    match target:
        case ast.Subscript(value=ast.Subscript(value=ast.Name(id=base), slice=label), slice=position):
            name, indices = named(base, reader.label(label)), reader.indices(position)
        case ast.Subscript(value=ast.Name(id=name), slice=position):
            indices = reader.indices(position)
        case ast.Name(id=name):
            indices = ()
        case _:
            raise FormulaError(f"{left.strip()!r} is not a tensor's entry")
    missing = [i for i in indices if i not in reader.ranges]
    if missing:
        raise FormulaError(f"{text!r}: the index {missing[0]} does not occur on the right")
    return Equation(Tensor(name, tuple(reader.ranges[i] for i in indices)), indices, value)
