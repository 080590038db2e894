"""Numbers as people give them, Python's or NumPy's scalars, and the ranges that named constants have to lie in."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real

from derive.model.errors import DeriveError, shorten

LARGEST = 1e6  # of any constant of a schedule or an initialization
MAX_CONSTANT = 1e100  # of an activation, a loss or a penalty: below this

RANGES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "delta": ("be positive", lambda value: value > 0),
    "every": ("be a whole number of at least 1", lambda value: value >= 1 and value == int(value)),
    "factor": ("lie in (0, 1]", lambda value: 0 < value <= 1),
    "minimum": ("be at least 0", lambda value: value >= 0),
    "power": ("be positive", lambda value: value > 0),
    "scale": ("be positive", lambda value: value > 0),
    "warm_up": ("be a whole number of at least 0", lambda value: value >= 0 and value == int(value)),
}
"""What each constant of a schedule, an initialization or a built-in loss has to be, in words and as a test."""


def real(value: object) -> int | float | None:
    """`value` as a plain number, an int if it is whole by its type; None if it is none. A bool is none.

    >>> real(2), real(0.5), real(True), real("2")
    (2, 0.5, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return int(value) if isinstance(value, Integral) else float(value)
    except OverflowError:  # a fraction beyond every float
        return None


def whole(value: object) -> int | None:
    """`value` as a plain int; None if it is none. Neither a bool nor a float is."""
    number = real(value)
    return number if isinstance(number, int) else None


def constant(where: str, key: str, value: object) -> float:
    """The value of a constant as a plain float."""
    number = real(value)
    if number is None or not abs(number) < MAX_CONSTANT:
        raise DeriveError(f"{where}: the constant {key} has to be a finite number, not {shorten(value)}")
    return float(number)


def ranged(where: str, key: str, value: object, largest: float = LARGEST) -> float:
    """The value of a constant that has a range in the table, as a plain float."""
    said, fits = RANGES[key]
    number = real(value)
    if number is None or not abs(number) <= largest or not fits(number):
        raise DeriveError(f"{where}: {key} has to {said}, not {shorten(value)}")
    return float(number)
