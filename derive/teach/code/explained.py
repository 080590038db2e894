"""Which line of somebody's file is wrong, and which slip its value is consistent with.

A value is held against what its variable is named after: `delta2`, `dZ2` or `self.dW1` have one meaning, `delta` in a
loop is the error of some layer. It may be that of one sample, or the sum over the first of them, and what is put right
in a later line of the same variable was no mistake. A variable of another name is suspected only if its value is
what a slip makes of a quantity.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from derive.proof.grading.terms import split_name
from derive.teach.code.layouts import Convention
from derive.teach.code.naming import arranged, close, slip_of, slipped_values
from derive.teach.code.observed import Noted, plain
from derive.teach.code.reference import Point

MEANT = {"z": "z", "a": "a", "dw": "dW", "db": "db", "delta": "delta", "d": "delta", "dz": "delta", "da": "da"}
"""Variable name without its number, in small letters → the quantity of the derivation."""
IN_LOOPS = ("delta", "dz")
"""Names without a number that mean the error of some layer."""
LOOKED_AT = 4
"""So many values of a variable in one line are looked at; a loop over samples gives many."""


def explained(label: str, value: Any, at: Point, noted: Sequence[Noted], convention: Convention) -> str:
    """The line that is wrong, and the slip: of the first wrong line, or else of the gradient itself."""
    own = _slip(label, value, at, convention) if label else None
    first = first_wrong(noted, at, own)
    alike = [n for n in noted if label and equal(n.value, value)]
    line = next((n for n in alike if meant(n.name) == label), alike[-1] if alike else None)
    if first and not (line and _before(line, first[0], noted)):
        wrong, quantity = first
        slip = _slip(quantity, wrong.value, at, convention)
        held = next((q for q, v in at.values.items() if np.ndim(v) and equal(wrong.value, np.asarray(v))), "")
        other = f"that of {held}" if held else "no quantity of the derivation"
        said = f"line {wrong.line}: the value of {wrong.name} is not {quantity}: it is {other}"
    else:
        slip = own
        said = (
            f"line {line.line}: the value of {line.name} is not the derivative {label}"
            if line
            else f"{label} is wrong where it is returned"
        )
    slip = slip or own
    return f"{said}; consistent with the slip {slip}" if slip else said


def _before(line: Noted, other: Noted, noted: Sequence[Noted]) -> bool:
    order = [id(each) for each in noted]
    return order.index(id(line)) < order.index(id(other))


def first_wrong(noted: Sequence[Noted], at: Point, own: str | None = None) -> tuple[Noted, str] | None:
    """The first value that is not the quantity which it stands for, and that quantity.

    `own` is the slip in the gradient that came out wrong: only then is a value suspected of the wrong sign or factor.
    """
    seen: Counter[tuple[int, str]] = Counter()
    for position, each in enumerate(noted):
        seen[each.line, each.name] += 1
        if each.value.ndim == 0 or not np.any(each.value) or seen[each.line, each.name] > LOOKED_AT:
            continue
        quantity = _wrongly(each, at, own)
        if quantity and not _put_right(each, noted[position + 1 :], at):
            return each, quantity
    return None


def _wrongly(each: Noted, at: Point, own: str | None) -> str:
    """The quantity that a value should be and is not; "" if there is none."""
    candidates = _candidates(each.name, at)
    if candidates:
        if any(_is(each.value, quantity, at) for quantity in candidates):
            return ""
        named = (q for q in candidates if meant(each.name) or slip_of(q, at, each.value))
        alike = (q for q in candidates if np.size(at.values[q]) == each.value.size)
        return next(named, "") or next(alike, "")
    if any(_is(each.value, quantity, at) for quantity in _quantities(at)):
        return ""
    for tag, quantity, value in slipped_values(at, each.value.size, own):
        if equal(each.value, value):
            return quantity if tag else ""
    return ""


def _put_right(each: Noted, later: Sequence[Noted], at: Point) -> bool:
    """Whether a later value of the same variable, of the same size, is what its name says."""
    candidates = _candidates(each.name, at)
    return any(
        other.name == each.name and other.value.size == each.value.size and _is(other.value, quantity, at)
        for other in later
        for quantity in candidates
    )


def _candidates(name: str, at: Point) -> list[str]:
    """The quantities that a variable may be, by its name."""
    quantity = meant(name)
    if quantity:
        other = {"a": "g", "z": "h"}.get(quantity[0], "") + quantity[1:]  # before dropout, after normalisation
        return [q for q in (quantity, other) if q in at.values]
    if name[:1] == "d" and (own := plain(name.removeprefix("d"))) and f"d{own}" in at.values:
        return [f"d{own}"]
    return [q for q in _quantities(at) if q.startswith("delta")] if name.lower() in IN_LOOPS else []


def _quantities(at: Point) -> list[str]:
    return [name for name, value in at.values.items() if np.ndim(value)]


def _is(value: Any, quantity: str, at: Point) -> bool:
    """Whether a value is the quantity, up to 1/N, or that of one sample, or the sum over the first samples."""
    factors = (1.0,) if quantity[0] in "za" else (1.0, float(at.samples), 1 / at.samples)
    return any(
        close(own, right * factor)
        for right in _versions(quantity, at)
        if right.size == value.size
        for factor in factors
        for own in arranged(value, right.shape)
    )


def _versions(quantity: str, at: Point) -> Iterator[Any]:
    yield np.asarray(at.values[quantity])
    yield from _each_sample(quantity, at)


def _each_sample(quantity: str, at: Point) -> Iterator[Any]:
    """The parts of a quantity that belong to one sample, and to the first few."""
    whole = np.asarray(at.values[quantity])
    base, layer = split_name(quantity)
    if base in ("dW", "db"):
        delta, below = at.values[f"delta{layer}"], at.values[f"a{layer - 1}"]
        parts = [np.outer(d, a) if base == "dW" else d for d, a in zip(delta, below, strict=True)]
        yield from parts
        yield from np.cumsum(parts, axis=0)
    elif whole.ndim == 2 and len(whole) == at.samples:
        yield from whole


def meant(name: str) -> str:
    """delta2 for d2, dz2, self.delta_2 or cache['dZ2']: the quantity that a variable is named after."""
    tail = re.split(r"\.|\['", name)[-1].removesuffix("']")
    parts = re.match(r"^(?:grad_)?([A-Za-z]+?)_?(\d+)$", tail)
    return f"{MEANT[parts[1].lower()]}{parts[2]}" if parts and parts[1].lower() in MEANT else ""


def equal(left: Any, right: Any) -> bool:
    """Whether two arrays are the same up to rounding and the way they lie."""
    return left.size == right.size and left.ndim > 0 and any(close(v, right) for v in arranged(left, right.shape))


def _slip(quantity: str, value: Any, at: Point, convention: Convention) -> str | None:
    of_loss = quantity.startswith(("dW", "db"))
    return slip_of(quantity, at, value, convention.factor(at.samples) if of_loss else 1.0)
