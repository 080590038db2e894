"""The name of the slip that an array is consistent with: the slipped forms of the truth, evaluated in floats.

A slip is named if one of its forms (`proof.slips`) has the value of what was computed in place of a quantity; so
the names say "consistent with", and nothing is parsed or guessed from words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from derive.proof.arrays import UnfitError
from derive.proof.slip_rules import Setting
from derive.proof.slips import SLIPS, Slip
from derive.proof.terms import DERIVATIVES, Term, expanded, leaf, split_name
from derive.proof.truth import line
from derive.teach.reference import SLOPE_OF_A, Point


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


def slip_of(quantity: str, at: Point, wrong: Any, convention: float = 1.0) -> str | None:
    """The tag of the slip that `wrong` is consistent with, in place of `quantity`.

    A slip in the line itself has its name wherever 1/N stands. `convention` is the factor by which the gradients of
    the code are those of another loss than the mean.
    """
    base, layer = split_name(quantity)
    right: Any = np.asarray(at.values[quantity]) * convention
    for slip in SLIPS:
        scales = (1.0,) if slip.whole else (1.0, float(at.samples), 1 / at.samples)
        for form in _forms(slip, base, layer, at.architecture.depth):
            try:
                slipped: Any = np.asarray(at.value(form)) * convention
            except UnfitError:
                continue
            if base == "db" and 1 in slipped.shape:
                slipped = slipped.ravel()
            if close(slipped, right):
                continue
            if any(close(own, slipped * scale) for own in arranged(wrong, slipped.shape) for scale in scales):
                return slip.tag
    return None


def _forms(slip: Slip, base: str, layer: int, depth: int) -> Iterator[Term]:
    """What the slip makes of the quantity, or of the line that defines it, with f' at z or written in a."""
    setting = Setting("rows", depth)
    if slip.whole:
        yield from slip.slipped(leaf(base, layer), setting)
    elif base in DERIVATIVES and (base, layer) != ("da", depth):
        truth = line(base, layer, depth)
        yield from slip.slipped(truth, setting)
        yield from slip.slipped(expanded(truth, _written_in_a), setting)


def _written_in_a(term: Term) -> Term | None:
    return Term(SLOPE_OF_A, (leaf("a", term.layer),), term.layer) if term.head == "df" else None
