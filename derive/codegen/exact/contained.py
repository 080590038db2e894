"""Whether a module that is to be run uses only what derive itself writes: its statements, names and attributes.

An audit runs a file that may come from anyone. What computes the gradients of a network needs no more of Python than
what derive emits for that network, so whatever goes beyond it is not run at all.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from functools import lru_cache

from derive.codegen.exact.frame import CHECKPOINTING, FRAME, WRITERS, defined, syntax, written_for
from derive.codegen.exact.functions import FUNCTIONS
from derive.codegen.exact.metered import METHODS
from derive.codegen.exact.operations import BINARY, CHOICES, COMPARISONS, UNARY
from derive.codegen.forms.kernels import called
from derive.model.architecture import Architecture

ARRAYS = ("T", "shape", "size", "ndim", "dtype", *METHODS)
"""Attributes of an array that compute with it and lead nowhere else."""
NUMPY = (*UNARY, *BINARY, *COMPARISONS, *CHOICES, *FUNCTIONS, "matmul", "abs", "absolute", "empty", "zeros", "ones")
SYNTAX: tuple[type[ast.AST], ...] = (ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context, ast.keyword)
PLAIN = (
    *(ast.IfExp, ast.If, ast.For, ast.Pass, ast.AugAssign, ast.BoolOp, ast.Slice, ast.List, ast.Starred, ast.Expr),
)
SMALL = ("0", "1", "2", "0.0", "1.0", "2.0", "0.5", "True", "False")
"""Numbers that anybody may compute with: what is compared with them is compared on both sides of them."""
UNSAFE = (ast.Mod, ast.LShift)
"""Operators that make long texts and long numbers of short ones; `%` formats."""
REACHING = frozenset(CHECKPOINTING)
HARMLESS = ("abs", "len", "float", "int", "bool", "sum", "min", "max", "zip", "range", "tuple", "list", "enumerate")
"""Functions of Python that a module may call besides those that derive's own text calls."""


def foreign(text: str, architecture: Architecture) -> list[str]:
    """What `text` uses besides what derive writes for this architecture, each with its line; empty if it may be run.

    Statements that stand in derive's own text are left out: `train`, for one, reaches files.
    """
    equations, around = _vocabulary(architecture, True), _vocabulary(architecture, False)
    own = _defined(syntax(text))
    found = {
        f"{kind} {word}".rstrip() + f" in line {getattr(node, 'lineno', 1)}": None
        for statement, framed in _unwritten(text, architecture)
        for node in ast.walk(statement)
        for kind, word in _words(node, own)
        if (kind, word) not in (around if framed else equations)
    }
    return list(found)


def own_numbers(text: str, architecture: Architecture) -> list[str]:
    """The numbers that `text` uses and derive does not for this architecture, each with its line.

    An audit tries some points, sizes and numbers of samples, modulo a prime. What begins beyond these, as
    `if N > 50`, and a multiple of the prime would not be seen; either takes such a number.
    """
    found = {
        f"{value} in line {line}": None
        for statement, framed in _unwritten(text, architecture)
        if not framed
        for line, value in _numbers(statement)
        if value not in _known_numbers(architecture)
    }
    return list(found)


def _numbers(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every number, and of every sum or product of two."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=int() | float()) | ast.BinOp(left=ast.Constant(), right=ast.Constant()):
                yield node.lineno, ast.unparse(node)


@lru_cache(maxsize=16)
def _known_numbers(architecture: Architecture) -> frozenset[str]:
    written = written_for(architecture)
    return frozenset((*SMALL, *(value for text in written for _, value in _numbers(syntax(text)))))


@lru_cache(maxsize=4)
def _unwritten(text: str, architecture: Architecture) -> tuple[tuple[ast.stmt, bool], ...]:
    """The statements that derive does not write, and whether each is compared with what it does, word for word."""
    written, framed = _written(architecture), _framed(architecture)
    return tuple((s, defined(s) in framed) for s in syntax(text).body if ast.dump(s) not in written)


@lru_cache(maxsize=16)
def _written(architecture: Architecture) -> frozenset[str]:
    return frozenset(ast.dump(node) for text in written_for(architecture) for node in syntax(text).body)


@lru_cache(maxsize=16)
def _framed(architecture: Architecture) -> frozenset[str]:
    """The names of what the audit compares with what derive writes, word for word."""
    return frozenset({*FRAME, *(name for text in written_for(architecture) for name in called(text))})


@lru_cache(maxsize=16)
def _vocabulary(architecture: Architecture, equations: bool) -> frozenset[tuple[str, str]]:
    """What the functions that reach no file use: the equations, or also what surrounds them."""
    words = {("the attribute", name) for name in (*ARRAYS, *NUMPY)} | {("the name", name) for name in HARMLESS}
    words |= {("the syntax", kind.__name__) for kind in PLAIN}
    for text in written_for(architecture):
        tree = syntax(text)
        own = _defined(tree)
        left_out = {*WRITERS, *(_framed(architecture) if equations else ())}
        for statement in tree.body:
            used = {getattr(node, "id", "") for node in ast.walk(statement)}
            if not used & REACHING and defined(statement) not in left_out:
                words |= {word for node in ast.walk(statement) for word in _words(node, own)}
    return frozenset(words)


def _words(node: ast.AST, own: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(kind, word) for everything that a node uses of Python and NumPy."""
    if not isinstance(node, SYNTAX) or isinstance(node, UNSAFE):
        yield "the syntax", type(node).__name__
    match node:
        case ast.Import() | ast.ImportFrom():
            yield "the line", ast.unparse(node)
        case ast.Attribute(attr=name, ctx=ast.Store(), value=value):
            yield "the assignment to", f"{ast.unparse(value)[:60]}.{name}"
        case ast.Attribute(attr=name):
            yield "the attribute", name
        case ast.Name(id=name) if name.startswith("__") or name not in own:
            yield "the name", name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name) if name.startswith("__"):
            yield "the name", name
        case ast.ClassDef(bases=bases, keywords=keywords, decorator_list=decorators):
            yield "the class of", ", ".join(map(ast.unparse, [*bases, *(k.value for k in keywords), *decorators]))
        case ast.FormattedValue(format_spec=ast.JoinedStr() as spec):
            yield "the format", ast.unparse(spec)
        case ast.Starred(ctx=ast.Store()):
            yield "the syntax", "Starred in an assignment"
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Attribute) and inner.attr in METHODS and getattr(node, "func", None) is not inner:
            yield f"the method {inner.attr} without a call", ""


def _defined(tree: ast.AST) -> frozenset[str]:
    """The names that a module gives a meaning to, and no function of Python's."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.FunctionDef(name=name):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name)
    return frozenset(names - set(dir(builtins)) - REACHING - set(WRITERS))
