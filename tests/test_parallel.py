"""Data-parallel gradients and training on Dask, against the same module in one process."""

from __future__ import annotations

import pickle
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client, futures_of

from derive import Architecture, differentiate, emit, load
from derive.model.errors import DeriveError
from derive.parallel import loss_and_gradient, persist, train
from derive.shared import Optimizer, text_of

N, CUTS = 90, (25, 0, 31, 33, 1)
NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "readable": {"style": "readable"},
    "labels": {"activations": ["relu", "softmax"], "loss": "cross_entropy"},
    "penalty": {"penalty": {"l2": 0.1, "l1": 0.01}},
    "penalty over samples": {"penalty": {"l2": 3.0, "l1": 0.1, "over_samples": True}},
    "weights": {"sample_weights": True, "penalty": {"l2": 3.0, "over_samples": True}},
    "softmax, penalty over samples": {
        "activations": ["relu", "softmax"],
        "loss": "cross_entropy",
        "penalty": {"l2": 3.0, "over_samples": True},
    },
    "layers": {"layers": [{"normalization": "layer_norm"}, {}], "activations": ["prelu", "identity"]},
}


def network(style: str = "fast", **rest: Any) -> Any:
    made = {"sizes": (4, 6, 3), "activations": ["tanh", "identity"], **rest}
    return load(emit(differentiate(Architecture(**made)), style))


def samples(module: Any, cuts: Any = CUTS) -> tuple[Any, Any]:
    """X, Y and, if the module takes them, weights: of NumPy, and cut into chunks."""
    rng = np.random.default_rng(0)
    Y = rng.integers(0, 3, N) if "cross_entropy" in module.SPEC else rng.standard_normal((N, 3))
    whole = (rng.standard_normal((N, 4)), Y, *[rng.random(N)] * ("sample_weights" in module.SPEC))
    return whole, tuple(da.from_array(array, chunks=(cuts, *array.shape[1:])) for array in whole)


@pytest.fixture(scope="module")
def client():
    with dask.config.set({"distributed.admin.tick.limit": "1h"}):
        with Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as made:
            yield made


def difference(found: Any, expected: Any) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("name", NETWORKS)
def test_loss_and_gradient_are_those_of_one_process(client, name):
    module = network(**NETWORKS[name])
    whole, cut = samples(module)
    theta = module.initialize(0)
    value, gradient = module.loss_and_gradient(theta, *whole)
    for given in (cut, persist(*cut)):
        found, slope = loss_and_gradient(module, theta, *given)
        assert abs(found - value) <= 1e-12 * abs(value)
        assert difference(slope, gradient) <= 1e-12
    assert difference(loss_and_gradient(module, theta, *(array[:-1] for array in cut))[1], gradient) > 1e-3


def test_one_chunk_gives_the_same_bits(client):
    module = network()
    whole, cut = samples(module, (N,))
    value, gradient = module.loss_and_gradient(module.initialize(0), *whole)
    found, slope = loss_and_gradient(module, module.initialize(0), *cut)
    assert (found, slope.tobytes()) == (value, gradient.tobytes())


def in_one_process(module: Any, whole: Any, cuts: Any, epochs: int, each: int | None, rng: Any, rate: float) -> Any:
    """What `train` does, with the module's own `step` on the same rows."""
    theta, rng = module.initialize(0), np.random.default_rng(rng)
    state, starts = module.new_state(theta), np.cumsum((0, *cuts))
    rows = [np.arange(a, b) for a, b in zip(starts, starts[1:], strict=False) if a < b]
    for epoch in range(epochs):
        order = rng.permutation(len(rows)) if each else np.arange(len(rows))
        used = module.scheduled(rate, epoch, epochs) if hasattr(module, "scheduled") else rate
        for start in range(0, len(rows), each or len(rows)):
            taken = np.concatenate([rows[k] for k in sorted(order[start : start + (each or len(rows))])])
            X, Y, *weights = (array[taken] for array in whole)
            module.step(theta, state, X, Y, used, *weights)
    return theta


@pytest.mark.parametrize("each", [None, 1, 3])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam", "schedule": "cosine", "clip": 0.5, "style": "readable"},
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "sample_weights": True, "penalty": {"l2": 1, "over_samples": True}},
    ],
    ids=["plain", "adam", "weighted"],
)
def test_training_is_that_of_one_process(client, settings, each):
    module = network(**settings)
    whole, cut = samples(module)
    start = module.initialize(0)
    X, Y, *weights = cut
    options = {"epochs": 5, "chunks_per_step": each, "rng": 7, "learning_rate": 0.05}
    options |= {"weights": weights[0]} if weights else {}
    theta, history = train(module, start, X, Y, **options)
    expected = in_one_process(module, whole, CUTS, 5, each, 7, 0.05)
    assert difference(theta, expected) <= 1e-12
    assert len(history["loss"]) == 5
    assert (start == module.initialize(0)).all()
    again, _ = train(module, start, X, Y, **options)
    assert again.tobytes() == theta.tobytes()
