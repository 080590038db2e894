"""A learner's line `delta2 = …` read both ways: with symbolic shapes, and as trees that can be evaluated."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy as sp

from derive.model.errors import DeriveError, FormulaError, shorten
from derive.model.limits import LIMITS
from derive.proof.formulas.matrices import LayerError, PlaceError, ShapeError
from derive.proof.formulas.scope import Scope
from derive.proof.formulas.spelling import LETTERS, SIGNS
from derive.proof.formulas.values import ONE, Layout, Quantity, Value
from derive.proof.grading.alphabet import Alphabet, known
from derive.proof.grading.answer_reader import AnswerReader
from derive.proof.grading.term_reader import AbsentError, TermReader
from derive.proof.grading.terms import Labels, Term, numbered, relative

GRADED = ("delta", "dW", "db", "da", "z", "a")
MAX_LENGTH = LIMITS["answer"].most
TRIED_STARTS = 39
"""So many beginnings of a line that cannot be read are tried, from the longest."""

QUANTITY = re.compile(r"([A-Za-z]+)\s*(?:(\d{1,4})|\[\s*(l|L|\d{1,4})\s*(?:([+-])\s*(\d{1,4}))?\s*\])")
FRACTION = re.compile(
    r"d\s*\(?\s*(?:loss|cost|[A-Za-z])\s*\)?\s*/\s*d\s*([A-Za-z]+)(.*)"
    r"|d\(\s*(?:loss|c)\s*,\s*([A-Za-z]+)([^()]*)\)"
)
"""dL/dW2 or d(loss, W2) for dW2."""
NUMBERING = re.compile(r"^\s*\(?\d{1,3}[.)]\s+")
DEFINITION = re.compile(r"([^=<>!()]*)(\([^=<>!()]*\)[^=<>!()]*)?=(?!=)(.*)", re.DOTALL)
"""A line `delta2 = …`: what stands on the left, and what on the right."""


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


def ask(text: str, network: int | Alphabet) -> Asked:
    """The quantity that `text` names in a network, or in a plain one of so many layers. Raises FormulaError."""
    letters = known(network)
    depth = letters.depth
    written = "".join(SIGNS.get(character, character) for character in text.strip())
    if fraction := FRACTION.fullmatch(written):
        by, layer = fraction[1] or fraction[3], fraction[2] or fraction[4]
        of = letters.plain(LETTERS.get(by, by))
        text = written = f"{letters.derivatives.get(of, of)}{layer}"
    found = QUANTITY.fullmatch(written)
    base = letters.plain(LETTERS.get(found[1], found[1])) if found else ""
    if not found or base not in (*GRADED, *(d for d in letters.derivatives.values() if d in letters.extra)):
        raise FormulaError(
            f"{shorten(text)} is not a quantity that can be asked for: write {', '.join(GRADED[:4])} with a layer, "
            "as in delta2, dW1 or delta[l]"
        )
    text = base + written[len(found[1]) :]
    _, digits, name, sign, offset = found.groups()
    first = letters.all[base].first
    shift = int(f"{sign}{offset}") if sign else 0
    if name == "l":
        low = max(first, 1) - min(shift, 0)
        high = (depth - 1 if base in ("delta", "da") else depth) - max(shift, 0)
        if high < low:
            raise FormulaError(
                f"{text} is about hidden layers, of which this network has none; ask for {base}[L] or {base}{depth}"
            )
        own = letters.representatives(low, high)
        label = sp.Symbol("l", integer=True, positive=True) + shift
        return Asked(text.strip(), base, label, tuple(k + shift for k in own), "l", shift)
    layer = depth + shift if name == "L" else int(digits or name) + shift
    if not first <= layer <= depth:
        raise FormulaError(f"{text}: the network has no such layer; {base} exists in the layers {first}..{depth}")
    if problem := letters.misplaced(base, (layer,)):
        raise FormulaError(f"{text}: {problem}")
    return Asked(text.strip(), base, sp.Integer(layer), (layer,))


def read_line(asked: Asked, formula: str, network: int | Alphabet, layout: Layout) -> Line:
    """The answer `formula`, with or without `delta2 =` in front. Raises FormulaError where it cannot be read."""
    letters = known(network)
    if len(formula) > MAX_LENGTH:
        raise FormulaError(LIMITS["answer"].exceeded(len(formula)))
    formula = _right_side(asked, formula, letters)
    scope = _scope(asked, letters, layout)
    value, shape_error, place_error, wanted = _shaped(asked, formula, scope, letters)
    if letters.tied and asked.variable and (shape_error or wanted):
        for layer in asked.layers:  # where widths are equal because layers are added, l does not show it
            fixed = replace(scope, variables={}, fixed=asked.values(layer), layer=sp.Integer(layer))
            value, shape_error, place_error, wanted = _shaped(asked, formula, fixed, letters)
            if shape_error or wanted:
                break
    terms = {}
    for layer in asked.layers:
        try:
            terms[layer] = TermReader(letters, asked.values(layer), layer, layout).read(formula)
        except AbsentError as error:
            place_error = place_error or str(error)
    if place_error and 0 < len(terms) < len(asked.layers):
        fewer = replace(asked, layers=tuple(terms))
        return replace(read_line(fewer, formula, letters, layout), only=f"for l = {_range(fewer)}")
    shape = value.shown if value is not None and wanted else ""
    return Line(asked, formula.strip(), terms, shape_error, shape, wanted, place_error)


def _shaped(
    asked: Asked, formula: str, scope: Scope, letters: Alphabet
) -> tuple[Value | None, ShapeError | None, str, str]:
    """The value of a formula, or what does not fit, or which layer is missing; and the wanted shape."""
    reader = AnswerReader(scope, letters)
    try:
        value = reader.read(formula)
    except ShapeError as error:
        return None, error, "", ""
    except PlaceError as error:
        return None, None, str(error), ""
    except LayerError as error:
        if not scope.fixed:
            raise
        return None, None, str(error), ""
    label = scope.layer if scope.layer is not None else asked.label
    target = reader.quantity(asked.base, label, ast.Name(asked.base))
    return value, None, "", "" if _stands_for(letters.all[asked.base], value, target) else target.shown


def _range(asked: Asked) -> str:
    low, high = min(asked.layers) - asked.offset, max(asked.layers) - asked.offset
    return str(low) if low == high else f"{low}..{high}"


def _scope(asked: Asked, letters: Alphabet, layout: Layout) -> Scope:
    ranges = {}
    if asked.variable:
        low, high = min(asked.layers) - asked.offset, max(asked.layers) - asked.offset
        ranges[asked.variable] = (sp.Integer(low), sp.Integer(high))
    return Scope(layout, ranges, sp.Integer(letters.depth), layer=asked.label, tied=dict(enumerate(letters.tied)))


def _stands_for(quantity: Quantity, value: Value, target: Value) -> bool:
    """Whether the shapes agree; a bias may stand or lie, and a number is not a matrix."""
    if value.shape == target.shape:
        return True
    return not quantity.sampled and len(quantity.axes) == 1 and value.shape == target.shape[::-1] and ONE in value.shape


def _right_side(asked: Asked, formula: str, letters: Alphabet) -> str:
    """What stands to the right of `delta2 =`, if that was written."""
    found = DEFINITION.fullmatch(formula)
    if not found:
        return formula
    left = f"{found[1]}{found[2] or ''}".strip()
    if not _names(asked, left, letters):
        raise FormulaError(f"asked for is {asked.text}, but the line defines {shorten(left)}", 1)
    return found[3]


def _names(asked: Asked, left: str, letters: Alphabet) -> bool:
    """Whether `left` is another way to write what is asked for."""
    try:
        return replace(ask(left, letters), text=asked.text) == asked
    except FormulaError:
        return False


def split_line(text: str) -> tuple[str, str]:
    """("delta2", "…") of the line `delta2 = …`, which may be numbered. Raises FormulaError."""
    left, equals, right = NUMBERING.sub("", text).rstrip(" ;").replace(":=", "=", 1).partition("=")
    if not equals or not left.strip() or not right.strip():
        raise FormulaError(f"{shorten(text.strip())} is not of the form quantity = formula")
    return left.strip(), right.strip()


def readable_start(asked: Asked, formula: str, network: int | Alphabet) -> Term | None:
    """The longest beginning of `formula` that can be read, so that a learner sees how far it went."""
    words = re.findall(r"\s+|\w+|[^\w\s]", formula[:MAX_LENGTH])
    for end in range(len(words) - 1, 0, -1)[:TRIED_STARTS]:
        try:
            layer = asked.layers[0]
            return TermReader(network, asked.values(layer), layer).read("".join(words[:end]))
        except DeriveError:
            continue
    return None
