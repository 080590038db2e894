"""Where a computation gives up, in whatever way, there is no answer, and never a traceback or a wrong verdict."""

import ast

import numpy as np
import pytest
import sympy as sp

from derive import Architecture, differentiate
from derive.model.activation import Activation
from derive.model.expression import Z
from derive.proof.formulas import sides
from derive.proof.formulas.claims import Claim
from derive.proof.grading.terms import Term, leaf
from derive.proof.numbers import reals, slopes, small, valuation
from derive.proof.numbers.functions import NoResidueError
from derive.proof.numbers.network_data import draw
from derive.proof.numbers.small import NoExactValueError, SmallData
from derive.proof.numbers.valuation import NoValueError, Residual
from derive.proof.theorems import refute
from derive.proof.theorems.decide import decide
from derive.proof.theorems.refute import InexactError
from derive.proof.words.shapes import limit_of

NETWORK = Architecture((3, 2), ("tanh",))
RIGHT, WRONG = leaf("delta", 1), Term("+", (leaf("delta", 1), leaf("delta", 1)))


def raising(error):
    def give_up(*args, **kwargs):
        raise error("gives up")

    return give_up


@pytest.mark.parametrize("error", [NotImplementedError, ValueError, RecursionError, TypeError, AttributeError])
def test_a_limit_that_sympy_does_not_find(error, monkeypatch):
    monkeypatch.setattr(sp, "limit", raising(error))
    assert limit_of.__wrapped__(sp.exp(-Z), sp.oo, False) is None


@pytest.mark.parametrize("error", [NoResidueError, ValueError, ZeroDivisionError])
def test_a_residue_that_does_not_exist(error, monkeypatch):
    own = Residual(draw(differentiate(NETWORK), "rows", 2, (3, 2), 0))
    monkeypatch.setattr(Residual, "compute", raising(error))
    with pytest.raises(NoValueError, match="gives up"):
        own.value(WRONG)


@pytest.mark.parametrize("error", [NoResidueError, ValueError, ZeroDivisionError])
def test_a_slope_that_cannot_be_found(error, monkeypatch):
    function = Activation("own", "z**2")
    monkeypatch.setattr(slopes, "inverse_of", raising(error))
    assert slopes.slope.__wrapped__(function) is None


@pytest.mark.parametrize("error", [NoExactValueError, ValueError, ZeroDivisionError, OverflowError])
def test_a_counterexample_without_numbers(error, monkeypatch):
    arguments = NETWORK, "rows", RIGHT, WRONG, RIGHT, {}
    assert small.counterexample(*arguments, fits=True)
    monkeypatch.setattr(SmallData, "value", raising(error))
    assert small.counterexample(*arguments, fits=True) == {}


@pytest.mark.parametrize(
    "error", [TypeError, ValueError, ZeroDivisionError, OverflowError, KeyError, NoExactValueError]
)
def test_a_difference_without_real_numbers(error, monkeypatch):
    assert reals.differ(NETWORK, "rows", WRONG, RIGHT)
    monkeypatch.setattr(reals, "_value", raising(error))
    assert not reals.differ(NETWORK, "rows", WRONG, RIGHT)


@pytest.mark.parametrize("error", [NoExactValueError, ValueError, ZeroDivisionError, OverflowError])
def test_an_agreement_without_exact_numbers(error, monkeypatch):
    assert reals.agree(NETWORK, "rows", RIGHT, RIGHT)
    monkeypatch.setattr(SmallData, "value", raising(error))
    assert not reals.agree(NETWORK, "rows", RIGHT, RIGHT)


@pytest.mark.parametrize("error", [InexactError, NotImplementedError])
def test_a_formula_that_cannot_be_evaluated(error, monkeypatch):
    claim = Claim("x", "delta[L] = 3 * (a[L] - y) * f'(z[L])", "columns", "")
    assert decide(claim, "least_squares", None)[0].verdict == "refuted"
    monkeypatch.setattr(refute, "evaluate_sides", raising(error))
    assert decide(claim, "least_squares", None)[0].verdict == "undecided"


def test_a_formula_that_divides_by_zero_in_exact_numbers(monkeypatch):
    evaluate = refute.evaluate_sides
    monkeypatch.setattr(
        refute, "evaluate_sides", lambda *args: evaluate(*args) if len(args) > 4 else raising(ZeroDivisionError)()
    )
    assert (
        decide(Claim("x", "delta[L] = 3 * (a[L] - y)", "columns", ""), "least_squares", None)[0].verdict == "undecided"
    )


def test_a_formula_with_the_inverse_of_a_matrix_that_has_none():
    claim = Claim("x", "a[l-1] = inv(0 * W[l].T @ W[l]) @ a[l-1]", "columns", "l = 1..L")
    assert decide(claim, "least_squares", None)[0].verdict == "undecided"


@pytest.mark.parametrize("error", [SyntaxError, ValueError, RecursionError, MemoryError])
def test_layers_are_looked_for_in_what_can_be_parsed(error, monkeypatch):
    assert sides.names_layers("dW2 = delta2")
    monkeypatch.setattr(ast, "parse", raising(error))
    assert not sides.names_layers("dW2 = delta2")


def test_a_ratio_of_what_does_not_fit():
    one = draw(differentiate(NETWORK), "rows", 2, (3, 2), 0).values[RIGHT]
    assert valuation.ratio(one, one[:, :, :1]) is None
    assert valuation.ratio(one, one) == 1
    assert valuation.ratio(one, 0 * one) is None
    assert valuation.ratio(one[:, :1], one.repeat(2, axis=2)[:, :, :3]) is None


@pytest.mark.parametrize(
    ("given", "right", "far"),
    [(1e-7, 0.0, False), (1e-5, 0.0, True), (1000.0001, 1000.0, False), (1000.01, 1000.0, True), (0.0, 1.0, True)],
)
def test_far_apart_is_far_beyond_rounding(given, right, far, monkeypatch):
    monkeypatch.setattr(reals, "_value", lambda data, term: np.array([[given if term is WRONG else right]]))
    assert reals.differ(NETWORK, "rows", WRONG, RIGHT) is far
    monkeypatch.setattr(reals, "_value", lambda data, term: np.array([[np.inf if term is WRONG else right]]))
    assert not reals.differ(NETWORK, "rows", WRONG, RIGHT)
