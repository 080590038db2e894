"""A pass for a step on one sample: its arrays are single rows, so that products are of a matrix and a vector.

The bias needs no spreading, and what is summed over the samples is what it is: delta^l is written where db^l lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sympy as sp

from derive.algebra.notation import N
from derive.codegen.statements.arrays import Node, elementwise, name
from derive.codegen.statements.schedule import Instruction

ROW = "_row"
"""What follows the name of a vector in that of its view as a row."""
SCALARS = ("vdot", "sum", "divide", "multiply", "negative", "add")
"""Operations that give the loss."""


def single(instructions: Iterable[Instruction]) -> list[Instruction] | None:
    """The instructions for one sample; None if a sample has a number of its own in them, such as a weight or a norm."""
    found = list(instructions)
    computed = {i.target for i in found}
    sums = [i for i in found if i.operation == "sum0"]
    places = {i.arguments[0].text: i.target + ROW for i in sums if i.arguments[0].text in computed}
    if len(places) < len(sums):
        return None
    result = []
    for each in found:
        if each.operation == "sum0":
            continue
        one = _one(each, places)
        if one is None:
            return None
        result.append(one)
    return signs(result)


def _one(instruction: Instruction, places: dict[str, str]) -> Instruction | None:
    """The instruction on rows; what is named in `places` lies there."""
    target = places.get(instruction.target, instruction.target)
    arguments = tuple(_row(a, places, instruction.axes) for a in instruction.arguments)
    axes = _of_one(instruction.axes)
    if N in axes or any(map(_samples, arguments)):
        return None
    if not elementwise(instruction.operation) and instruction.operation not in ("matmul", *SCALARS):
        return None
    return replace(instruction, target=target, arguments=arguments, axes=axes)


def _row(node: Node, places: dict[str, str], axes: tuple[Any, ...]) -> Node:
    """The node with every matrix of samples replaced by its one row, and vectors beside such by their views as rows."""
    if node.operation == "name":
        if node.axes == axes[1:] != () and axes[0] == N:
            return Node("row", (node,), (sp.S.One, *node.axes))
        return name(places.get(node.text, node.text), _of_one(node.axes))
    arguments = tuple(_row(a, places, axes) for a in node.arguments)
    return replace(node, arguments=arguments, axes=_of_one(node.axes))


def _of_one(axes: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sp.S.One if axis == N else axis for axis in axes) if len(axes) == 2 else axes


def _samples(node: Node) -> bool:
    """Whether anything in the node still has an entry for each sample."""
    return N in node.axes or any(map(_samples, node.arguments))


def signs(instructions: Iterable[Instruction]) -> list[Instruction]:
    """Whether a > 0, times something, as the sign of a, where a is a maximum with 0: one call for a short row."""
    found = list(instructions)
    rectified = {i.target for i in found if i.operation == "maximum" and i.arguments[1].text == "0"}
    factors = {a.text for i in found if i.operation == "multiply" for a in i.arguments}
    others = {leaf for i in found if i.operation != "multiply" for leaf in i.reads}
    result = []
    for each in found:
        if each.operation == "greater" and each.target in factors - others:
            a, zero = each.arguments
            if a.text in rectified and zero.text == "0":
                each = replace(each, operation="sign", arguments=(a,))
        result.append(each)
    return result
