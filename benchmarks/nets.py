"""The networks of `make bench`, their data, and what of their step are matrix products: the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from derive import Architecture

RATES = {"sgd": 0.01, "adam": 0.001}
EPSILON = 1e-4
"""Of Adam. With the usual 1e-8 a derivative that is zero but for rounding moves its parameter by the whole rate, one
way or the other, so that no two float32 programs agree; the time of a step does not depend on it."""


@dataclass(frozen=True)
class Net:
    """One row of the table: a network, its batch and its update, all in float32."""

    sizes: tuple[int, ...]
    activation: str
    output: str
    batch: int
    optimizer: str
    limits: dict[str, float] = field(default_factory=dict, hash=False)
    """What issue 5 asks for: how often faster than a peer, and at most how many times the floor."""

    @property
    def title(self) -> str:
        output = f", {self.output}" if self.output != "identity" else ""
        return f"{'-'.join(map(str, self.sizes))} {self.activation}{output}, {self.batch}, {self.optimizer}"

    @property
    def loss(self) -> str:
        return "cross_entropy" if self.output == "softmax" else "least_squares"

    @property
    def rate(self) -> float:
        return RATES[self.optimizer]

    @property
    def _update(self) -> dict[str, Any]:
        return {"name": self.optimizer, **({"epsilon": EPSILON} if self.optimizer == "adam" else {})}

    @property
    def architecture(self) -> Architecture:
        names = [self.activation] * (len(self.sizes) - 2) + [self.output]
        return Architecture(self.sizes, names, self.loss, self._update, "float32", "bench")

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """X, standard normal, and Y: one-hot for cross-entropy."""
        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.batch, self.sizes[0]), dtype=np.float32)
        if self.output == "softmax":
            return X, np.eye(self.sizes[-1], dtype=np.float32)[rng.integers(self.sizes[-1], size=self.batch)]
        return X, rng.standard_normal((self.batch, self.sizes[-1]), dtype=np.float32)

    @cached_property
    def start(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """W_l, b_l of each layer to start from."""
        rng = np.random.default_rng(1)
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        return [
            ((rng.standard_normal((n, m)) / np.sqrt(m)).astype(np.float32), np.full(n, 0.01, np.float32))
            for m, n in pairs
        ]

    def floor(self) -> Callable[[], Any]:
        """Only the matrix products of a step: forward, dW and da, into arrays that exist."""
        rng = np.random.default_rng(2)

        def array(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape, dtype=np.float32)

        a = [self.data[0], *(array(self.batch, n) for n in self.sizes[1:])]
        W = [w for w, _ in self.start]
        dW = [np.empty_like(w) for w in W]
        delta = [array(self.batch, n) for n in self.sizes]
        z = [np.empty_like(d) for d in delta]
        calls = [(a[k], W[k].T, z[k + 1]) for k in range(len(W))]
        for k in reversed(range(len(W))):
            calls.append((delta[k + 1].T, a[k], dW[k]))
            if k:
                calls.append((delta[k + 1], W[k], z[k]))

        def products() -> None:
            for left, right, out in calls:
                left.dot(right, out)

        return products


NETS = (
    Net((2, 16, 16, 1), "tanh", "identity", 32, "sgd", {"JAX jit": 1.5, "PyTorch": 15, "scikit-learn": 20}),
    Net(
        (64, 32, 10), "tanh", "identity", 64, "sgd",
        {"JAX jit": 1.6, "PyTorch": 15, "scikit-learn": 15, "floor": 1.5},
    ),
    Net((13, 64, 64, 3), "relu", "identity", 32, "adam", {"JAX jit": 1.5, "PyTorch": 10, "scikit-learn": 10}),
    Net(
        (784, 128, 10), "relu", "softmax", 128, "sgd",
        {"JAX jit": 1.3, "PyTorch": 2, "scikit-learn": 2.5, "floor": 1.15},
    ),
    Net(
        (784, 512, 512, 10), "tanh", "identity", 256, "adam",
        {"JAX jit": 1.0, "PyTorch": 1.3, "scikit-learn": 1.5, "floor": 1.15},
    ),
    Net((32, 64, 64, 8), "relu", "identity", 1, "sgd", {"JAX jit": 1.5, "PyTorch": 15, "scikit-learn": 15}),
)  # fmt: skip
