"""The value of a `Term` on given arrays, by NumPy's rules of shapes: what does not fit has none.

What the numbers are, floats or fractions, is said by who holds them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from derive.proof.grading.terms import NO_LAYER, Term, show


class UnfitError(Exception):
    """Shapes that NumPy refuses, or a matrix without an inverse."""


class Arrays(ABC):
    """The quantities of a network in rows at chosen numbers, and the formulas on them."""

    values: dict[str, Any]
    """Every quantity by its name, such as delta2."""
    known: dict[Term, Any]
    """What was evaluated already."""

    @abstractmethod
    def number(self, value: Fraction) -> Any:
        """A number among these."""

    @abstractmethod
    def mean_over(self) -> Any:
        """What N stands for."""

    def quantity(self, name: str) -> Any:
        """A quantity as it stands in formulas."""
        return self.values[name]

    def width(self, layer: int) -> Any:
        """n of a layer."""
        raise UnfitError(f"n{layer}")

    @abstractmethod
    def applied(self, head: str, layer: int, array: Any) -> Any:
        """f, or f' where `head` is df, of every entry."""

    @abstractmethod
    def inverse(self, matrix: Any) -> Any:
        """The inverse of a matrix. Raises ValueError if there is none."""

    def value(self, term: Term) -> Any:
        """The array of `term`. Raises UnfitError where NumPy would refuse it."""
        if term not in self.known:
            try:
                self.known[term] = self._computed(term)
            except ValueError as error:
                raise UnfitError(str(error)) from None
        return self.known[term]

    def _computed(self, term: Term) -> Any:
        if term.head == "number":
            return self.number(term.number)
        if term.head == "N":
            return self.mean_over()
        if term.head == "n":
            return self.width(term.layer)
        if not term.parts:
            return self.quantity(show(term))
        parts = [self.value(part) for part in term.parts]
        if term.head == "inv":
            return self.inverse(parts[0])
        if term.head in OPERATIONS:
            return OPERATIONS[term.head](*parts)
        if term.layer == NO_LAYER:
            raise UnfitError(term.head)
        return self.applied(term.head, term.layer, parts[0])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "@": lambda x, y: x @ y,
    "T": lambda x: x.T,
    "negative": lambda x: -x,
    "**": lambda x, y: x**y,
    "sum": lambda x: x.sum(axis=0, keepdims=True),
    "units": lambda x: x.sum(axis=-1, keepdims=True),
    "mean of units": lambda x: x.sum(axis=-1, keepdims=True) / x.shape[-1],
    "sign": lambda x: 1 * (x > 0) - 1 * (x < 0),
    "abs": abs,
    "where": lambda c, x, y: c * x + (1 - c) * y,
    ">": lambda x, y: 1 * (x > y),
    "<": lambda x, y: 1 * (x < y),
    ">=": lambda x, y: 1 * (x >= y),
    "<=": lambda x, y: 1 * (x <= y),
}
