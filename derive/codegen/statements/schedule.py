"""Scheduling for the `fast` style: array statements become single NumPy calls that write into buffers.

Each pass is a small function from statements to statements:

* `flatten` gives every operation a target of its own and computes nothing twice;
* `prune` drops what no result needs.

`codegen.statements.allocate` then gives every intermediate array a buffer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.program import needed
from derive.codegen.statements.arrays import Assign, Node, Size, name, operation_of, written

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


REDUCTIONS = {
    "sum0": "np.add.reduce({}, axis=0, out={})",
    "sum1": "np.add.reduce({}, axis=1, out={})",
    "max0": "np.maximum.reduce({}, axis=0, out={})",
    "max1": "np.maximum.reduce({}, axis=1, out={})",
}
BY_NAME = frozenset({"maximum", "minimum"})
"""Ufuncs that take `out` by its name only; the others take it as their last argument, which is quicker."""


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
    if instruction.operation == "copy":
        return [f"np.copyto({target}, {arguments[0]})"]
    ufunc = operation_of(instruction.operation).ufunc
    if ufunc.startswith("_") or ufunc in BY_NAME:
        return [f"{'' if ufunc.startswith('_') else 'np.'}{ufunc}({', '.join(arguments)}, out={target})"]
    return [f"np.{ufunc}({', '.join((*arguments, target))})"]
