"""Losses, row activations, normalisation, residual connections, dropout, penalties and weights of samples, emitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp

from derive import Architecture, audit, differentiate, emit, load, prove
from derive.algebra.forward import forward
from derive.algebra.gradient import Derivation
from derive.algebra.simplify import simplified
from derive.codegen.forms.eased import eased
from derive.codegen.forms.specialize import specialize
from derive.model import tables
from derive.model.errors import DeriveError

NLL = {"name": "nll", "expression": "-y*a", "targets": "distribution"}
NETWORKS: dict[str, Architecture] = {
    "softmax": Architecture([4, 3], ["softmax"], "cross_entropy", "adam"),
    "hidden softmax": Architecture([4, 3, 2], ["softmax", "identity"]),
    "log_softmax": Architecture([4, 3], ["log_softmax"], NLL),
    "binary": Architecture([4, 5, 2], ["prelu", "sigmoid"], "binary_cross_entropy"),
    "mean_absolute": Architecture([4, 2], ["tanh"], "mean_absolute"),
    "huber": Architecture([4, 2], ["swish"], {"name": "huber", "delta": 2.0}),
    "log_cosh": Architecture([4, 2], ["identity"], "log_cosh"),
    "poisson": Architecture([4, 2], ["identity"], "poisson"),
    "linear in a": Architecture([4, 3, 2], ["tanh", "tanh"], {"name": "linear", "expression": "a - y"}),
    "the same gradient for all": Architecture([4, 3, 2], ["tanh", "identity"], {"name": "own", "expression": "3*a"}),
    "hinge": Architecture([4, 2], ["identity"], "hinge"),
    "hinge, saturated": Architecture([4, 2], ["hardtanh"], "hinge"),
    "exp of a branch": Architecture([4, 2], ["thresholded_relu"], "poisson"),
    "exp of a logarithm": Architecture([4, 2], ["logsigmoid"], "poisson"),
    "squared hinge": Architecture(
        [4, 2], ["tanh"], {"name": "own", "expression": "max(0, 1 - y*a)**2", "targets": "sign"}
    ),
    "two functions of the logits": Architecture(
        [4, 2], ["tanh"], {"name": "own", "expression": "y*log(1 + exp(-a)) + (1 - y)*log(1 + exp(a))"}
    ),
    "two kinks": Architecture([4, 2], ["relu"], {"name": "own", "expression": "abs(a - y) + abs(a)/10"}),
    "log of a logarithm": Architecture(
        [4, 2], ["softplus"], {"name": "gamma", "expression": "log(a) + y/a", "targets": "count"}
    ),
    "around two layers": Architecture(
        [4, 3, 2, 3],
        ["tanh", "tanh", "silu"],
        layers=[{}, {"dropout": 0.2}, {"normalization": "layer_norm", "residual": 2}],
    ),
    "epsilon inside the root": Architecture(
        [4, 2], ["tanh"], optimizer={"name": "rmsprop", "epsilon": 0.0, "epsilon_inside": 1e-6}
    ),
    "dampened": Architecture([4, 2], ["tanh"], optimizer={"name": "momentum", "dampening": 0.4}),
    "layer_norm": Architecture([4, 3, 2], ["relu", "identity"], layers=[{"normalization": "layer_norm"}, {}]),
    "rms_norm": Architecture([4, 3], ["softmax"], "cross_entropy", layers=[{"normalization": "rms_norm"}]),
    "residual": Architecture([4, 3, 3, 2], ["tanh", "tanh", "identity"], layers=[{}, {"residual": True}, {}]),
    "dropout": Architecture([4, 3, 2], ["tanh", "identity"], layers=[{"dropout": 0.5}, {}]),
    "penalty": Architecture([4, 2], ["tanh"], penalty={"l2": 0.1, "l1": 0.2, "over_samples": True}),
    "weights": Architecture([4, 2], ["tanh"], sample_weights=True),
}


def data(architecture: Architecture, samples: int = 7) -> tuple[Any, ...]:
    rng = np.random.default_rng(3)
    shape = (samples, architecture.sizes[-1])
    made = {
        "real": lambda: rng.standard_normal(shape),
        "unit": lambda: rng.random(shape),
        "distribution": lambda: rng.dirichlet(np.ones(shape[1]), shape[0]),
        "count": lambda: rng.integers(0, 5, shape),
        "sign": lambda: rng.choice([-1, 1], shape),
    }
    X, Y = rng.standard_normal((samples, architecture.sizes[0])), made[architecture.loss.targets]()
    return (X, Y, rng.random(samples)) if architecture.sample_weights else (X, Y)


SLOW = {
    "dampened",
    "hidden softmax",
    "huber",
    "linear in a",
    "log_cosh",
    "mean_absolute",
    "rms_norm",
    "two kinks",
    "exp of a branch",
    "exp of a logarithm",
    "squared hinge",
    "two functions of the logits",
    "log of a logarithm",
    "around two layers",
    "epsilon inside the root",
}


@pytest.mark.parametrize(
    ("style", "name"),
    [
        pytest.param(("fast", "readable")[k % 2], name, marks=[pytest.mark.slow] * (name in SLOW))
        for k, name in enumerate(NETWORKS)
    ],
)
def test_what_is_emitted_is_proved_by_its_audit_and_by_differences(style: str, name: str) -> None:
    architecture = NETWORKS[name]
    text = emit(differentiate(architecture), style)
    found = audit(text, architecture)
    assert found.holds, [v for v in found.verdicts if not v.holds]
    module = load(text)
    theta = module.initialize(1) + 0.01
    assert module.check_gradient(theta, *data(architecture)) < 1e-7
    trained, history = module.train(theta, *data(architecture)[:2], epochs=30, learning_rate=0.05, rng=0)
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(module.predict(trained, data(architecture)[0])).all()


def _deltas(derivation: Derivation) -> dict[str, sp.Expr]:
    _, gradient, _ = specialize(derivation)
    return {name: e.value for name, e in gradient.definitions.items() if name.startswith("delta")}


@pytest.mark.parametrize(("output", "loss"), [("softmax", "cross_entropy"), ("sigmoid", "binary_cross_entropy")])
def test_delta_of_the_last_layer_is_found_to_be_a_minus_y(output: str, loss: str) -> None:
    derivation = differentiate(Architecture([4, 5, 3], ["tanh", output], loss))
    for found in (_deltas(derivation)["delta2"], eased(derivation).gradient.definitions["delta2"].value):
        s, i = derivation.gradient.definitions["delta2"].indices
        difference = sp.IndexedBase("a2")[s, i] - sp.IndexedBase("y")[s, i]
        assert sp.expand(found - difference / sp.Symbol("N", integer=True, positive=True)) == 0


def test_without_the_fact_that_targets_sum_to_1_nothing_of_the_kind_is_found() -> None:
    derivation = differentiate(Architecture([4, 5, 3], ["tanh", "softmax"], "cross_entropy"))
    program = forward(derivation.architecture)
    found = simplified(derivation.gradient, program, "real").definitions["delta2"].value
    assert found.atoms(sp.Sum), found


def test_cross_entropy_stays_finite_where_the_softmax_is_0() -> None:
    module = load(emit(differentiate(NETWORKS["softmax"])))
    theta = module.initialize(0) * 1e4
    X = np.random.default_rng(0).standard_normal((5, 4))
    with np.errstate(all="raise", under="ignore"):
        value, gradient = module.loss_and_gradient(theta, X, np.arange(5) % 3)
    assert np.isfinite(value)
    assert value > 1e3
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("labels", "words"),
    [([0, 1, 3], "0 to 2"), ([0, -1, 2], "0 to 2"), ([0.5, 1, 2], "whole"), ([np.nan, 1, 2], "whole")],
)
def test_labels_that_are_none(labels: list[float], words: str) -> None:
    module = load(emit(differentiate(NETWORKS["softmax"])))
    with pytest.raises(ValueError, match=words):
        module.loss(module.initialize(0), np.ones((3, 4)), labels)


@pytest.mark.parametrize(
    ("name", "Y", "words"),
    [
        ("binary", [[0.5, 1.5]], "from 0 to 1"),
        ("softmax", [[0.5, 0.6, 0.2]], "sum to 1"),
        ("poisson", [[-1, 0]], ">= 0"),
        ("hinge", [[0, 1]], "-1 or 1"),
    ],
)
def test_targets_that_do_not_fit_the_loss(name: str, Y: Any, words: str) -> None:
    module = load(emit(differentiate(NETWORKS[name])))
    with pytest.raises(ValueError, match=words):
        module.loss_and_gradient(module.initialize(0), np.ones((1, 4)), Y)


def test_integer_labels_are_rows_of_the_identity() -> None:
    module = load(emit(differentiate(NETWORKS["softmax"])))
    theta, X = module.initialize(0), np.random.default_rng(0).standard_normal((6, 4))
    labels = np.array([0, 2, 1, 1, 0, 2])
    for ours, theirs in zip(
        module.loss_and_gradient(theta, X, labels), module.loss_and_gradient(theta, X, np.eye(3)[labels]), strict=True
    ):
        assert np.array_equal(ours, theirs)


def test_dropout_is_off_in_predict_and_on_in_training() -> None:
    architecture = NETWORKS["dropout"]
    module = load(emit(differentiate(architecture)))
    plain = load(emit(differentiate(architecture.undropped())))
    theta = module.initialize(0)
    X, Y = data(architecture)
    assert np.array_equal(module.predict(theta, X), plain.predict(theta, X))
    assert module.loss(theta, X, Y) == plain.loss(theta, X, Y)
    drawn = [module.loss_and_gradient(theta, X, Y, rng=np.random.default_rng(seed))[0] for seed in range(2000)]
    assert len(set(drawn)) > 100
    masks = module._mask(np.random.default_rng(0), (400, 400), 0.25)
    assert set(np.unique(masks)) == {0.0, 1 / 0.75}
    assert abs(masks.mean() - 1) < 0.01


def test_a_weight_counts_a_sample_as_often() -> None:
    module = load(emit(differentiate(NETWORKS["weights"])))
    theta = module.initialize(0)
    X, Y, _ = data(NETWORKS["weights"], 3)
    weighted = module.loss_and_gradient(theta, X, Y, np.array([2.0, 0.0, 1.0]))
    repeated = module.loss_and_gradient(theta, X[[0, 0, 2]], Y[[0, 0, 2]])
    for ours, theirs in zip(weighted, repeated, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-14, atol=0)
    with pytest.raises(ValueError, match="weights"):
        module.loss(theta, X, Y, np.array([1.0, -1.0, 0.0]))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: Architecture([4, 3], ["tanh"], "binary_cross_entropy"), "has no value"),
        (lambda: Architecture([4, 3], ["sigmoid"], "cross_entropy"), "do not sum to 1"),
        (lambda: Architecture([4, 3], ["softmax"], "hinge"), "depend on each other"),
        (lambda: Architecture([4, 1], ["softmax"], "cross_entropy"), "always the same"),
        (lambda: Architecture([4, 3], ["tanh"], penalty={"l2": -1}), "at least 0"),
        (lambda: Architecture([4, 3], ["tanh"], penalty={"l3": 1}), "unknown key 'l3'"),
        (lambda: Architecture([4, 3], ["tanh"], layers=[{"dropout": 1.0}]), "layer 1: dropout"),
        (lambda: Architecture([4, 3, 2], ["tanh"] * 2, layers=[{}, {"residual": True}]), "layer 2: .* same number"),
        (lambda: Architecture([4, 3], ["tanh"], layers=[{"residual": 2}]), "below the input"),
        (lambda: Architecture([4, 3], ["tanh"], layers=[{"norm": "layer_norm"}]), "unknown option"),
        (lambda: Architecture([4, 3], ["tanh"], {"name": "own", "expression": "where(a > y**2, a, y)"}), "branches"),
        (lambda: Architecture([4, 3], ["tanh"], {"name": "own", "expression": "y**2"}), "does not depend"),
        (lambda: Architecture([4, 3], ["tanh"], {"name": "huber", "beta": 1}), "unknown constant 'beta'"),
    ],
)
def test_networks_that_make_no_sense(made: Any, words: str) -> None:
    with pytest.raises(DeriveError, match=words):
        made()


def test_a_fault_behind_an_output_that_is_a_number_is_refuted() -> None:
    architecture = NETWORKS["hinge, saturated"]
    text = emit(differentiate(architecture), "readable")
    wrong = text.replace("c = np.maximum(1 - r, 0)", "c = np.maximum(1 + r, 0)")
    assert wrong != text
    verdicts = {v.label: v.verdict for v in audit(wrong, architecture).verdicts}
    assert verdicts["loss"] == "refuted"
    assert verdicts["dW1"] == "proved"


def test_a_gradient_that_is_the_same_for_all_samples_has_every_entry() -> None:
    for style in ("readable", "fast"):
        module = load(emit(differentiate(NETWORKS["the same gradient for all"]), style))
        X = np.random.default_rng(0).standard_normal((5, 4))
        _, gradient = module.loss_and_gradient(module.initialize(0), X, np.zeros((5, 2)))
        assert module.unpack(gradient).b2.tolist() == pytest.approx([3.0, 3.0])


def test_the_first_step_is_not_dampened() -> None:
    module = load(emit(differentiate(NETWORKS["dampened"])))
    X, Y = data(NETWORKS["dampened"])
    theta = module.initialize(0)
    state, v = module.new_state(theta), np.zeros_like(theta)
    for part in (1.0, 0.6, 0.6):
        v = 0.9 * v + part * module.loss_and_gradient(theta, X, Y)[1]
        expected = theta - 0.1 * v
        module.step(theta, state, X, Y, 0.1)
        assert np.allclose(theta, expected, rtol=1e-13, atol=0)


ROWS: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "squareplus": (
        tables.ACTIVATIONS,
        "(z + sqrt(z**2 + bend)) / 2; train bend = 4",
        {"activations": ["squareplus", "squareplus"]},
    ),
    "cauchy": (tables.LOSSES, tables.LossRow("log(1 + ((a - y)/k)**2); k = 2"), {"loss": "cauchy"}),
    "adamax": (
        tables.OPTIMIZERS,
        tables.Optimizer(
            (
                "t = t + 1",
                "m = beta1 * m + (1 - beta1) * g",
                "v = max(beta2 * v, abs(g))",
                "theta = theta - learning_rate * m / (1 - beta1**t) / (v + epsilon)",
            ),
            {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
        ),
        {"optimizer": "adamax"},
    ),
}
"""A table, a row that it has not got, and a network that asks for it."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "cauchy")) for name in ROWS])
def test_one_row_in_a_table_is_enough(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table, row, options = ROWS[name]
    monkeypatch.setitem(table, name, row)
    architecture = Architecture(**{"sizes": [4, 3, 2], "activations": ["tanh", "identity"], **options})
    derivation = differentiate(architecture)
    assert prove(derivation).holds
    for style in tables.STYLES:
        found = audit(emit(derivation, style), architecture)
        assert found.holds, [v for v in found.verdicts if not v.holds]


def test_a_wrong_maximum_in_an_update_is_refuted(monkeypatch: pytest.MonkeyPatch) -> None:
    table, row, options = ROWS["adamax"]
    monkeypatch.setitem(table, "adamax", row)
    architecture = Architecture([4, 2], ["tanh"], **options)
    text = emit(differentiate(architecture), "readable")
    for wrong in ("np.minimum(0.999 * v, np.abs(g))", "np.maximum(0.999 * v, g)"):
        changed = text.replace("np.maximum(0.999 * v, np.abs(g))", wrong)
        assert changed != text
        assert {v.label: v.verdict for v in audit(changed, architecture).verdicts}["step"] == "refuted"


@pytest.mark.parametrize("style", tables.STYLES)
@pytest.mark.parametrize("optimizer", [{"name": "adam", "beta2": 0.0}, {"name": "adamw", "beta1": 0.0, "beta2": 0.0}])
def test_optimizers_that_remember_nothing_are_proved(style: str, optimizer: dict[str, Any]) -> None:
    """0**t is 0 for a counter from 1 on; an audit could not take the root of it."""
    architecture = Architecture([2, 3, 2], ["relu", "identity"], optimizer=optimizer)
    found = audit(emit(differentiate(architecture), style), architecture)
    assert found.holds, [v for v in found.verdicts if not v.holds]
