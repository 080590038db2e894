"""How emitted modules train: schedules, clipping, early stopping, and the end of a training that diverges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import digest, emit, load
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.tables import OPTIMIZERS, SCHEDULES

STYLES = ("readable", "fast")
SIZES = (3, 4, 2)


def source(style: str = "fast", names: Any = ("tanh", "identity"), sizes: tuple[int, ...] = SIZES, **rest: Any) -> str:
    return emit(differentiate(Architecture(sizes, names, **rest)), style)


def made(style: str = "fast", **rest: Any) -> ModuleType:
    return load(source(style, **rest))


def data(samples: int = 20, sizes: tuple[int, ...] = SIZES, seed: int = 5) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((samples, sizes[0])), rng.standard_normal((samples, sizes[-1]))


def signed(text: str) -> str:
    """`text` with a digest that fits: so that only what it computes can betray it."""
    return re.sub(r'^DIGEST = ".*"$', f'DIGEST = "{digest(text)}"', text, flags=re.MULTILINE)


def changed(text: str, right: str, wrong: str) -> str:
    assert right in text
    return signed(text.replace(right, wrong))


# Schedules


def step_lr(eta: float, epochs: int, every: int = 30, factor: float = 0.1) -> list[float]:
    """As StepLR computes it: the rate before, times gamma whenever the epoch is a multiple of step_size."""
    rates = [eta]
    for epoch in range(1, epochs):
        rates.append(rates[-1] * factor if epoch % every == 0 else rates[-1])
    return rates


def exponential_lr(eta: float, epochs: int, factor: float = 0.95) -> list[float]:
    rates = [eta]
    for _ in range(1, epochs):
        rates.append(rates[-1] * factor)
    return rates


def cosine_lr(eta: float, epochs: int, minimum: float = 0.0) -> list[float]:
    """The recursion in PyTorch's CosineAnnealingLR, which is not the closed form that derive's table has."""
    rates = [eta]
    for t in range(1, epochs):
        ratio = (1 + math.cos(math.pi * t / epochs)) / (1 + math.cos(math.pi * (t - 1) / epochs))
        rates.append(ratio * (rates[-1] - minimum) + minimum)
    return rates


def inverse_scaling(eta: float, epochs: int, power: float = 0.5) -> list[float]:
    """scikit-learn's invscaling, eta0 / pow(t, power_t), for t = 1, 2, …"""
    return [eta / math.pow(t, power) for t in range(1, epochs + 1)]


PEERS: dict[str, Callable[..., list[float]]] = {
    "step": step_lr,
    "exponential": exponential_lr,
    "cosine": cosine_lr,
    "inverse_scaling": inverse_scaling,
    "constant": lambda eta, epochs: [eta] * epochs,
}
OTHERS: dict[str, dict[str, float]] = {
    "step": {"every": 7, "factor": 0.3},
    "exponential": {"factor": 0.8},
    "cosine": {"minimum": 0.01},
    "inverse_scaling": {"power": 0.3},
}


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "constant"])
@pytest.mark.parametrize("own", [False, True])
def test_a_schedule_is_that_of_an_independent_formula(name: str, own: bool) -> None:
    constants = OTHERS[name] if own else {}
    module = made(schedule={"name": name, **constants})
    rates = [module.scheduled(0.3, epoch, 65) for epoch in range(65)]
    np.testing.assert_allclose(rates, PEERS[name](0.3, 65, **constants), rtol=1e-12)
    assert all(type(rate) is float for rate in rates)
    assert rates[0] == pytest.approx(0.3, rel=1e-15)  # from epoch 0 on


@pytest.mark.parametrize("name", SCHEDULES)
def test_warm_up_multiplies_every_schedule(name: str) -> None:
    """PyTorch's LinearLR(start_factor=1/5, total_iters=4): factors 1/5, 2/5, … and 1 from the last epoch of five on."""
    module = made(schedule={"name": name, "warm_up": 5})
    rates = [module.scheduled(0.3, epoch, 12) for epoch in range(12)]
    expected = np.array(PEERS[name](0.3, 12)) * [0.2, 0.4, 0.6, 0.8, *[1.0] * 8]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_a_constant_rate_needs_no_schedule() -> None:
    assert "scheduled" not in source()
    assert "norm" not in re.sub("normal", "", source())
    assert source(schedule="constant") == source()


@pytest.mark.parametrize("style", STYLES)
def test_train_takes_the_rate_of_each_epoch(style: str) -> None:
    module = made(style, schedule={"name": "step", "every": 2, "factor": 0.5, "warm_up": 3})
    X, Y = data()
    theta, _ = module.train(module.initialize(0), X, Y, epochs=5, batch_size=20, learning_rate=0.3, rng=0)
    again, state = module.initialize(0), module.new_state(module.initialize(0))
    rng = np.random.default_rng(0)
    for rate in (0.1, 0.2, 0.15, 0.15, 0.075):
        order = rng.permutation(20)
        module.step(again, state, X[order], Y[order], rate)
    np.testing.assert_allclose(theta, again, rtol=1e-12)


def test_a_warm_up_longer_than_the_training_is_refused() -> None:
    module, (X, Y) = made(schedule={"name": "cosine", "warm_up": 5}), data()
    with pytest.raises(ValueError, match="epochs is 4; expected at least 5, the schedule's warm_up"):
        module.train(module.initialize(0), X, Y, epochs=4)
    module.train(module.initialize(0), X, Y, epochs=5)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(epoch // every)", "(epoch // every + 1)"),
        ("        rate = scheduled(learning_rate", "        rate = max(learning_rate"),
    ],
)
def test_a_changed_schedule_fails_the_audit(style: str, right: str, wrong: str) -> None:
    text = source(style, schedule="step")
    assert audit(text).holds
    verdict = next(v for v in audit(changed(text, right, wrong)).verdicts if not v.holds)
    assert verdict.label == "frame"


# Clipping


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_a_step_is_clipped_to_the_norm(style: str, dtype: str, clip: float) -> None:
    module, (X, Y) = made(style, dtype=dtype, clip=clip), data()
    theta = module.initialize(0)
    gradient = module.loss_and_gradient(theta, X, Y)[1].astype(float)
    expected = gradient * min(1, clip / np.linalg.norm(gradient))
    moved = theta.copy()
    value = module.step(moved, module.new_state(moved), X, Y, 1.0)
    precision = 1e-12 if dtype == "float64" else 2e-4
    np.testing.assert_allclose(
        theta.astype(float) - moved, expected, rtol=precision, atol=precision * abs(expected).max()
    )
    assert value == module.loss(theta, X, Y)
    assert moved.dtype == dtype


def test_a_gradient_of_zero_stays_zero() -> None:
    module = made(clip=1.0)
    theta = np.zeros(module.PARAMETER_COUNT)
    with np.errstate(all="raise"):
        module.step(theta, module.new_state(theta), np.ones((2, 3)), np.zeros((2, 2)))
    assert not theta.any()


def test_the_squares_of_a_float32_gradient_do_not_overflow() -> None:
    """Entries of 1e25: their squares are no float32, yet the step has the length 1."""
    module = made(dtype="float32", names=("identity",), sizes=(2, 1), clip=1.0)
    theta = np.zeros(3, np.float32)
    X, Y = np.full((1, 2), 1e10, np.float32), np.full((1, 1), 1e15, np.float32)
    module.step(theta, module.new_state(theta), X, Y, 1.0)
    assert np.linalg.norm(theta.astype(float)) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("size", [1e78, 1e150])
def test_nor_do_those_of_a_float64_gradient(style: str, size: float) -> None:
    """Entries up to 1e300: with a norm of inf theta would stay as it was, while the loss is finite."""
    module = made(style, names=("identity",), sizes=(2, 1), clip=1.0)
    theta = np.zeros(3)
    X, Y = np.full((1, 2), size), np.full((1, 1), size)
    with np.errstate(over="ignore"):  # of the squares
        value = module.step(theta, module.new_state(theta), X, Y, 1.0)
    assert np.isfinite(value)
    np.testing.assert_allclose(theta, [0.5**0.5, 0.5**0.5, 0.5**0.5 / size], rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_clipped_steps_pass_the_audit(style: str, optimizer: str) -> None:
    certificate = audit(source(style, optimizer=optimizer, clip=0.5))
    assert certificate.holds, [v for v in certificate.verdicts if not v.holds]
    assert any("with the gradient clipped" in v.formula for v in certificate.verdicts)


@pytest.mark.slow
@pytest.mark.parametrize("clip", [0.1 + 0.2, 1 / 3, 1e-7, 123456.789])
def test_any_norm_can_be_audited(clip: float) -> None:
    assert audit(source(clip=clip)).holds


CLIPPING = {
    "readable": [
        ("g *= 0.5 / norm", "g *= 0.25 / norm"),
        ("g *= 0.5 / norm", "g *= norm / 0.5"),
        ("g *= 0.5 / norm", "pass"),
        ("g *= 0.5 / norm", "g = g * norm"),
        ("np.dot(g, g)", "np.dot(g, g) / 4"),
        ("np.dot(g, g)", "np.dot(theta, theta)"),
        ("if norm > 0.5:", "if norm < 0.5:"),
        ("if norm > 0.5:", "if norm > 5.0:"),
        ("if norm > 0.5:", "if norm > 0.05:"),
        ("if norm > 0.5:", "if True:"),
        ("g *= 0.5 / np.abs(g).max()", "g *= 0.0 / np.abs(g).max()"),
        ("if norm == np.inf:", "if norm < np.inf:"),
        ("float(np.sqrt(np.dot(g, g)))", "float(np.dot(g, g))"),
    ],
    "fast": [
        ("np.multiply(g, 0.5 / norm, out=g)", "np.multiply(g, 0.5 / norm)"),
        ("np.multiply(g, 0.5 / norm, out=g)", "np.multiply(g, 0.25 / norm, out=g)"),
        ("if norm > 0.5:", "if norm > 5.0:"),
        ("if norm > 0.5:", "if True:"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(("style", "right", "wrong"), [(s, a, b) for s, pairs in CLIPPING.items() for a, b in pairs])
def test_planted_faults_in_clipping_are_refuted(style: str, right: str, wrong: str) -> None:
    found = audit(changed(source(style, clip=0.5), right, wrong))
    assert {v.label for v in found.verdicts if not v.holds} & {"step", "module", "frame"}


def test_a_module_that_clips_is_not_one_that_does_not() -> None:
    architecture = Architecture(SIZES, ("tanh", "identity"))
    labels = {v.label for v in audit(source(clip=0.5), architecture).verdicts if not v.holds}
    assert labels & {"step", "module"}


# Early stopping


@pytest.mark.parametrize("style", STYLES)
def test_training_stops_early_and_gives_back_the_best(style: str) -> None:
    """Twelve noisy samples and 64 neurons: the loss on other samples rises again."""
    sizes = (3, 64, 2)
    module, (X, Y), validation = made(style, sizes=sizes), data(12), data(50, seed=6)
    seen: list[Any] = []
    settings: dict[str, Any] = {"epochs": 300, "batch_size": 4, "learning_rate": 0.05, "validation": validation}

    def watch(epoch: int, history: Any) -> None:
        seen.append(epoch)

    theta, history = module.train(module.initialize(0), X, Y, rng=0, patience=10, callback=watch, **settings)
    losses = history["validation_loss"]
    best = history["best_epoch"]
    assert best == int(np.argmin(losses)) == len(losses) - 11
    assert len(losses) < 300
    assert seen == list(range(len(losses)))
    assert module.loss(theta, *validation) == min(losses)
    free, whole = module.train(module.initialize(0), X, Y, rng=0, **{**settings, "epochs": best + 1})
    np.testing.assert_array_equal(theta, free)
    assert "best_epoch" not in whole


def test_patience_that_does_not_run_out_still_gives_the_best() -> None:
    module, (X, Y), validation = made(), data(12), data(50, seed=6)
    theta, history = module.train(module.initialize(0), X, Y, epochs=8, rng=0, validation=validation, patience=100)
    assert len(history["validation_loss"]) == 8
    assert module.loss(theta, *validation) == min(history["validation_loss"])


@pytest.mark.parametrize(
    ("patience", "message"), [(0, "patience is 0"), (1.5, "patience is 1.5"), (-1, "patience is -1")]
)
def test_patience_is_a_number_of_epochs(patience: Any, message: str) -> None:
    module, (X, Y) = made(), data()
    with pytest.raises(ValueError, match=message):
        module.train(module.initialize(0), X, Y, validation=(X, Y), patience=patience)


def test_patience_needs_validation() -> None:
    module, (X, Y) = made(), data()
    with pytest.raises(ValueError, match="patience is 3 without validation; expected validation="):
        module.train(module.initialize(0), X, Y, patience=3)


# Divergence


def diverged(module: ModuleType, theta: Any, X: Any, Y: Any, **settings: Any) -> Any:
    with np.errstate(all="ignore"), pytest.raises(ArithmeticError) as caught:
        module.train(theta, X, Y, **{"epochs": 50, "batch_size": 4, "rng": 0, **settings})
    assert type(caught.value) is module.DivergedError
    assert np.isfinite(caught.value.theta).all()
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("style", STYLES)
def test_a_rate_that_is_too_large(style: str) -> None:
    """The last finite theta is the one that the steps before lead to, and the loss there is not finite."""
    module, (X, Y) = made(style), data()
    error = diverged(module, module.initialize(0), X, Y, learning_rate=1e100)
    theta, state, rng = module.initialize(0), module.new_state(module.initialize(0)), np.random.default_rng(0)
    with np.errstate(all="ignore"):
        for _ in range(error.epoch + 1):
            order = rng.permutation(20)
            for k in range(5 if _ < error.epoch else error.step):
                rows = order[4 * k : 4 * k + 4]
                assert np.isfinite(module.step(theta, state, X[rows], Y[rows], 1e100))
        rows = order[4 * error.step : 4 * error.step + 4]
        np.testing.assert_array_equal(theta, error.theta)
        assert not np.isfinite(module.loss(theta, X[rows], Y[rows]))
    assert len(error.history["loss"]) == error.epoch
    assert f"in epoch {error.epoch}, step {error.step} (from 0): {error.tensor} (layer {error.layer})" in str(error)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("weights", "layer", "tensor"),
    [
        ((1e308, 1.0, 1.0), 1, "z^1"),  # 1e308 x 10
        ((100.0, 1.0, 1.0), 1, "a^1"),  # exp(1000)
        ((1.0, 1e305, 1.0), 2, "z^2"),  # exp(10) 1e305
        ((1.0, 1e200, 1e200), 3, "z^3"),
        ((1.0, 1e200, 1.0), 3, "c"),  # only its square overflows
    ],
)
def test_what_overflows_first_is_named(style: str, weights: Any, layer: int, tensor: str) -> None:
    """z1 = w1 x, a1 = exp(z1), z2 = a2 = w2 a1, z3 = a3 = w3 a2, with x = 10."""
    names = (Activation("growing", "exp(z)"), "identity", "identity")
    module = made(style, names=names, sizes=(1, 1, 1, 1))
    theta = module.pack(module.Parameters(*(v for w in weights for v in ([[w]], [0.0]))))
    error = diverged(module, theta, np.full((4, 1), 10.0), np.zeros((4, 1)))
    assert (error.epoch, error.step, error.layer, error.tensor) == (0, 0, layer, tensor)
    np.testing.assert_array_equal(error.theta, theta)


@pytest.mark.parametrize("style", STYLES)
def test_a_step_from_a_loss_that_is_not_finite_changes_nothing(style: str) -> None:
    module, (X, Y) = made(style, optimizer="adam"), data()
    theta = module.initialize(0)
    state, before = module.new_state(theta), theta.copy()
    with np.errstate(all="ignore"):
        assert module.step(theta, state, X, 1e200 * Y) == np.inf
    np.testing.assert_array_equal(theta, before)
    assert state.t == 0
    assert not state.m.any()


@pytest.mark.parametrize("rows", [1, 4])
def test_a_step_for_which_memory_does_not_suffice_leaves_nothing_half_made(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, (X, Y) = made("fast"), data()
    one = module.initialize(0)
    two, state = one.copy(), module.new_state(one)
    module.step(one, state, X[:rows], Y[:rows])
    before = one.copy()

    def no_memory(N: int) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(module, "_buffers", no_memory)
        with pytest.raises(MemoryError):
            module.step(two, state, X[:9], Y[:9])
    expected, fresh = two.copy(), module.new_state(two)
    module.step(expected, fresh, X[:rows], Y[:rows])
    module.step(two, state, X[:rows], Y[:rows])
    np.testing.assert_array_equal(two, expected)
    np.testing.assert_array_equal(one, before)


@pytest.mark.parametrize("style", STYLES)
def test_an_update_that_overflows_is_undone(style: str) -> None:
    """Loss and gradient are finite, the rate times it is not: weights are to blame, and the epoch's first come back."""
    module, (X, Y) = made(style), data()
    start = module.initialize(0)
    error = diverged(module, start, 1e100 * X, 1e150 * Y, learning_rate=1e200)
    assert (error.epoch, error.step) == (0, 1)
    assert error.tensor in ("W^1", "W^2", "b^2")
    np.testing.assert_array_equal(error.theta, start)
    error = diverged(module, start, 1e100 * X, 1e150 * Y, learning_rate=1e200, batch_size=20)
    assert (error.epoch, error.step) == (0, 0)  # found at the end of the epoch
    assert "theta is not finite" in str(error)
    np.testing.assert_array_equal(error.theta, start)


@pytest.mark.parametrize("style", STYLES)
def test_a_loss_on_the_validation_data_that_is_not_finite(style: str) -> None:
    module, (X, Y) = made(style), data()
    error = diverged(module, module.initialize(0), X, Y, validation=(X, 1e200 * Y))
    assert "the validation loss" in str(error)
    assert (error.epoch, error.layer, error.tensor) == (0, 2, "c")


def test_a_start_that_is_not_finite_is_refused() -> None:
    module, (X, Y) = made(), data()
    theta = module.initialize(0)
    theta[3] = np.nan
    with pytest.raises(ValueError, match=r"theta\[3\] is nan; expected a finite number"):
        module.train(theta, X, Y)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("if not abs(value) < np.inf:", "if abs(value) == np.inf:"),
        ("opening[...] = theta", "opening = theta"),
        ("if np.isfinite(theta).all() else opening", "if np.isfinite(theta).any() else opening"),
        ('(1, "z^1", z1)', '(2, "z^1", z1)'),
        ("class DivergedError(ArithmeticError)", "class DivergedError(ValueError)"),
        ("    if not np.isfinite(value):\n        return value\n", ""),
        (
            "    if not np.isfinite(value):\n        return value\n",
            "    if not np.isfinite(value):\n        return 0.0\n",
        ),
    ],
)
def test_a_changed_end_fails_the_audit(style: str, right: str, wrong: str) -> None:
    if style == "fast":  # there it is written for speed
        written = ("if not np.isfinite(value):", "if not abs(value) < np.inf:  # as NaN is not")
        right, wrong = right.replace(*written), wrong.replace(*written)
    labels = [v.label for v in audit(changed(source(style), right, wrong)).verdicts if not v.holds]
    assert labels[0] == "frame"  # a function that was changed is not trusted with files, so the module may not be run
