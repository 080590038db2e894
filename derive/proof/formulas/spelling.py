"""How people spell formulas: NumPy's words and capital letters, brought into those of the grammar.

    >>> spelled("np.sum(dZ2, axis=0)", "rows")
    'sum(delta2, samples)'
    >>> spelled("dZ2.dot(W2) * np.where(Z1 > 0, 1, 0)", "rows")
    'delta2 @ W2 * where(z1 > 0, 1, 0)'

Only the syntax tree is rewritten; what a name means is said by the readers.
"""

from __future__ import annotations

import ast
import re
from typing import TypeGuard

from derive.model.errors import FormulaError
from derive.model.reader import column_of, parse
from derive.proof.formulas.matrices import with_df
from derive.proof.formulas.values import Layout

LETTERS = {"X": "x", "Y": "y", "Z": "z", "A": "a", "dz": "delta", "dZ": "delta", "dA": "da", "m": "N"}
"""Letters that others use → those of the grammar."""
LIBRARIES = ("np", "numpy", "jnp", "torch", "math")
FUNCTIONS = {"maximum": "max", "minimum": "min", "square": "square", "arctan": "atan", "absolute": "abs", "fabs": "abs"}
SIGNS = {"δ": "delta", "π": "pi", "∂": "d", "⊙": "*", "∘": "*", "−": "-", "ᵀ": ".T", "≥": ">=", "≤": "<="}
SIGNS |= dict.fromkeys("′’", "'")
"""Signs of mathematics that have a meaning here."""
POWER = re.compile(r"\^\s*(?=\d|\()")
TRANSPOSE = re.compile(r"\^\s*(?:T\b|\{T\}|\\top\b)")
QUOTIENT = re.compile(
    r"\bd\s*(?:\((?:loss|cost|[LCJE])\)|loss|cost|[LCJE])\s*/\s*d\s*([WbzaZA])(\d{1,4}\b|\[[^\[\]]*\])"
)
"""dL/dW2 for dW2."""
OPERATIONS: dict[str, type[ast.operator]] = {
    "dot": ast.MatMult,
    "matmul": ast.MatMult,
    "multiply": ast.Mult,
    "power": ast.Pow,
}
SHORT: dict[str, str] = {
    "sigmoid": "1 / (1 + exp(-x))",
    "relu": "max(x, 0)",
    "square": "x**2",
    "heaviside": "where(x > 0, 1, 0)",
    "transpose": "x.T",
}
"""Functions that are short for a formula of their argument x."""
AXES: dict[Layout, dict[int, str]] = {
    "rows": {0: "samples", 1: "units", -1: "units"},
    "columns": {0: "units", 1: "samples", -1: "samples"},
}
"""What an axis of NumPy's is in either layout."""


def plain(text: str) -> str:
    """`text` on one line, with signs of mathematics as the grammar writes them."""
    text = "".join(SIGNS.get(character, character) for character in " ".join(text.split()))
    text = POWER.sub("**", TRANSPOSE.sub(".T", text))
    return QUOTIENT.sub(r"d\1\2", text)


def parsed(text: str, layout: Layout, what: str = "formula") -> ast.expr:
    """The syntax tree of a plain `text` in the words of the grammar. Raises FormulaError."""
    tree = _Speller(layout).visit(parse(re.sub(r"\blambda\b", "lambd_", with_df(text)), what, text))
    assert isinstance(tree, ast.expr)
    return tree


def spelled(text: str, layout: Layout) -> str:
    """`text` in the words of the grammar."""
    return ast.unparse(parsed(plain(text), layout))


class _Speller(ast.NodeTransformer):
    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        found = re.fullmatch(r"([A-Za-z]+)(\d*)", node.id)
        if found and found[1] in LETTERS and not (found[1] == "m" and found[2]):
            return ast.copy_location(ast.Name(LETTERS[found[1]] + found[2], ast.Load()), node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in LIBRARIES:
            return ast.copy_location(ast.Name(node.attr, ast.Load()), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        arguments = list(node.args)
        match node.func:
            case ast.Name(id=name):
                pass
            case ast.Attribute(value=value, attr=name) if name in ("dot", "sum", "mean", "transpose"):
                arguments = [value, *arguments]
            case _:
                return node
        name = FUNCTIONS.get(name, name)
        match arguments, node.keywords:
            case [left, right], [] if name in OPERATIONS:
                return ast.copy_location(ast.BinOp(left, OPERATIONS[name](), right), node)
            case [argument], [] if name in SHORT:
                tree = _placed(ast.parse(SHORT[name], mode="eval").body, node)
                written: ast.expr = _Argument(argument).visit(tree)
                return ast.copy_location(written, node)
            case [ast.Call(func=ast.Name(id="outer"), args=[u, v])], [] if name == "sum" and self.layout == "rows":
                each = ast.BinOp(ast.Attribute(u, "T"), ast.MatMult(), v)  # an outer product for each sample
                return ast.copy_location(_placed(each, node), node)
        if name in ("sum", "mean"):
            arguments = self.along(arguments, node)
            return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), arguments, []), node)
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), arguments, node.keywords), node)

    def along(self, arguments: list[ast.expr], node: ast.Call) -> list[ast.expr]:
        """The arguments of a sum with an axis in words."""
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        axis: ast.expr | None = keywords.pop("axis", keywords.pop("dim", None))
        keywords.pop("keepdims", None), keywords.pop("keepdim", None)
        if keywords:
            raise FormulaError(f"sum has no argument {next(iter(keywords))}", column_of(node))
        match arguments:
            case [inner, number] if axis is None and _is_number(number):
                arguments, axis = [inner], number
        if axis is None:
            return arguments
        word = AXES[self.layout].get(ast.literal_eval(axis)) if _is_number(axis) else None
        if word is None:
            raise FormulaError("an axis is 0, 1 or -1", column_of(node))
        return [*arguments, ast.copy_location(ast.Name(word, ast.Load()), axis)]


def _is_number(node: ast.expr) -> TypeGuard[ast.expr]:
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    return isinstance(inner, ast.Constant) and isinstance(inner.value, int)


class _Argument(ast.NodeTransformer):
    """Puts an argument in the place of x."""

    def __init__(self, argument: ast.expr) -> None:
        self.argument = argument

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.argument if node.id == "x" else node


def _placed(tree: ast.AST, at: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            ast.copy_location(node, at)
    return tree
