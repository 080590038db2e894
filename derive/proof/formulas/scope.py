"""What the labels in a formula may be: the layers of its network and the ranges of its variables.

    l = 1..L-1          a variable and its range
    L >= 2              about networks with at least two layers
    i = 1..n[l]         a component's index

Several are separated by commas. `check` finds a layer that would lie outside, such as l+1 at l = L.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sympy as sp

from derive.algebra.notation import L, Label, index, size, tag
from derive.algebra.notation import N as SAMPLES
from derive.model.errors import DeriveError, FormulaError, shorten
from derive.model.expression import read_expression
from derive.proof.formulas.values import Layout

COMPONENTS = "ijpqr"
"""Letters that are always a component's index; any other is one if it is declared, as in k = 1..n[l]."""
Coincide = Literal["", "widths", "all"]
COINCIDENCES: tuple[Coincide, ...] = ("widths", "all")
ALL_WIDTHS = index("n")
"""The one size that all widths have, where they are taken to coincide."""


@dataclass(frozen=True)
class Scope:
    """How a formula's labels and sizes are read."""

    layout: Layout = "rows"
    variables: Mapping[str, tuple[sp.Expr, sp.Expr]] = field(default_factory=dict)
    """Label variables with their first and last layer."""
    depth: sp.Expr = L
    """L, or the number of layers of a given network."""
    least: int = 1
    """The smallest depth that is spoken about."""
    anywhere: bool = False
    """Whether numbered layers are those of any network, not of a given one ("L >= 2" was said)."""
    components: Mapping[str, str] = field(default_factory=dict)
    """Component indices with the sizes that were declared for them."""
    coincide: Coincide = ""
    """Which sizes are taken to be equal, so that formulas whose shapes do not fit can be evaluated."""
    layer: Label = None
    """The layer of the quantity that is defined, which a bare f belongs to."""
    fixed: Mapping[str, int] = field(default_factory=dict)
    """Label variables that stand for one layer."""
    tied: Mapping[int, int] = field(default_factory=dict)
    """For a layer the first that has as many units; itself, if nothing is said."""

    def symbol(self, name: str) -> sp.Symbol:
        """The symbol of a label variable."""
        return index(name)

    @property
    def labels(self) -> dict[str, sp.Expr]:
        """What label names stand for."""
        fixed = {name: sp.Integer(layer) for name, layer in self.fixed.items()}
        return {"L": self.depth, **{name: self.symbol(name) for name in self.variables}, **fixed}

    def size(self, label: Label) -> sp.Symbol:
        """n_l, or the one size that all widths have."""
        return ALL_WIDTHS if self.coincide else size(self.tied.get(label, label))

    @property
    def samples(self) -> sp.Symbol:
        """N, or the one size that everything has."""
        return SAMPLES if self.coincide != "all" else ALL_WIDTHS

    def misplaced(self, label: sp.Expr, first: int) -> str:
        """What is wrong with a label of a quantity that begins in layer `first`; "" if nothing is."""
        low, high = self.bounds(label)
        below = sp.expand(low - first).subs(self.depth, self.least) if self.depth == L else low - first
        above = sp.expand(self.depth - high)
        above = above.subs(L, self.least)
        if not (below.is_Integer and above.is_Integer):
            return f"{tag(label)} is not the label of a layer"
        where = f"the layers are {first}..{self.depth}"
        if self.depth == L and self.least > 1:
            where += f" with L >= {self.least}"
        if above < 0 or below < 0:
            every = f" for every {self.ranges or 'network'}" if self.variables or self.depth == L else ""
            return f"layer {label} does not exist{every}: {where}"
        return ""

    def bounds(self, label: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """The first and the last layer that a label stands for."""
        low = high = label
        for name, (start, end) in self.variables.items():
            low, high = low.subs(self.symbol(name), start), high.subs(self.symbol(name), end)
        return low, high

    @property
    def ranges(self) -> str:
        """The ranges of the label variables in words."""
        return ", ".join(f"{name} = {low}..{high}" for name, (low, high) in self.variables.items())


def read_ranges(text: str, layout: Layout, depth: sp.Expr = L) -> Scope:
    """The scope that a `for` entry such as "l = 1..L-1, i = 1..n[l]" declares."""
    variables: dict[str, tuple[sp.Expr, sp.Expr]] = {}
    components: dict[str, str] = {}
    least, anywhere = 1, False
    for part in filter(None, (part.strip() for part in text.split(","))):
        if bound := re.fullmatch(r"L\s*>=\s*(\d{1,3})", part):
            least, anywhere = max(int(bound[1]), 1), True
        elif declared := re.fullmatch(r"([a-z])\s*=\s*(.+?)\s*\.\.\s*(.+)", part):
            name, low, high = declared.groups()
            if low == "1" and (name in COMPONENTS or re.match(r"n\b|n\d|n\[", high)):
                components[name] = "".join(high.split())
            else:
                variables[name] = (_bound(low, depth, part), _bound(high, depth, part))
        else:
            raise DeriveError(f"the range {shorten(part)} cannot be read; write for example l = 1..L-1, or L >= 2")
    return Scope(layout, variables, depth, least, anywhere, components)


def _bound(text: str, depth: sp.Expr, part: str) -> sp.Expr:
    try:
        value = read_expression(text, {"L": depth})
    except FormulaError as error:
        raise DeriveError(f"the range {shorten(part)} cannot be read: {error}") from None
    if not (value.is_Integer or (value - depth).is_Integer):
        raise DeriveError(f"the range {shorten(part)} has to run between numbers, L, L-1, …")
    return value
