"""Reading matrices: quantities of layers, their components, numbers and operators, with shapes in words.

The half of the formula grammar (`proof.formulas.grammar`) that knows what the letters of the text are. A shape that
does not fit is a `ShapeError`, which says what came together; it does not make a formula unreadable.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from itertools import count
from typing import Any, ClassVar, NoReturn

import sympy as sp

from derive.algebra.notation import Label, N, index, named
from derive.model.budget import budget
from derive.model.errors import FormulaError, shorten, unknown
from derive.model.expression import ScalarReader
from derive.model.reader import MAX_EXPONENT, Reader, column_of, parse
from derive.proof.formulas.counting import label_sum, parameters_of
from derive.proof.formulas.scope import COMPONENTS, Scope
from derive.proof.formulas.values import COLUMN, CONSTANTS, ONE, QUANTITIES, ROW, SAMPLE, Shape, Value, tensor

NUMBERED = re.compile(rf"({'|'.join(sorted(QUANTITIES, key=len, reverse=True))}|n)(\d{{1,4}})")
MAX_BITS, MAX_SHOWN = 4096, 300
NEEDED = {1: "1 index is", 2: "2 indices are"}
"""In a message: the component indices of a vector, of a matrix."""
NAMES = ("x", "y", "c", "loss", "N", "parameters", *CONSTANTS)


def with_df(text: str) -> str:
    """`text` with f'(, f2'( and f[l]'( written as df(, df2(, df[l](: as long as before, so columns stay."""
    return re.sub(r"\b([fF](?:\d*|\[[^\[\]]*\]))'(?=\s*[(\[])", r"d\1", text)


class LabelReader(ScalarReader):
    """Reads the label of a layer, such as l+1."""

    what = "layer"

    def __init__(self, names: Mapping[str, sp.Expr]) -> None:
        self.names = dict(names)

    def name(self, name: str, node: ast.AST) -> sp.Expr:
        if name not in self.names:
            labels = f"{' and '.join(self.names)} {'are labels' if len(self.names) > 1 else 'is a label'}"
            self.fail(node, f"no layer is called {name}: {labels} here, and a range such as l = 1..L gives another")
        return self.names[name]

    def compare(self, operator: str, left: sp.Expr, right: sp.Expr, node: ast.AST) -> Any:
        self.fail(node, "a comparison is no layer")


class ShapeError(FormulaError):
    """A formula that can be read, but whose parts do not fit together."""

    operands: tuple[tuple[str, Value], ...] = ()
    """The two that met, with the words they are written in."""
    operator: str = ""


class PlaceError(FormulaError):
    """A formula that can be read, but speaks of a layer that does not exist for every l it is about."""


class LayerError(FormulaError):
    """A formula that names a layer which does not exist as the layers are counted."""


class MatrixReader(Reader):
    """Reads one side of a formula into a `Value`, and notes what it mentions."""

    what: ClassVar[str] = "formula"
    functions: ClassVar[tuple[str, ...]] = ()

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.mentions: set[tuple[str, Label]] = set()
        """(letter, layer) of every quantity that occurs."""
        self.inverses: dict[str, Value] = {}
        """Matrices whose inverse occurs, by the name that stands for the inverse."""
        self.ranges: dict[sp.Symbol, sp.Expr] = {}
        """The sizes that component indices run to."""
        self._fresh = count()
        self._counting: dict[str, sp.Symbol] = {}

    def read(self, text: str) -> Value:
        """The value of `text`. Raises FormulaError with its place, and ShapeError for shapes in words."""
        original = " ".join(text.split())
        rewritten = with_df(original)
        self.text = original
        with budget(f"the formula {shorten(original)}"):
            value = self.visit(parse(rewritten, self.what, original))
        if not isinstance(value, Value):
            raise FormulaError(f"the formula {original!r} is not a value")
        return value

    # Names and labels.

    def label(self, node: ast.expr) -> sp.Expr:
        """The layer that `l+1`, `L` or a number stands for."""
        try:
            return LabelReader({**self.scope.labels, **self._counting}).read(ast.unparse(node))
        except FormulaError as error:
            self.fail(node, f"the layer cannot be read: {error}")

    def quantity(self, base: str, label: sp.Expr, node: ast.AST, *, mean: bool | None = None) -> Value:
        """The tensor `base` of a layer, as its layout writes it."""
        kind = QUANTITIES[base]
        if problem := self.scope.misplaced(label, kind.first):
            if set(label.free_symbols) & {self.scope.symbol(name) for name in self.scope.variables}:
                raise PlaceError(f"{named(base, label)}: {problem}", column_of(node))
            column = column_of(node)
            raise LayerError(f"{named(base, label)}: {problem} (column {column} of the formula {self.text!r})", column)
        self.mentions.add((base, label))
        sizes = tuple(self.scope.size(label + offset) for offset in kind.axes)
        mean = self.scope.layout == "rows" if mean is None else mean
        return tensor(base, label, sizes, self.scope.layout, self.scope.samples, mean=mean)

    def name(self, name: str, node: ast.AST) -> Value:
        if numbered := NUMBERED.fullmatch(name):
            base, label = numbered[1], sp.Integer(numbered[2])
            return self.width(label) if base == "n" else self.quantity(base, label, node)
        last, rows = self.scope.depth, self.scope.layout == "rows"
        match name:
            case "x":
                return self.quantity("a", sp.S.Zero, node)
            case "y":
                like = tensor("a", last, (self.scope.size(last),), self.scope.layout, self.scope.samples, mean=True)
                self.mentions.add(("y", last))
                return like.map(sp.IndexedBase("y")[like.expr.indices])
            case "N":
                return Value(N)
            case "loss":
                self.mentions.add(("loss", last))
                return Value(sp.Symbol("loss"))
            case "c":
                self.mentions.add(("loss", last))
                return Value(sp.IndexedBase("c")[ROW if rows else SAMPLE], (self.scope.samples if rows else ONE, ONE))
            case "parameters":
                l = index("l")
                return Value(label_sum(parameters_of(l, self.scope.size), l, last))
        if name in self._counting:
            return Value(self._counting[name])
        if name in CONSTANTS:
            return Value(CONSTANTS[name])
        if name in QUANTITIES or name in ("n", "w"):
            self.fail(node, f"{name} needs a layer: write {name}2 or {name}[l]")
        if name in self.functions:
            self.fail(node, f"{name} is a function; write {name}(...)")
        self.fail(node, str(unknown("name", name, [*QUANTITIES, "n", *NAMES])))

    def width(self, label: sp.Expr) -> Value:
        """n_l as a number."""
        return Value(self.scope.size(label))

    def subscript(self, base: ast.expr, position: ast.expr, node: ast.AST) -> Value:
        """`W[l+1]`, `n[l]`, `w[l][i]` and components such as `a[l][i]`, `W[l][i, j]`."""
        match base:
            case ast.Name(id="n"):
                return self.width(self.label(position))
            case ast.Name(id="parameters"):
                return Value(parameters_of(self.label(position), self.scope.size))
            case ast.Name(id=name) if name in QUANTITIES:
                return self.quantity(name, self.label(position), node)
            case ast.Subscript(value=ast.Name(id="w"), slice=label):
                matrix = self.quantity("W", self.label(label), node)
                (i,) = self.components(position, (matrix.shape[0],))
                return Value(matrix.at(i, ROW), (matrix.shape[1], ONE))
            case ast.Name(id=name) if name not in ("x", "y") and not NUMBERED.fullmatch(name):
                self.fail(node, f"{name} has no layers")
        value = self.visit(base)
        if value.scalar:
            self.fail(node, f"{self.source(base)} is a number and has no components")
        if value.vector:
            return Value(value.at(*self.components(position, (value.column().shape[0],))))
        return Value(value.at(*self.components(position, value.shape)))

    def components(self, node: ast.expr, sizes: tuple[sp.Expr, ...]) -> tuple[sp.Symbol, ...]:
        """The component indices written between brackets, which run over `sizes`."""
        nodes = node.elts if isinstance(node, ast.Tuple) else [node]
        if len(nodes) != len(sizes):
            self.fail(node, f"{NEEDED[len(sizes)]} needed here")
        found = []
        for part, high in zip(nodes, sizes, strict=True):
            if not (isinstance(part, ast.Name) and (part.id in COMPONENTS or part.id in self.scope.components)):
                self.fail(part, f"{ast.unparse(part)} is not a component's index; they are {', '.join(COMPONENTS)}")
            i = index(part.id)
            if self.ranges.setdefault(i, high) != high:
                self.wrong_shape(node, f"the index {i} runs to {self.ranges[i]} elsewhere, but to {high} here")
            declared = self.scope.components.get(part.id)
            if (
                declared
                and not self.scope.coincide
                and declared.replace("[", "").replace("]", "") != str(high).replace("[", "").replace("]", "")
            ):
                self.wrong_shape(part, f"the index {i} is declared up to {shorten(declared)}, but runs to {high} here")
            if i in found:
                self.fail(part, f"the index {i} stands twice; the entries of a diagonal are not read")
            found.append(i)
        return tuple(found)

    def attribute(self, value: Value, attribute: str, node: ast.AST) -> Value:
        if attribute != "T":
            self.fail(node, f".{attribute} has no meaning here; .T is the transpose")
        return value.transposed

    # Numbers and operators.

    def number(self, value: float, node: ast.AST) -> Value:
        return Value(sp.Rational(str(value)))

    def negative(self, value: Value, node: ast.AST) -> Value:
        return value.map(-value.expr)

    def binary(self, operator: str, left: Value, right: Value, node: ast.AST) -> Value:
        if operator == "@":
            return self.matmul(left, right, node)
        if operator == "**":
            return self.power(left, right, node)
        shape = self.common_shape(operator, left, right, node)
        match operator:
            case "+":
                return Value(left.expr + right.expr, shape)
            case "-":
                return Value(left.expr - right.expr, shape)
            case "*":
                return Value(left.expr * right.expr, shape)
        if right.expr == 0:
            self.fail(node, "division by zero")
        return Value(left.expr / right.expr, shape)

    def matmul(self, left: Value, right: Value, node: ast.AST) -> Value:
        """Sum_k left[r, k] right[k, c]."""
        if left.shape[1] != right.shape[0]:
            reason = f"the {left.shape[1]} columns on the left meet {right.shape[0]} rows on the right"
            if left.scalar or right.scalar:
                reason = "@ needs two matrices; a number multiplies with *"
            self.does_not_fit("@", left, right, node, reason)
        shape = (left.shape[0], right.shape[1])
        if left.shape[1] == ONE:
            return Value(left.expr * right.expr, shape)
        k = index(f"_k{next(self._fresh)}")
        body = left.expr.xreplace({COLUMN: k}) * right.expr.xreplace({ROW: k})
        return Value(sp.Sum(body, (k, 1, left.shape[1])), shape)

    def power(self, base: Value, exponent: Value, node: ast.AST) -> Value:
        power = exponent.expr
        if not (power.is_Rational and power.q <= 2 and abs(power) <= MAX_EXPONENT):
            self.fail(node, f"the exponent has to be a number of size at most {MAX_EXPONENT}, whole or half")
        if power < 0 and not base.scalar:
            self.fail(node, "a negative power of a matrix: write inv(...), or 1 / ... for each entry")
        if base.expr == 0 and power < 0:
            self.fail(node, "division by zero")
        factor, _ = base.expr.as_coeff_Mul()  # SymPy takes it to the power, in a product too
        if abs(power) * max(int(factor.p).bit_length(), factor.q.bit_length()) > MAX_BITS:
            self.fail(node, "the number is too large")
        self.check_exponents(node, power, (inner.exp for inner in base.expr.atoms(sp.Pow) if inner.exp.is_Rational))
        return base.map(base.expr**power)

    def common_shape(self, operator: str, left: Value, right: Value, node: ast.AST) -> Shape:
        """The shape of an elementwise result: one operand may be repeated along the other, as in NumPy."""
        for one, other in ((left, right), (right, left)):
            if all(own in (ONE, theirs) for own, theirs in zip(other.shape, one.shape, strict=True)):
                return one.shape
        self.does_not_fit(operator, left, right, node, "entries pair up only between equal shapes")

    # Words about shapes.

    def does_not_fit(self, operator: str, left: Value, right: Value, node: ast.AST, reason: str) -> NoReturn:
        if not isinstance(node, ast.BinOp):
            self.wrong_shape(node, f"{self.plain(node)} does not fit: {reason}")
        operands = (self.plain(node.left), left), (self.plain(node.right), right)
        words = [f"{text} is {value.shown}" for text, value in operands]
        try:
            self.wrong_shape(node, f"{words[0]} and {words[1]}, so {self.plain(node)} does not fit: {reason}")
        except ShapeError as error:
            error.operands, error.operator = operands, operator
            raise

    def plain(self, node: ast.AST) -> str:
        """The words of the text at `node`, without quotes; of a very long one the beginning."""
        found = ast.get_source_segment(self.text, node) or ""
        return found if len(found) <= MAX_SHOWN else f"{found[: MAX_SHOWN - 3]}..."

    def wrong_shape(self, node: ast.AST, message: str) -> NoReturn:
        column = column_of(node)
        raise ShapeError(f"{message} (column {column})", column)
