"""Bounds on rounding errors: what was found about the loss and each gradient of a module, and what it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bound:
    """How far one quantity, as computed, is at most from the exact one; every number is rounded up."""

    quantity: str
    error: float
    """The largest |computed - exact| of an entry; infinite if there is no bound."""
    largest: float
    """The largest absolute value of an exact entry, rounded down."""
    ulp: float
    """The spacing of the module's floats at `largest`."""
    note: str = ""
    any_order: float = math.inf
    """As `error`, for every order in which sums may be added up; infinite if there is no such bound."""

    @property
    def relative(self) -> float:
        """The error by the largest entry."""
        return _quotient(self.error, self.largest)

    @property
    def ulps(self) -> float:
        """The error in units in the last place of the largest entry."""
        return _quotient(self.error, self.ulp)

    @property
    def holds(self) -> bool:
        """Whether there is a bound."""
        return self.error < math.inf

    def to_dict(self) -> dict[str, Any]:
        """The bound as JSON types; null where there is none."""
        numbers = {key: getattr(self, key) for key in ("error", "relative", "ulps", "any_order", "largest")}
        found = {key: value if math.isfinite(value) else None for key, value in numbers.items()}
        return {"quantity": self.quantity, **found, "note": self.note}


@dataclass(frozen=True)
class Rounding:
    """The bounds for the loss and each gradient, at which data and in how many bits they were found."""

    bounds: tuple[Bound, ...]
    data: str
    bits: int
    trusts: tuple[str, ...]
    note: str = ""
    """Why there is no bound for any order, if there is none."""

    @property
    def holds(self) -> bool:
        """Whether every quantity has a bound."""
        return all(bound.holds for bound in self.bounds)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types."""
        bounds = [bound.to_dict() for bound in self.bounds]
        return {
            "holds": self.holds,
            "data": self.data,
            "bits": self.bits,
            "quantities": bounds,
            "trusts": list(self.trusts),
            "note": self.note,
        }


def _quotient(value: float, by: float) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    return math.nextafter(value / by, math.inf) if by else math.inf
