"""Buffers for the arrays of a schedule, by liveness: an array may lie where one lay that nothing reads again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from derive.algebra.notation import N
from derive.codegen.statements.arrays import COMPARISONS, Node, elementwise
from derive.codegen.statements.schedule import Instruction

Axes = tuple[Any, ...]


@dataclass(frozen=True)
class Buffer:
    """An array that exists before the instructions run; those of one `slot` share its memory, one after the other."""

    name: str
    axes: Axes
    truth: bool
    slot: int


@dataclass(frozen=True)
class Schedule:
    """Instructions whose targets are buffers, and the buffers."""

    instructions: tuple[Instruction, ...]
    buffers: tuple[Buffer, ...]


@dataclass
class _Slot:
    """Memory for arrays of certain axes, each with the name of what it holds last there."""

    truth: bool
    free_from: int = 0
    """The first instruction that may write over it."""
    labels: dict[Axes, str] = field(default_factory=dict)


def layers_output(text: str) -> bool:
    """Whether it is an a^l, which stays as it is until the sweep ends."""
    return text.startswith("a")


def nothing(_: str) -> bool:
    """Whether it stays: never, where activations are recomputed to save memory."""
    return False


def allocate(
    instructions: Iterable[Instruction], given: Iterable[str], stays: Callable[[str], bool] = layers_output
) -> Schedule:
    """Buffers for all arrays but the `given` ones (data, parameters, gradients).

    An elementwise result takes the place of an operand that is not read again; other results that of a matrix of
    samples that nothing reads again, however wide either is. What `stays` keeps its place. A buffer has the name of
    the last tensor of the text that it holds.
    """
    instructions = tuple(instructions)
    last_use = {leaf: i for i, instruction in enumerate(instructions) for leaf in instruction.reads}
    slots: list[_Slot] = []
    home: dict[str, tuple[_Slot, Axes]] = {}
    fixed = set(given)
    for i, instruction in enumerate(instructions):
        target, axes = instruction.target, instruction.axes
        if not axes or target in fixed:
            continue
        truth = instruction.operation in COMPARISONS
        slot = _over_an_operand(instruction, home, last_use, i, truth, stays)
        slot = slot or next((s for s in slots if s.truth == truth and _free(s, axes, i, stays)), None)
        if slot is None:
            slot = _Slot(truth)
            slots.append(slot)
        home[target] = slot, axes
        slot.free_from = last_use.get(target, i) + 1
        if axes not in slot.labels or not _temporary(target):
            slot.labels[axes] = target
    buffers = _named(slots)
    names = {(buffer.slot, buffer.axes): buffer.name for buffer in buffers}
    renamed = {target: names[slots.index(slot), axes] for target, (slot, axes) in home.items()}
    moved = tuple(
        replace(
            i,
            target=renamed.get(i.target, i.target),
            arguments=tuple(_renamed(argument, renamed) for argument in i.arguments),
        )
        for i in instructions
    )
    return Schedule(moved, buffers)


def _over_an_operand(
    instruction: Instruction,
    home: dict[str, tuple[_Slot, Axes]],
    last_use: dict[str, int],
    i: int,
    truth: bool,
    stays: Callable[[str], bool],
) -> _Slot | None:
    """The memory of an operand of the same shape that this elementwise instruction is the last to read."""
    if not elementwise(instruction.operation):
        return None
    for argument in reversed(instruction.arguments):
        slot, axes = home.get(argument.text, (None, ())) if argument.operation == "name" else (None, ())
        if slot is None or axes != instruction.axes or slot.truth != truth or last_use[argument.text] != i:
            continue
        last = argument is instruction.arguments[-1]
        if not stays(slot.labels[axes]) and (last or instruction.operation != "where"):
            return slot
    return None


def _free(slot: _Slot, axes: Axes, i: int, stays: Callable[[str], bool]) -> bool:
    """Whether an array of these axes may lie there from instruction i on."""
    matrix = len(axes) == 2 and axes[0] == N
    fits = axes in slot.labels or (matrix and all(len(other) == 2 and other[0] == N for other in slot.labels))
    return fits and slot.free_from <= i and not any(map(stays, slot.labels.values()))


def _temporary(text: str) -> bool:
    return text[0] == "t" and text[1:].isdigit()


def _named(slots: list[_Slot]) -> tuple[Buffer, ...]:
    """The buffers: with the tensor's name, or t1, t2, … for what the text has no name for."""
    count = 0
    result = []
    for number, slot in enumerate(slots):
        for axes, label in slot.labels.items():
            count += _temporary(label)
            result.append(Buffer(f"t{count}" if _temporary(label) else label, axes, slot.truth, number))
    return tuple(result)


def _renamed(node: Node, names: dict[str, str]) -> Node:
    if node.operation == "name":
        return replace(node, text=names.get(node.text, node.text))
    return replace(node, arguments=tuple(_renamed(a, names) for a in node.arguments))
