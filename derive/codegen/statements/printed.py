"""Statements as lines of a module: with their comments beside them where there is room."""

from __future__ import annotations

from collections.abc import Iterable

from derive.codegen.statements.arrays import as_tuple
from derive.codegen.statements.lower import RENAMED
from derive.codegen.statements.schedule import Instruction, lines

WIDTH = 110
LOSS = RENAMED["loss"]


def commented(code: str, comment: str) -> str:
    """The line with its comment, beside it if there is room."""
    if not comment:
        return code
    return f"{code}  # {comment}" if len(code) + len(comment) + 8 <= WIDTH else f"# {comment}\n    {code}"


def printed(instructions: Iterable[Instruction], stored: Iterable[str] = ()) -> list[str]:
    result = []
    for instruction in instructions:
        *before, last = lines(instruction, stored)
        result += [*before, commented(last, instruction.note)]
    return result


def unpacked(names: list[str], source: str) -> list[str]:
    """The assignment of the parts of `source` to `names`, as formatters set it."""
    if not names:
        return []
    line = f"{as_tuple(names)} = {source}"
    return [line] if len(line) + 4 <= 120 else ["(", *(f"    {name}," for name in names), f") = {source}"]
