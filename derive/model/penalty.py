"""Penalties on the weights, and the conventions in which libraries differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from derive.model.errors import DeriveError, shorten, unknown
from derive.model.scalars import MAX_CONSTANT, real


@dataclass(frozen=True)
class Penalty:
    """What is added to the loss: l2 times the sum of w**2 (half of it, if `half`) and l1 times that of |w|.

    With `over_samples` both are divided by the number N of samples that the loss is taken over, as scikit-learn
    does. Biases, gains, shifts and trained constants are exempt.
    """

    l2: float = 0.0
    l1: float = 0.0
    half: bool = True
    over_samples: bool = False

    def __post_init__(self) -> None:
        for key in ("l2", "l1"):
            value = getattr(self, key)
            number = real(value)
            if number is None or not 0 <= number < MAX_CONSTANT:
                raise DeriveError(f"penalty: {key} has to be a number of at least 0, not {shorten(value)}")
            object.__setattr__(self, key, float(number))
        for key in ("half", "over_samples"):
            if not isinstance(getattr(self, key), bool):
                raise DeriveError(f"penalty: {key} is {shorten(getattr(self, key))}; expected true or false")

    @property
    def words(self) -> str:
        """The formula of what is added, with its convention; "" if nothing is."""
        over = " / N" * self.over_samples
        parts = [f"{self.l2:g}{'/2' * self.half}{over} sum(W**2)"] * bool(self.l2)
        return " + ".join(parts + [f"{self.l1:g}{over} sum(|W|)"] * bool(self.l1))


def penalty(value: Mapping[str, Any] | Penalty | None) -> Penalty:
    """The penalty that a table such as {"l2": 1e-4} describes."""
    if value is None or isinstance(value, Penalty):
        return value or Penalty()
    if not isinstance(value, Mapping):
        raise DeriveError(f"penalty: {shorten(value)} is not a table; write for example {{ l2 = 1e-4 }}")
    known = tuple(Penalty.__dataclass_fields__)
    for key in value:
        if key not in known:
            raise unknown("key", key, known, "penalty")
    return Penalty(**value)
