"""What a formula's parts stand for: matrices in index notation, with symbolic shapes.

A `Value` is the entry at row `ROW` and column `COLUMN`, and the two sizes. The table `QUANTITIES` says
what the text's letters mean in either layout:

* `columns`, as in the text: one sample, vectors are n x 1, `delta`, `dW`, `db` are derivatives of c;
* `rows`, as in the code: all samples, `a` is N x n, and they are derivatives of the mean loss.

Derivatives of one sample's c have internal names of their own (`delta_c2`, `dW_c2`), so that both kinds
can stand in one program and be compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

import sympy as sp

from derive.algebra.notation import Label, index, named

Layout = Literal["rows", "columns"]

ROW, COLUMN, SAMPLE = index("_r"), index("_c"), index("s")
ONE = sp.S.One
Shape = tuple[sp.Expr, sp.Expr]


@dataclass(frozen=True)
class Quantity:
    """A letter of the text: its axes (as layers relative to its own), and where it exists."""

    axes: tuple[int, ...]
    sampled: bool
    """Whether every sample has its own."""
    first: int
    """The first layer that has one."""
    of: str = ""
    """For a derivative: what it is taken by."""


QUANTITIES: dict[str, Quantity] = {
    "W": Quantity((0, -1), False, 1),
    "b": Quantity((0,), False, 1),
    "z": Quantity((0,), True, 1),
    "a": Quantity((0,), True, 0),
    "dW": Quantity((0, -1), False, 1, of="W"),
    "db": Quantity((0,), False, 1, of="b"),
    "delta": Quantity((0,), True, 1, of="z"),
    "da": Quantity((0,), True, 0, of="a"),
}
DERIVATIVES = {quantity.of: name for name, quantity in QUANTITIES.items() if quantity.of}
"""By what → the letter of the derivative: delta for z."""

CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi}
"""Names of numbers that are no fractions."""


def per_sample_name(name: str) -> str:
    """delta_c2 for delta2: the derivative of one sample's c instead of the mean loss."""
    return re.sub(r"(\d+|\[.*\])?$", r"_c\1", name, count=1)


@dataclass(frozen=True)
class Value:
    """The entry of a matrix at (ROW, COLUMN) and the matrix's shape; a size of 1 has no index."""

    expr: sp.Expr
    shape: Shape = (ONE, ONE)
    input_of: Label = None
    """The layer k if this is z^k, so that f(z[k]) is known to be that layer's activation."""

    @property
    def scalar(self) -> bool:
        return self.shape == (ONE, ONE)

    @property
    def vector(self) -> bool:
        return ONE in self.shape and not self.scalar

    @property
    def shown(self) -> str:
        """The shape in words: n2 x n1, a number."""
        return "a number" if self.scalar else f"{self.shape[0]} x {self.shape[1]}"

    @property
    def transposed(self) -> Value:
        return Value(self.expr.xreplace({ROW: COLUMN, COLUMN: ROW}), self.shape[::-1])

    def column(self) -> Value:
        """This vector as a column."""
        return self if self.shape[1] == ONE else self.transposed

    def map(self, expr: sp.Expr) -> Value:
        """Another expression of the same shape."""
        return replace(self, expr=expr, input_of=None)

    def at(self, i: sp.Expr, j: sp.Expr | None = None) -> sp.Expr:
        """The entry of a vector at `i`, or of a matrix at `i`, `j`."""
        if j is None:
            return self.column().expr.xreplace({ROW: i})
        return self.expr.xreplace({ROW: i, COLUMN: j})


def tensor(
    base: str, label: Label, sizes: tuple[sp.Expr, ...], layout: Layout, samples: sp.Expr, *, mean: bool
) -> Value:
    """The quantity `base` of layer `label`; `sizes` are those of its axes, `samples` is that of an axis of samples.

    `mean` says whether a derivative is that of the mean loss, and not of one sample's c.
    """
    quantity = QUANTITIES[base]
    own = bool(quantity.of) and not mean
    name = named(base, label)
    entry = sp.IndexedBase(per_sample_name(name) if own else name)
    z_of = label if base == "z" else None
    if layout == "rows":
        if quantity.sampled:
            return Value(entry[ROW, COLUMN], (samples, *sizes), z_of)
        if len(sizes) == 1:
            return Value(entry[COLUMN], (ONE, *sizes))
        return Value(entry[ROW, COLUMN], (sizes[0], sizes[1]))
    positions = ((SAMPLE,) if quantity.sampled or own else ()) + (ROW, COLUMN)[: len(sizes)]
    return Value(entry[positions], (*sizes, ONE)[:2], z_of)
