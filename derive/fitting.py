"""Training as estimators need it: an emitted module's parameters, one epoch at a time, with a rule when to stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from derive.algebra.gradient import differentiate
from derive.algebra.update import update_program
from derive.codegen.emit import emit, load
from derive.model.specification import from_toml

LARGE = 1e6
"""Of a parameter: beyond this a finite one may still be too large for the loss to have a value."""


@lru_cache(maxsize=64)
def source_of(specification: str) -> str:
    """The emitted source of the architecture that TOML text describes; derived once for each text."""
    return emit(differentiate(from_toml(specification)), "fast")


@lru_cache(maxsize=64)
def module_of(specification: str) -> ModuleType:
    """The emitted module of the architecture that TOML text describes."""
    return load(source_of(specification))


def moments_of(module: ModuleType, state: Any) -> dict[str, Any]:
    """What the optimiser remembers, by the names of its update equations; `restored` takes it back."""
    names = update_program(from_toml(module.SPEC).optimizer).states
    return {name: getattr(state, name) for name in names}


def restored(module: ModuleType, theta: Any, moments: dict[str, Any]) -> Any:
    """A new state of the optimiser at `theta` that remembers the `moments` of an earlier one."""
    state = module.new_state(theta)
    for name, value in moments.items():
        setattr(state, name, np.copy(value) if isinstance(value, np.ndarray) else value)
    return state


@dataclass(frozen=True)
class Samples:
    """X (N, n_0), Y (N, n_L) and a weight >= 0 for each of the N samples."""

    X: Any
    Y: Any
    weights: Any

    def batch(self, rows: Any) -> Samples:
        """The samples of these rows."""
        return Samples(self.X[rows], self.Y[rows], self.weights[rows])

    @property
    def relative(self) -> Any:
        """The weights divided by their mean, with which a module's loss is the weighted mean."""
        with np.errstate(over="ignore"):  # all are at most 1, but NumPy 1.26 pads its vectors, and 1/5e-324 overflows
            weights = self.weights / self.weights.max()  # the sum of the largest floats would overflow
        return weights / weights.mean()


def epochs(
    module: ModuleType,
    theta: Any,
    state: Any,
    samples: Samples,
    rng: np.random.Generator,
    *,
    numbers: range,
    whole: int,
    batch_size: int,
    learning_rate: float,
) -> Iterator[float]:
    """Train `theta`, in place, for the epochs of these `numbers`; yields the mean loss of each as it ends.

    The schedule of the learning rate, if there is one, goes over epochs 0 to `whole` - 1. The loss of an epoch is the
    weighted mean over all samples: weights are divided by their mean once, not in each batch, so that the gradients
    of the batches have the right sizes in relation to each other. Raises ValueError for a loss or parameters that
    are not finite, and says in which epoch; that of an epoch is the loss before its last update, so it is looked at
    again after it where the parameters have become large.
    """
    N, relative = len(samples.X), samples.relative
    for epoch in numbers:
        rate = module.scheduled(learning_rate, epoch, whole) if hasattr(module, "scheduled") else learning_rate
        order = rng.permutation(N)
        total = 0.0
        for start in range(0, N, batch_size):
            rows = order[start : start + batch_size]
            batch = samples.X[rows], samples.Y[rows], relative[rows]
            with np.errstate(over="ignore", invalid="ignore"):
                total += len(rows) * module.step(theta, state, *batch[:2], rate, batch[2])
            if not np.isfinite(total):
                break
        with np.errstate(over="ignore", invalid="ignore"):
            sound = np.isfinite(total) and np.isfinite(theta).all()
            if sound and np.abs(theta).max() > LARGE:
                sound = np.isfinite(module.loss(theta, *batch))
        if not sound:
            raise _diverged(f"in epoch {epoch}", "standardize the inputs or use a smaller learning_rate_init")
        yield total / N


@dataclass(frozen=True)
class Minimum:
    """Where L-BFGS-B ended: parameters, loss, iterations; why it `stopped`, "" if it converged."""

    theta: Any
    loss: float
    iterations: int
    stopped: str


def minimized(
    module: ModuleType, theta: Any, samples: Samples, *, iterations: int, evaluations: int, tol: float
) -> Minimum:
    """L-BFGS-B on all samples at once. Raises ValueError for a loss or parameters that are not finite."""
    from scipy.optimize import minimize

    data = (samples.X, samples.Y, samples.relative)
    limits = {"maxiter": iterations, "maxfun": evaluations, "gtol": tol}
    with np.errstate(over="ignore", invalid="ignore"):
        result = minimize(module.loss_and_gradient, theta, data, jac=True, method="L-BFGS-B", options=limits)
    if not (np.isfinite(result.fun) and np.isfinite(result.x).all()):
        raise _diverged(f"after {result.nit} iterations", "standardize the inputs")
    stopped = "" if result.status == 0 else str(result.message).strip(": ")
    return Minimum(result.x, float(result.fun), int(result.nit), stopped)


def _diverged(when: str, remedy: str) -> ValueError:
    return ValueError(f"training diverged {when}: the loss or the parameters are no longer finite; {remedy}")


@dataclass
class Watch:
    """Says when to stop: after more than `patience` epochs in a row that were not better by more than `tol`.

    What is watched gets better as it grows; `best` is the largest so far.
    """

    tol: float
    patience: int
    best: float = field(default=-np.inf)
    waited: int = 0

    def improves(self, value: float) -> bool:
        """Take note of `value`; whether it is the best so far."""
        self.waited = 0 if value >= self.best + self.tol else self.waited + 1
        improved = value > self.best
        self.best = max(value, self.best)
        return improved

    @property
    def over(self) -> bool:
        """Whether to stop."""
        return self.waited > self.patience
