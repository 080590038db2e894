"""Emitted modules, in floating point, agree with the theorems and with every counterexample."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy as sp

from derive import Architecture, differentiate, emit, load
from derive.model.activation import activation
from derive.model.expression import Z
from derive.model.tables import OPTIMIZERS
from derive.proof.words.experiment import Experiment, Found, experiments
from derive.proof.words.settings import SETTINGS
from derive.proof.words.statements import EXPECTED
from derive.proof.words.words import Claim, source_words

FUNCTIONS = tuple(activation(name) for name in ("identity", "relu", "sigmoid", "tanh"))
STEPS = 20


@cache
def module(sizes, functions, optimizer="sgd", loss="least_squares"):
    return load(emit(differentiate(Architecture(sizes, functions, loss, optimizer))))


def statements() -> list[tuple[str, Claim]]:
    """Every statement of the text that has to be refuted: as printed, or with a condition less."""
    found = []
    for claim in source_words().claims:
        if claim.corrected and claim.setting in (*SETTINGS, "training"):
            found.append((claim.label, claim))
        right = claim.corrected or claim
        if right.setting in SETTINGS:
            for given in right.statement.given:
                weaker = Claim(
                    right.label, "", "", right.setting, right.statement.without(given), activation=right.activation
                )
                found.append((f"{right.label}, without {given}", weaker))
    return found


@pytest.mark.parametrize(("label", "claim"), statements(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_counterexample_is_one_in_floating_point_too(label, claim):
    labels = SETTINGS[claim.setting].labels if claim.setting in SETTINGS else {"L": claim.depth}
    functions = (*([claim.activation] if claim.activation else []), *FUNCTIONS)
    found = next(filter(None, experiments(claim.statement, labels, functions, "least_squares", claim.steps)))
    if "mu" in found.given:
        return _expected(found)
    network = module(found.architecture.sizes, found.architecture.activations)
    given = {name: np.array(array.tolist(), dtype=float) for name, array in found.given.items()}
    theta = network.pack(network.Parameters(*(given[name] for name in network.Parameters._fields)))
    state = network.new_state(theta)
    for _ in range(found.steps):
        network.step(theta, state, given["a0"], given["y"], learning_rate=1.0)
    left, right = (side(found, network, theta, given, expr) for expr in (found.equation.left, found.equation.right))
    np.testing.assert_allclose(left, np.array(found.left.tolist(), dtype=float), rtol=1e-12)
    np.testing.assert_allclose(right, np.array(found.right.tolist(), dtype=float), rtol=1e-12)
    assert np.max(np.abs(left - right)) > 1e-3


def side(found: Found, network, theta, given, expr: sp.Expr):
    """What `expr` comes to: gradients are those of the emitted module, all else is computed here."""
    functions = found.architecture.activations
    depth, samples = len(functions), len(given["a0"])
    _, gradient = network.loss_and_gradient(theta, given["a0"], given["y"])
    now, slopes = network.unpack(theta)._asdict(), network.unpack(gradient)._asdict()
    values = {"a0": given["a0"], "y": given["y"], **now, **{f"d{name}": array for name, array in slopes.items()}}
    for k, function in enumerate(functions, 1):
        values[f"z{k}"] = values[f"a{k - 1}"] @ values[f"W{k}"].T + values[f"b{k}"]
        values[f"a{k}"] = at(function.formula, values[f"z{k}"])
    np.testing.assert_allclose(values[f"a{depth}"], network.predict(theta, given["a0"]), rtol=1e-12)
    values[f"da{depth}"] = (values[f"a{depth}"] - given["y"]) / samples
    for k, function in reversed(list(enumerate(functions, 1))):
        values[f"delta{k}"] = values[f"da{k}"] * at(function.formula.diff(Z), values[f"z{k}"])
        values[f"da{k - 1}"] = values[f"delta{k}"] @ values[f"W{k}"]
    exact = {name: np.asarray(array, dtype=object) for name, array in values.items()}
    experiment = Experiment(differentiate(found.architecture), samples, exact)
    return np.array(experiment.side(expr, found.equation.ranges, exact).tolist(), dtype=float)


def at(formula: sp.Expr, z):
    return np.array([float(formula.subs(Z, value)) for value in z.ravel()]).reshape(z.shape)


def mean_of(inner: sp.Expr, given):
    """z, z^2 or the mean over the samples of z^2, of layer 1."""
    z = given["a0"] @ given["W1"].T + given["b1"]
    if inner.has(sp.Sum):
        return np.mean(z**2, axis=0)
    return z**2 if isinstance(inner, sp.Pow) else z


def _expected(found: Found) -> None:
    """The expected value over many drawn weights, each mu + sigma or mu - sigma."""
    draw = np.random.default_rng(0)
    mean, deviation = (float(found.given[name].item()) for name in ("mu", "sigma2"))
    given = {name: np.array(array.tolist(), dtype=float) for name, array in found.given.items()}
    exact = np.array(found.left.tolist(), dtype=float)
    if not found.equation.left.has(EXPECTED):  # sigma2 times the mean square of the inputs
        np.testing.assert_allclose(exact, deviation * np.sum(np.mean(given["a0"] ** 2, axis=0)))
        return
    inner, values = found.equation.left.args[0], []
    for _ in range(1000):
        given["W1"] = mean + np.sqrt(deviation) * draw.choice((-1, 1), given["W1"].shape)
        values.append(mean_of(inner, given))
    np.testing.assert_allclose(np.mean(values, axis=0), exact, atol=6 * np.std(values) / np.sqrt(len(values)) + 1e-12)


def started(network, draw, **fixed):
    """Random parameters, with some of them replaced."""
    theta = draw.normal(size=network.PARAMETER_COUNT)
    parameters = network.unpack(theta)
    for name, value in fixed.items():
        getattr(parameters, name)[...] = value
    return theta, parameters


def trained(network, theta, draw, steps=STEPS, X=None, Y=None):
    """`theta` after some steps on ever new data, or on X and Y; after each step the parameters are handed out."""
    state = network.new_state(theta)
    for _ in range(steps):
        x = draw.normal(size=(5, network.SIZES[0])) if X is None else X
        y = draw.normal(size=(5, network.SIZES[-1])) if Y is None else Y
        network.step(theta, state, x, y, learning_rate=0.05)
        yield network.unpack(theta)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_equal_neurons_stay_equal_if_their_outgoing_weights_are(optimizer):
    network, draw = module((3, 4, 3, 2), ("tanh", "sigmoid", "identity"), optimizer), np.random.default_rng(1)
    for outgoing in (True, False):
        theta, p = started(network, draw)
        p.W2[1], p.b2[1] = p.W2[0], p.b2[0]
        if outgoing:
            p.W3[:, 1] = p.W3[:, 0]
        *_, now = trained(network, theta, draw)
        assert np.allclose(now.W2[0], now.W2[1], rtol=0, atol=1e-12) == outgoing


def test_equal_outputs_stay_equal_if_their_targets_are():
    network, draw = module((3, 4, 2), ("tanh", "tanh")), np.random.default_rng(2)
    for same in (True, False):
        theta, p = started(network, draw)
        p.W2[1], p.b2[1] = p.W2[0], p.b2[0]
        Y = draw.normal(size=(5, 2))
        Y[:, 1] = Y[:, 0] if same else Y[:, 1]
        *_, now = trained(network, theta, draw, Y=Y)
        assert np.allclose(now.W2[0], now.W2[1], rtol=0, atol=1e-12) == same


def test_momentum_from_before_takes_equal_neurons_apart():
    for optimizer in ("sgd", "momentum"):
        network, draw = module((3, 2, 1), ("tanh", "identity"), optimizer), np.random.default_rng(3)
        theta, p = started(network, draw)
        X, Y = draw.normal(size=(5, 3)), draw.normal(size=(5, 1))
        state = network.new_state(theta)
        network.step(theta, state, X, Y)
        p.W1[1], p.b1[1], p.W2[:, 1] = p.W1[0], p.b1[0], p.W2[:, 0]
        network.step(theta, state, X, Y)
        assert np.allclose(p.W1[0], p.W1[1], rtol=0, atol=1e-12) == (optimizer == "sgd")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_zero_weights_stay_zero_if_f_of_zero_is_zero(optimizer):
    network, draw = module((3, 4, 3, 2), ("sigmoid", "tanh", "sigmoid"), optimizer), np.random.default_rng(4)
    theta = np.zeros(network.PARAMETER_COUNT)
    for now in trained(network, theta, draw):
        assert not any(array.any() for name, array in now._asdict().items() if name != "b3")
        assert now.b3.any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_zero_weights_learn_layer_by_layer_and_symmetrically_if_it_is_not(optimizer):
    network, draw = module((3, 4, 3, 2), ("sigmoid", "sigmoid", "identity"), optimizer), np.random.default_rng(5)
    theta = np.zeros(network.PARAMETER_COUNT)
    for step, now in enumerate(trained(network, theta, draw), 1):
        learning = [bool(weights.any()) for weights in (now.W1, now.W2, now.W3)]
        assert learning == [step >= 3, step >= 2, True]
        for rows in (now.W1, now.W2, now.W2.T, now.W3.T):
            assert np.allclose(rows, rows[0], rtol=0, atol=1e-12)


def test_a_network_without_a_hidden_layer_learns_from_zero_weights():
    network, draw = module((3, 2), ("tanh",)), np.random.default_rng(6)
    theta = np.zeros(network.PARAMETER_COUNT)
    assert next(iter(trained(network, theta, draw))).W1.all()


def dead(layer: int, optimizer: str, draw, warm: int = 0):
    """W and b of a relu unit that no datum activates, before and after training, and whether it came alive."""
    network = module((3, 4, 4, 2), ("relu", "relu", "identity"), optimizer)
    theta, p = started(network, draw, W3=3.0)
    X, Y = draw.normal(size=(5, 3)), 10 + draw.normal(size=(5, 2))
    state = network.new_state(theta)
    for _ in range(warm):
        network.step(theta, state, X, Y, learning_rate=0.01)
    W, b = (p.W1, p.b1) if layer == 1 else (p.W2, p.b2)
    inputs = X if layer == 1 else np.maximum(X @ p.W1.T + p.b1, 0)
    b[0] = -1e-6 - np.max(inputs @ W[0])
    before = np.append(W[0], b[0])
    for _ in range(STEPS):
        network.step(theta, state, X, Y, learning_rate=0.01)
    inputs = X if layer == 1 else np.maximum(X @ p.W1.T + p.b1, 0)
    return before, np.append(W[0], b[0]), bool(np.any(inputs @ W[0] + b[0] > 0))


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "adamw"])
def test_a_dead_unit_of_the_first_layer_stays_as_it_is(optimizer):
    before, after, alive = dead(1, optimizer, np.random.default_rng(7))
    np.testing.assert_array_equal(before, after)
    assert not alive


def test_a_dead_unit_moves_by_weight_decay_by_momentum_and_through_the_layers_below():
    draw = np.random.default_rng(8)
    before, after, _ = dead(1, "adamw", draw)
    assert np.all(np.abs(after) < np.abs(before))
    before, after, _ = dead(1, "momentum", draw, warm=3)
    assert np.any(before != after)
    assert any(dead(2, "sgd", draw)[2] for _ in range(5))


def test_a_saturated_layer_stops_all_below_it():
    network, draw = module((3, 4, 3, 2), ("tanh", "relu", "identity")), np.random.default_rng(9)
    theta, p = started(network, draw, b2=-1e3)
    _, gradient = network.loss_and_gradient(theta, draw.normal(size=(5, 3)), draw.normal(size=(5, 2)))
    g = network.unpack(gradient)
    assert not any(array.any() for array in (g.W1, g.b1, g.W2, g.b2))
    assert g.b3.all()
    p.b2[0] = 1e3
    g = network.unpack(network.loss_and_gradient(theta, np.ones((5, 3)), np.ones((5, 2)))[1])
    assert g.W1.any()


def test_the_gradient_of_a_unit_goes_with_the_slope_of_its_activation():
    network, draw = module((3, 4, 2), ("tanh", "identity")), np.random.default_rng(10)
    X, Y = draw.normal(size=(5, 3)), draw.normal(size=(5, 2))
    theta, p = started(network, draw)
    for bias in (2.0, 5.0, 10.0):
        p.b1[0] = bias
        gradient = network.unpack(network.loss_and_gradient(theta, X, Y)[1])
        slope = 1 - np.tanh(X @ p.W1[0] + bias) ** 2
        da = (network.predict(theta, X) - Y) @ p.W2[:, 0] / 5
        assert abs(gradient.b1[0]) <= np.sum(slope * np.abs(da)) + 1e-12
        np.testing.assert_allclose(gradient.b1[0], np.sum(slope * da), rtol=1e-6, atol=1e-15)


@pytest.mark.parametrize("width", [4, 400])
def test_the_mean_square_of_z_keeps_with_variance_one_over_n_only(width):
    draw = np.random.default_rng(11)
    X = draw.normal(size=(50, width)) + 3
    network = module((width, 2000, 1), ("tanh", "identity"))
    X = network.standardize(X)[0]
    signs = draw.choice((-1.0, 1.0), (2000, width))
    right, without = np.mean((X @ (signs / np.sqrt(width)).T) ** 2), np.mean((X @ signs.T) ** 2)
    assert right == pytest.approx(1, rel=0.15)
    assert without == pytest.approx(width, rel=0.15)
    for t in (2, 3):
        assert np.mean(np.abs(X @ (signs / np.sqrt(width)).T) >= t) <= 1 / t**2
