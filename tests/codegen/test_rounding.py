"""Bounds on rounding errors: they hold, they are tight, a fault stands out, and a kink is reported."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from derive import Activation, Architecture, differentiate, emit, load
from derive.codegen.rigor.bounds import Rounding
from derive.codegen.rigor.rounded import Rounded
from derive.codegen.rigor.rounding import BITS, rounding
from tests.doubles import refusal

NETWORK = Architecture((3, 4, 2), ("tanh", "identity"))
EPS = 2.0**-52


def bounded(architecture: Architecture = NETWORK, change: tuple[str, str] = ("", ""), **options) -> Rounding:
    text = emit(differentiate(architecture), style="readable")
    assert change[0] in text
    return rounding(text.replace(*change) if change[0] else text, **options)


def saved(folder, architecture, theta, X, Y):
    path = folder / "data.npz"
    np.savez(path, theta=theta, X=X, Y=Y)
    return path


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_a_honest_module_loses_a_few_units_in_the_last_place(style):
    report = rounding(emit(differentiate(Architecture((64, 32, 10), ("tanh", "identity"))), style=style))
    assert [bound.quantity for bound in report.bounds] == ["loss", "dW1", "db1", "dW2", "db2"]
    assert report.holds
    assert report.bits == BITS[0]
    assert all(0 < bound.ulps < 10 and bound.relative < 10 * EPS for bound in report.bounds)


def test_the_bound_is_that_of_an_independent_computation(tmp_path):
    """One neuron in 60 digits by hand: the bound is not below the true error, and not 1 % above it."""
    network = Architecture((1, 1), ("tanh",))
    w, b, x, y = 0.7, -0.3, 1.9, 0.11
    report = rounding(emit(differentiate(network)), data=saved(tmp_path, network, [w, b], [[x]], [[y]]))
    value, gradient = load(emit(differentiate(network))).loss_and_gradient(np.array([w, b]), [[x]], [[y]])
    with mpmath.workdps(60):
        a = mpmath.tanh(mpmath.mpf(w) * x + b)
        exact = {"loss": (a - y) ** 2 / 2, "dW1": (a - y) * (1 - a**2) * x, "db1": (a - y) * (1 - a**2)}
        computed = {"loss": value, "dW1": gradient[0], "db1": gradient[1]}
        for bound in report.bounds:
            error = abs(mpmath.mpf(float(computed[bound.quantity])) - exact[bound.quantity])
            assert error <= bound.error <= 1.01 * error


def test_a_gradient_altered_by_a_billionth_stands_out():
    honest = {bound.quantity: bound for bound in bounded().bounds}
    change = ("db1 = delta1.sum(axis=0)", "db1 = delta1.sum(axis=0) * (1 + 1e-9)")
    altered = {bound.quantity: bound for bound in bounded(change=change).bounds}
    assert altered["db1"].relative == pytest.approx(1e-9, rel=1e-3)
    assert altered["db1"].error > 10**5 * honest["db1"].error
    assert all(altered[name].error == honest[name].error for name in ("loss", "dW1", "dW2", "db2"))


def test_a_float32_module_loses_as_much_as_its_dtype():
    report = bounded(Architecture((64, 32, 10), ("tanh", "identity"), dtype="float32"))
    assert all(1e-9 < bound.relative < 1e-6 for bound in report.bounds)
    assert all(bound.ulps < 10 for bound in report.bounds)


OWN = {
    "atan": "atan(z) + pi * z",
    "root": "sqrt(1 + z**2) + z",
    "logarithm": "log1p(exp(z)) + expm1(z / 8)",
    "clipped": "max(min(z, 1), -1) + z",
    "absolute": "abs(z) + 2**z",
    "elu": "where(z > 0, z, expm1(z))",
    "waves": "sin(z) * cos(z) + sinh(z) - cosh(z) + asinh(z)",
}


@pytest.mark.parametrize("name", OWN)
def test_own_activations_are_enclosed(name):
    report = rounding(emit(differentiate(Architecture((3, 4, 2), (Activation(name, OWN[name]), "sigmoid")))))
    assert report.holds, report.bounds
    assert all(bound.ulps < 60 for bound in report.bounds), report.bounds


VOCABULARY = {
    "cross-entropy": Architecture((3, 4, 3), ("swish", "softmax"), loss="cross_entropy"),
    "weights and dropout": Architecture(
        (3, 4, 3), ("silu", "softmax"), loss="cross_entropy", sample_weights=True, layers=[{"dropout": 0.2}, {}]
    ),
    "normalisation": Architecture((3, 4, 2), ("elu", "identity"), layers=[{"normalization": "layer_norm"}, {}]),
    "penalty": Architecture((3, 4, 2), ("prelu", "identity"), loss="mean_absolute", penalty={"l2": 0.1, "l1": 0.01}),
    "functions of its own": Architecture((3, 4, 2), ("gelu", "gaussian")),
}


@pytest.mark.slow
@pytest.mark.parametrize("style", ["fast", "readable"])
@pytest.mark.parametrize("name", VOCABULARY)
def test_the_whole_vocabulary_is_enclosed(name, style):
    report = rounding(emit(differentiate(VOCABULARY[name]), style=style))
    assert report.holds, report.bounds
    assert all(bound.ulps < 60 for bound in report.bounds), report.bounds
    assert report.note == ""
    assert all(bound.error <= bound.any_order < 10**4 * bound.ulp for bound in report.bounds), report.bounds


def test_a_changed_function_of_its_own_is_not_taken_for_what_it_stood_for():
    network = VOCABULARY["functions of its own"]
    text = emit(differentiate(network))
    honest, changed = (rounding(each) for each in (text, text.replace("def _normal_cdf(", "def _normal_cdf (")))
    assert all(bound.any_order < np.inf for bound in changed.bounds)  # the same syntax
    start = text.index("def _normal_cdf(")
    wrong = text[:start] + text[start:].replace("return", "return 1.0 *", 1)
    assert not all(bound.any_order < np.inf for bound in rounding(wrong).bounds)
    assert honest.note == ""


def test_labels_are_rows_of_the_identity(tmp_path):
    network = VOCABULARY["cross-entropy"]
    theta, X, labels = np.linspace(-1, 1, network.parameter_count), np.ones((2, 3)) / 3, np.array([2, 0])
    found = [bounded(network, data=saved(tmp_path, network, theta, X, Y)) for Y in (labels, np.eye(3)[labels])]
    assert found[0].bounds == found[1].bounds
    wrong = saved(tmp_path, network, theta, X, labels + 1)
    assert "Y has shape (2,); expected (2, 3)" in refusal(rounding, emit(differentiate(network)), None, wrong)


def test_an_exact_zero_lies_on_the_kink_and_is_decided(tmp_path):
    network = Architecture((2, 3, 1), ("relu", "identity"))
    data = saved(tmp_path, network, np.zeros(13), np.ones((4, 2)), np.ones((4, 1)))
    report = bounded(network, data=data)
    assert report.holds
    assert [bound.error for bound in report.bounds] == [0.0] * 5


def test_a_ball_over_a_kink_is_reported(tmp_path):
    """z2 = tanh(u) - tanh(u) is 0, but no number of bits shows it."""
    network = Architecture((1, 2, 1), ("tanh", "relu"))
    theta = np.array([0.3, 0.3, 0.2, 0.2, 1.0, -1.0, 0.0])
    report = bounded(network, data=saved(tmp_path, network, theta, np.ones((2, 1)), np.ones((2, 1))))
    assert not report.holds
    assert report.bits == BITS[-1]
    assert all("kink" in bound.note and "in f2 at [0, 0]" in bound.note for bound in report.bounds)
    assert all(entry["error"] is None for entry in report.to_dict()["quantities"])
    theta[-1] = 1e-300  # beside the kink there is a bound, in more bits
    beside = bounded(network, data=saved(tmp_path, network, theta, np.ones((2, 1)), np.ones((2, 1))))
    assert beside.holds
    assert beside.bits > BITS[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("    N = len(X)", "    raise SystemExit(0)"), "the module raises SystemExit"),
        (
            ("float(value), gradient", "float(value), gradient[1:]"),
            "the gradient is float64 of shape",
        ),
    ],
)
def test_a_module_that_gives_no_gradient_has_no_bound(change, words):
    report = bounded(change=change)
    assert not report.holds
    assert all(words in bound.note for bound in report.bounds)


@pytest.mark.parametrize("line", ["raise SystemExit(0)", "1 / 0"])
def test_a_module_that_cannot_be_loaded_is_no_input(line):
    assert "the module cannot be run" in refusal(rounding, f"{emit(differentiate(NETWORK))}\n{line}\n")


def test_numbers_that_are_not_finite_have_no_bound(tmp_path):
    network = Architecture((1, 1), ("identity",))
    data = saved(tmp_path, network, [1e200, 0.0], [[1e200]], [[0.0]])
    report = rounding(emit(differentiate(network)), data=data)
    assert not report.holds
    assert "not finite" in report.bounds[0].note


@pytest.mark.parametrize(
    ("sizes", "samples", "words"),
    [((20, 20), 25_000, "at most 24989 samples"), ((1000, 1000), 1, "take a smaller network")],
)
def test_what_is_too_large_is_refused_with_a_size_that_is_not(tmp_path, sizes, samples, words):
    network = Architecture(sizes, ("identity",))
    X, Y = (np.zeros((samples, width)) for width in sizes)
    data = saved(tmp_path, network, np.zeros(network.parameter_count), X, Y)
    assert words in refusal(rounding, emit(differentiate(network)), None, data)


# Whatever the order of summation.


def test_the_bound_for_any_order_is_wider_but_no_more_than_the_sums_are_long():
    report = bounded(Architecture((64, 32, 10), ("tanh", "identity")))
    assert report.note == ""
    assert all(bound.error < bound.any_order < 10**4 * bound.ulp for bound in report.bounds)


def test_other_orders_lie_within_it(tmp_path):
    """Samples, inputs and hidden units in another order: the same sums, added up differently."""
    network = Architecture((30, 20, 3), ("sigmoid", "identity"))
    module = load(emit(differentiate(network)))
    rng = np.random.default_rng(1)
    theta, X, Y = module.initialize(1), rng.standard_normal((50, 30)), rng.standard_normal((50, 3))
    bounds = {b.quantity: b for b in bounded(network, data=saved(tmp_path, network, theta, X, Y)).bounds}
    first = module.unpack(module.loss_and_gradient(theta, X, Y)[1])
    samples, inputs, hidden = rng.permutation(50), rng.permutation(30), rng.permutation(20)
    W1, b1, W2, b2 = module.unpack(theta)
    moved = module.pack((W1[hidden][:, inputs], b1[hidden], W2[:, hidden], b2))
    other = module.unpack(module.loss_and_gradient(moved, X[samples][:, inputs], Y[samples])[1])
    changes = {
        "dW1": np.abs(first.W1[hidden][:, inputs] - other.W1).max(),
        "db1": np.abs(first.b1[hidden] - other.b1).max(),
        "dW2": np.abs(first.W2[:, hidden] - other.W2).max(),
        "db2": np.abs(first.b2 - other.b2).max(),
    }
    assert any(changes.values())
    assert all(change <= 2 * bounds[name].any_order for name, change in changes.items())


def test_an_altered_text_is_altered_in_any_order_too():
    altered = bounded(change=("db1 = delta1.sum(axis=0)", "db1 = delta1.sum(axis=0) * (1 + 1e-9)"))
    (db1,) = (bound for bound in altered.bounds if bound.quantity == "db1")
    assert db1.any_order / db1.largest == pytest.approx(1e-9, rel=1e-2)


def test_a_machine_that_rounds_more_than_is_taken_for_granted_is_noticed(monkeypatch):
    monkeypatch.setattr(Rounded, "widened", lambda self, ball, roundings=1: ball)
    monkeypatch.setattr(Rounded, "any_order", lambda self, ball, magnitude, terms: ball)
    assert "lies outside" in bounded().note


def test_a_comparison_that_rounding_may_turn_over_leaves_the_other_bound(tmp_path):
    network = Architecture((1, 2, 1), ("tanh", "relu"))
    theta = np.array([0.3, 0.3, 0.2, 0.2, 1.0, -1.0, 1e-300])
    report = bounded(network, data=saved(tmp_path, network, theta, np.ones((2, 1)), np.ones((2, 1))))
    assert report.holds
    assert "turn a comparison over" in report.note
    assert all(bound.any_order == np.inf for bound in report.bounds)


def test_what_is_not_understood_leaves_the_other_bound():
    report = bounded(change=("db1 = delta1.sum(axis=0)", "db1 = np.einsum('si->i', delta1)"))
    assert report.holds
    assert "einsum" in report.note
