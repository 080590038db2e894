"""The `np` that a module under audit imports, and the run of its exact text: no files, nothing else that is imported.

In exact arithmetic a literal such as 0.9 is the number that it writes, not the float64 nearest to it.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from functools import lru_cache, partial
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from derive.codegen.exact.frame import CHECKPOINTING, parsed
from derive.codegen.exact.functions import FUNCTIONS
from derive.codegen.exact.further import BUILTINS, FURTHER, IMPORTS
from derive.codegen.exact.meter import NotUnderstoodError
from derive.codegen.exact.metered import Everything, Hooks, Loops, hook, hooks, unwritable
from derive.codegen.exact.operations import BINARY, CHOICES, COMPARISONS, UNARY
from derive.codegen.exact.stand_in import StandIn

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
        self.full, self.array = owner.full, owner.asarray
        self.random = SimpleNamespace(default_rng=np.random.default_rng)
        self.pi = owner.array(owner.neurons.constant(sp.pi))
        self.where, self.copyto = owner.where, owner.copyto
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        if name in PASSED or name in FUNCTIONS:
            return getattr(np, name)
        known = ABSOLUTE.get(name, name)
        if known in UFUNCS:
            return Proxy(self._owner, getattr(np, known))
        raise NotUnderstoodError(f"np.{name}")


class ByHand(Namespace):
    """What `np` is inside code that people write, who use more of it."""

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return partial(self._of_lists, getattr(np, name))
        if name in FURTHER:
            return partial(FURTHER[name], self._owner)
        return super().__getattr__(name)

    def _of_lists(self, function: Any, *values: Any, **options: Any) -> Any:
        """A function that NumPy hands on to the stand-in for arrays of it, also where these stand in a list."""

        def array(value: Any) -> Any:
            within = isinstance(value, list) and any(isinstance(each, self._owner.exact) for each in value)
            return self._owner.asarray(value) if within else value

        return function(*(values if function is np.concatenate else map(array, values)), **options)


class Ufunc:
    """A ufunc that computes on the stand-in only, whatever it is given."""

    def __init__(self, owner: StandIn, hooks: Hooks, ufunc: Any) -> None:
        self._owner, self._hooks, self._ufunc = owner, hooks, ufunc

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        inputs, out = inputs[: self._ufunc.nin], inputs[self._ufunc.nin :] or (options.pop("out", None),)
        if not any(isinstance(value, np.ndarray) for value in inputs):
            inputs = (self._owner.array(self._owner.number(inputs[0])), *inputs[1:])
        for value in (*inputs, *out, *options.values()):
            self._hooks.plain(value)
        return self._owner.ufunc(self._ufunc, "__call__", inputs, options | {"out": out})

    def reduce(self, array: Any, **options: Any) -> Any:
        out = (options.pop("out", None),)
        return self._owner.ufunc(self._ufunc, "reduce", (array,), options | {"out": out})


class _IsArray(type):
    """What may be asked about, and makes nothing."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, np.ndarray)

    def __call__(cls, *_: Any, **__: Any) -> Any:
        raise NotUnderstoodError("a call of np.ndarray")


class _Array(metaclass=_IsArray):
    """What `np.ndarray` is inside a module that may have been written by anyone."""


class Contained(Namespace):
    """What `np` is inside a module that may have been written by anyone: nothing of NumPy itself is called."""

    float64, float32, ndarray = np.dtype("float64"), np.dtype("float32"), _Array

    def __init__(self, owner: StandIn, hooks: Hooks) -> None:
        super().__init__(owner)
        for name in ("empty", "zeros", "ones", "asarray", "full", "array", "where", "copyto"):
            setattr(self, name, hooks.guarded(getattr(self, name)))
        self.random = SimpleNamespace(default_rng=lambda rng=None: Unused("a random generator"))
        self._hooks = hooks

    def dtype(self, name: str) -> Any:
        return np.dtype(str(name))

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            function = FUNCTIONS[name]
            return self._hooks.guarded(lambda *values, **options: function(self._owner, *values, **options))
        if name in ("argwhere", "finfo"):
            return self._hooks.guarded(getattr(np, name))
        known = ABSOLUTE.get(name, name)
        if known in UFUNCS:
            return Ufunc(self._owner, self._hooks, getattr(np, known))
        return super().__getattr__(name)


ABSOLUTE = {"abs": "absolute", "fabs": "absolute", "true_divide": "divide"}
UFUNCS = {*UNARY, *BINARY, *COMPARISONS, *CHOICES, "absolute", "sign", "matmul", "isfinite"}
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


class _Float:
    """What `float` is inside code written by hand: a number stays the one that it is; as a type it is float64."""

    dtype = np.dtype(float)

    def __new__(cls, value: Any) -> Any:
        return value


class Unused:
    """In place of a module that checkpoints are written with: it may be imported, and nothing of it be used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        raise NotUnderstoodError(f"{self._name}.{name}")


def run(text: str, stand_in: StandIn, name: str, contained: bool = False) -> dict[str, Any]:
    """The globals of a module after its exact text has run on the stand-in, with no files and no other imports.

    With `contained` it may be anyone's, as far as `exact.contained` lets it through: all that it does is counted.
    """

    def exact(number: Any) -> Any:
        return stand_in.array(stand_in.number(number))

    def quotient(left: Any, right: Any) -> Any:
        whole = isinstance(left, int) and isinstance(right, int) and right != 0
        return exact(f"{left}/{right}") if whole else left / right

    counting = Hooks(stand_in.meter, stand_in.exact, quotient)
    numpy = Contained(stand_in, counting) if contained else ByHand(stand_in)

    def import_(module: str, *_: Any) -> Any:
        if module == "numpy" or (module == "math" and not contained):  # whose functions have NumPy's names
            return numpy
        if module in ("typing", "__future__") or (module in IMPORTS and not contained):
            return importlib.import_module(module)
        if module in CHECKPOINTING:
            return Unused(module)
        raise NotUnderstoodError(f"import {module}")

    names = {key: getattr(builtins, key) for key in (*ALLOWED, *(() if contained else BUILTINS))}
    names |= counting.builtins() if contained else {}
    scope: dict[str, Any] = {
        "__builtins__": {**names, "__import__": import_, "float": (lambda value: value) if contained else _Float},
        "__name__": name,
    }
    scope |= {unwritable("exact"): exact, unwritable("quotient"): quotient, **hooks(counting)}
    exec(_counted(text, name, contained), scope)
    return scope


@lru_cache(maxsize=4)  # the rounds of an audit run the same text again and again
def _counted(text: str, name: str, contained: bool) -> CodeType:
    tree = parsed(text)
    for change in (Everything() if contained else Loops(), _Literals()):
        tree = change.visit(tree)
    return compile(ast.fix_missing_locations(tree), f"<{name} under audit>", "exec")


class _Literals(ast.NodeTransformer):
    """Makes every literal that is no whole number the exact number that it writes, and 1 / 3 or 1 / N the fraction."""

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return hook("exact", node, ast.Constant(repr(node.value))) if isinstance(node.value, float) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        return hook("quotient", node, node.left, node.right) if isinstance(node.op, ast.Div) else node
