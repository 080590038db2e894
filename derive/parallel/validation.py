"""Data that `train` watches the loss on: looked at before it starts, and evaluated after each epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from derive.extras import required
from derive.model.errors import DeriveError
from derive.parallel.chunks import Chunk, check_fit, chunked
from derive.parallel.shared import Shared


def watched(network: Shared, validation: Any) -> tuple[list[Chunk], Callable[[Any], float] | None]:
    """The chunks of (X, Y) or (X, Y, weights), none if these are NumPy's, and the loss on them as a function of theta.

    Raises DeriveError, before anything is computed, for what cannot be used.
    """
    if validation is None:
        return [], None
    try:
        return _watched(network, validation)
    except (TypeError, ValueError) as error:
        raise DeriveError(f"validation is no pair (X, Y) that can be used: {error}") from None


def _watched(network: Shared, validation: Any) -> tuple[list[Chunk], Callable[[Any], float]]:
    X, Y, *rest = validation
    if len(rest) > 1:
        raise DeriveError(f"there are {len(rest) + 2} arrays; expected X, Y and perhaps weights")
    weights = rest[0] if rest else None
    dask_array = required("dask.array", "dask").Array
    if any(isinstance(array, dask_array) for array in (X, Y, weights)):
        chunks = chunked(network.cluster, X, Y, weights)
        check_fit(network.architecture, X, Y, weights)
        return chunks, lambda theta: network.loss(theta, chunks)
    module = network.module
    data = module._data(X, Y)
    if network.architecture.sample_weights:
        data = *data, module._weights(weights, len(data[0]))
    elif weights is not None:
        raise DeriveError("weights for a module that takes none; emit it with sample_weights = true")
    return [], lambda theta: float(module.loss(theta, *data))
