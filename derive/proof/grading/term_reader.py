"""Reading a formula into a `Term`, whatever its shapes: the labels become the numbers of layers.

Whether the shapes fit, and what could not be read, is said by `proof.formulas.grammar`, which reads the same
grammar; here a formula is only taken apart so that it can be evaluated.
"""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import ClassVar

from derive.model.errors import FormulaError
from derive.model.reader import Reader
from derive.proof.formulas.grammar import ACTIVATION, ELEMENTWISE
from derive.proof.formulas.matrices import NUMBERED
from derive.proof.formulas.spelling import parsed, plain
from derive.proof.formulas.values import CONSTANTS, DERIVATIVES, Layout
from derive.proof.grading.alphabet import Alphabet, known
from derive.proof.grading.terms import BINARY, NO_LAYER, Term, leaf, number

FUNCTIONS = {"diag": 1, "outer": 2, "inv": 1, "where": 3, "max": 2, "min": 2, "abs": 1, "sign": 1}
OVER = {("sum", "samples"): "sum", ("sum", "units"): "units", ("mean", "units"): "mean of units"}
"""A sum or a mean and what it is taken over → the head of its term."""
MAX_FUNCTIONS = 6
TOO_MANY = f"more than {MAX_FUNCTIONS} functions stand within one another"
NO_TREE = "is not read in answers that are graded"


def _functions(term: Term) -> int:
    """How many functions stand within one another."""
    inner = max((_functions(part) for part in term.parts), default=0)
    return inner + (term.head in ELEMENTWISE or term.head in ("f", "df", "inv"))


class AbsentError(FormulaError):
    """A layer that the network does not have."""


class TermReader(Reader):
    """Reads one formula about a network, or about a plain one of so many layers; `labels` gives the value of l."""

    what: ClassVar[str] = "formula"

    def __init__(self, network: int | Alphabet, labels: dict[str, int], own: int, layout: Layout = "rows") -> None:
        self.letters = known(network)
        self.depth = self.letters.depth
        self.labels = {"L": self.depth, **labels}
        self.own = own
        self.layout = layout

    def read(self, text: str) -> Term:
        """The tree of `text`."""
        self.text = plain(text)
        term = self.visit(parsed(self.text, self.layout, self.what))
        assert isinstance(term, Term)
        if _functions(term) > MAX_FUNCTIONS:
            raise FormulaError(TOO_MANY)
        return term

    def layer(self, node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(value)):
                return value
            case ast.Name(id=name) if name in self.labels:
                return self.labels[name]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.layer(left) + self.layer(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return self.layer(left) - self.layer(right)
        self.fail(node, f"{self.source(node)} is not a layer")

    def quantity(self, base: str, layer: int, node: ast.AST) -> Term:
        first = self.letters.all[base].first
        if not first <= layer <= self.depth and NO_LAYER not in self.letters.places.get(base, ()):
            raise AbsentError(f"{base}{layer}: the layers are {first}..{self.depth}")
        if problem := self.letters.misplaced(base, (layer,)):
            raise AbsentError(f"{base}{layer}: {problem}")
        return leaf(base, layer)

    def activated(self, name: str, layer: int, argument: Term) -> Term:
        if not 1 <= layer <= self.depth:
            raise AbsentError(f"{name}{layer}: the layers are 1..{self.depth}")
        return Term("df" if ACTIVATION[name] else "f", (argument,), layer)

    def number(self, value: float, node: ast.AST) -> Term:
        return number(Fraction(str(value)))

    def negative(self, value: Term, node: ast.AST) -> Term:
        return Term("negative", (value,))

    def binary(self, operator: str, left: Term, right: Term, node: ast.AST) -> Term:
        match operator, right:
            case "**", Term(head="negative", parts=(Term(head="number", number=exponent),)):
                right = number(-exponent)
        return Term(operator, (left, right)) if operator in BINARY else self.fail(node, f"{operator} {NO_TREE}")

    def attribute(self, value: Term, attribute: str, node: ast.AST) -> Term:
        if attribute != "T":
            self.fail(node, f".{attribute} has no meaning here; .T is the transpose")
        return Term("T", (value,))

    def name(self, name: str, node: ast.AST) -> Term:
        if numbered := self.letters.numbered(name):
            return self.quantity(*numbered, node)
        if (width := NUMBERED.fullmatch(name)) and width[1] == "n":
            return self.width(int(width[2]))
        if (own := self.letters.plain(name)) in self.letters.numbers:
            return number(self.letters.numbers[own])
        if name == "x":
            return leaf("a", 0)
        if name in ("y", "N", *CONSTANTS):
            return Term(name)
        self.fail(node, f"{name} {NO_TREE}")

    def subscript(self, base: ast.expr, index: ast.expr, node: ast.AST) -> Term:
        if isinstance(base, ast.Name) and (letter := self.letters.plain(base.id)) in self.letters.all:
            return self.quantity(letter, self.layer(index), node)
        if isinstance(base, ast.Name) and base.id == "n":
            return self.width(self.layer(index))
        self.fail(node, f"{self.source(node)} {NO_TREE}")

    def compare(self, operator: str, left: Term, right: Term, node: ast.AST) -> Term:
        return Term(operator, (left, right))

    def width(self, layer: int) -> Term:
        """n of a layer."""
        if not 0 <= layer <= self.depth:
            raise AbsentError(f"n{layer}: the layers are 0..{self.depth}")
        return Term("n", (), layer)

    def along(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Term:
        """A sum or a mean over the samples or, where that is said, over the units of a layer."""
        over = arguments[1] if len(arguments) == 2 else ast.Name("samples")
        if not isinstance(over, ast.Name) or over.id not in ("samples", "units") or len(arguments) not in (1, 2):
            self.fail(node, f"write {name}(M) over the samples, or {name}(M, units)")
        inner = self.visit(arguments[0])
        if (name, over.id) == ("mean", "samples"):
            return Term("/", (Term("sum", (inner,)), Term("N")))
        return Term(OVER[name, over.id], (inner,))

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Term:
        if name in ("sum", "mean"):
            return self.along(name, arguments, node)
        if name == "d" and len(arguments) == 2:
            term = self.visit(arguments[1])
            if term.head in DERIVATIVES:
                return leaf(DERIVATIVES[term.head], term.layer)
            self.fail(node, f"{self.source(node)} {NO_TREE}")
        if name in ("a", "z") or ((numbered := NUMBERED.fullmatch(name)) and numbered[1] in ("a", "z")):
            if [getattr(argument, "id", "") for argument in arguments] == ["x"]:
                return self.name(name, node)
            self.fail(node, f"{self.source(node)} {NO_TREE}")
        parts = tuple(self.visit(argument) for argument in arguments)
        match parts:
            case [at] if name in ACTIVATION:
                return self.activated(name, at.layer if at.head in self.letters.inputs else self.own, at)
            case [at] if (base := name.rstrip("0123456789")) in ACTIVATION:
                return self.activated(base, int(name[len(base) :]), at)
            case [_] if name in ELEMENTWISE:
                return Term(name, parts)
        if len(parts) == FUNCTIONS.get(name, 0):
            return Term(name, parts)
        self.fail(node, f"{self.source(node)} {NO_TREE}")

    def apply(self, function: ast.expr, arguments: list[ast.expr], node: ast.AST) -> Term:
        match function, arguments:
            case ast.Subscript(value=ast.Name(id=name), slice=label), [argument] if name in ACTIVATION:
                return self.activated(name, self.layer(label), self.visit(argument))
            case ast.Subscript(value=ast.Name(id=name), slice=label), [ast.Name(id="x")] if name in ("a", "z"):
                return self.quantity(name, self.layer(label), node)
        self.fail(node, f"{self.source(node)} {NO_TREE}")
