"""Equal layers: what is found for one layer holds for every other whose equations differ in their numbers only."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import sympy as sp

from derive.algebra.notation import is_opaque, opaque

NUMBERED = re.compile(r"([A-Za-z]\w*?)(\d+)")
"""A name with the number of a layer: W2, n0, delta10."""


def in_layer_1(find: Callable[..., tuple[sp.Basic, ...]], *given: sp.Basic) -> tuple[Any, ...]:
    """`find(*given)`, where `find` is asked about layers 0 and 1 if `given` is about two neighbours.

    So a `find` that remembers its answers works once for all equal layers.
    """
    labels = {label for expr in given for label in _labels(expr)}
    top = max(labels, default=1)
    if top == 1 or min(labels) < top - 1:
        return find(*given)
    return tuple(moved(found, top - 1) for found in find(*(moved(expr, 1 - top) for expr in given)))


def moved(expr: sp.Basic, by: int) -> sp.Basic:
    """`expr` with the number of every layer in it raised by so many; none may become negative.

    >>> from derive.algebra.notation import size
    >>> moved(sp.IndexedBase("W3")[sp.Symbol("i"), size(2)], -2), moved(opaque("f3", 1)(sp.Symbol("z3")), -2)
    (W1[i, n0], f1'(z1))
    """
    if any(is_opaque(node) for node in expr.atoms(sp.Function)):
        expr = expr.replace(is_opaque, lambda call: opaque(_name(call.activation, by), *call.orders)(*call.args))
    return expr.xreplace({symbol: _symbol(symbol, by) for symbol in expr.atoms(sp.Symbol)})


def _labels(expr: sp.Basic) -> set[int]:
    """The numbers of the layers that an expression is about; a function's is that of its argument."""
    return {int(found[2]) for symbol in expr.atoms(sp.Symbol) if (found := NUMBERED.fullmatch(symbol.name))}


@lru_cache(maxsize=4096)
def _symbol(symbol: sp.Symbol, by: int) -> sp.Symbol:
    name = _name(symbol.name, by)
    return symbol if name == symbol.name else sp.Symbol(name, **symbol.assumptions0)


def _name(name: str, by: int) -> str:
    found = NUMBERED.fullmatch(name)
    return f"{found[1]}{int(found[2]) + by}" if found else name
