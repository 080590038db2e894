"""Running somebody's function in floats, in every convention that is left open, and which one it follows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.teach.code.explained import equal
from derive.teach.code.layouts import Convention
from derive.teach.code.naming import alike, close
from derive.teach.code.observed import Failure, Noted, Source, Trace, attempt, call
from derive.teach.code.reference import Point
from derive.teach.code.returned import gradients

MOST_ENTRIES = 10**6
"""Of what is returned for a parameter with fewer; more is not looked into."""


@dataclass(frozen=True)
class Tried:
    """One run in floats: the gradients that came back, or why none did, and what was assigned on the way."""

    convention: Convention
    at: Point
    validity: str
    found: dict[str, Any]
    noted: tuple[Noted, ...]
    error: str = ""
    far: bool = False
    """Whether the numbers are large, so that functions saturate or overflow."""

    def right(self, name: str) -> Any:
        """The gradient by the parameter `name` as the function should return it."""
        value = self.at.values[f"d{name}"] * self.convention.factor(self.at.samples)
        return self.convention.stored(name, value)

    def fits(self, name: str) -> bool:
        """Whether the gradient is there, with the shape of its parameter; a bias may be a row, a column or neither."""
        if name not in self.found:
            return False
        value, right = self.found[name], self.right(name)
        return value.shape == right.shape or (
            name[0] == "b" and value.size == right.size == max(value.shape, default=1)
        )

    def same(self, name: str) -> bool:
        """Whether the gradient is the right one, up to rounding; far away, whether it is not seen to be another."""
        right = self.right(name)
        if self.far and (self.error or name not in self.found):
            return True
        compare = alike if self.far else close
        return self.fits(name) and compare(self.found[name].reshape(right.shape), right)

    def score(self, order: list[str]) -> tuple[int, ...]:
        """How well the convention fits the function: whether it runs, then shapes, then values."""
        quantities = [np.asarray(v) for v in self.at.values.values() if np.ndim(v)]
        met = sum(any(equal(each.value, value) for value in quantities) for each in self.noted)
        return not self.error, sum(map(self.fits, order)), sum(map(self.same, order)), met


def tried(
    function: Callable[..., Any],
    source: Source,
    at: Point,
    order: list[str],
    convention: Convention,
    validity: str = "",
    traced: bool = True,
    far: bool = False,
) -> Tried:
    """The function run in floats at the point. Raises DeriveError if it cannot be called at all."""
    trace = Trace(source.path)
    given = convention.given(at.values, order)
    shapes = {name: given[name].shape for name in order}

    def floats() -> dict[str, Any]:
        with trace.watching(traced):
            found = gradients(call(function, source, given), order, shapes)
        return {name: numbers(value, math.prod(shapes[name])) for name, value in found.items()}

    found = attempt(source, floats)
    if isinstance(found, Failure):
        return Tried(convention, at, validity, {}, tuple(trace.noted), found.words, far)
    return Tried(convention, at, validity, found, tuple(trace.noted), far=far)


def numbers(value: Any, size: int) -> Any:
    """What was returned for a parameter of this size as an array of floats of its own; an empty one if it is none."""
    try:
        array = np.asarray(value)
        return np.array(array, dtype=float) if array.size <= max(size, MOST_ENTRIES) else np.empty(0)
    except (TypeError, ValueError, OverflowError):
        return np.empty(0)


def best(candidates: list[Tried], order: list[str]) -> Tried:
    """The run in the convention that fits the function best; of equal ones the first."""
    return max(candidates, key=lambda each: each.score(order))
