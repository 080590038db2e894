"""NumPy's functions that are not ufuncs, on the stand-in: what emitted modules call, and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from derive.codegen.exact.meter import TOGETHER, NotUnderstoodError

if TYPE_CHECKING:
    from derive.codegen.exact.stand_in import StandIn


def inner(np_: StandIn, left: Any, right: Any) -> Any:
    """The sum of the products of all entries of two arrays of one shape."""
    if np.shape(left) != np.shape(right):
        raise NotUnderstoodError(f"np.vdot of shapes {np.shape(left)} and {np.shape(right)}")
    return np_.product(left.reshape(-1), right.reshape(-1))


def concatenate(np_: StandIn, arrays: Any) -> Any:
    np_.meter.spend(1 + sum(getattr(a, "size", 1) for a in arrays) / TOGETHER)
    return np_.array(np.concatenate([np_.entries(a) for a in arrays]))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "dot": lambda np_, left, right, out=None: np_.product(left, right, out),
    "vdot": inner,
    "where": lambda np_, condition, inside, outside: np_.where(condition, inside, outside),
    "copyto": lambda np_, target, source, where=True: np_.copyto(target, source, where),
    "shape": lambda np_, array: array.shape,
    "ndim": lambda np_, array: array.ndim,
    "zeros_like": lambda np_, array, **_: np_.zeros(array.shape),
    "empty_like": lambda np_, array, **_: np_.empty(array.shape),
    "concatenate": concatenate,
    "ravel": lambda np_, array: np_.array(np_.entries(array).ravel()),
    "sum": lambda np_, array, axis=None, dtype=None, keepdims=False: np_.total(array, axis, keepdims, None),
    "mean": lambda np_, array, axis=None, dtype=None, keepdims=False: np_.mean(array, axis, keepdims),
    "transpose": lambda np_, array: array.T,
    "outer": lambda np_, left, right: np_.product(left.reshape(-1, 1), right.reshape(1, -1)),
    "einsum": lambda np_, subscripts, *operands: np_.einsum(subscripts, *operands),
    "reshape": lambda np_, array, shape: array.reshape(shape),
}
