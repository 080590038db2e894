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
        return self.weights / self.weights.mean()


def epochs(
    module: ModuleType,
    theta: Any,
    state: Any,
    samples: Samples,
    rng: np.random.Generator,
    *,
    count: int,
    batch_size: int,
    learning_rate: float,
) -> Iterator[float]:
    """Train `theta`, in place, for at most `count` epochs; yields the mean loss of each as it ends.

    The loss of a batch is its weighted mean: a sample of weight 2 counts as two. Raises ValueError for a loss or
    parameters that are not finite, and says in which epoch (from 0).
    """
    N = len(samples.X)
    for epoch in range(count):
        rate = module.scheduled(learning_rate, epoch, count) if hasattr(module, "scheduled") else learning_rate
        order = rng.permutation(N)
        total = 0.0
        for start in range(0, N, batch_size):
            batch = samples.batch(order[start : start + batch_size])
            with np.errstate(over="ignore", invalid="ignore"):
                total += len(batch.X) * module.step(theta, state, batch.X, batch.Y, rate, batch.relative)
            if not np.isfinite(total):
                break
        if not (np.isfinite(total) and np.isfinite(theta).all()):
            raise ValueError(
                f"training diverged in epoch {epoch}: the loss or the parameters are no longer finite; "
                "standardize the inputs or use a smaller learning_rate_init"
            )
        yield total / N


def minimized(
    module: ModuleType, theta: Any, samples: Samples, *, iterations: int, evaluations: int, tol: float
) -> tuple[Any, float, int, bool]:
    """L-BFGS-B on all samples at once: the parameters, the loss there, the iterations, and whether it converged."""
    from scipy.optimize import minimize

    data = (samples.X, samples.Y, samples.relative)
    limits = {"maxiter": iterations, "maxfun": evaluations, "gtol": tol}
    result = minimize(module.loss_and_gradient, theta, data, jac=True, method="L-BFGS-B", options=limits)
    return result.x, float(result.fun), int(result.nit), result.status != 1  # 1: a limit was reached


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
