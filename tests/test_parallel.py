"""Data-parallel gradients and training on Dask, against the same module in one process."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client, futures_of

from derive import Architecture, differentiate, emit, load
from derive.model.errors import DeriveError
from derive.parallel import loss_and_gradient, persist, train
from derive.parallel.shared import Optimizer

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


def dask_array(*shape: int, cuts: Any = (10, -1)) -> Any:
    return da.ones(shape, chunks=cuts[: len(shape)])


@pytest.fixture(scope="module")
def client():
    with (
        dask.config.set({"distributed.admin.tick.limit": "1h"}),
        Client(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as made,
    ):
        yield made


def test_without_a_client():
    module = network()
    with pytest.raises(DeriveError, match="no Dask client"):
        loss_and_gradient(module, module.initialize(0), dask_array(30, 4), dask_array(30, 3))


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
    rows = [np.arange(a, b) for a, b in pairwise(starts) if a < b]
    for epoch in range(epochs):
        order = rng.permutation(len(rows)) if each else np.arange(len(rows))
        used = module.scheduled(rate, epoch, epochs) if hasattr(module, "scheduled") else rate
        for start in range(0, len(rows), each or len(rows)):
            taken = np.concatenate([rows[k] for k in sorted(order[start : start + (each or len(rows))])])
            X, Y, *weights = (array[taken] for array in whole)
            module.step(theta, state, X, Y, used, *weights)
    return theta


@pytest.mark.parametrize("each", [None, *(pytest.param(each, marks=pytest.mark.slow) for each in (1, 3))])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "adam", "schedule": "cosine", "clip": 0.5, "style": "readable"},
        {
            "optimizer": {"name": "sgd", "momentum": 0.9},
            "sample_weights": True,
            "penalty": {"l2": 1, "over_samples": True},
        },
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


def test_dropout_draws_from_a_generator_for_each_chunk(client):
    module = network(layers=[{"dropout": 0.5}, {}])
    _, cut = samples(module)
    theta = module.initialize(0)
    found = [loss_and_gradient(module, theta, *cut, rng=seed)[1].tobytes() for seed in (0, 0, 1, None)]
    assert found[0] == found[1]
    assert len(set(found)) == 3
    ends = [train(module, theta, *cut, epochs=2, rng=seed)[0].tobytes() for seed in (0, 0, 1)]
    assert ends[0] == ends[1] != ends[2]
    with pytest.raises(DeriveError, match="no dropout"):
        loss_and_gradient(network(), theta, *cut, rng=0)


@pytest.mark.parametrize("dask_arrays", [True, False])
def test_validation_patience_and_callback_are_as_in_the_module(client, dask_arrays):
    module = network()
    whole, cut = samples(module, (N,))
    held = (whole[0], -whole[1])  # gets worse as the training gets better
    validation = tuple(da.from_array(a, chunks=(40, -1)) for a in held) if dask_arrays else held
    seen: list[int] = []
    options = {"epochs": 40, "learning_rate": 0.2, "patience": 2}
    theta, history = train(
        module,
        module.initialize(0),
        *cut,
        **options,
        validation=validation,
        callback=lambda epoch, _: seen.append(epoch),
    )
    expected, known = module.train(module.initialize(0), *whole, **options, batch_size=N, validation=held)
    assert difference(theta, expected) <= 1e-12
    assert history["best_epoch"] == known["best_epoch"] < 37
    assert history["validation_loss"] == pytest.approx(known["validation_loss"], rel=1e-12)
    assert seen == list(range(len(known["loss"])))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_that_diverges_says_what_overflowed(client):
    module = network(activations=["identity", "identity"])
    whole, cut = samples(module)
    with pytest.raises(module.DivergedError) as theirs:
        module.train(module.initialize(0), *whole, learning_rate=1e200, batch_size=N, epochs=9)
    with pytest.raises(module.DivergedError) as ours:
        train(module, module.initialize(0), *cut, learning_rate=1e200, epochs=9)
    assert str(ours.value) == str(theirs.value)
    for name in ("epoch", "step", "layer", "tensor"):
        assert getattr(ours.value, name) == getattr(theirs.value, name)
    np.testing.assert_allclose(ours.value.theta, theirs.value.theta, rtol=1e-12)
    assert len(ours.value.history["loss"]) == ours.value.epoch


class Moves:
    """What workers have fetched from one another since this was made: keys and bytes."""

    def __init__(self, client: Client) -> None:
        self.client, self.before = client, {}
        self.before = {worker: len(log) for worker, log in self.log().items()}

    def log(self) -> dict[str, list[Any]]:
        return self.client.run(lambda dask_worker: [entry["keys"] for entry in dask_worker.transfer_incoming_log])

    def new(self) -> list[tuple[str, int]]:
        later = [keys for worker, log in self.log().items() for keys in log[self.before[worker] :]]
        return [(str(key), size) for keys in later for key, size in keys.items()]


def test_chunks_stay_and_only_text_parameters_and_gradients_travel(client):
    module = network()
    rng = np.random.default_rng(0)
    X, Y = (da.from_array(rng.standard_normal((40_000, n)), chunks=(5000, -1)) for n in (4, 3))
    X, Y = persist(X, Y, client=client)
    held = futures_of(X)
    holders = client.who_has(held)
    assert len({worker for workers in holders.values() for worker in workers}) == 2
    theta, moves = module.initialize(0), Moves(client)
    for _ in range(3):
        theta = theta - loss_and_gradient(module, theta, X, Y)[1]
    train(module, theta, X, Y, epochs=3, chunks_per_step=3)
    texts = [size for key, size in moves.new() if "derive-module" in key]
    others = [size for key, size in moves.new() if "derive-module" not in key]
    assert client.who_has(held) == holders
    assert len(texts) <= 4 * 2  # four calls, two workers
    assert max(texts) <= len(module.__source__) + 200
    assert max(others) <= theta.nbytes + 200
    assert sum(others) < X.nbytes / 8
    moves = Moves(client)  # a control: these chunks are not where they are needed
    loss_and_gradient(module, theta, X.rechunk({0: 7000}), Y)
    assert max(size for _, size in moves.new()) > 1000 * theta.nbytes / 40


def test_what_travels_is_text_and_never_the_module(client, tmp_path):
    module = network()
    module.lock = threading.Lock()
    with pytest.raises(TypeError, match="pickle"):
        cloudpickle.dumps(module)
    _, cut = samples(module)
    expected = loss_and_gradient(module, module.initialize(0), *cut)[1]
    path = tmp_path / "network.py"
    path.write_text(module.__source__)
    assert (loss_and_gradient(load(path), module.initialize(0), *cut)[1] == expected).all()


def test_modules_that_derive_did_not_emit(client, tmp_path):
    _, cut = samples(network())
    with pytest.raises(DeriveError, match="has no DIGEST"):
        loss_and_gradient(np, np.zeros(3), *cut)
    text = network().__source__
    changed = load(text.replace("np.tanh(", "np.sin("))
    with pytest.raises(DeriveError, match="changed by hand"):
        loss_and_gradient(changed, changed.initialize(0), *cut)
    imported = network()
    del imported.__source__
    imported.__file__ = str(tmp_path / "network.py")
    Path(imported.__file__).write_text(text + "# more\n")
    with pytest.raises(DeriveError, match="since it was imported"):
        loss_and_gradient(imported, imported.initialize(0), *cut)


UNKNOWN = dask_array(30, 4)[dask_array(30, cuts=(10,)) > 0]


@pytest.mark.parametrize(
    ("X", "Y", "weights", "message"),
    [
        (np.ones((30, 4)), dask_array(30, 3), None, "X is a numpy ndarray; expected a Dask array"),
        (dask_array(30, 4), [[0.0]], None, "Y is a builtins list; expected a Dask array"),
        (dask_array(30, 4, cuts=(10, 2)), dask_array(30, 3), None, "cut along its columns, into 2, 2"),
        (dask_array(30, 4), dask_array(30, 3, cuts=(10, 2)), None, r"use Y.rechunk\({1: -1}\)"),
        (UNKNOWN, dask_array(30, 3), None, r"unknown length; call X.compute_chunk_sizes\(\)"),
        (dask_array(30, 5), dask_array(30, 3), None, r"X has shape \(30, 5\); expected \(N, 4\)"),
        (dask_array(30, 4), dask_array(30, 2), None, r"Y has shape \(30, 2\); expected \(N, 3\)"),
        (dask_array(30, 4), dask_array(30), None, r"Y has shape \(30,\); expected \(N, 3\)"),
        (dask_array(30, 4), dask_array(29, 3), None, "X has 30 rows and Y has 29"),
        (dask_array(0, 4), dask_array(0, 3), None, "X has no rows"),
        (dask_array(30), dask_array(30, 3), None, r"X has shape \(30,\)"),
        (dask_array(30, 4), dask_array(30, 3), dask_array(30), "takes none; emit it with sample_weights"),
        (dask_array(30, 4) * np.nan, dask_array(30, 3), None, r"in rows \d+ to \d+, .*: X\[0, 0\] is nan"),
    ],
)
def test_arrays_that_cannot_be_used(client, X, Y, weights, message):
    module = network()
    for attempt in (loss_and_gradient, lambda *args: train(*args[:4], weights=args[4])):
        with pytest.raises(DeriveError, match=message):
            attempt(module, module.initialize(0), X, Y, weights)


def test_y_and_weights_are_cut_where_x_is(client):
    module = network(sample_weights=True)
    whole, (X, Y, weights) = samples(module)
    theta = module.initialize(0)
    expected = loss_and_gradient(module, theta, X, Y, weights)[1]
    found = loss_and_gradient(module, theta, X, Y.rechunk((7, 3)), weights.rechunk(50))[1]
    assert (found == expected).all()
    assert difference(found, module.loss_and_gradient(theta, *whole)[1]) <= 1e-12


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw"])
def test_the_update_is_that_of_the_modules_own_step(optimizer):
    module = network(optimizer=optimizer, clip=0.1)
    (X, Y), _ = samples(module)
    theta = module.initialize(0)
    other, state, ours = theta.copy(), module.new_state(theta), Optimizer(Architecture(**_asked(optimizer)), theta)
    for _ in range(3):
        ours.step(other, *module.loss_and_gradient(other, X, Y), 0.1)
        module.step(theta, state, X, Y, 0.1)
    assert difference(other, theta) <= 1e-13
    assert difference(other, module.initialize(0)) > 1e-3


def _asked(optimizer: str) -> dict[str, Any]:
    return {"sizes": (4, 6, 3), "activations": ["tanh", "identity"], "optimizer": optimizer, "clip": 0.1}
