"""A formula from the conventions of its text into those of the grammar.

    >>> from derive.proof.formulas.conventions import Conventions
    >>> book = Conventions(input_layer=1, factor="1", symbols=(("w", "W"), ("sigma", "f"), ("C", "cost")))
    >>> translated("d(C, w3) = outer(delta3, sigma(z2))", book)
    '2 * d(c, W2) = outer(2 * delta2, f(z1))'

The formula is parsed and written again, never evaluated. A label in l or L stays as it is: a text whose input is
layer 1 counts both its l and its L one higher, so that only bare numbers change.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from derive.algebra.notation import index
from derive.model.errors import DeriveError, FormulaError
from derive.model.expression import read_expression
from derive.model.reader import parse
from derive.proof.formulas.conventions import Conventions
from derive.proof.formulas.matrices import LayerError, with_df
from derive.proof.formulas.sides import split
from derive.proof.formulas.values import DERIVATIVES, QUANTITIES

ACTIVATIONS = ("f", "F")
PARAMETERS = ("W", "b", "dW", "db")
LABELLED = (*QUANTITIES, "n", "w", *ACTIVATIONS, "df", "dF")
EARLY = ("delta", "da")
"""The derivatives that come before those by the parameters; 1/N may stand behind them."""


def translated(formula: str, conventions: Conventions) -> str:
    """`formula`, an equation, as the grammar writes it.

    Raises FormulaError where it cannot be parsed, and LayerError for a number below that of the input layer.
    """
    if conventions.plain:
        return formula
    return " = ".join(_side(side, conventions) for side in split(formula))


def translated_ranges(ranges: str, conventions: Conventions) -> str:
    """A `for` entry with its bare layer numbers counted from the grammar's input, which is layer 0.

    >>> translated_ranges("l = 2..L-1, j = 1..n[l]", Conventions(input_layer=1))
    'l = 1..L-1, j = 1..n[l]'
    """
    shift = conventions.input_layer
    if not shift:
        return ranges

    def lower(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) - shift}"

    parts = []
    for part in (part.strip() for part in ranges.split(",")):
        if re.search(r"\.\.\s*n\b", part):
            parts.append(re.sub(r"(n\[?\s*)(\d{1,9})\b", lower, part))
        elif ".." in part:
            parts.append(re.sub(r"(=\s*|\.\.\s*)(\d{1,9})(?=\s*(?:\.\.|$))", lower, part))
        else:
            parts.append(re.sub(r"(>=\s*)(\d{1,9})\b", lower, part))
    return ", ".join(parts)


def _side(text: str, conventions: Conventions) -> str:
    symbols = dict(conventions.symbols)
    activations = [name for name, meaning in symbols.items() if meaning in ACTIVATIONS]
    for name in activations:  # sigma'(z) is dsigma(z), as f'(z) is df(z)
        text = re.sub(rf"\b({name}(?:\d*|\[[^\[\]]*\]))'(?=\s*[(\[])", r"d\1", text)
    tree = parse(with_df(" ".join(text.split())), "formula")
    if any(isinstance(node, ast.Slice) for node in ast.walk(tree)):
        raise FormulaError("a slice such as x[:] is not read; name one layer or one index")
    symbols |= {f"d{name}": f"d{symbols[name]}" for name in activations}
    return ast.unparse(_Translator(conventions, symbols).visit(tree))


@dataclass
class _Translator(ast.NodeTransformer):
    """Rewrites the letters, labels and derivatives of one side."""

    conventions: Conventions
    symbols: Mapping[str, str] = field(default_factory=dict)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = re.fullmatch(r"([A-Za-z_]+?)(\d+)", node.id)
        base = self.symbols.get(found[1], found[1]) if found else ""
        if found and base in LABELLED:
            return self._meant(base, _name(f"{base}{self._number(base, int(found[2]), node.id)}"))
        name = self.symbols.get(node.id, node.id)
        if name in ("c", "loss", "cost"):
            cost, factor = (name, "") if name != "cost" else COSTS[self.conventions.cost]
            return self._scaled(_name(cost), factor)
        return _name(name)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if isinstance(node.value, ast.Name):
            base = self.symbols.get(node.value.id, node.value.id)
            if base in LABELLED:
                labelled = ast.Subscript(_name(base), self._label(base, node.slice), ast.Load())
                return self._meant(base, labelled)
        return ast.Subscript(self.visit(node.value), self.visit(node.slice), ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.expr:
        match node:
            case ast.Call(func=ast.Name(id="d"), args=[ast.Name(id=of), by], keywords=[]):
                return self._derivative(self.symbols.get(of, of), by)
            case ast.Call(func=ast.Name(id="count"), args=[counted], keywords=[]):
                return ast.Call(_name("count"), [self._bare(counted)], [])
            case ast.Call(func=ast.Name(id="sum"), args=[body, variable, low, high], keywords=[]):
                bounds = [self._label("n", bound) for bound in (low, high)]
                return ast.Call(_name("sum"), [self.visit(body), variable, *bounds], [])
        function = self._bare(node.func) if isinstance(node.func, ast.Subscript | ast.Name) else self.visit(node.func)
        return ast.Call(function, [self.visit(argument) for argument in node.args], node.keywords)

    def _derivative(self, of: str, by: ast.expr) -> ast.expr:
        """d(C, W[l]): of one sample's loss or of all, and perhaps transposed; components stay behind it."""
        cost, factor = (of, "") if of != "cost" else COSTS[self.conventions.cost]
        components: list[ast.expr] = []
        match by:
            case ast.Subscript(value=ast.Subscript() | ast.Name() as whole, slice=position) if re.search(
                r"[\d\]]$", ast.unparse(whole)
            ):
                components, by = [position], whole
        by = self._bare(by)
        letter = re.match("[A-Za-z]*", ast.unparse(by))
        result: ast.expr = ast.Call(_name("d"), [_name(cost), by], [])
        result = self._turned(DERIVATIVES.get(letter[0] if letter else "", ""), result)
        for component in components:
            result = ast.Subscript(result, component, ast.Load())
        return self._scaled(result, factor)

    def _bare(self, node: ast.expr) -> ast.expr:
        """A quantity that is only named, so that nothing but its letter and its label changes."""
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=label):
                base = self.symbols.get(name, name)
                if base in LABELLED:
                    return ast.Subscript(_name(base), self._label(base, label), ast.Load())
            case ast.Name(id=name):
                if (found := re.fullmatch(r"([A-Za-z_]+?)(\d+)", name)) and (
                    base := self.symbols.get(found[1], found[1])
                ) in LABELLED:
                    return _name(f"{base}{self._number(base, int(found[2]), name)}")
                return _name(self.symbols.get(name, name))
        return node

    def _meant(self, base: str, node: ast.expr) -> ast.expr:
        """What `node`, a quantity in the text's own sense, is in the grammar's."""
        if not (base in QUANTITIES and QUANTITIES[base].of):
            return self._turned(base, node)
        conventions = self.conventions
        cost = conventions.cost
        if conventions.mean_in == "gradients" and base in EARLY:
            cost = "sum"
        name, factor = COSTS[cost]
        if (conventions.layout, name) == ("columns", "loss"):
            node = ast.Call(_name("d"), [_name(name), _renamed(node, QUANTITIES[base].of)], [])
        return self._scaled(self._turned(base, node), factor)

    def _turned(self, base: str, node: ast.expr) -> ast.expr:
        """The transpose, where the text writes a matrix or a derivative the other way round."""
        conventions = self.conventions
        turns = (conventions.weights == "in-out" and base in ("W", "dW")) + (
            conventions.derivatives == "numerator" and base in DERIVATIVES.values()
        )
        return ast.Attribute(node, "T", ast.Load()) if turns == 1 else node

    def _scaled(self, node: ast.expr, factor: str) -> ast.expr:
        if factor:
            node = ast.BinOp(_name(factor), ast.Mult(), node)
        if self.conventions.factor == "1":
            node = ast.BinOp(ast.Constant(2), ast.Mult(), node)
        return node

    def _number(self, base: str, number: int, shown: str) -> int:
        out = self.conventions.parameters == "out of" and base in (*PARAMETERS, "w")
        result = number - self.conventions.input_layer + out
        if result < 0:
            raise LayerError(f"{shown}: the layers are counted from {self.conventions.input_layer}")
        return result

    def _label(self, base: str, label: ast.expr) -> ast.expr:
        """A label in the grammar's count."""
        names = {node.id for node in ast.walk(label) if isinstance(node, ast.Name)}
        shift = 0 if names else -self.conventions.input_layer
        shift += self.conventions.parameters == "out of" and base in (*PARAMETERS, "w")
        if not shift:
            return label
        text = f"{ast.unparse(label)}{shift:+d}"
        with suppress(DeriveError):  # the grammar's reader will say what is wrong with it
            text = str(read_expression(text, {name: index(name) for name in names}))
        return ast.parse(text, mode="eval").body


COSTS: dict[str, tuple[str, str]] = {"sample": ("c", ""), "mean": ("loss", ""), "sum": ("loss", "N")}
"""What `cost` is in the grammar: a loss of its own, and a factor."""


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _renamed(node: ast.expr, base: str) -> ast.expr:
    """z[l] for delta[l]."""
    match node:
        case ast.Subscript(slice=label):
            return ast.Subscript(_name(base), label, ast.Load())
    return _name(base + re.sub(r"^\D+", "", ast.unparse(node)))
