"""How the arrays of somebody's function lie: samples as rows or columns of X, weights from input to output or back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

LAYOUTS = {"rows": "samples are rows of X", "columns": "samples are columns of X"}
WEIGHTS = {"out-in": "W is (n_l, n_(l-1))", "in-out": "W is (n_(l-1), n_l)"}
GIVEN = ("mask", "weights")
"""What else a function may take: the masks of dropout, and the weights of the samples."""


@dataclass(frozen=True)
class Convention:
    """How the function's arrays lie, and what its loss is; None for what is to be found by running it."""

    layout: str | None = None
    loss: str = "mean"
    weights: str | None = None

    def __str__(self) -> str:
        known = (LAYOUTS.get(self.layout or ""), WEIGHTS.get(self.weights or ""), f"{self.loss} loss")
        return ", ".join(filter(None, known))

    def candidates(self) -> Iterator[Convention]:
        """Every convention that this one leaves open, that of emitted modules first."""
        for weights in [self.weights] if self.weights else WEIGHTS:
            for layout in [self.layout] if self.layout else LAYOUTS:
                yield replace(self, layout=layout, weights=weights)

    def stored(self, name: str, value: Any) -> Any:
        """What is W (n_l, n_(l-1)), b (n_l,), X or Y (N, n) in the derivation, as the function has it; a copy."""
        if name[0] == "W" and self.weights == "in-out":
            value = value.T
        if self.layout == "columns":
            of_samples = name in ("a0", "y") or name.startswith("mask")
            value = value.T if of_samples else value[:, None] if np.ndim(value) == 1 and name != "weights" else value
        return np.array(value, order="C")

    def given(self, values: dict[str, Any], order: list[str]) -> dict[str, Any]:
        """What the function is called with: W1, b1, …, theta with all of them, X and Y; copies that it may change."""
        result = {name: self.stored(name, values[name]) for name in order}
        result["theta"] = np.concatenate([result[name].ravel() for name in order])
        result |= {name: self.stored(name, v) for name, v in values.items() if name.startswith(GIVEN)}
        return {**result, "X": self.stored("a0", values["a0"]), "Y": self.stored("y", values["y"])}

    def factor(self, samples: int) -> int:
        """What the gradients of the mean loss are multiplied by."""
        return samples if self.loss == "sum" else 1
