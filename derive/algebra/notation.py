"""The symbols of the text: layer labels, tensor names, sizes, indices and opaque activation functions.

A label is a number (layer 2) or an expression such as `l + 1` or `L`, so that the same equations
serve a given network and the lemmas about every layer of every network.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import sympy as sp

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


@cache
def opaque(name: str, order: int = 0) -> Any:
    """The activation `name` (or its derivative of the given order) as a function about which nothing is known.

    SymPy's `diff` maps f(z) to f'(z), again such a function: `opaque(name, order + 1)`.
    """

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return opaque(name, order + 1)(*self.args)

    shown = name + "'" * order
    return type(shown, (sp.Function,), {"fdiff": fdiff, "nargs": 1, "activation": name, "order": order})


def is_opaque(expr: sp.Basic) -> bool:
    """Whether `expr` is an opaque activation applied to something."""
    return hasattr(type(expr), "activation")
