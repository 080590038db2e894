"""Each operation of NumPy lies in the widened ball of its exact result, and not always in one that is not widened."""

from __future__ import annotations

import numpy as np
import pytest

from derive.algebra.balls import balls, precision
from derive.algebra.pointwise import KinkError
from derive.codegen.exact.meter import NotUnderstoodError
from derive.codegen.exact.namespace import Namespace
from derive.codegen.rigor.rounded import EXACT, ONCE, Rounded

RNG = np.random.default_rng(0)
TWO = ("add", "subtract", "multiply", "divide", "maximum", "minimum")
UNARY = ("exp", "expm1", "log", "log1p", "tanh", "sinh", "cosh", "sin", "cos", "arctan", "arcsinh")
UNARY += ("square", "sqrt", "negative", "abs")
LEFT, RIGHT = RNG.uniform(0.1, 3, (40, 30)), RNG.uniform(0.1, 3, (30, 40))


def operands(names, dtype):
    """Two matrices of positive floats."""
    return tuple(array.astype(dtype) for array in (LEFT, RIGHT))


def outside(found, computed) -> int:
    """How many of the computed floats the balls do not hold."""
    pairs = zip(np.ravel(np.asarray(found, dtype=object)), balls(computed).ravel(), strict=True)
    return sum(not ball.contains(number) for ball, number in pairs)


OPERATIONS = {
    **{name: lambda np_, u, v, name=name: getattr(np_, name)(u, v.T) for name in TWO},
    **{
        name: lambda np_, u, v, name=name: getattr(np_, name)(u)
        for name in (*UNARY, "square", "sqrt", "negative", "abs")
    },
    "power": lambda np_, u, v: u**3,
    "square as power": lambda np_, u, v: u**2,
    "dot": lambda np_, u, v: np_.dot(u, v),
    "matmul": lambda np_, u, v: u @ v,
    "sum": lambda np_, u, v: u.sum(axis=1),
    "sum of all": lambda np_, u, v: u.sum(),
    "reduce": lambda np_, u, v: np_.add.reduce(u, axis=0),
    "largest of rows": lambda np_, u, v: u.max(axis=1),
    "largest": lambda np_, u, v: np_.maximum.reduce(u, axis=0),
    "third": lambda np_, u, v: u / 3,
    "where": lambda np_, u, v: np_.where(u > 1, u * u, u + u),
}
NEVER = {*EXACT, "abs", "largest of rows", "largest"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_held_and_only_by_widening(name, dtype, monkeypatch):
    u, v = operands(name, dtype)
    computed = OPERATIONS[name](np, u, v)
    assert computed.dtype == dtype
    with precision(128):
        stand_in = Rounded(dtype)
        numpy = Namespace(stand_in)
        wide = OPERATIONS[name](numpy, *map(stand_in.array, map(balls, (u, v))))
        assert outside(wide, computed) == 0
        monkeypatch.setattr(stand_in, "unit", stand_in.unit * 0)
        monkeypatch.setattr(stand_in, "tiny", stand_in.tiny * 0)
        narrow = OPERATIONS[name](numpy, *map(stand_in.array, map(balls, (u, v))))
        assert (outside(narrow, computed) == 0) == (name in NEVER)


def test_what_ieee_rounds_once_is_in_the_table_of_what_is_tested():
    assert {*ONCE} - {"reciprocal"} <= {*OPERATIONS}


def test_underflow_is_held():
    small = np.full((1, 1), 1.5e-170)
    with precision(128):
        stand_in = Rounded("float64")
        wide = stand_in.array(balls(small)) * stand_in.array(balls(small))
        assert outside(wide, small * small) == 0
        wide = stand_in.array(balls(small)) @ stand_in.array(balls(small))
        assert outside(wide, small @ small) == 0


def test_an_exact_zero_stays_one():
    with precision(128):
        stand_in = Rounded("float64")
        zero, other = (stand_in.array(balls(array)) for array in (np.zeros((2, 2)), np.ones((2, 2))))
        for product in (zero * other, zero @ other, zero.sum(axis=0), zero + zero):
            assert all(ball.is_exact() and ball == 0 for ball in product.view(np.ndarray).ravel())


def test_literals_are_as_the_floats_hold_them():
    with precision(128):
        for dtype in ("float64", "float32"):
            stand_in = Rounded(dtype)
            assert stand_in.number("0.5")[()].is_exact()
            assert outside(stand_in.number("0.1"), np.asarray([0.1], dtype)) == 0
            assert outside(stand_in.number("1/3"), np.asarray([1 / 3], dtype)) == 0


def test_a_comparison_within_a_rounding_is_not_decided():
    with precision(128):
        stand_in = Rounded("float64")
        third = stand_in.array(balls([1.0])) / 3
        assert not (third < 0.25).any()
        with pytest.raises(KinkError):
            _ = third * 3 < 1


def test_what_is_not_in_the_tables_is_refused():
    with precision(128):
        stand_in = Rounded("float64")
        array = stand_in.array(balls([1.0]))
        for refused in (
            lambda: np.floor(array),
            lambda: array.mean(),
            lambda: np.ones(1) * array,
        ):
            with pytest.raises(NotUnderstoodError):
                refused()
