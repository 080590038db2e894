"""Exact arithmetic modulo a prime, on whole int64 arrays, and dual numbers over any arithmetic.

A formula that holds for all numbers holds for residues; one that does not agrees at a random point
with probability at most degree / PRIME (Schwartz and Zippel). There is no rounding and no tolerance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from derive.algebra.evaluate import Arithmetic

PRIME = 1931011319
"""A safe prime, (PRIME - 1)/2 is prime too: powers of a random residue stay random. Modulo this one all primes up to 67
are squares, so that sqrt(2) and sqrt(2/3) are residues, and their squares 2 and 2/3."""
_LIMB = 2**16

Array = npt.NDArray[np.int64]


def inverse(value: int) -> int:
    """1 / value modulo PRIME."""
    return pow(int(value), -1, PRIME)


def residue(value: sp.Rational) -> int:
    """The rational number `value` modulo PRIME."""
    value = sp.Rational(value)
    return int(value.p) * inverse(value.q) % PRIME


def square_root(value: int) -> int | None:
    """The root of `value` modulo PRIME that is a square itself, as of a positive number; None if it has none."""
    found = pow(value, (PRIME + 1) // 4, PRIME)
    return found if found * found % PRIME == value else None


def matmul(left: Array, right: Array) -> Array:
    """left @ right modulo PRIME, exact: 16-bit limbs, whose products add up exactly in float64."""
    length = left.shape[-1]
    if length > 2**20:  # limbs below 2**16, products below 2**32: sums of 2**20 stay below 2**53
        half = length // 2
        left_half = matmul(left[..., :half], right[:half])
        return np.asarray((left_half + matmul(left[..., half:], right[half:])) % PRIME)
    high, low = np.divmod(left, _LIMB)
    top, bottom = np.divmod(right, _LIMB)
    parts = [
        [(a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64) for b in (top, bottom)] for a in (high, low)
    ]
    result = parts[0][0] % PRIME * _LIMB % PRIME
    result = (result + (parts[0][1] + parts[1][0]) % PRIME) * _LIMB % PRIME
    return np.asarray((result + parts[1][1]) % PRIME)


class Residues(Arithmetic):
    """int64 arrays of residues 0..PRIME-1."""

    def number(self, value: sp.Rational) -> Any:
        return np.array(residue(value), dtype=np.int64)

    def add(self, left: Any, right: Any) -> Any:
        return (left + right) % PRIME

    def multiply(self, left: Any, right: Any) -> Any:
        return left * right % PRIME

    def power(self, base: Any, exponent: int) -> Any:
        if exponent < 0:
            inverses = [inverse(value) for value in base.ravel()]
            return self.power(np.array(inverses, dtype=np.int64).reshape(base.shape), -exponent)
        result = np.ones_like(base)
        for _ in range(exponent):
            result = result * base % PRIME
        return result

    def total(self, array: Any, axis: int) -> Any:
        return array.sum(axis=axis) % PRIME  # fewer than 2**32 entries below 2**31

    def matmul(self, left: Any, right: Any) -> Any:
        return matmul(left, right)


@dataclass(frozen=True)
class Dual:
    """A value and its derivative along one direction."""

    value: Any
    tangent: Any


@dataclass(frozen=True)
class Duals(Arithmetic):
    """Dual numbers over another arithmetic: every operation carries a directional derivative along."""

    base: Arithmetic

    def number(self, value: sp.Rational) -> Dual:
        return Dual(self.base.number(value), self.base.number(sp.S.Zero))

    def add(self, left: Dual, right: Dual) -> Dual:
        return Dual(self.base.add(left.value, right.value), self.base.add(left.tangent, right.tangent))

    def multiply(self, left: Dual, right: Dual) -> Dual:
        return self._product(self.base.multiply, left, right)

    def matmul(self, left: Dual, right: Dual) -> Dual:
        return self._product(self.base.matmul, left, right)

    def _product(self, times: Any, left: Dual, right: Dual) -> Dual:
        tangent = self.base.add(times(left.tangent, right.value), times(left.value, right.tangent))
        return Dual(times(left.value, right.value), tangent)

    def power(self, base: Dual, exponent: int) -> Dual:
        below = self.base.power(base.value, exponent - 1)
        slope = self.base.multiply(self.base.number(sp.Integer(exponent)), below)
        return Dual(self.base.power(base.value, exponent), self.base.multiply(slope, base.tangent))

    def total(self, array: Dual, axis: int) -> Dual:
        return Dual(self.base.total(array.value, axis), self.base.total(array.tangent, axis))

    def largest(self, array: Dual, axis: int) -> Dual:
        return self.taken(array, self.where_largest(array, axis), axis)

    def where_largest(self, array: Dual, axis: int) -> Any:
        return self.base.where_largest(array.value, axis)

    def taken(self, array: Dual, places: Any, axis: int) -> Dual:
        return Dual(self.base.taken(array.value, places, axis), self.base.taken(array.tangent, places, axis))

    def transposed(self, array: Dual, order: tuple[int, ...]) -> Dual:
        return Dual(self.base.transposed(array.value, order), self.base.transposed(array.tangent, order))

    def reshaped(self, array: Dual, shape: tuple[int, ...]) -> Dual:
        return Dual(self.base.reshaped(array.value, shape), self.base.reshaped(array.tangent, shape))

    def broadcast(self, array: Dual, shape: tuple[int, ...]) -> Dual:
        return Dual(self.base.broadcast(array.value, shape), self.base.broadcast(array.tangent, shape))

    def shape(self, array: Dual) -> tuple[int, ...]:
        return self.base.shape(array.value)
