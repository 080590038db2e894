"""Scheduling for the `fast` style: array statements become single NumPy calls that write into buffers.

Each pass is a small function from statements to statements:

* `flatten` gives every operation a target of its own and computes nothing twice;
* `prune` drops what no result needs;
* `allocate` gives every intermediate array a buffer, the one of an operand that dies where it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.program import needed
from derive.codegen.arrays import COMPARISONS, Assign, Node, Size, elementwise, name, operation_of, written

VIEWS = frozenset({"name", "number", "transpose", "column", "call"})
"""Operations that cost nothing and are written where they are used."""


@dataclass(frozen=True)
class Instruction:
    """One NumPy call: `target = operation(arguments)`, an array of the given axes, or a number if it has none."""

    target: str
    operation: str
    arguments: tuple[Node, ...]
    axes: tuple[sp.Expr, ...]
    note: str = ""

    @property
    def reads(self) -> frozenset[str]:
        """The names of the arrays that it reads."""
        return frozenset(leaf for argument in self.arguments for leaf in leaves(argument))


def leaves(node: Node) -> Iterable[str]:
    """The names in a node."""
    if node.operation == "name":
        yield node.text
    for argument in node.arguments:
        yield from leaves(argument)


def flatten(statements: Iterable[Assign]) -> list[Instruction]:
    """One instruction for every operation; equal operations are computed once, copies are read through."""
    result: list[Instruction] = []
    known: dict[tuple[str, tuple[Node, ...], tuple[Size, ...]], Node] = {}
    copies: dict[str, Node] = {}

    def value(node: Node, target: str, note: str) -> Node:
        """A leaf that holds `node`, after the instructions that compute it have been added."""
        if node.operation == "name":
            return copies.get(node.text, node)
        if node.operation == "number":
            return node
        arguments = tuple(value(a, "", "") for a in node.arguments)
        rebuilt = replace(node, arguments=arguments)
        if node.operation in VIEWS or (not node.axes and not target):
            return rebuilt
        key = (node.operation, arguments, node.axes)
        if key not in known:
            leaf = name(target or f"t{len(result)}", node.axes)
            known[key] = leaf
            result.append(Instruction(leaf.text, node.operation, arguments, node.axes, note))
        return known[key]

    for statement in statements:
        leaf = value(statement.value, statement.target, statement.note)
        if leaf.text != statement.target or leaf.operation != "name":
            copies[statement.target] = leaf
    return result


def prune(instructions: list[Instruction], results: Iterable[str]) -> list[Instruction]:
    """The instructions that the named results need."""
    return needed(instructions, results, lambda i: i.target, lambda i: i.reads)


@dataclass(frozen=True)
class Schedule:
    """Instructions whose targets are buffers, and the buffers: name → (axes, whether it holds truth values)."""

    instructions: tuple[Instruction, ...]
    buffers: tuple[tuple[str, tuple[sp.Expr, ...], bool], ...]


def allocate(instructions: list[Instruction], given: Iterable[str]) -> Schedule:
    """Buffers for all arrays but the `given` ones (data, parameters, gradients).

    An elementwise result takes over the buffer of an operand that is not read again; a layer's
    output a^l keeps its own. A buffer has the name of the last tensor of the text that it holds.
    """
    last_use = {leaf: i for i, instruction in enumerate(instructions) for leaf in instruction.reads}
    home: dict[str, int] = {}
    shapes: dict[int, tuple[tuple[sp.Expr, ...], bool]] = {}
    labels: dict[int, str] = {}
    fixed = set(given)
    for i, instruction in enumerate(instructions):
        if not instruction.axes or instruction.target in fixed:
            continue
        shape = (instruction.axes, instruction.operation in COMPARISONS)
        buffer = next(
            (
                home[a.text]
                for a in reversed(instruction.arguments)
                if elementwise(instruction.operation)
                and a.operation == "name"
                and a.text in home
                and shapes[home[a.text]] == shape
                and last_use[a.text] == i
                and not labels[home[a.text]].startswith("a")
                and not (instruction.operation == "where" and a is not instruction.arguments[-1])
            ),
            len(shapes),
        )
        home[instruction.target] = buffer
        shapes[buffer] = shape
        if buffer not in labels or not _temporary(instruction.target):
            labels[buffer] = instruction.target
    names = _distinct(labels)
    renamed = {target: names[buffer] for target, buffer in home.items()}
    moved = tuple(
        replace(
            i,
            target=renamed.get(i.target, i.target),
            arguments=tuple(_renamed(argument, renamed) for argument in i.arguments),
        )
        for i in instructions
    )
    return Schedule(moved, tuple((names[buffer], *shapes[buffer]) for buffer in shapes))


def _temporary(text: str) -> bool:
    return text[0] == "t" and text[1:].isdigit()


def _distinct(labels: Mapping[int, str]) -> dict[int, str]:
    """Buffer names: the tensor's, or t1, t2, … for what the text has no name for."""
    count = 0
    result = {}
    for buffer, label in labels.items():
        count += _temporary(label)
        result[buffer] = f"t{count}" if _temporary(label) else label
    return result


def _renamed(node: Node, names: Mapping[str, str]) -> Node:
    if node.operation == "name":
        return replace(node, text=names.get(node.text, node.text))
    return replace(node, arguments=tuple(_renamed(a, names) for a in node.arguments))


REDUCTIONS = {
    "sum0": "np.add.reduce({}, axis=0, out={})",
    "sum1": "np.add.reduce({}, axis=1, out={})",
    "max1": "np.maximum.reduce({}, axis=1, out={})",
}


def lines(instruction: Instruction, stored: Iterable[str] = ()) -> list[str]:
    """The Python statements of one instruction; a number among `stored` is written into the array of that name."""
    target, arguments = instruction.target, [written(a) for a in instruction.arguments]
    if not instruction.axes:
        target += "[...]" * (target in stored)
        return [f"{target} = {written(Node(instruction.operation, instruction.arguments))}"]
    if instruction.operation in REDUCTIONS:
        return [REDUCTIONS[instruction.operation].format(arguments[0], target)]
    if instruction.operation == "full":
        return [f"np.copyto({target}, {arguments[0]})"]
    if instruction.operation == "where":
        condition, inside, outside = arguments
        start = [] if outside == target else [f"np.copyto({target}, {outside})"]
        return [*start, f"np.copyto({target}, {inside}, where={condition})"]
    if instruction.operation == "matmul":  # the method: np.dot and np.matmul look for overrides first
        return [f"{written(instruction.arguments[0], 100)}.dot({arguments[1]}, {target})"]
    ufunc = operation_of(instruction.operation).ufunc
    return [f"{'' if ufunc.startswith('_') else 'np.'}{ufunc}({', '.join(arguments)}, out={target})"]
