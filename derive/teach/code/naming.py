"""The name of the slip that an array is consistent with: the slipped forms of the truth, evaluated in floats.

A slip is named if one of its forms (`proof.grading.slips`) has the value of what was computed in place of a quantity;
so the names say "consistent with", and nothing is parsed or guessed from words.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from derive.algebra.gradient import differentiate
from derive.proof.grading.slip_rules import Setting, distributed
from derive.proof.grading.slips import SLIPS, Slip
from derive.proof.grading.terms import DERIVATIVES, Term, expanded, leaf, split_name
from derive.proof.grading.truth import slippable
from derive.proof.numbers.arrays import UnfitError
from derive.teach.code.reference import SLOPE_OF_A, Point

LEVELS = 1
"""So many lines above are written out when slips are looked for."""


def close(left: Any, right: Any) -> bool:
    """Whether two arrays are the same up to rounding."""
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if left.shape != right.shape or not np.isfinite(left).all():
        return False
    scale = max(float(np.abs(right).max(initial=0.0)), 1e-300)
    return bool(np.abs(left - right).max(initial=0.0) <= 1e-9 * scale)


def alike(left: Any, right: Any) -> bool:
    """Whether arrays from where functions saturate are not told apart: there, digits or a whole number may be lost."""
    scale = max(float(np.abs(right).max(initial=0.0)), 1.0)
    return not np.isfinite([left, right]).all() or bool(np.abs(left - right).max(initial=0.0) <= 1e-6 * scale)


def arranged(value: Any, shape: tuple[int, ...]) -> Iterator[Any]:
    """An array as it may lie: as it is, transposed, or a bias as a row or a column."""
    array = np.asarray(value, dtype=float)
    yield array
    if array.ndim == 2:
        yield array.T
    if array.size == int(np.prod(shape)) and 1 in array.shape:
        yield array.reshape(shape)


def slip_of(quantity: str, at: Point, wrong: Any, convention: float = 1.0) -> str | None:
    """The tag of the slip that `wrong`, of all samples or of one, is consistent with, in place of `quantity`.

    A slip in the line itself has its name wherever 1/N stands. `convention` is the factor by which the gradients of
    the code are those of another loss than the mean.
    """
    right: Any = np.asarray(at.values[quantity]) * convention
    for slip, value in _values(quantity, at):
        scales = (1.0,) if slip.whole else (1.0, float(at.samples), 1 / at.samples)
        slipped: Any = value * convention
        if close(slipped, right):
            continue
        for part in _parts(slipped, np.size(wrong), at.samples):
            if any(close(own, part * scale) for own in arranged(wrong, part.shape) for scale in scales):
                return slip.tag
    return None


def slipped_values(at: Point, size: int, own: str | None) -> Iterator[tuple[str, str, Any]]:
    """(tag, quantity, value) of what slips make of the derivatives, of so many entries.

    Slips in a whole formula, such as a wrong sign, are left out unless it is `own`, the one that came out.
    """
    if not at.slipped:
        for quantity in (q for q, v in at.values.items() if split_name(q)[0] in DERIVATIVES and np.ndim(v)):
            right = np.asarray(at.values[quantity])
            at.slipped.extend(
                (slip, quantity, value) for slip, value in _values(quantity, at) if not close(value, right)
            )
    for slip, quantity, value in at.slipped:
        if not slip.whole or slip.tag == own:
            for part in _parts(value, size, at.samples):
                yield from ((slip.tag, quantity, part * k) for k in (1.0, float(at.samples), 1 / at.samples))


def _parts(value: Any, size: int, samples: int) -> Iterator[Any]:
    """An array, and its rows where these are those of single samples, as far as they have `size` entries."""
    if value.size == size:
        yield value
    if value.ndim == 2 and len(value) == samples and value.shape[1] == size:
        yield from value


def _values(quantity: str, at: Point) -> Iterator[tuple[Slip, Any]]:
    """What slips make of a quantity, in numbers: those in its own line first."""
    base, layer = split_name(quantity)
    for slip, form in _forms(base, layer, at):
        try:
            value: Any = np.asarray(at.value(form))
        except UnfitError:
            continue
        yield slip, value.ravel() if base == "db" and 1 in value.shape else value


def _forms(base: str, layer: int, at: Point) -> Iterator[tuple[Slip, Term]]:
    """What slips make of the quantity, or of the line that defines it, with f' at z or written in a."""
    architecture = at.architecture
    slopes = tuple(partial(_slope, k) for k in range(1, architecture.depth + 1))
    setting = Setting("rows", architecture.depth, slopes)
    found = slippable(differentiate(architecture), "rows", base, layer, LEVELS) if base[0] == "d" else ()
    whole = leaf(base, layer)
    levels = [
        dict.fromkeys(form for truth in forms for form in (truth, distributed(truth), expanded(truth, _written_in_a)))
        for forms in found
    ]
    for terms in ({whole: None, **(levels[0] if levels else {})}, *levels[1:]):
        for slip in SLIPS:
            for term in terms:
                if not slip.whole or term == whole:
                    yield from ((slip, form) for form in slip.slipped(term, setting))


def _slope(layer: int, argument: Term) -> Term:
    """f' of a layer as a function of a, at another argument."""
    return Term(SLOPE_OF_A, (argument,), layer)


def _written_in_a(term: Term) -> Term | None:
    return _slope(term.layer, leaf("a", term.layer)) if term.head == "df" else None
