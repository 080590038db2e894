"""The slips of backpropagation as data: what each would give in place of the right value, in the layout rows.

`Tensors` gives every quantity of the derivation by its name at some numbers. A slip is named if its form equals
what was computed there; so the names say "consistent with", and nothing is parsed or guessed from words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tensors:
    """The values of one layer's surroundings: `at("z", -1)` is z of the layer below."""

    values: Mapping[str, Any]
    slope: Callable[[int, Any], Any]
    """f'_l of every entry of an array."""
    from_output: Callable[[int, Any], Any]
    """The same from a = f(z), as in 1 - a**2."""
    label: int
    depth: int
    samples: int

    def at(self, kind: str, step: int = 0) -> Any:
        return self.values[f"{kind}{self.label + step}"]

    @property
    def sent_back(self) -> Any:
        """da^l: what comes from the layer above, or from the loss."""
        if self.label == self.depth:
            return (self.at("a") - self.values["y"]) / self.samples
        return self.at("delta", 1) @ self.at("W", 1)


Form = Callable[[Tensors], Any]

FORMS: dict[str, tuple[tuple[str, Form], ...]] = {
    "delta": (
        ("missing-derivative", lambda t: t.sent_back),
        ("derivative-at-wrong-argument", lambda t: t.sent_back * t.slope(t.label, t.at("a"))),
        ("derivative-at-wrong-argument", lambda t: t.sent_back * t.slope(t.label, t.at("z", 1))),
        ("derivative-at-wrong-argument", lambda t: t.sent_back * t.slope(t.label, t.at("z", -1))),
        ("missing-transpose", lambda t: t.at("delta", 1) @ t.at("W", 1).T * t.slope(t.label, t.at("z"))),
        ("wrong-weight-index", lambda t: t.at("delta", 1) @ t.at("W") * t.slope(t.label, t.at("z"))),
        ("wrong-weight-index", lambda t: t.at("delta", 1) @ t.at("W", 2) * t.slope(t.label, t.at("z"))),
        ("z-for-a", lambda t: t.sent_back * t.from_output(t.label, t.at("z"))),
        ("z-for-a", lambda t: (t.at("z") - t.values["y"]) / t.samples * t.slope(t.label, t.at("z"))),
    ),
    "dW": (
        ("wrong-activation-index", lambda t: t.at("delta").T @ t.at("a")),
        ("wrong-activation-index", lambda t: t.at("delta").T @ t.at("a", -2)),
        ("z-for-a", lambda t: t.at("delta").T @ t.at("z", -1)),
        ("outer-product-order", lambda t: t.at("a", -1).T @ t.at("delta")),
    ),
    "db": (
        ("bias-not-summed", lambda t: t.at("delta")),
        ("bias-not-summed", lambda t: t.at("delta").sum(axis=1)),
    ),
    "da": (
        ("missing-transpose", lambda t: t.at("delta", 1) @ t.at("W", 1).T),
        ("wrong-weight-index", lambda t: t.at("delta", 1) @ t.at("W")),
    ),
}
"""Quantity → (slip, what it gives); a slip whose shapes do not fit gives nothing."""

SCALED: tuple[tuple[str, Callable[[int], float]], ...] = (
    ("sign", lambda n: -1.0),
    ("constant-factor", lambda n: 2.0),
    ("constant-factor", lambda n: 0.5),
    ("missing-mean", lambda n: float(n)),
    ("mean-twice", lambda n: 1.0 / n),
)


def close(left: Any, right: Any) -> bool:
    """Whether two arrays are the same up to rounding."""
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if left.shape != right.shape or not np.isfinite(left).all():
        return False
    scale = max(float(np.abs(right).max(initial=0.0)), 1e-300)
    return bool(np.abs(left - right).max(initial=0.0) <= 1e-9 * scale)


def arranged(value: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    """An array as it may lie: as it is, transposed, or a bias as a row or a column."""
    array = np.asarray(value, dtype=float)
    yield array
    if array.ndim == 2:
        yield array.T
    if array.size == int(np.prod(shape)) and 1 in array.shape:
        yield array.reshape(shape)


def slip_of(kind: str, tensors: Tensors, wrong: Any, convention: float = 1.0) -> str | None:
    """The tag of the slip that `wrong` is consistent with, in place of the quantity `kind` of this layer."""
    right: Any = np.asarray(tensors.at(kind)) * convention
    for tag, factor in SCALED:
        if any(close(value, right * factor(tensors.samples)) for value in arranged(wrong, right.shape)):
            return tag
    for tag, form in FORMS.get(kind, ()):
        try:
            slipped: Any = np.asarray(form(tensors)) * convention
        except (KeyError, ValueError):
            continue
        for scale in (1.0, tensors.samples, 1 / tensors.samples):
            if any(close(value, slipped * scale) for value in arranged(wrong, slipped.shape)):
                last = tag == "missing-derivative" and tensors.label == tensors.depth
                return f"{tag}-output" if last else tag
    if right.ndim == 2 and close(np.asarray(wrong).T, right):
        return "transposed-layout"
    return None
