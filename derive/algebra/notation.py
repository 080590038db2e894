"""The symbols of the text: layer labels, tensor names, sizes, indices and opaque activation functions.

A label is a number (layer 2) or an expression such as `l + 1` or `L`, so that the same equations
serve a given network and the lemmas about every layer of every network.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import sympy as sp
from sympy.concrete.expr_with_limits import ExprWithLimits

l, L = sp.symbols("l L", integer=True, positive=True)
N = sp.Symbol("N", integer=True, positive=True)
"""The number of samples."""

Label: TypeAlias = Any
"""A layer's number, or an expression in l and L."""


def tag(label: Label) -> str:
    """How a label stands in a name: `2` for a layer's number, `[l+1]` for an expression."""
    label = sp.sympify(label, strict=True)
    return str(label) if label.is_Integer else f"[{str(label).replace(' ', '')}]"


def named(base: str, label: Label) -> str:
    """The name of `base` in layer `label`: W2, or W[l+1]."""
    return base + tag(label)


def size(label: Label) -> sp.Symbol:
    """n_l, the number of units of layer `label`."""
    return sp.Symbol(named("n", label), integer=True, positive=True)


def index(name: str) -> sp.Symbol:
    """An index, running over 1..size of the axis that it stands at."""
    return sp.Symbol(name, integer=True, positive=True)


def opaque(name: str, *orders: int) -> Any:
    """The function `name` (or its derivative, of the given order by each argument) about which nothing is known.

    Without orders it is a function of one number, such as an activation; `opaque("f2", 0, 0)` has two arguments.
    SymPy's `diff` maps f(z) to f'(z), again such a function: `opaque(name, order + 1)`.
    """
    return _opaque(name, orders or (0,))


@cache
def _opaque(name: str, orders: tuple[int, ...]) -> Any:
    def fdiff(self: Any, argindex: int = 1) -> Any:
        raised = (order + (k == argindex) for k, order in enumerate(orders, 1))
        return opaque(name, *raised)(*self.args)

    shown = name + "'" * orders[0] + "".join(f"_{k}" * order for k, order in enumerate(orders[1:], 2))
    members = {"fdiff": fdiff, "nargs": len(orders), "activation": name, "order": orders[0], "orders": orders}
    return type(shown, (sp.Function,), members)


class Largest(ExprWithLimits):
    """The largest of the values that an expression takes as an index runs over its axis: Largest(z[s, i], (i, 1, n)).

    It shifts exponents and nothing else, so no derivative is taken of it; that nothing depends on it is proved.
    """


def is_opaque(expr: sp.Basic) -> bool:
    """Whether `expr` is an opaque activation applied to something."""
    return hasattr(type(expr), "activation")
