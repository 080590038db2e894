"""The text of a module with its loops, calls and operators counted, so that its run comes to an end.

Whoever writes a module cannot write the names of these functions: there is a space in them.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from derive.codegen.exact.meter import TOGETHER, Meter, NotUnderstoodError
from derive.model.limits import LIMITS

METHODS = ("dot", "sum", "max", "mean", "reshape", "ravel", "copy", "fill", "all")
"""Methods of arrays that go through all their entries."""
NUMBERS = (int, float, np.generic)
PLAIN = (*NUMBERS, str, np.dtype, type, type(None), type(Ellipsis))
SEQUENCES = (tuple, list)
OPERATORS = {
    **{"Add": "add", "Sub": "sub", "Mult": "mul", "Div": "truediv", "FloorDiv": "floordiv", "Pow": "pow"},
    **{"MatMult": "matmul", "BitAnd": "and", "BitOr": "or", "BitXor": "xor", "RShift": "rshift"},
    **{"Mod": "mod", "LShift": "lshift"},
}
"""Syntax → the function of `operator`; that in place has an i before it."""


class Hooks:
    """What the counted text calls."""

    def __init__(self, meter: Meter, exact: type, quotient: Callable[[Any, Any], Any]) -> None:
        self.meter, self.exact, self.quotient = meter, exact, quotient

    def tick(self) -> None:
        self.meter.spend(1)

    def each(self, iterable: Any) -> Iterator[Any]:
        for item in iterable:
            self.meter.spend(1 + self._size(item))
            yield item

    def held(self, value: Any) -> Any:
        """`value`, from which something is taken."""
        self.meter.spend(self._size(value))
        return value

    def target(self, value: Any) -> Any:
        """`value`, into which something is written."""
        if not isinstance(value, np.ndarray):
            raise NotUnderstoodError(f"an entry written into a {type(value).__name__}")
        return self.held(value)

    def index(self, value: Any) -> Any:
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, np.ndarray) and part.dtype == bool and not isinstance(part, self.exact):
                self.meter.spend(part.size / TOGETHER)
            elif not isinstance(part, int | np.integer | slice | type(None) | type(Ellipsis)):
                raise NotUnderstoodError(f"a {type(part).__name__} as an index")
        return value

    def display(self, value: Any) -> Any:
        """A tuple or a list, as large as it is with everything within it."""
        self.meter.spend(1)
        for item in value:
            if isinstance(item, SEQUENCES):
                self.display(item)
        return value

    def plain(self, value: Any) -> Any:
        """`value`, which is compared or shown: a number, an array, or a flat sequence of such."""
        self.held(value)
        for item in value if isinstance(value, SEQUENCES) else (value,):
            if not isinstance(item, (*PLAIN, np.ndarray)):
                raise NotUnderstoodError(f"a {type(item).__name__} where it is compared, shown or computed with")
        return value

    def method(self, value: Any, name: str) -> Any:
        if isinstance(value, np.ndarray):
            self.meter.spend(1 + value.size / TOGETHER)
            if name == "dot" and not isinstance(value, self.exact):
                raise NotUnderstoodError("a product of truth values")
        return self.guarded(getattr(value, name))

    def guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of arrays that is given nothing but numbers, arrays and flat sequences of them."""

        def called(*values: Any, **options: Any) -> Any:
            for value in (*values, *options.values()):
                self.plain(value)
            return function(*values, **options)

        return called

    def operated(self, name: str, place: str, left: Any, right: Any) -> Any:
        """left op right, in place or not."""
        self.meter.spend(1)
        for side in (left, right):
            if not isinstance(side, (*NUMBERS, np.ndarray)):
                raise NotUnderstoodError(f"the operator {OPERATORS[name]} on a {type(side).__name__}")
        if isinstance(left, int) and isinstance(right, int):
            _bounded(name, left, right)
        elif not isinstance(left, self.exact) and not isinstance(right, self.exact):
            if name == "MatMult":
                raise NotUnderstoodError("a product of truth values")
            self.meter.together(left, right)
        if name == "Div" and not place:
            return self.quotient(left, right)
        word = OPERATORS[name]
        return getattr(operator, place + word if place or word not in ("and", "or") else f"{word}_")(left, right)

    def builtins(self) -> dict[str, Any]:
        """The functions of Python that go through all that they are given."""

        def total(iterable: Any, start: Any = 0) -> Any:
            for item in self.each(iterable):
                start = self.operated("Add", "", start, item)
            return start

        def extreme(function: Any) -> Callable[..., Any]:
            def of(*values: Any, **options: Any) -> Any:
                several = self.each(values[0] if len(values) == 1 else values)
                return function([self.plain(value) for value in several], **options)

            return of

        return {
            "sum": total,
            "max": extreme(max),
            "min": extreme(min),
            "tuple": lambda iterable=(): tuple(self.each(iterable)),
            "list": lambda iterable=(): list(self.each(iterable)),
        }

    def _size(self, value: Any) -> float:
        """Steps for going through a sequence, or an array that does not count for itself."""
        if isinstance(value, (*SEQUENCES, str, bytes)):
            return len(value) / TOGETHER
        return value.size / TOGETHER if isinstance(value, np.ndarray) and not isinstance(value, self.exact) else 0


def _bounded(name: str, left: int, right: int) -> None:
    """Raises NotUnderstoodError if left op right is a number too long."""
    bits, other = left.bit_length(), right.bit_length()
    if name in ("Pow", "LShift"):
        long = bits * max(1, abs(right)) if name == "Pow" else bits + max(0, right)
    else:
        long = bits + other if name == "Mult" else max(bits, other)
    if long > LIMITS["whole"].most:
        raise NotUnderstoodError(LIMITS["whole"].exceeded(long if long < 10**9 else ""))


class Loops(ast.NodeTransformer):
    """Puts a call of one of the hooks wherever a module can take long."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._ticking(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._ticking(node)

    def _ticking(self, node: ast.FunctionDef | ast.While) -> ast.AST:
        """`node`, whose body counts first that it runs."""
        self.generic_visit(node)
        node.body.insert(0, ast.copy_location(ast.Expr(hook("tick", node)), node.body[0]))
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = hook("each", node, node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = hook("each", node.iter, node.iter)
        return node


class Everything(Loops):
    """Puts a call of one of the hooks also wherever a few operators make much of little."""

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = hook("each", node, node.value)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load):
            return hook("display", node, node)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return hook("operated", node, _named(node.op), ast.Constant(""), node.left, node.right)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        target = node.target
        if any(isinstance(inner, ast.Call) and not is_hook(inner) for inner in ast.walk(target)):
            raise NotUnderstoodError(f"a call within what is assigned to in line {node.lineno}")
        value = hook("operated", node, _named(node.op), ast.Constant("i"), _loaded(target), node.value)
        return ast.copy_location(ast.Assign([target], value), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        node.operand = hook("held", node, node.operand)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if not all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            node.left = hook("plain", node, node.left)
            node.comparators = [hook("plain", node, each) for each in node.comparators]
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        self.generic_visit(node)
        node.value = hook("plain", node, node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        where = node.slice
        parts = where.elts if isinstance(where, ast.Tuple) else [where]
        slices = any(isinstance(part, ast.Slice) for part in parts)
        self.generic_visit(node)
        if slices and isinstance(where, ast.Tuple):  # a slice may stand here only, not in a call
            node.slice = ast.copy_location(
                ast.Tuple([p if isinstance(p, ast.Slice) else hook("index", node, p) for p in where.elts], ast.Load()),
                where,
            )
        elif not slices:
            node.slice = hook("index", node, node.slice)
        node.value = hook("held" if isinstance(node.ctx, ast.Load) else "target", node, node.value)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            node.func = hook("method", node, node.func.value, ast.Constant(node.func.attr))
        return node


def hook(name: str, place: ast.AST, *arguments: ast.expr) -> ast.Call:
    """A call of a hook by a name that no text can have."""
    call = ast.Call(ast.Name(unwritable(name), ast.Load()), list(arguments), [])
    return ast.copy_location(call, place)


def unwritable(name: str) -> str:
    """What a hook is called: there is a space in it."""
    return f"{name} of the audit"


def is_hook(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and " " in call.func.id


def hooks(kind: Hooks) -> dict[str, Any]:
    """The globals that a counted text needs."""
    names = ("tick", "each", "held", "target", "index", "display", "plain", "method", "operated")
    return {unwritable(name): getattr(kind, name) for name in names}


def _named(op: ast.operator) -> ast.Constant:
    return ast.Constant(type(op).__name__)


def _loaded(target: ast.expr) -> ast.expr:
    """The target of an assignment as what is read; its parts are shared, since nothing in them is called."""
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    if isinstance(target, ast.Attribute):
        return ast.copy_location(ast.Attribute(target.value, target.attr, ast.Load()), target)
    assert isinstance(target, ast.Subscript)
    return ast.copy_location(ast.Subscript(target.value, target.slice, ast.Load()), target)
