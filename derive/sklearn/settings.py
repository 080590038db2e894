"""What the settings of an estimator have to be. All are checked before anything else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from math import inf
from sys import float_info
from typing import Any

import numpy as np

from derive.model.activation import Activation
from derive.model.errors import DeriveError, shorten, unknown
from derive.model.limits import LIMITS
from derive.model.scalars import MAX_CONSTANT, real
from derive.model.tables import OPTIMIZERS

ALIASES = {"logistic": "sigmoid", "invscaling": "inverse_scaling", "squared_error": "least_squares"}
"""scikit-learn's name → derive's, where they differ; both are understood."""

SOLVERS = ("lbfgs", *OPTIMIZERS)

LARGEST_BATCH = 200  # of batch_size="auto", as in scikit-learn


MOST_UNITS = LIMITS["width"].most

NUMBERS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "alpha": (f"a number of at least 0, below {MAX_CONSTANT:g}", lambda value: 0 <= value < MAX_CONSTANT),
    "learning_rate_init": ("a positive, finite number", lambda value: 0 < value <= float_info.max),
    "tol": ("a finite number of at least 0", lambda value: 0 <= value <= float_info.max),
    "validation_fraction": ("a number between 0 and 1", lambda value: 0 < value < 1),
}
"""What each setting that is a number has to be, in words and as a test."""

COUNT = "a whole number of at least 1"


@dataclass(frozen=True)
class Settings:
    """The settings that are numbers, as plain ones; units and activation of each hidden layer."""

    hidden: tuple[int, ...]
    functions: tuple[str | Activation, ...]
    alpha: float
    batch_size: int | None
    learning_rate_init: float
    max_iter: int
    tol: float
    warm_start: bool
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    max_fun: int

    def batch(self, N: int) -> int:
        """How many of N samples a step takes."""
        return min(self.batch_size or LARGEST_BATCH, N)


def checked(given: Any) -> Settings:
    """The settings in the attributes of an estimator. Raises DeriveError for one that cannot be used."""
    hidden = _hidden(given.hidden_layer_sizes)
    _check_solver(given.solver)
    settings = Settings(
        hidden=hidden,
        functions=_functions(given.activation, len(hidden)),
        alpha=_number("alpha", given.alpha),
        batch_size=_batch_size(given.batch_size),
        learning_rate_init=_number("learning_rate_init", given.learning_rate_init),
        max_iter=_whole("max_iter", given.max_iter),
        tol=_number("tol", given.tol),
        warm_start=_flag("warm_start", given.warm_start),
        early_stopping=_flag("early_stopping", given.early_stopping),
        validation_fraction=_number("validation_fraction", given.validation_fraction),
        n_iter_no_change=_whole("n_iter_no_change", given.n_iter_no_change),
        max_fun=_whole("max_fun", given.max_fun),
    )
    if settings.early_stopping and given.solver == "lbfgs":
        raise DeriveError("early_stopping=True needs a solver that goes by epochs, such as 'adam', not 'lbfgs'")
    return settings


def known(value: Any) -> Any:
    """derive's name for what may be scikit-learn's."""
    return ALIASES.get(value, value) if isinstance(value, str) else value


def _check_solver(value: object) -> None:
    """Raise DeriveError for a name that is none of a solver's; the constants of one are checked with the network."""
    if isinstance(value, str) and value not in SOLVERS:
        raise unknown("solver", value, SOLVERS)
    if isinstance(value, Mapping) and value.get("name") == "lbfgs":
        raise refused("solver", value, "'lbfgs' by itself, which has no constants")


def _number(name: str, value: object) -> float:
    expected, fits = NUMBERS[name]
    number = real(value)
    if number is None or not fits(number):
        raise refused(name, value, expected)
    return float(number)


def _whole(name: str, value: object, expected: str = COUNT, most: float = inf) -> int:
    """A count as an int; 5.0 is one too."""
    number = real(value)
    if number is None or not 1 <= number <= most or number == inf or number != int(number):
        raise refused(name, value, expected)
    return int(number)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise refused(name, value, "True or False")
    return bool(value)


def _batch_size(value: object) -> int | None:
    return None if isinstance(value, str) and value == "auto" else _whole("batch_size", value, f"'auto' or {COUNT}")


def _hidden(value: object) -> tuple[int, ...]:
    expected = f"a whole number from 1 to {MOST_UNITS}"
    entries = _listed(value)
    if entries is None and real(value) is not None:
        return (_whole("hidden_layer_sizes", value, f"{expected}, or a list of such", MOST_UNITS),)
    if entries is None:
        raise refused("hidden_layer_sizes", value, "a list of whole numbers, the units of each hidden layer")
    return tuple(_whole(f"hidden_layer_sizes[{k}]", n, expected, MOST_UNITS) for k, n in enumerate(entries))


def _functions(value: object, layers: int) -> tuple[str | Activation, ...]:
    if isinstance(value, str | Activation):
        return (known(value),) * layers
    entries = _listed(value)
    if entries is None:
        raise refused("activation", value, "a name, or a list with one activation for each hidden layer")
    if len(entries) != layers:
        raise DeriveError(
            f"activation lists {len(entries)}, but hidden_layer_sizes {layers}; give a name, or one activation for "
            "each hidden layer"
        )
    return tuple(known(entry) for entry in entries)


def _listed(value: object) -> tuple[Any, ...] | None:
    """The entries of a list, a tuple, an array; None for what has no order, or would be used up by the first fit."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping | Set | Iterator):
        return None
    try:
        return tuple(value)
    except TypeError:  # an array without axes
        return None


def refused(name: str, value: object, expected: str) -> DeriveError:
    """The error for a setting that is not what was expected."""
    return DeriveError(f"{name} is {shorten(value)}; expected {expected}")
