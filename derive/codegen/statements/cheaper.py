"""Passes over instructions that write one NumPy call as two that take less time together; each was measured.

NumPy walks over an array row by row where an operand has other axes than the result, or an operand is a number in
`maximum`, and over entries one by one where a truth value is multiplied or a short row is reduced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from derive.algebra.notation import N
from derive.codegen.statements.arrays import COMPARISONS, Node, elementwise, name
from derive.codegen.statements.faster import ONES
from derive.codegen.statements.schedule import Instruction

NARROW = 64
"""Rows of at most so many entries take NumPy longer to begin than to work on."""
ZEROS = "zeros"
Pass = Callable[[Instruction, "Names"], list[Instruction]]


class Names:
    """Names of further arrays: each is new; and how wide the axes are."""

    def __init__(self, instructions: Iterable[Instruction], widths: Mapping[Any, int]) -> None:
        taken = {instruction.target for instruction in instructions}
        self.unused = (text for k in count(1) if (text := f"t{k}") not in taken)
        self.widths = widths

    def narrow(self, axes: tuple[Any, ...]) -> bool:
        """Whether it is a matrix of samples with short rows."""
        return len(axes) == 2 and axes[0] == N and self.widths.get(axes[1], NARROW + 1) <= NARROW


def biased(instruction: Instruction, names: Names) -> list[Instruction]:
    """z + b, b a row: b is first written into every row, by a product with a column of ones."""
    rows = [a for a in instruction.arguments if a.operation == "name" and a.axes == instruction.axes[1:] != ()]
    if instruction.operation != "add" or len(rows) != 1 or not names.narrow(instruction.axes):
        return [instruction]
    (row,) = rows
    spread = name(next(names.unused), instruction.axes)
    column = Node("column", (ONES,), (N, 1))
    wide = Instruction(spread.text, "matmul", (column, Node("row", (row,), (1, *row.axes))), spread.axes)
    (other,) = (a for a in instruction.arguments if a != row)
    return [wide, replace(instruction, arguments=(spread, other))]  # the sum goes into the other's place


def rectified(instruction: Instruction, _: Names) -> list[Instruction]:
    """max(z, 0) with an array of zeros: with the number, NumPy takes four times as long."""
    first, *rest = instruction.arguments
    if instruction.operation != "maximum" or [a.text for a in rest] not in (["0"], ["0.0"]):
        return [instruction]
    if len(instruction.axes) != 2 or instruction.axes[0] != N or first.axes != instruction.axes:
        return [instruction]
    zeros = name(f"{ZEROS}{str(instruction.axes[1]).removeprefix('n')}", instruction.axes)
    return [replace(instruction, arguments=(first, zeros))]


def shortened(instruction: Instruction, names: Names) -> list[Instruction]:
    """The largest of each short row as that of each column of the transpose, and sums of rows as products with ones."""
    (first, *_) = instruction.arguments
    if first.operation != "name" or not names.narrow(first.axes):
        return [instruction]
    if instruction.operation == "sum1":
        return [replace(instruction, operation="matmul", arguments=(first, ones_of(first.axes[1])))]
    if instruction.operation == "max1":
        axes = first.axes[::-1]
        turned = name(next(names.unused), axes)
        copy = Instruction(turned.text, "copy", (Node("transpose", (first,), axes),), axes)
        return [copy, replace(instruction, operation="max0", arguments=(turned,))]
    return [instruction]


def ones_of(axis: Any) -> Node:
    """A one for each unit of a layer."""
    return name(f"ones{str(axis).removeprefix('n')}", (axis,))


PASSES: tuple[Pass, ...] = (biased, rectified, shortened)


def cheaper(instructions: Iterable[Instruction], widths: Mapping[Any, int]) -> list[Instruction]:
    """The instructions after all passes."""
    found = list(instructions)
    names = Names(found, widths)
    for each in PASSES:
        found = [new for instruction in found for new in each(instruction, names)]
    return as_numbers(found, names)


def as_numbers(instructions: list[Instruction], names: Names) -> list[Instruction]:
    """Truth values that are multiplied become numbers once, before that."""
    truths = {i.target: i for i in instructions if i.operation in COMPARISONS and i.axes}
    numbers: dict[str, Node] = {}
    result: list[Instruction] = []
    for instruction in instructions:
        read = [a.text for a in instruction.arguments if a.text in truths]
        if elementwise(instruction.operation) and instruction.operation == "multiply" and read:
            for text in read:
                if text not in numbers:
                    numbers[text] = name(next(names.unused), truths[text].axes)
                    copied = name(text, truths[text].axes)
                    result.append(Instruction(numbers[text].text, "copy", (copied,), copied.axes))
            arguments = tuple(numbers.get(a.text, a) for a in instruction.arguments)
            instruction = replace(instruction, arguments=arguments)
        result.append(instruction)
    return result
