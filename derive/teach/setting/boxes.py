"""`Box`: a formula as it is to be set, before it is MathML, LaTeX or Unicode.

Two builders make boxes, one from index notation (`index_view`), one from matrix formulas (`matrix_view`); three
printers read them (`mathml`, `latex`, `plain`). So what a formula looks like is said once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "name", "matrix", "number", "operator", "word", "row", "fenced", "fraction", "scripts", "root", "sum", "cases"
]


@dataclass(frozen=True)
class Box:
    """One piece: `text` for leaves, `parts` for what is put together.

    `scripts` has three parts (base, below, above), `fraction` two, `sum` the list of its ranges (a row of below
    and above each) and its body, `cases` a row of value and condition for each branch. `fenced` has its
    brackets in `text`. An empty row stands for nothing.
    """

    kind: Kind
    text: str = ""
    parts: tuple[Box, ...] = ()


NOTHING = Box("row")


def name(text: str) -> Box:
    """A scalar's name, set in italics if it is one letter."""
    return Box("name", text)


def matrix(text: str) -> Box:
    """The name of a whole matrix or vector, set in bold."""
    return Box("matrix", text)


def number(value: object) -> Box:
    return Box("number", str(value))


def operator(text: str) -> Box:
    return Box("operator", text)


def word(text: str) -> Box:
    """A word that is not mathematics."""
    return Box("word", text)


def row(*parts: Box) -> Box:
    """Boxes side by side."""
    return parts[0] if len(parts) == 1 else Box("row", "", parts)


def fenced(inner: Box, brackets: str = "()") -> Box:
    return Box("fenced", brackets, (inner,))


def fraction(top: Box, bottom: Box) -> Box:
    return Box("fraction", "", (top, bottom))


def scripts(base: Box, below: Box = NOTHING, above: Box = NOTHING) -> Box:
    """`base` with a subscript and a superscript; without either, the base alone."""
    return base if below == above == NOTHING else Box("scripts", "", (base, below, above))


def power(base: Box, exponent: Box) -> Box:
    """`base` to the power of `exponent`; in brackets if something stands above it already, such as its layer."""
    raised = base.kind == "scripts" and base.parts[2] != NOTHING
    return scripts(fenced(base) if raised else base, above=exponent)


def root(inner: Box) -> Box:
    """The square root."""
    return Box("root", "", (inner,))


def total(ranges: tuple[tuple[Box, Box], ...], body: Box) -> Box:
    """The sum of `body` over ranges: what stands below each sign, and what above."""
    return Box("sum", "", (*(Box("row", "", pair) for pair in ranges), body))


def cases(*branches: tuple[Box, Box]) -> Box:
    """A value for each condition."""
    return Box("cases", "", tuple(Box("row", "", branch) for branch in branches))


def equation(*sides: Box) -> Box:
    """Sides joined by equals signs."""
    parts = [sides[0]]
    for side in sides[1:]:
        parts += [operator("="), side]
    return row(*parts)
