"""Training on several machines with Dask: the gradient is the sum over chunks of the data, as the text writes it.

    X, Y = persist(X, Y)                            Dask arrays, with the same rows on the same worker
    loss_and_gradient(module, theta, X, Y) -> (float, gradient)
    train(module, theta, X, Y, epochs=…) -> (theta, history)

Chunks stay on the workers that hold them; what travels are the module's text, once to each worker, parameters and
gradients. Workers need derive too. Needs the extra `dask`; `Client(LocalCluster())` of dask.distributed starts
workers on one machine.

>>> import dask.array as da
>>> from dask.distributed import Client
>>> from derive import Architecture, differentiate, emit, load
>>> network = load(emit(differentiate(Architecture((1, 4, 1), ("tanh", "identity")))))
>>> x = da.linspace(-2, 2, 400, chunks=100).reshape(-1, 1)
>>> with Client(processes=False, dashboard_address=":0") as client:
...     theta, history = train(network, network.initialize(0), x, da.sin(x), epochs=50)
>>> history["loss"][-1] < history["loss"][0]
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from derive.parallel.chunks import Chunk, check_fit, chunked, gathered, persisted
from derive.parallel.settings import check_settings, generator, parameters, rate, whole
from derive.parallel.shared import Optimizer, Shared
from derive.parallel.validation import watched
from derive.parallel.workers import WorkersLostError, cluster

__all__ = ["WorkersLostError", "loss_and_gradient", "persist", "train"]

WAIT = 60.0
"""Seconds without any worker after which a computation is given up."""


def persist(X: Any, Y: Any, weights: Any = None, *, client: Any = None, timeout: float = WAIT) -> tuple[Any, ...]:
    """The same Dask arrays kept on workers, the rows of a chunk of X beside their Y and weights: (X, Y[, weights]).

    For several calls of `loss_and_gradient`, which then moves no data; `train` does this by itself.
    """
    arrays = (X, Y) if weights is None else (X, Y, weights)
    used = cluster(client, timeout)
    kept = persisted(used, chunked(used, *arrays))
    return tuple(gathered(array, [chunk.arrays[k] for chunk in kept], kept) for k, array in enumerate(arrays))


def loss_and_gradient(
    module: ModuleType,
    theta: Any,
    X: Any,
    Y: Any,
    weights: Any = None,
    *,
    client: Any = None,
    rng: Any = None,
    timeout: float = WAIT,
) -> tuple[float, Any]:
    """The loss and its gradient, a vector like theta, over all rows of the Dask arrays X, Y and weights.

    The sum over the chunks k of N_k/N times what the module's own function gives for chunk k of N_k rows; a penalty
    is counted once. The order of the sum is that of the chunks, whatever worker is done first. Chunks that are not
    persisted are read, used and let go. `rng` is for dropout: every chunk draws from a generator of its own.
    Raises DeriveError for arrays that do not fit, WorkersLostError when no worker has been there for `timeout`
    seconds or the client is closed, and what reading a chunk raised.
    """
    network = Shared(module, cluster(client, timeout))
    module.unpack(theta)  # raises for what is no vector of parameters
    chunks = chunked(network.cluster, X, Y, weights)
    check_fit(network.architecture, X, Y, weights)
    return network.loss_and_gradient(theta, chunks, rng)


def train(
    module: ModuleType,
    theta: Any,
    X: Any,
    Y: Any,
    *,
    weights: Any = None,
    client: Any = None,
    epochs: int = 100,
    chunks_per_step: int | None = None,
    learning_rate: float = 0.1,
    rng: Any = None,
    validation: Any = None,
    callback: Callable[[int, dict[str, Any]], Any] | None = None,
    patience: int | None = None,
    timeout: float = WAIT,
) -> tuple[Any, dict[str, Any]]:
    """Train from `theta`, which is left as it is, on all rows of Dask arrays; the trained theta and the history.

    A step is one update with the gradient on `chunks_per_step` chunks; None is all of them, and then a step is an
    epoch. An epoch visits every chunk once, in a random order drawn from `rng`, where the module's own `train`
    draws rows: shuffle the data before it is cut. `validation` is (X, Y), or (X, Y, weights), of Dask or of NumPy.
    All else is as in the module's own `train`.

    A worker that is lost costs time and nothing else: its chunks are read again and the step is repeated, also when
    all are restarted. Raises the module's DivergedError as its own `train` does, and WorkersLostError, with what is
    trained so far, when no worker has been there for `timeout` seconds, when the client or its cluster is closed, and
    when chunks are lost that cannot be read again.
    """
    network = Shared(module, cluster(client, timeout))
    theta = parameters(module, theta)
    chunks = chunked(network.cluster, X, Y, weights)
    check_fit(network.architecture, X, Y, weights)
    epochs, learning_rate = whole("epochs", epochs), rate(learning_rate)
    each = len(chunks) if chunks_per_step is None else whole("chunks_per_step", chunks_per_step)
    patience = None if patience is None else whole("patience", patience)
    check_settings(network.architecture, epochs, patience, validation, callback)
    held, watch = watched(network, validation)
    rng = generator(rng)
    optimizer = Optimizer(network.architecture, theta)
    history: dict[str, Any] = {"loss": []} if watch is None else {"loss": [], "validation_loss": []}
    lowest, best = np.inf, theta
    with _handing_over(theta, history):
        network.keep([*chunks, *held])
    for epoch in range(epochs):
        used = module.scheduled(learning_rate, epoch, epochs) if hasattr(module, "scheduled") else learning_rate
        opening = theta.copy()
        diverged = partial(_diverged, network, epoch, history, opening)
        order = rng.permutation(len(chunks)) if each < len(chunks) else np.arange(len(chunks))
        total = 0.0
        with _handing_over(opening, history):
            for step, start in enumerate(range(0, len(chunks), each)):
                batch = [chunks[k] for k in sorted(order[start : start + each])]
                value, gradient = network.loss_and_gradient(theta, batch, rng if network.drops else None)
                if not abs(value) < np.inf:  # as NaN is not
                    raise diverged("the loss", step, theta, batch)
                optimizer.step(theta, value, gradient, used)
                total += sum(chunk.rows for chunk in batch) * value
            if not np.isfinite(theta).all():
                raise diverged("theta", step, theta, batch)
            history["loss"].append(total / len(X))
            if watch is not None:
                value = watch(theta)
                if not abs(value) < np.inf:
                    raise diverged("the validation loss", step, theta, batch)
                history["validation_loss"].append(value)
        if patience is not None and history["validation_loss"][-1] < lowest:
            lowest, best, history["best_epoch"] = history["validation_loss"][-1], theta.copy(), epoch
        if callback is not None:
            with _handing_over(theta, history):
                callback(epoch, history)
        if patience is not None and epoch - history["best_epoch"] >= patience:
            break
    return (theta if patience is None else best), history


@contextmanager
def _handing_over(theta: Any, history: dict[str, Any]) -> Iterator[None]:
    """Within, a WorkersLostError gets these parameters, and the history of the epochs that are whole."""
    try:
        yield
    except WorkersLostError as error:
        if error.theta is None:  # as it may have them from a training within a callback
            curves = [history[name] for name in ("loss", "validation_loss") if name in history]
            for curve in curves:
                del curve[min(map(len, curves)) :]
            error.theta, error.history = theta, history
        raise


def _diverged(
    network: Shared,
    epoch: int,
    history: dict[str, Any],
    opening: Any,
    what: str,
    step: int,
    theta: Any,
    batch: list[Chunk],
) -> ArithmeticError:
    """The module's DivergedError, as its own `train` raises it."""
    layer, tensor = network.overflow(theta, batch)
    error: ArithmeticError = network.module.DivergedError(
        f"{what} is not finite in epoch {epoch}, step {step} (from 0): {tensor} (layer {layer}) overflowed "
        "first; this error's theta holds the last finite parameters"
    )
    known = {"history": history, "epoch": epoch, "step": step, "layer": layer, "tensor": tensor}
    vars(error).update(known, theta=theta if np.isfinite(theta).all() else opening)
    return error
