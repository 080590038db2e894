"""Reading Python's expression syntax over a whitelist, without ever evaluating it.

Three grammars share this walk: the scalar expressions of activations (`model.expression`), the
index notation of the blackboard (`algebra.blackboard`) and the matrix formulas of texts (`proof`).
Each is a subclass that says what names, subscripts, calls and operators mean. What a subclass does
not define is refused with its place in the text.

Limits on length, depth and numbers keep hostile input from costing more than a message.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, NoReturn

from derive.model.errors import FormulaError, shorten
from derive.model.limits import LIMITS

MAX_DEPTH, MAX_DIGITS, MAX_EXPONENT = (LIMITS[name].most for name in ("depth", "digits", "exponent"))

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
}
COMPARISONS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<="}


def parse(text: str, what: str = "expression", written: str = "") -> ast.expr:
    """The syntax tree of `text`, or a FormulaError that says where it cannot be read.

    `written` is what a person wrote, if `text` is something else of the same length.
    """
    if len(text) > LIMITS["formula"].most:
        raise FormulaError(f"the {what} is too long: {LIMITS['formula'].exceeded(len(text))}")
    if not text.strip():
        raise FormulaError(f"the {what} is empty")
    for position, character in enumerate(text):
        if not (" " <= character <= "~" or character in "\t\n"):
            raise FormulaError(
                f"{shorten(character)} at column {position + 1} of the {what} is not plain ASCII; "
                "write names and operators with plain letters",
                position + 1,
            )
        if character == "#":  # what follows would be read by nobody, and written into what is emitted
            raise FormulaError(f"# at column {position + 1} of the {what}: a comment has no place here", position + 1)
    line = " ".join(text.split())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        column = error.offset or len(line) + 1
        shown = shorten(" ".join(written.split()) or line)
        expected = _expected(line, column) or error.msg
        raise FormulaError(f"the {what} {shown} does not parse: {expected} at column {column}", column) from None
    except (ValueError, RecursionError, MemoryError):
        raise FormulaError(f"the {what} {shorten(line)} does not parse: nested too deeply") from None
    if deeper_than(tree, MAX_DEPTH):
        raise FormulaError(f"the {what} is nested more than {MAX_DEPTH} levels deep")
    return tree


def _expected(line: str, column: int) -> str:
    """What should stand at the column where a line does not parse, in words; "" if only Python can say it."""
    before, rest = line[: column - 1].rstrip(), line[column - 1 :].lstrip()
    word = re.match(r"\w+|\S?", rest)
    found = word[0] if word else ""
    if line[column - 1 : column] == "(" and line.count("(") > line.count(")"):
        return "'(' is never closed, a ) is missing for the one"
    if found == ")" and line.count(")") > line.count("("):
        return "')' closes nothing, where it stands"
    if re.search(r"[-+*/@(,<>]$", before) or not before:
        return f"a quantity, a number or ( is expected, {f'but {shorten(found)} stands' if found else 'but it ends'}"
    if re.search(r"[\w)\].]$", before) and re.match(r"[\w(]", found):
        return f"an operator such as * or @ is expected before {shorten(found)}"
    return ""


def deeper_than(tree: ast.AST, limit: int) -> bool:
    """Whether a syntax tree has more than `limit` levels."""
    level = [tree]
    for _ in range(limit):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def column_of(node: ast.AST) -> int:
    """The column at which `node` begins, from 1; 0 for one that stands in no text."""
    return int(getattr(node, "col_offset", -1)) + 1


class Reader:
    """A walk over the syntax tree of one text; subclasses give the meaning.

    `what` names the kind of text in messages ("expression", "formula", …).
    """

    what: ClassVar[str] = "expression"
    text: str

    def read(self, text: str) -> Any:
        """The value of `text` under this grammar."""
        self.text = " ".join(text.split())
        return self.visit(parse(text, self.what))

    def visit(self, node: ast.AST) -> Any:
        """The value of one node; dispatches to the method named after its kind."""
        match node:
            case ast.Constant(value=bool() | str() | bytes() | complex() | None):
                self.fail(node, f"{shorten(node.value)} is not a number")
            case ast.Constant(value=int() | float() as value):
                return self.number(self._checked(node, value), node)
            case ast.Name(id=name):
                return self.name(name, node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.negative(self.visit(operand), node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.visit(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return self.binary(OPERATORS[type(op)], self.visit(left), self.visit(right), node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, arguments, node)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                return self.compare(COMPARISONS[type(op)], self.visit(left), self.visit(right), node)
            case ast.Subscript(value=base, slice=index):
                return self.subscript(base, index, node)
            case ast.Attribute(value=base, attr=attribute):
                return self.attribute(self.visit(base), attribute, node)
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self.apply(function, arguments, node)
        self.fail(node, f"{self.source(node)} is not part of the notation")

    def _checked(self, node: ast.AST, value: float) -> float:
        if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
            self.fail(node, f"a number with more than {MAX_DIGITS} digits")
        if isinstance(value, float) and not (math.isfinite(value) and abs(value or 1) > 1e-300):
            self.fail(node, f"{self.source(node)} is not a finite number")
        if isinstance(value, float) and not self._is_written(node, value):
            self.fail(node, f"{self.source(node)} has more digits than a float64; {value!r} is nearest")
        return value

    def _is_written(self, node: ast.AST, value: float) -> bool:
        """Whether the decimal that stands there is `value` as Python prints it."""
        try:
            return Decimal((ast.get_source_segment(self.text, node) or "").replace("_", "")) == Decimal(repr(value))
        except InvalidOperation:  # an exponent of more than 18 digits
            return False

    def source(self, node: ast.AST) -> str:
        """The words of the text that `node` was read from, shortened."""
        return shorten(ast.get_source_segment(self.text, node) or "")

    def check_exponents(self, node: ast.AST, power: Any, inner: Iterable[Any]) -> None:
        """Refuse a power of powers, with these exponents, that multiply to too much."""
        if any(abs(exponent * power) > MAX_EXPONENT for exponent in inner):
            self.fail(node, f"the exponents multiply to more than {MAX_EXPONENT}")

    def fail(self, node: ast.AST, message: str) -> NoReturn:
        """Raise a FormulaError that places `message` in the text."""
        column = column_of(node)
        raise FormulaError(f"{message} (column {column} of the {self.what} {shorten(self.text)})", column)

    # What a grammar gives meaning to. The defaults refuse.

    def number(self, value: float, node: ast.AST) -> Any:
        self.fail(node, f"a number has no place here: {value}")

    def name(self, name: str, node: ast.AST) -> Any:
        self.fail(node, f"unknown name {name!r}")

    def negative(self, value: Any, node: ast.AST) -> Any:
        self.fail(node, "a minus sign has no place here")

    def binary(self, operator: str, left: Any, right: Any, node: ast.AST) -> Any:
        self.fail(node, f"the operator {operator} has no place here")

    def compare(self, operator: str, left: Any, right: Any, node: ast.AST) -> Any:
        self.fail(node, f"the comparison {operator} has no place here")

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Any:
        self.fail(node, f"unknown function {name!r}")

    def apply(self, function: ast.expr, arguments: list[ast.expr], node: ast.AST) -> Any:
        self.fail(node, f"{self.source(function)} is not a function")

    def subscript(self, base: ast.expr, index: ast.expr, node: ast.AST) -> Any:
        self.fail(node, f"{self.source(node)}: subscripts have no place here")

    def attribute(self, value: Any, attribute: str, node: ast.AST) -> Any:
        self.fail(node, f".{attribute} has no place here")
