"""Dask arrays as chunks of samples: what belongs together, where it lies, and sums over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.extras import required
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.parallel.workers import ChunkLostError, Cluster

TOGETHER = 8  # results that are added up at a time


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows of the data: Delayed objects for X, Y and, if there are any, the weights; the Future, if any, of X.

    Each is equal to itself alone, so that it can be a key.
    """

    start: int
    rows: int
    arrays: tuple[Any, ...]
    futures: tuple[Any, ...]

    @property
    def words(self) -> str:
        """Which rows these are."""
        return f"rows {self.start} to {self.start + self.rows - 1}"

    def placed(self, places: Mapping[str, str], elsewhere: bool) -> Any:
        """A context in which tasks go to the worker that holds X, or also `elsewhere` once that worker is gone."""
        where = [places[future.key] for future in self.futures if future.key in places]
        asked = {"workers": where, "allow_other_workers": elsewhere} if where else {}
        return required("dask", "dask").annotate(**asked)


def chunked(cluster: Cluster, X: Any, Y: Any, weights: Any = None) -> list[Chunk]:
    """The chunks of Dask arrays X (N, n_0), Y (N, n_L) or (N,), and weights (N,), without the empty ones.

    Y and weights are cut where X is. Raises DeriveError for arrays that do not go together, or with the cluster.
    """
    futures_of = required("distributed", "dask").futures_of
    given = {"X": X, "Y": Y} | ({} if weights is None else {"weights": weights})
    for name, array in given.items():
        _check(name, array)
        if len(array) != len(X):
            raise DeriveError(f"X has {len(X)} rows and {name} has {len(array)}; expected one for every sample")
        cluster.check_futures(name, futures_of(array))
    arrays = [array.rechunk({0: X.chunks[0]}) for array in given.values()]
    blocks = zip(*(array.to_delayed(optimize_graph=False).ravel() for array in arrays), strict=True)
    nearest, starts = _nearest(X), np.cumsum((0, *X.chunks[0]))
    found = [
        Chunk(int(start), int(rows), block, nearest.get(block[0].key, ()))
        for start, rows, block in zip(starts, X.chunks[0], blocks, strict=False)
        if rows
    ]
    if not found:
        raise DeriveError("X has no rows; expected at least one sample")
    return found


def check_fit(architecture: Architecture, X: Any, Y: Any, weights: Any = None) -> None:
    """Raise DeriveError unless these are arrays for this network."""
    labels = architecture.loss.targets == "distribution" and np.ndim(Y) == 1
    widths = {"X": (architecture.sizes[0],), "Y": () if labels else (architecture.sizes[-1],), "weights": ()}
    for name, array in {"X": X, "Y": Y, "weights": weights}.items():
        if array is not None and array.shape[1:] != widths[name]:
            expected = ", ".join(map(str, ("N", *widths[name]))) + "," * (not widths[name])
            raise DeriveError(f"{name} has shape {array.shape}; expected ({expected}), one row for each of N samples")
    if weights is not None and not architecture.sample_weights:
        raise DeriveError("weights for a module that takes none; emit it with sample_weights = true")


def _check(name: str, array: Any) -> None:
    if not isinstance(array, required("dask.array", "dask").Array):
        raise DeriveError(
            f"{name} is a {type(array).__module__.partition('.')[0]} {type(array).__name__}; expected a Dask array, "
            f"such as dask.array.from_array({name}, chunks=(10000, -1))"
        )
    if not hasattr(array, "to_delayed"):
        raise DeriveError(f"{name} is an array with a query plan; expected one made with array.query-planning off")
    if array.ndim not in (1, 2) or (array.ndim == 1 and name == "X"):
        raise DeriveError(f"{name} has shape {array.shape}; expected one row for each of N samples")
    if np.isnan(array.shape).any():
        raise DeriveError(f"{name} has chunks of unknown length; call {name}.compute_chunk_sizes() first")
    if array.ndim > 1 and array.numblocks[1] > 1:
        raise DeriveError(
            f"{name} is cut along its columns, into {', '.join(map(str, array.chunks[1]))}; chunks hold whole rows: "
            f"use {name}.rechunk({{1: -1}})"
        )


def _nearest(array: Any) -> dict[Any, tuple[Any]]:
    """The Future that is the fewest steps away, for each key of the array's graph that is made of any."""
    futures_of, graph = required("distributed", "dask").futures_of, array.__dask_graph__()
    held = {key: future for key, value in graph.items() for future in futures_of([value])[:1]}
    if not held:
        return {}
    found: dict[Any, tuple[int, str, Any]] = {}
    dependencies = {key: others - {key} for key, others in graph.get_all_dependencies().items()}  # a Future has itself
    for key in required("dask.core", "dask").toposort(graph, dependencies=dependencies):
        if key in held:
            found[key] = 0, str(key), held[key]
        elif below := [found[other] for other in dependencies[key] if other in found]:
            steps, name, future = min(below, key=lambda entry: entry[:2])
            found[key] = steps + 1, name, future
    return {key: (future,) for key, (_, _, future) in found.items()}


def persisted(cluster: Cluster, chunks: Sequence[Chunk]) -> list[Chunk]:
    """The same chunks, computed and kept on workers, everything of the same rows on the same one.

    An X that lies on a worker already stays there.
    """
    delayed = required("dask", "dask").delayed
    places = cluster.places([future for chunk in chunks for future in chunk.futures])
    tasks = []
    for chunk in chunks:
        with chunk.placed(places, elsewhere=True):
            tasks.append(delayed(_together, pure=False)(chunk.words, chunk.rows, *chunk.arrays))
    futures = cluster.compute(tasks)
    try:
        cluster.places(futures)
    except ChunkLostError:
        cluster.forget(futures)
        raise
    return [
        Chunk(chunk.start, chunk.rows, tuple(delayed(future)[k] for k in range(len(chunk.arrays))), (future,))
        for chunk, future in zip(chunks, futures, strict=True)
    ]


def _together(words: str, rows: int, *arrays: Any) -> tuple[Any, ...]:
    check_rows(words, rows, *arrays)
    return arrays


def check_rows(words: str, rows: int, *arrays: Any) -> None:
    """Raise DeriveError if the arrays of a chunk are not as long as was declared, as after a `map_blocks` that cuts.

    The share of the chunk in a sum over all rows would be wrong. Only a worker can see it.
    """
    for name, array in zip(("X", "Y", "weights"), arrays, strict=False):
        found = np.shape(array)[:1]
        if found != (rows,):
            raise DeriveError(
                f"{name} declares {rows} rows in its chunk of {words}, which holds {(*found, 'no')[0]}; "
                f"call {name}.compute_chunk_sizes() first"
            )


def gathered(array: Any, blocks: Sequence[Any], chunks: Sequence[Chunk]) -> Any:
    """A Dask array like `array` that is made of these blocks."""
    da = required("dask.array", "dask")
    parts = [
        da.from_delayed(block, (chunk.rows, *array.shape[1:]), dtype=array.dtype, meta=array._meta)
        for block, chunk in zip(blocks, chunks, strict=True)
    ]
    return da.concatenate(parts)


def total(parts: list[Any]) -> Any:
    """The Delayed sum of Delayed pairs of a number and a vector, in an order that depends on how many there are."""
    delayed = required("dask", "dask").delayed
    while len(parts) > 1:
        parts = [delayed(_sum, pure=False)(*parts[k : k + TOGETHER]) for k in range(0, len(parts), TOGETHER)]
    return parts[0]


def _sum(first: tuple[float, Any], *rest: tuple[float, Any]) -> tuple[float, Any]:
    value, vector = first[0], first[1].copy()
    for more, other in rest:
        value += more
        vector += other
    return value, vector
