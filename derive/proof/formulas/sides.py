"""The two sides of a formula, read under one scope and brought to one shape."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.notation import Label, N
from derive.model.errors import FormulaError, shorten
from derive.proof.formulas.grammar import FormulaReader
from derive.proof.formulas.matrices import NUMBERED, ShapeError, with_df
from derive.proof.formulas.scope import Scope
from derive.proof.formulas.values import COLUMN, ONE, QUANTITIES, ROW, SAMPLE, Shape, Value


@dataclass(frozen=True)
class Sides:
    """A formula `left = right`: both values, and what was met while reading them."""

    left: Value
    right: Value
    left_text: str
    scope: Scope
    mentions: frozenset[tuple[str, Label]]
    inverses: Mapping[str, Value]
    components: Mapping[sp.Symbol, sp.Expr]

    @property
    def shape(self) -> Shape:
        """The shape that both sides have."""
        return self.left.shape

    @property
    def counts(self) -> bool:
        """Whether the formula is about sizes only."""
        return not self.mentions

    @property
    def free(self) -> dict[sp.Symbol, sp.Expr]:
        """The indices for all values of which the sides have to be equal, with their sizes."""
        found = self.left.expr.free_symbols | self.right.expr.free_symbols
        sample = {SAMPLE: N} if SAMPLE in found else {}
        entries = {i: n for i, n in zip((ROW, COLUMN), self.shape, strict=True) if n != ONE}
        return {**sample, **self.components, **entries}

    @property
    def names(self) -> list[str]:
        """The tensors that occur, in the order in which one would look at them."""
        found = {str(e.base.label) for side in (self.right, self.left) for e in side.expr.atoms(sp.Indexed)}
        return sorted(found - {"n"}, key=lambda name: ("_c" in name or name[0] == "d", name))

    def shown_name(self, name: str) -> str:
        """The name of a tensor in words: d(c, b[l]) for its internal name db_c[l]."""
        base = next((b for b in QUANTITIES if name.startswith(b)), "")
        of = QUANTITIES[base].of if base else ""
        if not of:
            return name
        label = name.removeprefix(base).removeprefix("_c")
        return f"d({'c' if '_c' in name else 'loss'}, {of}{label})"


def split(formula: str) -> tuple[str, str]:
    """The two sides of `left = right`."""
    parts = re.split(r"(?<![=<>!])=(?!=)", formula)
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise FormulaError(f"the formula {shorten(formula)} is not of the form left = right")
    return parts[0].strip(), parts[1].strip()


def read_sides(formula: str, scope: Scope) -> Sides:
    """Both sides of `formula`; a bare f is the activation of the layer that the left side belongs to.

    Raises FormulaError where it cannot be read, and ShapeError where shapes do not fit.
    """
    left_text, right_text = split(formula)
    reader = FormulaReader(scope)
    left = reader.read(left_text)
    layers = {label for base, label in reader.mentions if base in QUANTITIES}
    reader.scope = replace(scope, layer=layers.pop() if len(layers) == 1 else None)
    right = reader.read(right_text)
    if left.shape != right.shape:
        if right.scalar and right.expr.is_Rational:
            right = replace(right, shape=left.shape)
        else:
            raise ShapeError(f"{left_text} is {left.shown}, but the right side is {right.shown}")
    return Sides(left, right, left_text, scope, frozenset(reader.mentions), dict(reader.inverses), dict(reader.ranges))


def names_layers(formula: str) -> bool:
    """Whether a formula speaks of numbered layers, such as W2 or a[1], beyond the input."""
    for side in split(formula):
        try:
            tree = ast.parse(with_df(side), mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the reader will say where
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name) if re.fullmatch(r"d?[fF][1-9]\d*", name):
                    return True
                case ast.Name(id=name) if (numbered := NUMBERED.fullmatch(name)) and int(numbered[2]):
                    return True
                case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int(label))) if label and (
                    name in QUANTITIES or name in ("n", "w", "f", "df", "F", "dF")
                ):
                    return True
    return False
