"""What emitted modules take besides data: states, generators, counts, rates, validation; right or a clear error."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit, load
from derive.model.architecture import Architecture
from derive.model.layers import LayerOptions
from derive.model.tables import OPTIMIZERS, STYLES
from tests.codegen.test_bad_data import says

DRAW = np.random.default_rng(3)
X, Y = DRAW.standard_normal((7, 3)), DRAW.standard_normal((7, 2))
both_styles = pytest.mark.parametrize("style", STYLES)


@lru_cache(maxsize=32)
def made(style: str, optimizer: str = "sgd", dropout: float = 0.0) -> ModuleType:
    layers = (LayerOptions(dropout=dropout), LayerOptions())
    architecture = Architecture((3, 4, 2), ("tanh", "identity"), optimizer=optimizer, layers=layers)
    return load(emit(differentiate(architecture), style))


# A state that was copied, with theta or without it, goes on as if it had not been.

COPIES: dict[str, Callable[[Any], Any]] = {
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "pickled": lambda both: pickle.loads(pickle.dumps(both)),
}


def _steps(module: Any, between: Callable[[Any], Any], rows: int = 7) -> Any:
    theta = module.initialize(0)
    state = module.new_state(theta)
    for each in range(6):
        if each == 3:
            theta, state = (between(theta), between(state)) if between is copy.copy else between((theta, state))
        module.step(theta, state, X[:rows], Y[:rows], 0.1)
    return theta


@both_styles
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_copied_state_goes_on(style: str, optimizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(style, optimizer)
    monkeypatch.setattr(module.State, "__module__", "copied")
    monkeypatch.setitem(__import__("sys").modules, "copied", module)  # pickle looks for the class there
    for rows in (1, 7):
        expected = _steps(module, lambda both: both, rows)
        for how, made_copy in COPIES.items():
            assert (_steps(module, made_copy, rows) == expected).all(), how
    forgotten = _steps(module, lambda both: (both[0], module.new_state(both[0])))
    assert (forgotten == expected).all() == (optimizer == "sgd")


def test_a_copied_state_draws_the_same_masks() -> None:
    module = made("fast", "momentum", 0.5)
    theta = module.initialize(0)
    state = module.new_state(theta, rng=5)
    other, again = theta.copy(), copy.deepcopy(state)
    assert [module.step(theta, state, X, Y), module.step(theta, state, X, Y)] == [
        module.step(other, again, X, Y), module.step(other, again, X, Y),
    ]  # fmt: skip
    assert (theta == other).all()
    assert again.rng is not state.rng


# Generators.

NO_GENERATORS = (-1, "a", 1.5, np.array(0.5), [-3], object())


@both_styles
def test_what_is_no_generator_is_said(style: str) -> None:
    module, dropping = made(style), made(style, "sgd", 0.5)
    theta = module.initialize(0)
    for rng in NO_GENERATORS:
        for call in (
            lambda rng=rng: module.initialize(rng),
            lambda rng=rng: module.train(theta, X, Y, epochs=1, rng=rng),
            lambda rng=rng: dropping.new_state(theta, rng),
            lambda rng=rng: dropping.loss_and_gradient(theta, X, Y, rng=rng),
        ):
            says(call, "rng is .*; expected None, an integer >= 0 or a numpy Generator$")


@both_styles
def test_a_seed_is_a_generator(style: str) -> None:
    module = made(style, "sgd", 0.5)
    theta = module.initialize(np.int64(0))
    assert (theta == module.initialize(np.random.default_rng(0))).all()
    value, gradient = module.loss_and_gradient(theta, X, Y, rng=4)
    other, same = module.loss_and_gradient(theta, X, Y, rng=np.random.default_rng(4))
    assert value == other
    assert (gradient == same).all()
    assert value != module.loss_and_gradient(theta, X, Y)[0]


# What `train` and `step` are told.

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a rate beyond the floats": ({"learning_rate": 10**400}, "learning_rate is 1000.*; expected a positive number"),
    "a truth value as a rate": ({"learning_rate": True}, "learning_rate is True; expected a positive number"),
    "an infinite rate": ({"learning_rate": np.inf}, "learning_rate is inf; expected a positive number"),
    "a callback to no function": ({"callback": 5}, "callback is <class 'int'>; expected a function"),
    "validation by a number": ({"validation": 5}, r"validation is no pair \(X, Y\) that can be used: "),
    "by inputs only": ({"validation": (X,)}, r"validation is no pair \(X, Y\) that can be used: "),
    "by an array": ({"validation": X}, r"validation is no pair \(X, Y\) that can be used: "),
    "by more than a pair": ({"validation": (X, Y, Y)}, r"validation is no pair \(X, Y\) that can be used: "),
    "by nothing": ({"validation": ()}, r"validation is no pair \(X, Y\) that can be used: "),
}


@both_styles
@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_what_train_refuses_before_it_begins(style: str, options: Any, message: str) -> None:
    module = made(style)
    said: list[int] = []
    options = {"callback": lambda epoch, history: said.append(epoch), **options}
    says(lambda: module.train(module.initialize(0), X, Y, epochs=1, **options), message)
    assert not said


@both_styles
@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint64])
def test_counts_of_few_bits_count(style: str, kind: Any) -> None:
    module = made(style)
    expected, history = module.train(module.initialize(0), X, Y, epochs=3, batch_size=4, rng=0)
    theta, curve = module.train(module.initialize(0), X, Y, epochs=kind(3), batch_size=kind(4), rng=0)
    assert (theta == expected).all()
    assert curve == history


@both_styles
def test_a_rate_of_a_numpy_type(style: str) -> None:
    module = made(style)
    for rate in (np.float16(0.5), np.float32(0.5), np.longdouble(0.5)):
        theta, _ = module.train(module.initialize(0), X, Y, epochs=2, rng=0, learning_rate=rate)
        assert (theta == module.train(module.initialize(0), X, Y, epochs=2, rng=0, learning_rate=0.5)[0]).all()
    assert module.train(module.initialize(0), X, Y, epochs=1, rng=0, learning_rate=1)[0].any()


@both_styles
def test_what_is_no_state_is_said(style: str) -> None:
    module, theta = made(style), made(style).initialize(0)
    for state in (None, object(), {}, made(style, "adam").new_state(theta)):
        says(lambda: module.step(theta, state, X, Y), "state is <class .*; expected what new_state")  # noqa: B023


@both_styles
def test_what_cannot_be_packed_is_said(style: str) -> None:
    module = made(style)
    parameters = module.unpack(module.initialize(0))
    assert (module.pack(dict(zip(parameters._fields, parameters, strict=True)).values()) == module.initialize(0)).all()
    for few in (parameters[:3], (*parameters, 1), None, 5, ()):
        says(lambda: module.pack(few), "parameters are not W1, b1, W2, b2, an array each: ")  # noqa: B023


@both_styles
def test_check_gradient_never_praises_what_is_no_number(style: str) -> None:
    module = made(style)
    theta = module.initialize(0)
    assert 0 < module.check_gradient(theta, X, Y) < 1e-7
    says(lambda: module.check_gradient(np.full_like(theta, np.nan), X, Y), r"theta\[0\] is nan; expected a finite")
    with np.errstate(all="ignore"):
        assert np.isnan(module.check_gradient(theta, X, np.full((7, 2), 1e200)))


# What targets have to be: the message says where and what came.

TARGETS: dict[str, tuple[str, str, Any, str]] = {
    "hinge": ("identity", "hinge", 0.5, r"Y\[2, 1\] is 0.5; expected -1 or 1$"),
    "binary": ("sigmoid", "binary_cross_entropy", 1.5, r"Y\[2, 1\] is 1.5; expected a number from 0 to 1$"),
    "counts": ("identity", "poisson", -2, r"Y\[2, 1\] is -2.0; expected a number >= 0$"),
    "distribution": ("softmax", "cross_entropy", 3, r"Y\[2, 0\] is 0.5; expected numbers >= 0 that sum to 1 in every"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_where_targets_are_none(name: str) -> None:
    activation, loss, entry, message = TARGETS[name]
    architecture = Architecture((3, 4, 2), ("tanh", activation), loss=loss)
    module = load(emit(differentiate(architecture), "readable"))
    targets = np.full((7, 2), 0.5 if name == "distribution" else 1.0)
    assert np.isfinite(module.loss(module.initialize(0), X, targets))
    targets[2, 1] = entry
    says(lambda: module.loss(module.initialize(0), X, targets), message)


def test_a_column_of_labels_is_told_how_labels_come() -> None:
    architecture = Architecture((3, 4, 2), ("tanh", "softmax"), loss="cross_entropy")
    module = load(emit(differentiate(architecture), "readable"))
    labels = np.arange(7)[:, None] % 2
    says(
        lambda: module.loss(module.initialize(0), X, labels),
        r"Y has shape \(7, 1\); expected \(N,\) labels or \(N, 2\)",
    )
