"""A pass for a step on one sample: its arrays are vectors, so that products are of a matrix and a vector.

The bias needs no spreading, and what is summed over the samples is what it is: delta^l is written where db^l lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from derive.algebra.notation import N
from derive.codegen.arrays import Node, elementwise, name
from derive.codegen.schedule import Instruction

VECTORS = {"X": "x", "Y": "y"}
"""The names of the one row that the data have."""


def single(instructions: Iterable[Instruction]) -> list[Instruction] | None:
    """The instructions for one sample; None if a sample has a number of its own in them, such as a weight or a norm."""
    found = list(instructions)
    sums = {i.arguments[0].text: i.target for i in found if i.operation == "sum0"}
    computed = {i.target for i in found}
    summed = [i.arguments[0] for i in found if i.operation == "sum0"]
    if any(a.operation != "name" or a.text not in computed for a in summed) or len(sums) < len(summed):
        return None
    result = []
    for each in found:
        if each.operation == "sum0":
            continue
        one = _one(each, sums)
        if one is None:
            return None
        result.append(one)
    return signs(result)


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


def _one(instruction: Instruction, places: dict[str, str]) -> Instruction | None:
    target = places.get(instruction.target, instruction.target)
    match instruction.arguments:
        case (Node("transpose", (left,)), right) if instruction.operation == "matmul" and right.axes[0] == N:
            if right.operation != "name" or left.operation != "name":
                return None
            column = Node("column", (_vector(left, places),), (left.axes[1], 1))
            row = right if right.text in VECTORS else Node("row", (_vector(right, places),), (1, right.axes[1]))
            return replace(instruction, target=target, arguments=(column, row))
    arguments = tuple(_vector(a, places) for a in instruction.arguments)
    axes = _without(instruction.axes)
    if any(_samples(a) for a in arguments) or N in axes:
        return None
    if not elementwise(instruction.operation) and instruction.operation not in ("matmul", *SCALARS):
        return None
    return replace(instruction, target=target, arguments=arguments, axes=axes)


SCALARS = ("vdot", "sum", "divide", "multiply", "negative", "add")
"""Operations that give the loss."""


def _vector(node: Node, places: dict[str, str]) -> Node:
    """The node with every matrix of samples replaced by its row."""
    if node.operation == "name":
        if len(node.axes) == 2 and node.axes[0] == N:
            return name(VECTORS.get(node.text, places.get(node.text, node.text)), node.axes[1:])
        return node
    arguments = tuple(_vector(a, places) for a in node.arguments)
    return replace(node, arguments=arguments, axes=_without(node.axes))


def _without(axes: tuple[Any, ...]) -> tuple[Any, ...]:
    return axes[1:] if len(axes) == 2 and axes[0] == N else axes


def _samples(node: Node) -> bool:
    """Whether anything in the node still has an entry for each sample."""
    return N in node.axes or any(map(_samples, node.arguments))
