"""How array expressions are written: brackets where Python would read something else without them."""

from __future__ import annotations

import ast
from itertools import product

import pytest

from derive.codegen.statements.arrays import COMPARISONS, OPERATIONS, Node, name, number, written

INFIX = [key for key, operation in OPERATIONS.items() if "{}" in operation.written and operation.binds < 100]
OPERANDS = 2
METHODS = ("transpose", "sum", "column", "inner")


def node(operation: str, *arguments: Node) -> Node:
    return Node(operation, arguments[: OPERATIONS[operation].written.count("{}")])


def bracketed(expression: Node) -> str:
    """`expression` with brackets around everything."""
    if not expression.arguments:
        return f"({expression.text})"
    return f"({OPERATIONS[expression.operation].written.format(*map(bracketed, expression.arguments))})"


LEAVES = (name("x"), number(-2), number(3))
INNER = [node(operation, *leaves) for operation in INFIX for leaves in product(LEAVES, repeat=OPERANDS)]


@pytest.mark.parametrize("outer", [*INFIX, *METHODS])
def test_what_is_written_is_read_as_it_was_meant(outer: str) -> None:
    for inner in INNER:
        if inner.operation in COMPARISONS and outer in COMPARISONS:
            continue  # a comparison of comparisons is never lowered
        for arguments in ((inner, name("y")), (name("y"), inner), (inner, inner)):
            whole = node(outer, *arguments)
            assert ast.dump(ast.parse(written(whole))) == ast.dump(ast.parse(bracketed(whole))), written(whole)
