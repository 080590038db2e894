"""Exact arithmetic modulo the prime, and dual numbers over it."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from derive.algebra.residues import PRIME, Dual, Duals, Residues, inverse, matmul, residue, square_root
from derive.algebra.update import update_program
from derive.model.architecture import Update


def test_the_prime_is_safe() -> None:
    assert sp.isprime(PRIME)
    assert sp.isprime((PRIME - 1) // 2)
    assert PRIME < 2**31  # a product of two residues, and a sum of two such, is an int64


@pytest.mark.parametrize("value", [sp.Integer(2), sp.Rational(2, 3), *map(sp.Integer, range(1, 71))])
def test_small_numbers_have_square_roots(value: sp.Rational):
    root = square_root(residue(value))
    assert root is not None
    assert root**2 % PRIME == residue(value)


def test_not_every_number_has_a_square_root():
    assert square_root(71) is None
    assert square_root(PRIME - 1) is None


@given(st.integers(1, 6), st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32))
def test_products_are_exact(rows: int, inner: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, PRIME, (rows, inner)), rng.integers(0, PRIME, (inner, columns))
    exact = left.astype(object) @ right.astype(object) % PRIME
    assert (matmul(left, right) == exact).all()


def test_products_are_exact_at_the_largest_entries() -> None:
    left, right = np.full((2, 5000), PRIME - 1), np.full((5000, 3), PRIME - 1)
    assert (matmul(left, right) == 5000 % PRIME).all()


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**6))
def test_a_fraction_has_a_residue(p: int, q: int) -> None:
    assert residue(sp.Rational(p, q)) * q % PRIME == p % PRIME
    assert inverse(q) * q % PRIME == 1


@pytest.mark.parametrize("exponent", [-2, -1, 1, 2, 3])
def test_duals_follow_the_power_rule(exponent: int) -> None:
    arithmetic = Duals(Residues())
    x = Dual(np.array([5], dtype=np.int64), np.array([1], dtype=np.int64))
    expected = residue(exponent * sp.Rational(5) ** (exponent - 1))
    assert int(arithmetic.power(x, exponent).tangent[0]) == expected


def test_duals_follow_the_product_rule() -> None:
    arithmetic = Duals(Residues())
    left, right = (Dual(np.array([[v]]), np.array([[t]])) for v, t in ((3, 5), (7, 11)))
    assert int(arithmetic.matmul(left, right).tangent[0, 0]) == 3 * 11 + 5 * 7
    assert int(arithmetic.multiply(left, right).tangent[0, 0]) == 3 * 11 + 5 * 7


def test_an_optimiser_without_momentum_keeps_no_state() -> None:
    plain, heavy = update_program(Update("sgd")), update_program(Update("sgd", (("momentum", 0.9),)))
    assert plain.states == ()
    assert len(plain.assignments) == 1
    assert heavy.states == ("v",)
    assert [name for name, _ in heavy.assignments] == ["v", "theta"]
