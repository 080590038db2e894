"""Passes over scheduled instructions that make before the sweep what would be made anew in each: views and numbers.

A transpose costs a third of a small NumPy call, and a Python number among its operands half of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from derive.codegen.statements.arrays import OPERATIONS, Node, name, written
from derive.codegen.statements.schedule import Instruction

SUFFIXES = {"transpose": "T", "column": "_column", "row": "_row", "flat": "_flat"}
"""What follows the name of an array in the name of a view of it."""
WORDS = {"0": "ZERO", "1": "ONE", "2": "TWO", "0.5": "HALF"}
WITH_NUMBERS = frozenset({"add", "subtract", "multiply", "divide", "maximum", "minimum"}) | {
    operation for operation, how in OPERATIONS.items() if how.binds == OPERATIONS["less"].binds
}


@dataclass
class Kept:
    """What instructions read that exists before they run: each name, with the text that makes it."""

    made: dict[str, str] = field(default_factory=dict)


def inner(instructions: Iterable[Instruction], own: Iterable[str]) -> list[Instruction]:
    """np.vdot of two buffers as the product of their flat views, which it would make in each call."""
    buffers = frozenset(own)

    def product(node: Node) -> Node:
        if node.operation == "vdot" and all(a.text in buffers for a in node.arguments):
            return Node("inner", tuple(Node("flat", (a,)) for a in node.arguments))
        return replace(node, arguments=tuple(map(product, node.arguments)))

    def of(instruction: Instruction) -> Instruction:
        whole = product(Node(instruction.operation, instruction.arguments, instruction.axes))
        return replace(instruction, operation=whole.operation, arguments=whole.arguments)

    return [of(each) for each in instructions]


def with_views(instructions: Iterable[Instruction], of: Iterable[str], kept: Kept) -> list[Instruction]:
    """Views of the arrays that are named in `of` get names, and are kept."""
    bases = frozenset(of)

    def viewed(node: Node) -> Node:
        if node.operation in SUFFIXES and node.arguments[0].text in bases:
            title = node.arguments[0].text + SUFFIXES[node.operation]
            kept.made[title] = written(node)
            return name(title, node.axes)
        return replace(node, arguments=tuple(map(viewed, node.arguments)))

    return [_with(each, viewed) for each in instructions]


def with_constants(instructions: Iterable[Instruction], kept: Kept) -> list[Instruction]:
    """Numbers beside arrays become arrays without axes, which NumPy takes as they are."""

    def named(node: Node) -> Node:
        if node.operation != "number":
            return node
        value = float(node.text)
        title = WORDS.get(node.text.removesuffix(".0"), f"NUMBER_{node.text}".replace(".", "_"))
        title = title.replace("-", "_MINUS_").replace("+", "")
        kept.made[title] = f"np.array({value!r}, DTYPE)"
        return name(title)

    return [_with(x, named) if x.axes and x.operation in WITH_NUMBERS else x for x in instructions]


def _with(instruction: Instruction, change: Callable[[Node], Node]) -> Instruction:
    return replace(instruction, arguments=tuple(map(change, instruction.arguments)))
