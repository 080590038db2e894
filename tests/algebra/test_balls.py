"""Balls hold the exact value of every function in the table, are small, and have no branch at a kink."""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from derive.algebra import balls as balls_module
from derive.algebra.balls import BALLS, CONSTANTS, NUMBERS, Balls, balls, precision
from derive.algebra.evaluate import Arithmetic
from derive.algebra.pointwise import FLOATS, KinkError, applied, each
from derive.algebra.pointwise import at as evaluated
from tests.doubles import refusal

U, V = sp.symbols("u v", real=True)
POINTS = (-1.75, -0.1, 0.3, 2.5)
POSITIVE_ONLY = (sp.log, balls_module.log1p)
TWO = (sp.Max, sp.Min)
STEPS = (sp.sign, sp.Heaviside)


def at(formula, numbers=NUMBERS, **values):
    return evaluated(formula, numbers, values)


def exactly(ball):
    """A ball without radius as a fraction."""
    mantissa, exponent = ball.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def inside(ball, value: sp.Expr) -> bool:
    """Whether the ball holds the number, which SymPy knows to 60 digits; and is no larger than 1e-30."""
    low, high = (sp.Rational(*exactly(end).as_integer_ratio()) for end in (ball.lower(), ball.upper()))
    number = sp.N(value, 60)
    return bool(low <= number <= high) and high - low < sp.Rational(1, 10**30)


def test_a_float_is_exactly_itself():
    with precision(128):
        (ball,) = balls([0.1])
        assert exactly(ball) == Fraction(0.1)


@pytest.mark.parametrize("function", BALLS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("point", POINTS)
def test_every_function_of_the_table_is_enclosed(function, point):
    point = abs(point) if function in POSITIVE_ONLY else point
    formula = function(U, V) if function in TWO else function(U)
    values = {U: sp.Rational(point), V: sp.Rational(1, 4)}
    with precision(128):
        ball = at(formula, u=balls(point)[()], v=balls(0.25)[()])
        assert inside(ball, formula.subs(values))
        assert not inside(ball + balls(1e-25)[()], formula.subs(values))


@pytest.mark.parametrize("function", BALLS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("point", POINTS)
def test_floats_know_the_same_functions(function, point):
    point = abs(point) if function in POSITIVE_ONLY else point
    formula = function(U, V) if function in TWO else function(U)
    with precision(128):
        ball = at(formula, u=balls(point)[()], v=balls(0.25)[()])
    assert at(formula, FLOATS, u=point, v=0.25) == pytest.approx(float(ball), rel=1e-14)


@pytest.mark.parametrize(
    "formula", [sp.sqrt(U), U ** sp.Rational(-3, 4), U**-3, 2**U, sp.exp(U * sp.log(3)), sp.sqrt(2) * U / 3, *CONSTANTS]
)
def test_powers_and_constants_are_enclosed(formula):
    with precision(128):
        assert inside(at(formula, u=balls(1.7)[()]), formula.subs(U, sp.Rational(1.7)))


@pytest.mark.parametrize(
    ("formula", "at_zero"),
    [
        (sp.Piecewise((U, U > 0), (0, True)).diff(U), 0),
        (sp.Piecewise((U, U >= 0), (0, True)).diff(U), 1),
        (sp.Piecewise((1, sp.And(U > -1, U < 1)), (0, True)), 1),
        (sp.sign(U), 0),
        (sp.Heaviside(U, sp.S.Half), sp.S.Half),
    ],
)
def test_a_kink_is_decided_on_it_and_beside_it_but_not_across_it(formula, at_zero):
    across = balls(0.0)[()] + (balls(2.0)[()].exp() - balls(2.0)[()].exp()) + balls(formula.has(sp.And))[()]
    assert not across.is_exact()
    with pytest.raises(KinkError):
        at(formula, u=across)
    assert at(formula, u=balls(0.0)[()]) == int(2 * at_zero) / 2
    for beside in (-1e-300, 1e-300):
        assert at(formula, u=balls(beside)[()]) == float(formula.subs(U, beside))


def test_functions_of_several_arrays():
    with precision(128):
        found = applied(sp.Max, NUMBERS, balls([[1.0], [3.0]]), balls([2.0, 4.0]))
        assert [[float(ball) for ball in row] for row in found] == [[2.0, 4.0], [3.0, 4.0]]
    assert applied(sp.Max, FLOATS, np.array([[1.0], [3.0]]), np.array([2.0, 4.0])).tolist() == [[2, 4], [3, 4]]


def test_the_entry_on_the_kink_is_named():
    values = balls([[1.0, 2.0], [3.0, 0.0]])
    values[1, 1] = values[0, 0].exp() - values[0, 0].exp()
    with pytest.raises(KinkError) as caught:
        each(sp.sign(U), NUMBERS, {"u": values})
    assert caught.value.index == (1, 1)


def test_matrix_products_are_those_of_exact_arithmetic():
    left, right = np.arange(6).reshape(2, 3) / 4, np.arange(12).reshape(3, 4) - 5.5
    exact = Arithmetic().matmul(*(np.vectorize(sp.Rational)(m).astype(object) for m in (left, right)))
    with precision(128):
        product = Balls().matmul(balls(left), balls(right))
        assert product.shape == (2, 4)
        assert all(ball == float(value) for ball, value in zip(product.ravel(), exact.ravel(), strict=True))


def test_the_precision_is_put_back_after_an_error():
    before = balls_module.flint().ctx.prec
    with pytest.raises(KinkError), precision(before + 100):
        raise KinkError("planted")
    assert balls_module.flint().ctx.prec == before


def test_what_has_no_ball_is_refused():
    with pytest.raises(NotImplementedError, match="gamma"):
        at(sp.gamma(U), u=balls(1.0)[()])


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    assert "derive[rigor]" in refusal(balls_module.flint)
