"""A learner's line `delta2 = …` read both ways: with symbolic shapes, and as trees that can be evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp

from derive.model.errors import DeriveError, FormulaError, shorten
from derive.model.limits import LIMITS
from derive.proof.grammar import FormulaReader
from derive.proof.matrices import PlaceError, ShapeError
from derive.proof.scope import Scope
from derive.proof.term_reader import AbsentError, TermReader
from derive.proof.terms import Labels, Term, numbered, relative
from derive.proof.values import ONE, QUANTITIES, Layout, Value

GRADED = ("delta", "dW", "db", "da", "z", "a")
MAX_LENGTH = LIMITS["answer"].most

QUANTITY = re.compile(rf"({'|'.join(GRADED)})\s*(?:(\d{{1,4}})|\[\s*(l|L|\d{{1,4}})\s*(?:([+-])\s*(\d{{1,4}}))?\s*\])")


@dataclass(frozen=True)
class Asked:
    """The quantity that is asked for, and the layers at which an answer is tried."""

    text: str
    base: str
    label: sp.Expr
    layers: tuple[int, ...]
    """The layers of the quantity: one, or several for a general l."""
    variable: str = ""
    """l, if the quantity is general."""
    offset: int = 0

    def values(self, layer: int) -> dict[str, int]:
        """What l stands for where the quantity is that of `layer`."""
        return {self.variable: layer - self.offset} if self.variable else {}

    def labels(self, layer: int) -> Labels:
        """How layers are written in formulas about this quantity."""
        return relative(self.variable, layer - self.offset) if self.variable else numbered


@dataclass(frozen=True)
class Line:
    """What was read: a tree for each layer, and what is wrong with the shapes or the layers, if anything is."""

    asked: Asked
    text: str
    """What stands to the right of the equals sign."""
    terms: Mapping[int, Term]
    """Layer → tree; a layer is left out where the formula speaks of one that does not exist."""
    shape_error: ShapeError | None = None
    """The first product or sum whose parts do not fit."""
    shape: str = ""
    """The shape of the whole in words, if it is not that of the quantity."""
    wanted: str = ""
    place_error: str = ""
    only: str = ""
    """The layers that the formula is about, if not about all that were asked for."""

    @property
    def fits(self) -> bool:
        return self.shape_error is None and not self.shape and not self.place_error


def ask(text: str, depth: int) -> Asked:
    """The quantity that `text` names in a network of `depth` layers. Raises FormulaError."""
    found = QUANTITY.fullmatch(text.strip())
    if not found:
        raise FormulaError(
            f"{shorten(text)} is not a quantity that can be asked for: write {', '.join(GRADED[:4])} with a layer, "
            "as in delta2, dW1 or delta[l]"
        )
    base, digits, name, sign, offset = found.groups()
    first = QUANTITIES[base].first
    shift = int(f"{sign}{offset}") if sign else 0
    if name == "l":
        low = max(first, 1) - min(shift, 0)
        high = (depth - 1 if base in ("delta", "da") else depth) - max(shift, 0)
        if high < low:
            raise FormulaError(
                f"{text} is about hidden layers, of which this network has none; ask for {base}[L] or {base}{depth}"
            )
        own = sorted({low, max(low, high - 1), high})
        label = sp.Symbol("l", integer=True, positive=True) + shift
        return Asked(text.strip(), base, label, tuple(k + shift for k in own), "l", shift)
    layer = depth + shift if name == "L" else int(digits or name) + shift
    if not first <= layer <= depth:
        raise FormulaError(f"{text}: the network has no such layer; {base} exists in the layers {first}..{depth}")
    return Asked(text.strip(), base, sp.Integer(layer), (layer,))


def read_line(asked: Asked, formula: str, depth: int, layout: Layout) -> Line:
    """The answer `formula`, with or without `delta2 =` in front. Raises FormulaError where it cannot be read."""
    if len(formula) > MAX_LENGTH:
        raise FormulaError(LIMITS["answer"].exceeded(len(formula)))
    formula = _right_side(asked, formula)
    place_error, value, shape_error = "", None, None
    scope = _scope(asked, depth, layout)
    reader = FormulaReader(scope)
    try:
        value = reader.read(formula)
    except ShapeError as error:
        shape_error = error
    except PlaceError as error:
        place_error = str(error)
    terms = {}
    for layer in asked.layers:
        try:
            terms[layer] = TermReader(depth, asked.values(layer), layer).read(formula)
        except AbsentError as error:
            place_error = place_error or str(error)
    if place_error and 0 < len(terms) < len(asked.layers):
        fewer = replace(asked, layers=tuple(terms))
        return replace(read_line(fewer, formula, depth, layout), only=f"for l = {_range(fewer)}")
    if value is None:
        return Line(asked, formula.strip(), terms, shape_error, place_error=place_error)
    target = FormulaReader(scope).quantity(asked.base, asked.label, None)  # type: ignore[arg-type]
    if _stands_for(asked.base, value, target):
        return Line(asked, formula.strip(), terms, place_error=place_error)
    return Line(asked, formula.strip(), terms, None, value.shown, target.shown, place_error)


def _range(asked: Asked) -> str:
    low, high = min(asked.layers) - asked.offset, max(asked.layers) - asked.offset
    return str(low) if low == high else f"{low}..{high}"


def _scope(asked: Asked, depth: int, layout: Layout) -> Scope:
    ranges = {}
    if asked.variable:
        low, high = min(asked.layers) - asked.offset, max(asked.layers) - asked.offset
        ranges[asked.variable] = (sp.Integer(low), sp.Integer(high))
    return Scope(layout, ranges, sp.Integer(depth), layer=asked.label)


def _stands_for(base: str, value: Value, target: Value) -> bool:
    """Whether the shapes agree; a bias may stand or lie, and a number is not a matrix."""
    if value.shape == target.shape:
        return True
    return base == "db" and value.shape == target.shape[::-1] and ONE in value.shape


def _right_side(asked: Asked, formula: str) -> str:
    """What stands to the right of `delta2 =`, if that was written."""
    left, equals, right = formula.partition("=")
    if not equals or right.startswith("="):
        return formula
    if "".join(left.split()) != "".join(asked.text.split()):
        raise FormulaError(f"asked for is {asked.text}, but the line defines {shorten(left.strip())}", 1)
    return right


def split_line(text: str) -> tuple[str, str]:
    """("delta2", "…") of the line `delta2 = …`. Raises FormulaError."""
    left, equals, right = text.partition("=")
    if not equals or not left.strip() or not right.strip():
        raise FormulaError(f"{shorten(text.strip())} is not of the form quantity = formula")
    return left.strip(), right.strip()


def readable_start(asked: Asked, formula: str, depth: int) -> Term | None:
    """The longest beginning of `formula` that can be read, so that a learner sees how far it went."""
    words = re.findall(r"\s+|\w+|[^\w\s]", formula[:MAX_LENGTH])
    for end in range(len(words) - 1, max(0, len(words) - 40), -1):
        try:
            layer = asked.layers[0]
            return TermReader(depth, asked.values(layer), layer).read("".join(words[:end]))
        except DeriveError:
            continue
    return None
