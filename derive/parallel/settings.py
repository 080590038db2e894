"""What `train` is asked for, checked before anything is computed, in the words of an emitted module's own `train`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten


def number(value: Any) -> float:
    """A real number, which may be infinite, as a float; NaN for anything else."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return np.nan
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return np.nan


def whole(name: str, value: Any) -> int:
    """A whole number of at least 1, as an int, since a np.int8 could not count far."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise DeriveError(f"{name} is {shorten(value)}; expected an integer of at least 1")
    return int(value)


def rate(learning_rate: Any) -> float:
    """A positive number."""
    if not 0 < number(learning_rate) < np.inf:
        raise DeriveError(f"learning_rate is {shorten(learning_rate)}; expected a positive number")
    return number(learning_rate)


def generator(rng: Any) -> np.random.Generator:
    """The generator that `rng` is or is the seed of."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise DeriveError(f"rng is {shorten(rng)}; expected None, an integer >= 0 or a numpy Generator") from None


def parameters(module: ModuleType, theta: Any) -> Any:
    """A vector of parameters, copied and with finite entries."""
    theta = module.pack(module.unpack(theta))
    wrong = ~np.isfinite(theta)
    if wrong.any():
        place = wrong.argmax()
        raise DeriveError(f"theta[{place}] is {theta[place]}; expected a finite number in every entry")
    return theta


def check_settings(architecture: Architecture, epochs: int, patience: Any, validation: Any, callback: Any) -> None:
    """Raise DeriveError for settings that do not go together, or a callback that cannot be called."""
    warm_up = int(dict(architecture.schedule.constants)["warm_up"])
    if epochs < warm_up:
        raise DeriveError(f"epochs is {epochs}; expected at least {warm_up}, the schedule's warm_up")
    if patience is not None and validation is None:
        raise DeriveError(f"patience is {patience} without validation; expected validation=(X, Y) to watch")
    if callback is not None and not callable(callback):
        raise DeriveError(f"callback is {type(callback)}; expected a function of an epoch and the history")
