"""theta, X and Y to run a module at: read from an .npz file, or drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive.codegen.rigor.archives import unpacked
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.limits import LIMITS

SAMPLES, SEED = 8, 0
WIDEST = 16
"""Bytes of the longest kind of number that an array may have."""


def one_hot(labels: Any, units: int) -> Any:
    """A row for each label, with 1 in its column."""
    return (labels[:, None] == np.arange(units)).astype(float)


TARGETS: dict[str, Callable[[Any, tuple[int, int]], Any]] = {
    "real": lambda rng, shape: rng.standard_normal(shape),
    "unit": lambda rng, shape: rng.random(shape),
    "distribution": lambda rng, shape: one_hot(rng.integers(shape[1], size=shape[0]), shape[1]),
    "count": lambda rng, shape: rng.poisson(2.0, shape),
    "sign": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
}
"""Kind of the targets that a loss takes → random ones."""


@dataclass(frozen=True)
class Data:
    """theta (P,), X (N, n0) and Y (N, nL) in the module's dtype; `description` says where they come from."""

    name: str
    theta: Any
    X: Any
    Y: Any
    description: str


def default_data(module: ModuleType, architecture: Architecture) -> Data:
    """theta as the module's `initialize` draws it, normally distributed X, and Y that the loss takes."""
    rng = np.random.default_rng(SEED)
    X = rng.standard_normal((SAMPLES, architecture.sizes[0]))
    Y = TARGETS[architecture.loss.targets](rng, (SAMPLES, architecture.sizes[-1]))
    try:
        theta = module.initialize(SEED)
    except (Exception, SystemExit) as error:
        raise DeriveError(f"the module's initialize({SEED}) raises {type(error).__name__}: {error}") from None
    description = f"initialize({SEED}), {SAMPLES} random samples, seed {SEED}"
    return _checked("the module", {"theta": theta, "X": X, "Y": Y}, architecture, description)


def read_data(path: Path, architecture: Architecture) -> Data:
    """The arrays theta, X and Y of an .npz file. Raises DeriveError; nothing in the file is run."""
    parameters = WIDEST * architecture.parameter_count
    arrays = unpacked(path, lambda name: parameters if name == "theta" else LIMITS["archive"].most, ("theta", "X", "Y"))
    missing = [name for name in ("theta", "X", "Y") if name not in arrays]
    if missing:
        raise DeriveError(f"{path}: the array {missing[0]} is missing; expected theta, X and Y")
    return _checked(str(path), arrays, architecture, f"{path}: {len(np.atleast_1d(arrays['X']))} samples")


def _checked(where: str, arrays: dict[str, Any], architecture: Architecture, description: str) -> Data:
    """The arrays in the dtype in which the module takes them. Raises DeriveError if one does not fit."""
    converted = {}
    for name, value in arrays.items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise DeriveError(f"{where}: {name} has dtype {array.dtype}; expected real numbers")
        with np.errstate(over="ignore"):
            converted[name] = array.astype(architecture.dtype)
        if not np.isfinite(converted[name]).all():
            first = np.argwhere(~np.isfinite(converted[name]))[0].tolist()
            raise DeriveError(f"{where}: {name}{first} is {array[tuple(first)]}; expected finite {architecture.dtype}")
    theta, X, Y = (converted[name] for name in ("theta", "X", "Y"))
    units = architecture.sizes[-1]
    if architecture.loss.targets == "distribution" and Y.ndim == 1 and np.isin(Y, np.arange(units)).all():
        if len(Y) * units > LIMITS["archive"].most // 8:
            raise DeriveError(f"{where}: {len(Y)} labels of {units} units; give fewer samples")
        Y = one_hot(Y.astype(int), units).astype(architecture.dtype)
    samples = len(X) if X.ndim == 2 and len(X) else "N"
    expected = {
        "theta": (theta, (architecture.parameter_count,)),
        "X": (X, (samples, architecture.sizes[0])),
        "Y": (Y, (samples, architecture.sizes[-1])),
    }
    for name, (array, shape) in expected.items():
        if array.shape != shape:
            shown = f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"
            raise DeriveError(f"{where}: {name} has shape {array.shape}; expected {shown}")
    return Data(where, theta, X, Y, description)
