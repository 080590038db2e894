"""Matrix formulas as boxes: δ² = (δ³ W³) ⊙ f′(z²), from the terms that the derived equations were written as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from derive.algebra.notation import named
from derive.proof.grading.terms import BINARY, NO_LAYER, Term
from derive.teach.setting.boxes import (
    NOTHING,
    Box,
    fenced,
    fraction,
    name,
    number,
    operator,
    power,
    row,
    scripts,
    total,
    word,
)
from derive.teach.setting.index_view import ATOM, POWER, PRODUCT, SUM, Placed
from derive.teach.setting.letters import LOSS, SAMPLE_LOSS, Letters

SCALARS = {"N": "N", "pi": "π"}
"""Names of numbers → how they are set."""


@dataclass(frozen=True)
class MatrixView:
    """Sets terms; in rows derivatives are those of the mean loss, in columns of one sample's c."""

    letters: Letters
    layout: str = "rows"

    def set(self, term: Term) -> Box:
        """The box of `term`."""
        return self.placed(term)[0]

    def placed(self, term: Term) -> Placed:
        return HEADS.get(term.head, MatrixView.other)(self, term)

    def within(self, term: Term, least: int) -> Box:
        box, strength = self.placed(term)
        return box if strength >= least else fenced(box)

    def quantity(self, text: str) -> Box:
        """A whole tensor by its name."""
        return self.letters.symbol(text, whole=True, loss=LOSS if self.layout == "rows" else SAMPLE_LOSS)

    def other(self, term: Term) -> Placed:
        if term.parts:
            commas = [part for p in term.parts for part in (operator(","), self.set(p))][1:]
            return row(word(term.head), fenced(row(*commas))), ATOM
        if term.layer == NO_LAYER:
            return (name(SCALARS[term.head]) if term.head in SCALARS else self.quantity(term.head)), ATOM
        return self.quantity(named(term.head, term.layer)), ATOM

    def number(self, term: Term) -> Placed:
        value = term.number
        if value < 0:
            return row(operator("−"), number(-value)), SUM
        own = number(value) if value.denominator == 1 else fraction(number(value.numerator), number(value.denominator))
        return own, ATOM

    def transpose(self, term: Term) -> Placed:
        inner, strength = self.placed(term.parts[0])
        plain = strength == ATOM and inner.kind in ("name", "matrix")
        return scripts(inner if plain else fenced(inner), above=operator("⊤")), ATOM

    def activation(self, term: Term) -> Placed:
        text = "f′" if term.head == "df" else "f"
        return row(scripts(name(text), number(term.layer)), fenced(self.set(term.parts[0]))), ATOM

    def sum(self, term: Term) -> Placed:
        return total(((name("s"), NOTHING),), self.within(term.parts[0], PRODUCT)), PRODUCT

    def negative(self, term: Term) -> Placed:
        return row(operator("−"), self.within(term.parts[0], PRODUCT)), SUM

    def binary(self, term: Term) -> Placed:
        left, right = term.parts
        match term.head:
            case "+" | "-":
                sign = operator("−" if term.head == "-" else "+")
                return row(self.within(left, SUM), sign, self.within(right, PRODUCT)), SUM
            case "/":
                return self.quotient(left, right)
            case "**":
                return power(self.within(left, ATOM), self.set(right)), POWER
            case "@":
                return row(self.factor(left, "@"), self.factor(right, "@")), PRODUCT
        if left.head == "number" and left.number < 0:
            size = Term("*", (Term("number", (), left.layer, -left.number), right)) if left.number != -1 else right
            return row(operator("−"), self.within(size, PRODUCT)), SUM
        if {left.head, right.head} & {"number", *SCALARS}:
            return row(self.factor(left, "@"), self.factor(right, "@")), PRODUCT
        return row(self.factor(left, "*"), operator("⊙"), self.factor(right, "*")), PRODUCT

    def quotient(self, left: Term, right: Term) -> Placed:
        if left.head in ("+", "-", "number"):
            return fraction(self.set(left), self.set(right)), PRODUCT
        return row(fraction(number(1), self.set(right)), self.factor(left, "@")), PRODUCT

    def factor(self, term: Term, kind: str) -> Box:
        """A factor; products of different kinds in brackets, since nobody remembers which goes first."""
        mixed = term.head in ("*", "@") and term.head != kind
        box = self.within(term, PRODUCT)
        return fenced(box) if mixed else box


HEADS: dict[str, Callable[[MatrixView, Term], Placed]] = {
    "number": MatrixView.number,
    "T": MatrixView.transpose,
    "f": MatrixView.activation,
    "df": MatrixView.activation,
    "sum": MatrixView.sum,
    "negative": MatrixView.negative,
    **dict.fromkeys(BINARY, MatrixView.binary),
}
"""How each operation is set; what is not here is a quantity, or a function with its name."""
