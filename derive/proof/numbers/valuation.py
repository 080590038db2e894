"""The value of a `Term` on given data, exactly: modulo the prime, or in fractions.

Where sizes coincide everything has a value, also what does not fit: a matrix product of a column with a
column is the one times a fixed combination of the other's entries, the same for every formula.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.residues import PRIME, inverse, matmul, residue
from derive.model.expression import Z
from derive.proof.formulas.grammar import ELEMENTWISE
from derive.proof.formulas.values import CONSTANTS
from derive.proof.grading.terms import ORDERS, Term
from derive.proof.numbers.functions import NoResidueError
from derive.proof.numbers.network_data import Data

MISFIT = (1009, 7919, 104729, 1299709, 15485863, 32452843)
"""What the entries of a column count in a product that does not fit."""


class NoValueError(Exception):
    """The formula has no value on these data."""


class SingularError(NoValueError):
    """The inverse of a matrix that has none."""


@dataclass
class Residual:
    """Evaluates terms on data; what was evaluated once is kept."""

    data: Data
    memo: dict[Term, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memo = dict(self.data.values)

    def value(self, term: Term) -> Any:
        """The array of `term`, with three axes. Raises NoValueError."""
        if term not in self.memo:
            try:
                self.memo[term] = self.compute(term)
            except (NoResidueError, ValueError, ZeroDivisionError) as error:
                raise NoValueError(str(error)) from None
        return self.memo[term]

    def compute(self, term: Term) -> Any:
        if term.head == "number":
            return self.constant(residue(sp.Rational(term.number.numerator, term.number.denominator)))
        if term.head == "N":
            return self.constant(self.data.samples)
        if term.head == "n":
            return self.constant(self.data.width(term.layer))
        if (term.head in CONSTANTS or term.head in ELEMENTWISE) and (number := exact(term)) is not None:
            return self.constant(self.data.functions.at(number, 0))
        if not term.parts:
            raise NoValueError(term.head)
        parts = [self.value(part) for part in term.parts]
        if term.head in ORDERS:
            return self.data.functions.activation(term.layer, ORDERS[term.head], *parts)
        if term.head in ELEMENTWISE:
            return self.data.functions.each(ELEMENTWISE[term.head](Z), parts[0])
        if term.head == "**":
            return self.power(parts[0], term.parts[1])
        return OPERATIONS[term.head](self, *parts)

    def constant(self, value: int) -> Any:
        return np.full((1, 1, 1), value % PRIME, dtype=np.int64)

    def times(self, left: Any, right: Any) -> Any:
        if left.shape[2] == right.shape[1]:
            return matmul(left, right)
        if left.shape[2] == 1:
            weights = np.array(MISFIT[: right.shape[1]], dtype=np.int64)[None, None, :]
            return left * matmul(weights, right) % PRIME if right.shape[1] <= len(MISFIT) else self.misfit()
        if right.shape[1] == 1:
            weights = np.array(MISFIT[: left.shape[2]], dtype=np.int64)[None, :, None]
            return matmul(left, weights) * right % PRIME if left.shape[2] <= len(MISFIT) else self.misfit()
        return self.misfit()

    def misfit(self) -> Any:
        raise NoValueError("the shapes do not fit")

    def divide(self, left: Any, right: Any) -> Any:
        return left * self.inverses(right) % PRIME

    def inverses(self, array: Any) -> Any:
        return np.array([inverse(int(v)) for v in array.ravel()], dtype=np.int64).reshape(array.shape)

    def power(self, base: Any, exponent: Term) -> Any:
        own = exponent.number
        if exponent.head != "number" or own.denominator != 1:
            raise NoValueError("the exponent")
        values = [pow(int(v), int(own), PRIME) for v in base.ravel()]
        return np.array(values, dtype=np.int64).reshape(base.shape)

    def sum(self, array: Any) -> Any:
        """Over the samples: rows, or the first axis."""
        if self.data.layout == "rows" and array.shape[0] == 1:
            return array.sum(axis=1, keepdims=True) % PRIME
        if array.shape[0] == 1:
            return array * self.data.samples % PRIME
        return array.sum(axis=0, keepdims=True) % PRIME

    def units(self, array: Any) -> Any:
        """Over the units of a layer."""
        return array.sum(axis=self.unit_axis, keepdims=True) % PRIME

    def mean_of_units(self, array: Any) -> Any:
        return self.units(array) * inverse(array.shape[self.unit_axis]) % PRIME

    @property
    def unit_axis(self) -> int:
        return 2 if self.data.layout == "rows" else 1

    def signs(self, array: Any) -> Any:
        """1, 0 or -1 for each entry, as it was drawn."""
        found = [self.data.functions.sign(int(v)) for v in array.ravel()]
        return np.array(found, dtype=np.int64).reshape(array.shape)

    def diag(self, array: Any) -> Any:
        column = array if array.shape[2] == 1 else array.swapaxes(1, 2)
        if column.shape[2] != 1:
            raise NoValueError("diag needs a vector")
        return column * np.eye(column.shape[1], dtype=np.int64)

    def outer(self, left: Any, right: Any) -> Any:
        """u v^T; of all rows of samples together in rows."""
        if self.data.layout == "rows":
            return self.times(left.swapaxes(1, 2), right)
        left, right = (a if a.shape[2] == 1 else a.swapaxes(1, 2) for a in (left, right))
        return self.times(left, right.swapaxes(1, 2))

    def inverse_matrix(self, array: Any) -> Any:
        _, rows, columns = array.shape
        if rows != columns:
            raise NoValueError("inv needs a square matrix")
        try:
            return np.stack([inverse_of(matrix) for matrix in array])
        except ZeroDivisionError:
            raise SingularError("the inverse does not exist") from None


def inverse_of(matrix: Any) -> Any:
    """The inverse modulo the prime, by Gauss and Jordan. Raises ZeroDivisionError."""
    n = len(matrix)
    rows = [[int(v) for v in row] + [int(i == j) for j in range(n)] for i, row in enumerate(matrix)]
    for i in range(n):
        pivot = next((r for r in range(i, n) if rows[r][i]), None)
        if pivot is None:
            raise ZeroDivisionError
        rows[i], rows[pivot] = rows[pivot], rows[i]
        scale = inverse(rows[i][i])
        rows[i] = [v * scale % PRIME for v in rows[i]]
        for r in range(n):
            if r != i and rows[r][i]:
                factor = rows[r][i]
                rows[r] = [(v - factor * w) % PRIME for v, w in zip(rows[r], rows[i], strict=True)]
    return np.array([row[n:] for row in rows], dtype=np.int64)


def exact(term: Term) -> sp.Expr | None:
    """The number that a term is for every network; None if it is none."""
    if term.head == "number":
        return sp.Rational(term.number.numerator, term.number.denominator)
    if term.head in CONSTANTS:
        return CONSTANTS[term.head]
    parts = [exact(part) for part in term.parts]
    operation = ARITHMETIC.get(term.head) or ELEMENTWISE.get(term.head)
    return operation(*parts) if operation and parts and None not in parts else None


ARITHMETIC: dict[str, Callable[..., sp.Expr]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "negative": operator.neg,
}
"""What numbers are made with, by heads of terms."""


OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda own, x, y: (x + y) % PRIME,
    "-": lambda own, x, y: (x - y) % PRIME,
    "*": lambda own, x, y: x * y % PRIME,
    "/": Residual.divide,
    "@": Residual.times,
    "T": lambda own, x: x.swapaxes(1, 2),
    "negative": lambda own, x: -x % PRIME,
    "sum": Residual.sum,
    "units": Residual.units,
    "mean of units": Residual.mean_of_units,
    "sign": lambda own, x: own.signs(x) % PRIME,
    "abs": lambda own, x: own.signs(x) * x % PRIME,
    ">": lambda own, x, y: (own.signs((x - y) % PRIME) > 0).astype(np.int64),
    "<": lambda own, x, y: (own.signs((x - y) % PRIME) < 0).astype(np.int64),
    ">=": lambda own, x, y: (own.signs((x - y) % PRIME) >= 0).astype(np.int64),
    "<=": lambda own, x, y: (own.signs((x - y) % PRIME) <= 0).astype(np.int64),
    "where": lambda own, c, x, y: (c * x + (1 - c) * y) % PRIME,
    "max": lambda own, x, y: np.where(own.signs((x - y) % PRIME) > 0, x, y),
    "min": lambda own, x, y: np.where(own.signs((x - y) % PRIME) < 0, x, y),
    "diag": Residual.diag,
    "outer": Residual.outer,
    "inv": Residual.inverse_matrix,
}

Key = tuple[Any, ...]


def key(arrays: list[Any], shapes: list[tuple[int, ...]]) -> Key:
    """What two answers have in common exactly if their values agree on all draws."""
    return tuple(_bytes(array, shape) for array, shape in zip(arrays, shapes, strict=True))


def _bytes(array: Any, shape: tuple[int, ...]) -> tuple[tuple[int, ...], bytes]:
    """The values with as many samples as `shape` has."""
    full = np.broadcast_to(array, (max(array.shape[0], shape[0]), *array.shape[1:]))
    return full.shape, np.ascontiguousarray(full % PRIME).tobytes()


def ratio(array: Any, other: Any) -> int | None:
    """k with array = k * other modulo the prime; None if there is none."""
    try:
        array, other = np.broadcast_arrays(array, other)
    except ValueError:
        return None
    nonzero = np.argwhere(other.ravel())
    if not len(nonzero):
        return None
    at = int(nonzero[0, 0])
    k = int(array.ravel()[at]) * inverse(int(other.ravel()[at])) % PRIME
    return k if k and ((array - k * other) % PRIME == 0).all() else None


def fraction(value: int, bound: int = 2000) -> Fraction | None:
    """The fraction with a small numerator and denominator that `value` stands for."""
    before, now, s, t = PRIME, value % PRIME, 0, 1
    while now > bound:
        quotient = before // now
        before, now, s, t = now, before - quotient * now, t, s - quotient * t
    return Fraction(now, t) if t and abs(t) <= bound else None
