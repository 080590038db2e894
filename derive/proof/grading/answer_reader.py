"""The grammar of answers: that of formulas, with the letters of one network, cases, and sums over units.

Only the shapes count here, and what is wrong with them in words; `proof.grading.term_reader` reads the same formula
into a tree that can be evaluated.
"""

from __future__ import annotations

import ast
from functools import partial, reduce

import sympy as sp

from derive.algebra.notation import named
from derive.model.errors import FormulaError
from derive.model.reader import column_of
from derive.proof.formulas.grammar import ELEMENTWISE, FormulaReader
from derive.proof.formulas.matrices import LayerError, PlaceError
from derive.proof.formulas.scope import Scope
from derive.proof.formulas.spelling import parsed, plain
from derive.proof.formulas.values import COLUMN, ONE, QUANTITIES, ROW, Value
from derive.proof.grading.alphabet import Alphabet
from derive.proof.grading.term_reader import MAX_FUNCTIONS, TOO_MANY
from derive.proof.grading.terms import NO_LAYER

ENTRYWISE = {"abs": 1, "sign": 1, "max": 2, "min": 2, "where": 3}
"""Functions of entries → how many arguments they take."""


def _functions(node: ast.AST) -> int:
    """How many functions stand within one another, as `proof.grading.term_reader` counts them."""
    inner = max((_functions(part) for part in ast.iter_child_nodes(node)), default=0)
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    return inner + (name in ELEMENTWISE or name in ("f", "df", "inv"))


class AnswerReader(FormulaReader):
    """Reads an answer about a network into a value whose shape is right."""

    functions = (*FormulaReader.functions, *ENTRYWISE, "mean", "sigmoid", "relu")

    def __init__(self, scope: Scope, letters: Alphabet) -> None:
        super().__init__(scope)
        self.letters = letters

    def read(self, text: str) -> Value:
        self.text = plain(text)
        tree = parsed(self.text, self.scope.layout, self.what)
        if _functions(tree) > MAX_FUNCTIONS:  # before SymPy sees them, which takes long over many
            raise FormulaError(TOO_MANY)
        value = self.visit(tree)
        if not isinstance(value, Value):
            raise TypeError(text)
        return value

    def name(self, name: str, node: ast.AST) -> Value:
        found = self.letters.numbered(name)
        if found and found[0] in self.letters.extra:
            return self.quantity(found[0], sp.Integer(found[1]), node)
        if self.letters.plain(name) in self.letters.numbers:
            return Value(sp.Symbol(self.letters.plain(name)))
        return super().name(name, node)

    def subscript(self, base: ast.expr, position: ast.expr, node: ast.AST) -> Value:
        if isinstance(base, ast.Name) and (letter := self.letters.plain(base.id)) in self.letters.extra:
            return self.quantity(letter, self.label(position), node)
        return super().subscript(base, position, node)

    def quantity(self, base: str, label: sp.Expr, node: ast.AST, *, mean: bool | None = None) -> Value:
        if base in QUANTITIES:
            return super().quantity(base, label, node, mean=mean)
        if problem := self.absent(base, label):
            kind = LayerError if label.is_Integer and not self.scope.fixed else PlaceError
            raise kind(f"{named(base, label)}: {problem}", column_of(node))
        return self.own(base, label)

    def absent(self, base: str, label: sp.Expr) -> str:
        """Why the network has no such letter in this layer, or in one of those that l runs over; "" if it has."""
        if NO_LAYER in self.letters.places[base]:
            return ""
        if problem := self.scope.misplaced(label, self.letters.all[base].first):
            return problem
        low, high = self.scope.bounds(label)
        return self.letters.misplaced(base, range(int(low), int(high) + 1))

    def own(self, base: str, label: sp.Expr) -> Value:
        """The value of a letter that the text does not have."""
        quantity, rows = self.letters.extra[base], self.scope.layout == "rows"
        samples = self.scope.samples if quantity.sampled and rows else ONE
        units = self.scope.size(label) if quantity.axes else ONE
        entry = sp.IndexedBase(named(base, label))[ROW, COLUMN]
        shape = (samples, units) if rows else (units, ONE)
        return Value(entry, shape, label if base in self.letters.inputs else None)

    def outer(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        values = self.values(arguments, 2, "outer", node)
        if not all(value.vector or value.scalar for value in values):
            shown = " and ".join(value.shown for value in values)
            self.wrong_shape(
                node, f"outer needs two vectors, but they are {shown}; for all samples at once write u.T @ v"
            )
        return super().outer(arguments, node)

    def inv(self, arguments: list[ast.expr], node: ast.AST) -> Value:
        (value,) = self.values(arguments, 1, "inv", node)
        if value.scalar:
            self.fail(node, f"{self.source(arguments[0])} is a number; write 1 / ...")
        if value.shape[0] != value.shape[1]:
            self.wrong_shape(node, f"inv needs a square matrix, but {self.source(arguments[0])} is {value.shown}")
        return value

    def compare(self, operator: str, left: Value, right: Value, node: ast.AST) -> Value:
        return Value(left.expr, self.common_shape(operator, left, right, node))

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Value:
        if name in ENTRYWISE:
            values = self.values(arguments, ENTRYWISE[name], name, node)
            return reduce(partial(self.together, name, node), values).map(sp.Symbol(f"_{name}"))
        if name in ("sum", "mean"):
            return self.along(name, arguments, node)
        return super().call(name, arguments, node)

    def together(self, name: str, node: ast.AST, left: Value, right: Value) -> Value:
        """One of two values whose entries a function takes together, that with the shape of the result."""
        for one, other in ((left, right), (right, left)):
            if all(own in (ONE, theirs) for own, theirs in zip(other.shape, one.shape, strict=True)):
                return one
        self.wrong_shape(node, f"{name} takes entries that pair up, but they are {left.shown} and {right.shown}")

    def along(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Value:
        """`sum(M)` and `mean(M)` over the samples, `sum(M, units)` and `mean(M, units)` over the units of a layer."""
        match arguments:
            case [inner, ast.Name(id="units")]:
                value, rows = self.visit(inner), self.scope.layout == "rows"
                return Value(value.expr, (value.shape[0], ONE) if rows else (ONE, value.shape[1]))
            case [inner, ast.Name(id="samples")] | [inner]:
                return self.sum([inner], node)
        if name == "mean":
            self.values(arguments, 1, name, node)
        return self.sum(arguments, node)
