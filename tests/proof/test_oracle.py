"""Parts of the comparison with SymPy's diff: what is written out, and what counts as a difference."""

import pytest
import sympy as sp

from derive import Architecture, differentiate
from derive.algebra.notation import opaque
from derive.proof.theorems.oracle import Exponential, Logarithm, _is_nonzero, applied, is_polynomial, twin, widths_of
from derive.proof.theorems.sensitivities import LENGTH, Claim, _short, decided

x, y = sp.symbols("x y")
f = opaque("f[1]", 0)


@pytest.mark.parametrize(
    ("difference", "nonzero"),
    [
        (x - y, True),
        (x * (x + 1) - x**2 - x, False),
        (f(x) - f(y), True),
        (2 * f(x * (x + 1)) - f(x * (x + 1)), True),
        (f(x * (x + 1)) - f(x**2 + x), False),
        (f(x * (x + 1)) - 2 * f(x**2 + x), False),
    ],
)
def test_a_difference_counts_if_no_arguments_can_be_the_same(difference, nonzero):
    assert _is_nonzero(difference) is nonzero


def test_the_network_that_is_written_out():
    functions = ("tanh", "sigmoid", "relu", "identity")
    whole = differentiate(Architecture((2, 3, 4, 5), functions[:3]))
    assert twin(whole) == (whole, "")
    first, note = twin(differentiate(Architecture((2, 3, 4, 5, 6), functions)))
    assert first.architecture.sizes == (2, 3, 4, 6)
    assert [function.name for function in first.architecture.activations] == ["tanh", "sigmoid", "identity"]
    assert note == "the network of 3 of the 4 layers, the last among them; "
    assert twin(whole, 2)[0].architecture.sizes == (2, 3, 5)
    assert widths_of(whole.architecture) == (2, 3, 1, 2)


def test_exp_and_log_keep_their_derivatives():
    (kept,) = applied(sp.exp, [x])
    assert kept == Exponential(x)
    assert kept.diff(x) == kept
    assert applied(sp.log, [x]).tolist() == [Logarithm(x)]
    assert Logarithm(3 * x).diff(x) == 1 / x


@pytest.mark.parametrize(
    ("options", "loss", "polynomial"),
    [
        ({}, "least_squares", True),
        ({"normalization": "layer_norm"}, "least_squares", False),
        ({"residual": True}, "least_squares", True),
        ({}, "cross_entropy", False),
    ],
)
def test_a_loss_that_can_be_multiplied_out(options, loss, polynomial):
    last = "softmax" if loss == "cross_entropy" else "tanh"
    network = Architecture((2, 2), (last,), loss, layers=[options])
    assert is_polynomial(differentiate(network).forward) is polynomial


@pytest.mark.parametrize(
    ("found", "right", "outcome"),
    [
        (sp.exp(2) + 1, sp.exp(2) + 1, "proved"),
        (sp.exp(2) + 1, sp.exp(2) + 2, "refuted"),
        (sp.exp(2) + 1, 3 * sp.exp(2), "undecided"),
        (f(2) + 1, 3 * f(2), "refuted"),
    ],
)
def test_sides_that_differ_by_a_function_that_is_no_activation_are_left_open(found, right, outcome):
    claim = Claim("l", "formula", lambda derivation: None, lambda draw, sensitivity: (found, right))
    network = differentiate(Architecture((2, 1), ("tanh",)))
    verdict = decided(claim, network, None, "here")
    assert (verdict.verdict, verdict.validity, verdict.label) == (outcome, "here", "SymPy's diff: l")
    assert bool(verdict.note) == (outcome == "undecided")
    assert [value for _, value in verdict.counterexample] == ([str(found), str(right)] if outcome == "refuted" else [])


def test_a_long_side_is_shortened():
    symbol = sp.Symbol("x" * LENGTH)
    assert _short(symbol) == str(symbol)
    assert _short(sp.Symbol("x" * (LENGTH + 1))) == f"{symbol}…"
