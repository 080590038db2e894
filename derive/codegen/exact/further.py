"""Functions of NumPy's that people write and emitted modules do not, on the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from derive.codegen.exact.meter import NotUnderstoodError

if TYPE_CHECKING:
    from derive.codegen.exact.stand_in import StandIn

REARRANGING = (
    *("append", "atleast_1d", "atleast_2d", "broadcast_to", "column_stack", "copy", "diag", "diagflat", "expand_dims"),
    *("flip", "hstack", "moveaxis", "repeat", "roll", "split", "squeeze", "stack", "swapaxes", "take", "tile", "tril"),
    *("triu", "vstack"),
)
"""What puts entries in other places, or zeros beside them, and computes nothing."""


def _rearranging(name: str) -> Callable[..., Any]:
    def inside(np_: StandIn, value: Any) -> Any:
        if isinstance(value, np_.exact):
            return np_.entries(value)
        return type(value)(inside(np_, each) for each in value) if isinstance(value, tuple | list) else value

    def rearranged(np_: StandIn, *values: Any, **options: Any) -> Any:
        found = getattr(np, name)(*(inside(np_, value) for value in values), **options)
        return [np_.array(each) for each in found] if isinstance(found, list) else np_.array(found)

    return rearranged


def tensordot(np_: StandIn, left: Any, right: Any, axes: Any = 2) -> Any:
    """A sum of products over axes of both, as `einsum` writes it."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    if isinstance(axes, int):
        axes = range(left.ndim - axes, left.ndim), range(axes)
    first, second = ([each] if isinstance(each, int) else list(each) for each in axes)
    own, other = list(letters[: left.ndim]), list(letters[left.ndim : left.ndim + right.ndim])
    for i, j in zip(first, second, strict=True):
        other[j] = own[i]
    free = [x for x in own if x not in other] + [x for x in other if x not in own]
    return np_.einsum(f"{''.join(own)},{''.join(other)}->{''.join(free)}", left, right)


def clip(np_: StandIn, array: Any, low: Any = None, high: Any = None) -> Any:
    """Between two bounds, each of which may be None."""
    array = array if low is None else np.maximum(array, low)
    return array if high is None else np.minimum(array, high)


def average(np_: StandIn, array: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean; with weights it is not understood."""
    if weights is not None:
        raise NotUnderstoodError("np.average with weights")
    return np_.mean(array, axis)


def _identity(np_: StandIn, n: int, **_: Any) -> Any:
    return np_.array(np.eye(n, dtype=np.int64))


def _largest(np_: StandIn, array: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np_.largest(array, axis, keepdims, None)


FURTHER: dict[str, Callable[..., Any]] = {
    **{name: _rearranging(name) for name in REARRANGING},
    "amax": _largest,
    "arange": lambda np_, *numbers, **_: np.arange(*numbers),
    "average": average,
    "clip": clip,
    "eye": _identity,
    "full_like": lambda np_, array, value, **_: np_.full(array.shape, value),
    "heaviside": lambda np_, array, at: np_.where(array > 0, 1, np_.where(array == 0, at, 0)),
    "identity": _identity,
    "inner": lambda np_, left, right: np_.product(left, right.T),
    "max": _largest,
    "ones_like": lambda np_, array, **_: np_.ones(array.shape),
    "size": lambda np_, array, axis=None: np.size(np_.entries(array), axis),
    "tensordot": tensordot,
}
"""Name → function of the stand-in and the arguments."""

IMPORTS = ("abc", "collections", "copy", "dataclasses", "enum", "functools", "itertools", "operator")
"""Modules of Python's own that code written by hand may use."""
BUILTINS = (
    *("all", "any", "callable", "classmethod", "divmod", "filter", "frozenset", "getattr", "hasattr", "iter", "next"),
    *("reversed", "round", "setattr", "slice", "sorted", "type", "AssertionError", "AttributeError", "IndexError"),
    *("KeyError", "NotImplementedError", "StopIteration", "ZeroDivisionError"),
)
"""What of Python's own it may use beside what emitted modules may."""
