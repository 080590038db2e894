"""An emitted module on the workers of a cluster: what it computes, summed over chunks of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive.codegen.emit import digest, load, read_module
from derive.extras import required
from derive.fitting import module_of, source_of
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.loss import loss_function
from derive.model.specification import from_toml, to_toml
from derive.parallel.chunks import Chunk, check_rows, persisted, total
from derive.parallel.settings import generator
from derive.parallel.workers import ChunkLostError, Cluster

TRIES = 3  # of a computation whose chunks are forgotten each time


def text_of(module: ModuleType) -> str:
    """The text of an emitted module. Raises DeriveError if it is not the one that its DIGEST binds."""
    if not hasattr(module, "DIGEST") or not hasattr(module, "SPEC"):
        raise DeriveError(f"{shorten(module)} has no DIGEST, so derive did not emit it; expected a module that it did")
    text = getattr(module, "__source__", None) or read_module(Path(module.__file__ or ""))
    if digest(text) != module.DIGEST:
        raise DeriveError(
            f"{module.__file__}: its text is not the one that its DIGEST is of, so it was changed by hand or since it "
            "was imported; emit it again"
        )
    return text


class Shared:
    """A module whose text goes to every worker that needs it, once, and is loaded there."""

    def __init__(self, module: ModuleType, cluster: Cluster) -> None:
        text = text_of(module)
        self.module, self.cluster = module, cluster
        self.architecture = from_toml(module.SPEC)
        self._text, self._kept, self._sent = text, dict[Chunk, Chunk | None](), 0
        self._send()

    def keep(self, chunks: Sequence[Chunk]) -> None:
        """Compute the chunks, keep them on workers, and from now on use what is kept when one of them is asked for."""
        self._kept |= dict.fromkeys(chunks)
        self._again(self._make)

    @property
    def drops(self) -> bool:
        """Whether there is dropout, for which `loss_and_gradient` takes a generator."""
        return any(options.dropout for options in self.architecture.layers)

    def loss_and_gradient(self, theta: Any, chunks: Sequence[Chunk], rng: Any = None) -> tuple[float, Any]:
        """The loss and its gradient over all rows of the chunks; units are dropped if there is an `rng`."""
        if rng is not None and not self.drops:
            raise DeriveError("rng is given, but the module has no dropout; leave it out")
        seed = None if rng is None else int(generator(rng).integers(2**63))
        value, gradient = self._computed(_loss_and_gradient, total, theta, chunks, seed)
        excess, slope = self._penalties(theta, chunks)
        return value - excess, gradient - slope

    def loss(self, theta: Any, chunks: Sequence[Chunk]) -> float:
        """The loss over all rows of the chunks."""
        return float(self._computed(_loss, total, theta, chunks)[0] - self._penalties(theta, chunks)[0])

    def overflow(self, theta: Any, chunks: Sequence[Chunk]) -> tuple[int, str]:
        """The layer and the first tensor that is not finite, of the first chunk whose loss is not."""
        found = self._computed(_overflow, required("dask", "dask").delayed(list), theta, chunks)
        return next(filter(None, found), (self.architecture.depth, "loss"))

    def _penalties(self, theta: Any, chunks: Sequence[Chunk]) -> tuple[Any, Any]:
        """What a penalty divided by the number of samples comes to in the sum over the chunks, beyond the one time.

        It is the loss of the same network, with its gradient, where the only sample weighs nothing.
        """
        if not self.architecture.penalty.over_samples:
            return 0.0, 0.0
        plain = replace(self.architecture.undropped(), loss=loss_function("least_squares"), sample_weights=True)
        x, y = np.zeros((1, plain.sizes[0])), np.zeros((1, plain.sizes[-1]))
        penalty, slope = module_of(to_toml(plain)).loss_and_gradient(theta, x, y, np.zeros(1))
        often = (len(chunks) - 1) / sum(chunk.rows for chunk in chunks)
        return often * penalty, often * slope

    def _make(self) -> None:
        """Compute those of the chunks to keep that are not there."""
        if missing := [chunk for chunk, kept in self._kept.items() if kept is None]:
            self._kept |= dict(zip(missing, persisted(self.cluster, missing), strict=True))

    def _send(self) -> None:
        """Put the text on the cluster; under another name if it was there, so that nothing is left of what was lost."""
        often = f"-{self._sent}" if self._sent else ""
        self.text = self.cluster.submit(_same, self._text, key=f"derive-module-{self.module.DIGEST}{often}")
        self._sent += 1

    def _again(self, compute: Callable[[], Any]) -> Any:
        """What `compute` gives; when something is lost that was kept, as in a restart, all of it is made again."""
        for left in reversed(range(TRIES)):
            try:
                return compute()
            except ChunkLostError:
                if not left:
                    raise
            self.cluster.forget([future for kept in self._kept.values() if kept for future in kept.futures])
            self._kept = dict.fromkeys(self._kept)
            self._send()

    def _computed(
        self,
        task: Callable[..., Any],
        combined: Callable[[list[Any]], Any],
        theta: Any,
        chunks: Sequence[Chunk],
        seed: int | None = None,
    ) -> Any:
        """What `combined` makes of the task's results for each chunk, each computed where the chunk lies."""
        delayed = required("dask", "dask").delayed
        N = sum(chunk.rows for chunk in chunks)

        def attempt() -> Any:
            self._make()
            held = [self._kept.get(chunk) or chunk for chunk in chunks]
            build = partial(graph, held)
            return self.cluster.computed(build, [future for chunk in held for future in chunk.futures])

        def graph(held: Sequence[Chunk], places: Mapping[str, str]) -> Any:
            sent, tasks = delayed(_same, pure=False)(theta), []
            for chunk in held:
                own = None if seed is None else (seed, chunk.start)
                with chunk.placed(places, elsewhere=False):
                    given = (self.text, sent, chunk.words, chunk.rows, N, own)
                    tasks.append(delayed(task, pure=False)(*given, *chunk.arrays))
            return combined(tasks)

        return self._again(attempt)


# What follows runs on the workers.


def _same(value: Any) -> Any:
    """`value`, as the result of a task: it goes to a worker once, and is sent again if one is lost."""
    return value


@lru_cache(maxsize=64)
def _loaded(text: str) -> ModuleType:
    return load(text)


@contextmanager
def _chunk(words: str, rows: int, *arrays: Any) -> Iterator[None]:
    """Within, errors say in which rows; before, the chunk is checked to have as many as it should."""
    check_rows(words, rows, *arrays)
    try:
        yield
    except ValueError as error:
        raise DeriveError(f"in {words}, counted from the first of these: {error}") from None


def _loss_and_gradient(
    text: str, theta: Any, words: str, rows: int, N: int, seed: tuple[int, int] | None, *arrays: Any
) -> tuple[float, Any]:
    """The share of one chunk, of so many of N rows, in the loss and its gradient."""
    drawn = {} if seed is None else {"rng": np.random.default_rng(seed)}
    with _chunk(words, rows, *arrays):
        value, gradient = _loaded(text).loss_and_gradient(theta, *arrays, **drawn)
    return rows / N * value, rows / N * gradient


def _loss(text: str, theta: Any, words: str, rows: int, N: int, _: None, *arrays: Any) -> tuple[float, Any]:
    """The share of one chunk in the loss, and an empty vector."""
    with _chunk(words, rows, *arrays):
        return rows / N * _loaded(text).loss(theta, *arrays), np.zeros(0)


def _overflow(
    text: str, theta: Any, words: str, rows: int, _: int, __: None, X: Any, Y: Any, *weights: Any
) -> tuple[int, str] | None:
    """The layer and the first tensor that is not finite; None if the loss of this chunk is finite."""
    module = _loaded(text)
    with np.errstate(all="ignore"), _chunk(words, rows, X, Y, *weights):
        if np.isfinite(theta).all() and np.isfinite(module.loss(theta, X, Y, *weights)):
            return None
        layer, tensor = module._overflow(theta, *module._data(X, Y), *weights)
        return layer, tensor


class Optimizer:
    """The optimiser of an architecture, for gradients that are computed elsewhere.

    The update is that of an emitted module, fast style, whose sweep is replaced by one that hands over the gradient.
    """

    def __init__(self, architecture: Architecture, theta: Any) -> None:
        plain = replace(architecture.undropped(), sample_weights=False)
        self._module = load(source_of(to_toml(plain)))
        self._module.__dict__["_sweep"] = self._hand_over
        self._state = self._module.new_state(theta)
        self._found: tuple[float, Any] = (0.0, theta)

    def step(self, theta: Any, value: float, gradient: Any, learning_rate: float) -> None:
        """One update of `theta`, in place."""
        self._found = value, gradient
        self._module._step(theta, self._state, (), (), learning_rate)

    def _hand_over(self, parameters: Any, gradients: Any, buffers: Any, X: Any, Y: Any, scale: float) -> float:
        value, gradient = self._found
        np.multiply(scale, gradient, out=self._state.gradient)
        return value
