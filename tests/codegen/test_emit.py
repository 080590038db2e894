"""Emitted modules: their gradient against the specification's loss, their interface, and what they refuse."""

from __future__ import annotations

import ast
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from derive.algebra.gradient import differentiate
from derive.codegen.emit import digest, emit, load
from derive.codegen.exact.frame import CHECKPOINTING
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.specification import from_toml
from tests.codegen.expressions import ALL
from tests.codegen.specification_loss import (
    ANALYTIC,
    FUNCTIONS,
    central_differences,
    complex_step,
    distance_to_kinks,
    loss,
)

STYLES = ("readable", "fast")


def made(sizes: tuple[int, ...], names: list[str], style: str, **rest: Any) -> ModuleType:
    return load(emit(differentiate(Architecture(sizes, [ALL[name] for name in names], **rest)), style))


def data(sizes: tuple[int, ...], samples: int = 5, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((samples, sizes[0])), rng.standard_normal((samples, sizes[-1]))


@pytest.mark.parametrize("style", STYLES)
@given(
    names=st.lists(st.sampled_from(ANALYTIC), min_size=1, max_size=4),
    widths=st.permutations([1, 2, 3, 4, 5]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=8, deadline=None)
def test_gradient_equals_the_complex_step_of_the_specification(
    style: str, names: list[str], widths: list[int], seed: int
) -> None:
    sizes = tuple(widths[: len(names) + 1])
    module = made(sizes, names, style)
    theta, (X, Y) = module.initialize(seed) + 0.1, data(sizes, seed=seed)
    value, gradient = module.loss_and_gradient(theta, X, Y)
    truth = complex_step(theta, sizes, names, X, Y)
    assert value == pytest.approx(loss(theta, sizes, names, X, Y), rel=1e-13)
    assert np.abs(gradient - truth).max() <= 1e-12 * np.abs(truth).max()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["relu", "elu"])
def test_gradient_equals_central_differences_away_from_kinks(style: str, name: str) -> None:
    sizes, names = (4, 3, 5, 2), [name, name, "identity"]
    module = made(sizes, names, style)
    X, Y = data(sizes)
    candidates = (module.initialize(seed) + 0.1 for seed in range(100))
    theta = next(t for t in candidates if distance_to_kinks(t, sizes, names, X) > 1e-2)  # the differences reach 2e-4
    truth = central_differences(theta, sizes, names, X, Y)
    gradient = module.loss_and_gradient(theta, X, Y)[1]
    assert np.abs(gradient - truth).max() <= 1e-7 * np.abs(truth).max()


@given(st.lists(st.sampled_from(sorted(set(FUNCTIONS))), min_size=1, max_size=3), st.sampled_from([0.0, 0.5]))
@settings(max_examples=10, deadline=None)
def test_both_styles_take_the_same_steps(names: list[str], momentum: float) -> None:
    sizes = (3, 4, 2, 5)[: len(names) + 1]
    X, Y = data(sizes)
    results = []
    for style in STYLES:
        module = made(sizes, names, style, optimizer={"name": "sgd", "momentum": momentum})
        theta, history = module.train(module.initialize(1), X, Y, epochs=3, batch_size=2, learning_rate=0.05, rng=7)
        assert len(history["loss"]) == 3
        results.append(theta)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("style", STYLES)
class TestTheInterface:
    """Section 5 of the design, for a 4-3-2 net."""

    sizes = (4, 3, 2)

    @pytest.fixture
    def module(self, style: str) -> ModuleType:
        return made(self.sizes, ["tanh", "identity"], style, name="small")

    def test_constants(self, module: ModuleType) -> None:
        assert module.NAME == "small"
        assert self.sizes == module.SIZES
        assert module.PARAMETER_COUNT == 3 * 5 + 2 * 4
        assert np.dtype(module.DTYPE) == np.float64
        assert from_toml(module.SPEC) == Architecture(self.sizes, ["tanh", "identity"], name="small")
        assert module.Parameters._fields == ("W1", "b1", "W2", "b2")

    def test_unpack_writes_through_and_pack_undoes_it(self, module: ModuleType) -> None:
        theta = module.initialize(0)
        parameters = module.unpack(theta)
        assert [p.shape for p in parameters] == [(3, 4), (3,), (2, 3), (2,)]
        parameters.W2[1, 2] = 7
        assert 7 in theta
        np.testing.assert_array_equal(module.pack(parameters), theta)

    def test_initialize_centres_weights_and_zeroes_biases(self, style: str) -> None:
        module = made((200, 300, 10), ["tanh", "identity"], style)
        parameters = module.unpack(module.initialize(0))
        assert not parameters.b1.any()
        assert not parameters.b2.any()
        assert abs(parameters.W1.mean()) < 0.002
        assert parameters.W1.var() * 200 == pytest.approx(1, rel=0.03)
        np.testing.assert_array_equal(module.initialize(3), module.initialize(np.random.default_rng(3)))
        assert (module.initialize(3) != module.initialize(4)).any()

    def test_step_is_in_place_and_returns_the_loss_before_it(self, module: ModuleType) -> None:
        theta, (X, Y) = module.initialize(0), data(self.sizes)
        value, gradient = module.loss_and_gradient(theta, X, Y)
        expected = theta - 0.1 * gradient
        assert module.step(theta, module.new_state(theta), X, Y, learning_rate=0.1) == value
        np.testing.assert_allclose(theta, expected, rtol=1e-15)

    def test_the_returned_gradient_stays_as_it_is(self, module: ModuleType) -> None:
        theta, (X, Y) = module.initialize(0), data(self.sizes)
        gradient = module.loss_and_gradient(theta, X, Y)[1]
        kept = gradient.copy()
        module.loss_and_gradient(theta + 1, X, Y)
        np.testing.assert_array_equal(gradient, kept)

    def test_scipy_drives_it(self, module: ModuleType) -> None:
        X, Y = data(self.sizes)
        result = minimize(module.loss_and_gradient, module.initialize(0), args=(X, Y), jac=True, method="L-BFGS-B")
        assert result.fun < 1e-3

    def test_train_leaves_theta_and_reports(self, module: ModuleType) -> None:
        theta, (X, Y) = module.initialize(0), data(self.sizes, 20)
        before, calls = theta.copy(), []
        trained, history = module.train(
            theta, X, Y, epochs=4, batch_size=6, learning_rate=0.1, rng=0, validation=(X, Y),
            callback=lambda epoch, history: calls.append((epoch, len(history["loss"]))),
        )  # fmt: skip
        np.testing.assert_array_equal(theta, before)
        assert calls == [(0, 1), (1, 2), (2, 3), (3, 4)]
        assert history["validation_loss"][-1] == module.loss(trained, X, Y) < module.loss(theta, X, Y)

    def test_standardize(self, module: ModuleType) -> None:
        X = np.column_stack([np.arange(5.0), np.ones(5), np.arange(5) ** 2, -np.arange(5)])
        standard, mean, scale = module.standardize(X)
        np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-14)
        np.testing.assert_allclose(standard.std(axis=0), [1, 0, 1, 1], atol=1e-14)
        np.testing.assert_allclose(standard * scale + mean, X, atol=1e-14)

    def test_check_gradient_is_small_and_sees_a_fault(self, module: ModuleType) -> None:
        theta, (X, Y) = module.initialize(0), data(self.sizes)
        assert module.check_gradient(theta, X, Y) < 1e-8
        right = module.loss_and_gradient
        module.loss_and_gradient = lambda *a: (right(*a)[0], right(*a)[1] * 1.001)
        assert module.check_gradient(theta, X, Y) > 1e-4

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"X": np.ones((5, 3))}, r"X has shape \(5, 3\); expected \(N, 4\)"),
            ({"X": np.ones(4)}, r"X has shape \(4,\); expected \(N, 4\)"),
            ({"X": np.ones((0, 4)), "Y": np.ones((0, 2))}, r"X has shape \(0, 4\).*N >= 1"),
            ({"Y": np.ones((5, 1))}, r"Y has shape \(5, 1\); expected \(N, 2\)"),
            ({"Y": np.ones((4, 2))}, r"X has 5 rows and Y has 4"),
            ({"Y": np.ones(5)}, r"Y has shape \(5,\)"),
            ({"theta": np.ones(5)}, r"theta has shape \(5,\); expected \(23,\)"),
            ({"X": np.ones((5, 4), complex)}, r"X has dtype complex128; expected real numbers"),
            ({"X": np.full((5, 4), "a")}, r"X has dtype <U1; expected real numbers"),
            ({"X": np.where(np.eye(5, 4) > 0, np.nan, 1.0)}, r"X\[0, 0\] is nan; expected a finite number"),
            ({"Y": np.full((5, 2), np.inf)}, r"Y\[0, 0\] is inf"),
        ],
    )
    def test_bad_arrays_are_named(self, module: ModuleType, change: dict[str, Any], message: str) -> None:
        X, Y = data(self.sizes)
        arguments = {"theta": module.initialize(0), "X": X, "Y": Y, **change}
        with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
            module.loss_and_gradient(*arguments.values())

    def test_other_real_dtypes_are_converted(self, module: ModuleType) -> None:
        X, Y = np.arange(20).reshape(5, 4) % 3, np.ones((5, 2), np.float32)
        theta = module.initialize(0)
        expected = module.loss_and_gradient(theta, X.astype(float), Y.astype(float))
        np.testing.assert_array_equal(module.loss_and_gradient(theta, X, Y)[1], expected[1])
        assert module.loss(theta, X.tolist(), Y) == expected[0]

    def test_step_refuses_what_it_cannot_update(self, module: ModuleType) -> None:
        X, Y = data(self.sizes)
        theta = module.initialize(0).astype(np.float32)
        with pytest.raises(ValueError, match="updated in place; expected a writeable numpy array of dtype float64"):
            module.step(theta, module.new_state(theta), X, Y)

    def test_train_refuses_bad_settings(self, module: ModuleType) -> None:
        theta, (X, Y) = module.initialize(0), data(self.sizes)
        for setting in ({"epochs": 0}, {"batch_size": 1.5}, {"learning_rate": -1}, {"learning_rate": np.nan}):
            with pytest.raises(ValueError, match=next(iter(setting))):
                module.train(theta, X, Y, **{"epochs": 1, "batch_size": 2, "learning_rate": 0.1, "rng": 0, **setting})

    def test_a_batch_of_one_and_a_last_short_batch(self, module: ModuleType) -> None:
        X, Y = data(self.sizes, 7)
        theta, _ = module.train(module.initialize(0), X, Y, epochs=1, batch_size=3, learning_rate=0.1, rng=0)
        assert np.isfinite(theta).all()
        value, _ = module.loss_and_gradient(theta, X[:1], Y[:1])
        assert value == pytest.approx(module.loss(theta, X[:1], Y[:1]), rel=1e-14)  # added up in another order


@pytest.mark.parametrize("style", STYLES)
def test_float32_stays_float32(style: str) -> None:
    module = made((4, 3, 3, 2), ["sigmoid", "gelu_tanh", "softplus"], style, dtype="float32")
    theta, (X, Y) = module.initialize(0), data((4, 2))
    assert theta.dtype == np.float32
    assert module.loss_and_gradient(theta, X, Y)[1].dtype == np.float32
    assert module.predict(theta, X).dtype == np.float32
    trained, _ = module.train(theta, X, Y, epochs=2, batch_size=2, learning_rate=0.1, rng=0)
    assert trained.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "style"),
    [
        pytest.param(name, style, marks=[pytest.mark.slow] * ((k + number) % 2))
        for k, name in enumerate(sorted(ALL))
        for number, style in enumerate(STYLES)
    ],
)
def test_saturated_neurons_stay_finite(name: str, style: str) -> None:
    """Inputs of +-1000 to every activation of the shared list: no warning, no NaN, in both styles."""
    module = made((1, 2, 1), [name, "identity"], style)
    start = module.unpack(module.initialize(0))  # with the trained constants as they begin
    weights = {"W1": np.array([[1.0], [-1.0]]), "W2": np.ones((1, 2))}
    theta = module.pack(start._replace(**weights))
    X = np.array([[-1000.0], [-30.0], [0.0], [30.0], [1000.0]])
    with np.errstate(all="raise", under="ignore"):
        value, gradient = module.loss_and_gradient(theta, X, np.zeros((5, 1)))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_the_text_is_python_that_imports_numpy_alone() -> None:
    for style in STYLES:
        tree = ast.parse(emit(differentiate(Architecture((3, 4, 2), ["softplus", ALL["swish"]])), style))
        imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        imported |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert imported == {"numpy", "typing", "__future__", *CHECKPOINTING}  # the standard library writes checkpoints


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_process() -> None:
    program = (
        "from derive import *\n"
        "own = Activation('swish', 'z/(1+exp(-b*z))', (('b', 1.5),))\n"
        "d = differentiate(Architecture((3,4,5,2), ('softplus', own, 'sigmoid')))\n"
        "print(emit(d, 'fast') + emit(d, 'readable'))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(texts) == 1


def test_widths_change_only_the_numbers() -> None:
    """Among narrow layers and among wide ones: between them a few calls differ, by what NumPy takes less time for."""
    for one, other in (((2, 3, 1), (64, 63, 10)), ((65, 66, 67), (4096, 4095, 100))):
        few, many = (emit(differentiate(Architecture(sizes, ["tanh", "identity"]))) for sizes in (one, other))
        differing = [a for a, b in zip(few.splitlines(), many.splitlines(), strict=True) if a != b]
        assert all(
            any(word in a for word in ("Memory", "SIZES", "sizes", "COUNT", "DIGEST", "perceptron", "derive"))
            for a in differing
        )


def test_the_digest_is_of_the_text() -> None:
    text = emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"])))
    assert digest(text) == load(text).DIGEST
    assert digest(text.replace("np.tanh", "np.sinh")) != digest(text)


def test_unknown_styles_are_refused() -> None:
    with pytest.raises(DeriveError, match="unknown style 'fats'; did you mean 'fast'"):
        emit(differentiate(Architecture((2, 1), ["tanh"])), "fats")
