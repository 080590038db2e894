"""The `np` that a module under audit imports, and the run of its exact text: no files, no other imports.

In exact arithmetic a literal such as 0.9 is the number that it writes, not the float64 nearest to it.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from derive.codegen.frame import syntax
from derive.codegen.stand_in import BINARY, CHOICES, COMPARISONS, FUNCTIONS, UNARY, NotUnderstoodError, StandIn

PASSED = ("dtype", "ndarray", "newaxis", "float64", "float32", "inf", "finfo", "argwhere", "errstate")


class Proxy:
    """A ufunc that also takes plain numbers exactly: np.sqrt(2) stays the square root of two."""

    def __init__(self, owner: StandIn, ufunc: Any) -> None:
        self.owner = owner
        self.called = ufunc

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if not any(isinstance(value, np.ndarray) for value in (*inputs, options.get("out"))):
            inputs = (self.owner.array(self.owner.number(inputs[0])), *inputs[1:])
        return self.called(*inputs, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.called, name)


class Namespace:
    """What `np` is inside the module."""

    def __init__(self, owner: StandIn) -> None:
        self.empty, self.zeros, self.ones, self.asarray = owner.empty, owner.zeros, owner.ones, owner.asarray
        self.array = owner.asarray
        self.random = SimpleNamespace(default_rng=np.random.default_rng)
        self.pi = owner.array(owner.neurons.constant(sp.pi))
        self.where, self.copyto = owner.where, owner.copyto
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        if name in PASSED or name in FUNCTIONS:
            return getattr(np, name)
        known = {"abs": "absolute"}.get(name, name)
        if known in {*UNARY, *BINARY, *COMPARISONS, *CHOICES, "absolute", "matmul", "isfinite"}:
            return Proxy(self._owner, getattr(np, known))
        raise NotUnderstoodError(f"np.{name}")


ALLOWED = (
    "__build_class__",
    "abs",
    "bool",
    "dict",
    "enumerate",
    "float",
    "int",
    "isinstance",
    "len",
    "list",
    "map",
    "max",
    "min",
    "print",
    "range",
    "repr",
    "set",
    "str",
    "sum",
    "super",
    "tuple",
    "zip",
    "ValueError",
    "TypeError",
    "RuntimeError",
    "ArithmeticError",
    "FloatingPointError",
    "Exception",
    "property",
    "staticmethod",
    "object",
)


def run(text: str, stand_in: StandIn, name: str) -> dict[str, Any]:
    """The globals of a module after its exact text has run on the stand-in, without files or other imports."""
    numpy = Namespace(stand_in)

    def import_(module: str, *_: Any) -> Any:
        if module == "numpy":
            return numpy
        if module in ("typing", "__future__"):
            return importlib.import_module(module)
        raise NotUnderstoodError(f"import {module}")

    names = {key: getattr(builtins, key) for key in ALLOWED}
    scope: dict[str, Any] = {
        "__builtins__": {**names, "__import__": import_, "float": lambda value: value},
        "__name__": name,
    }
    scope[EXACT] = lambda number: stand_in.array(stand_in.number(number))
    tree = syntax(text)
    tree = ast.fix_missing_locations(_Literals().visit(tree))
    exec(compile(tree, f"<{name} under audit>", "exec"), scope)
    return scope


EXACT = "_exact_number"


class _Literals(ast.NodeTransformer):
    """Makes every literal that is no whole number the exact number that it writes, and 1 / 3 the third."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return _exactly(node, repr(node.value)) if isinstance(node.value, float) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        match node:
            case ast.BinOp(left=ast.Constant(value=int(p)), op=ast.Div(), right=ast.Constant(value=int(q))) if q:
                return _exactly(node, f"{p}/{q}")
        return self.generic_visit(node)


def _exactly(node: ast.AST, number: str) -> ast.AST:
    call = ast.Call(ast.Name(EXACT, ast.Load()), [ast.Constant(number)], [])
    return ast.copy_location(call, node)
