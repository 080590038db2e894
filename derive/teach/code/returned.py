"""Which gradient is which in what somebody's function returns: by names, or by the order and the shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, SupportsFloat

import numpy as np

from derive.proof.grading.terms import split_name
from derive.teach.code.observed import AUDITED, plain

KEY = re.compile(r"(?:.*_)?(?:d|∂|grad|nabla)?_?([A-Za-z]+?)_?(\d*)(?:_grad)?")
"""dW1, W1, grad_W1, nabla_w, dL_dW1: the letter of a parameter, and its layer if it has one."""
WORDS = {"w": "W", "weight": "W", "weights": "W", "bias": "b", "biases": "b"}
"""What others call a parameter → the derivation's letter."""
DEEPEST = 6
"""So many containers within one another are looked into."""
MOST_KINDS = 4
"""Of so many kinds of parameters, such as W and b, all orders are tried."""

Path = tuple[Any, ...]
"""The keys and positions at which something lies."""


def gradients(result: Any, order: list[str], shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """The gradients by the names W1, b1, … from whatever a function returns, with the loss or without it.

    They may be one vector like theta, or lie in dicts, tuples, lists and objects: by names with numbers or by
    letters for lists over the layers, or without names, layer by layer or kind by kind, forwards or backwards.
    """
    found = {path: value for path, value in _leaves(result) if value is not None}
    if named := _named(found, order):
        return named
    arrays = [value for value in found.values() if np.ndim(value)]
    ends = [int(end) for end in np.cumsum([np.prod(shapes[name]) for name in order])]
    match arrays:
        case [vector] if np.ndim(vector) == 1 and len(vector) == ends[-1] and len(order) > 1:
            cut = zip(order, [0, *ends], ends, strict=False)
            return {name: vector[start:end].reshape(shapes[name]) for name, start, end in cut}
    values = list(found.values()) if len(found) == len(order) else arrays
    if len(values) != len(order):
        return {}
    candidates = [dict(zip(names, values, strict=True)) for names in _orders(order)]
    best = max(candidates, key=lambda each: sum(_fits(each[name], shapes[name]) for name in order))
    return {name: best[name] for name in order}


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """What lies in containers, one within another, with its place; rows of plain numbers are one thing."""
    inner: Mapping[Any, Any] = {}
    match value:
        case dict():
            inner = value
        case tuple() if hasattr(value, "_fields"):
            inner = dict(zip(value._fields, value, strict=True))
        case tuple() | list() if not _is_rows(value):
            inner = dict(enumerate(value))
        case _ if type(value).__module__ == AUDITED and hasattr(value, "__dict__"):
            inner = vars(value)
        case _:
            yield path, value
    for key, part in inner.items() if len(path) < DEEPEST else ():
        yield from _leaves(part, (*path, *(key if isinstance(key, tuple) else (key,))))


def _is_rows(value: Any, rows: int = 2) -> bool:
    """Whether a list holds numbers alone, or rows of numbers."""
    if isinstance(value, list | tuple):
        return bool(value) and rows > 0 and all(_is_rows(each, rows - 1) for each in value)
    return isinstance(value, SupportsFloat) and getattr(value, "ndim", 0) == 0


def _named(found: Mapping[Path, Any], order: list[str]) -> dict[str, Any]:
    """The gradients whose places have names; those of one letter stand in the order of the layers."""
    letters = {split_name(name)[0] for name in order}
    by_name: dict[str, Any] = {}
    by_letter: dict[str, list[Any]] = {}
    for path, value in found.items():
        for key in reversed([key for key in path if isinstance(key, str)]):
            if (read := KEY.fullmatch(key)) is None:
                continue
            letter = WORDS.get(read[1], plain(f"{read[1]}0")[:-1])
            if letter not in letters:
                continue
            if read[2]:
                by_name[f"{letter}{read[2]}"] = value
            elif np.ndim(value):
                by_letter.setdefault(letter, []).append(value)
            break
    for letter, values in by_letter.items():
        names = [name for name in order if split_name(name)[0] == letter]
        if len(names) == len(values):
            by_name |= dict(zip(names, values, strict=True))
    return {name: by_name[name] for name in order if name in by_name}


def _orders(order: list[str]) -> Iterator[list[str]]:
    """The names in the orders in which people return them, the parameters' own first."""
    yield order
    layer = {name: split_name(name)[1] for name in order}
    kinds = list(dict.fromkeys(split_name(name)[0] for name in order))
    for chosen in permutations(kinds) if len(kinds) <= MOST_KINDS else [tuple(kinds)]:
        kind = {name: chosen.index(split_name(name)[0]) for name in order}
        for step in (1, -1):
            yield sorted(order, key=lambda name: (step * layer[name], kind[name]))
            yield sorted(order, key=lambda name: (kind[name], step * layer[name]))


def _fits(value: Any, shape: tuple[int, ...]) -> float:
    """How well an array fits a parameter: in its shape, or else in its size."""
    found = np.shape(value)
    longest = max(shape, default=1)
    flat = longest == np.prod(shape) == np.prod(found) == max(found, default=1)
    return 1.0 if found == shape or flat else 0.5 if np.prod(found) == np.prod(shape) else 0.0
