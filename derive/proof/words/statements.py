"""Theorems as data: equations that are given, and equations that follow, in the blackboard's notation.

    given: W[l][p,j] = W[l][q,j],  b[l][p] = b[l][q]        then: z[l][s,p] = z[l][s,q]

`p` and `q` are two neurons, the same ones throughout; every other index runs over its whole axis. `df[l](...)` is f',
`n[l]` a size, `E(...)` an expected value (see `expectation`), and a chain `x = y = z` says that each equals the next.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sympy as sp

from derive.algebra.blackboard import INDICES, BlackboardReader
from derive.algebra.notation import named, opaque
from derive.algebra.program import Tensor
from derive.model.errors import DeriveError

FIXED = (INDICES["p"], INDICES["q"])
"""The two neurons of which a statement speaks."""
ANY = frozenset(i for i in INDICES.values() if i not in FIXED)
"""Indices that stand for every value."""
MEAN, VARIANCE = sp.Symbol("mu", real=True), sp.Symbol("sigma2", nonnegative=True)
"""Of every weight of a layer, drawn independently."""
EXPECTED: Any = sp.Function("E")


@dataclass(frozen=True)
class Statement:
    """If every equation of `given` holds, then every one of `then`; as they are written."""

    given: tuple[str, ...]
    then: tuple[str, ...]

    def __str__(self) -> str:
        conclusion = ", ".join(self.then)
        return f"if {', '.join(self.given)}, then {conclusion}" if self.given else conclusion

    def without(self, condition: str) -> Statement:
        """The statement with one condition less."""
        return Statement(tuple(text for text in self.given if text != condition), self.then)


class StatementReader(BlackboardReader):
    """Reads one side of an equation; `tensors` are those of a world, `labels` what l and L stand for."""

    what = "statement"

    def __init__(self, tensors: Mapping[str, Tensor], labels: Mapping[str, sp.Expr]) -> None:
        super().__init__(tensors, labels)
        self.names |= {"mu": MEAN, "sigma2": VARIANCE}

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> sp.Expr:
        if name == "E" and len(arguments) == 1:
            return EXPECTED(self.visit(arguments[0]))
        return super().call(name, arguments, node)

    def apply(self, function: ast.expr, arguments: list[ast.expr], node: ast.AST) -> Any:
        match function, arguments:
            case ast.Subscript(value=ast.Name(id="df"), slice=label), [argument]:
                return opaque(named("f", self.label(label)), 1)(self.visit(argument))
        return super().apply(function, arguments, node)


@dataclass(frozen=True)
class Equality:
    """`left = right` for every value of its indices, whose ranges are in `ranges`."""

    left: sp.Expr
    right: sp.Expr
    ranges: Mapping[sp.Symbol, sp.Expr]
    text: str
    """As it is written."""


def equalities(text: str, tensors: Mapping[str, Tensor], labels: Mapping[str, sp.Expr]) -> tuple[Equality, ...]:
    """The equation `text`, or the links of a chain of them. Raises DeriveError if it cannot be read."""
    parts = [part.strip() for part in text.split("=")]
    if len(parts) < 2 or not all(parts):
        raise DeriveError(f"{text!r} is not an equation: write left = right")
    reader = StatementReader(tensors, labels)
    values = [reader.read(part) for part in parts]
    free = set().union(*(value.free_symbols for value in values))
    ranges = {i: high for i, high in reader.ranges.items() if i in free}
    links = zip(pairwise(values), pairwise(parts), strict=True)
    return tuple(Equality(*sides, ranges, " = ".join(texts)) for sides, texts in links)


def condition(text: str, tensors: Mapping[str, Tensor], labels: Mapping[str, sp.Expr]) -> Equality:
    """The single equation `text`, whose left side can be replaced by its right side wherever it stands."""
    found = equalities(text, tensors, labels)
    if len(found) != 1:
        raise DeriveError(f"{text!r}: a condition is one equation, left = right")
    (only,) = found
    if extra := only.right.free_symbols & ANY - only.left.free_symbols:
        raise DeriveError(f"{text!r}: the index {min(map(str, extra))} stands on the right only")
    if only.right.has(sp.Sum):
        raise DeriveError(f"{text!r}: a sum has no place on the right of a condition")
    return only
