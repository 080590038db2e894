"""Which line of somebody's file is wrong, and which slip its value is consistent with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from derive.teach.layouts import Convention
from derive.teach.naming import arranged, close, slip_of
from derive.teach.observed import Noted, Source
from derive.teach.reference import Point

MEANT = {"z": "z", "a": "a", "dw": "dW", "db": "db", "delta": "delta", "d": "delta", "dz": "delta", "da": "da"}
"""Variable name without its number, in small letters → the quantity of the derivation."""


def explained(label: str, value: Any, at: Point, noted: Sequence[Noted], convention: Convention) -> str:
    """The line that is wrong, and the slip: of the first wrong line, or else of the gradient itself."""
    first = first_wrong(noted, at)
    own = _slip(label, value, at, convention) if label else None
    alike = [n for n in noted if label and equal(n.value, value)]
    line = next((n for n in alike if meant(n.name) == label), alike[-1] if alike else None)
    if first and not (line and line.line < first[0].line):
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


def first_wrong(noted: Sequence[Noted], at: Point) -> tuple[Noted, str] | None:
    """The first assignment to a variable with a quantity's name whose value is not that quantity, up to 1/N."""
    for each in noted:
        quantity = meant(each.name)
        if quantity not in at.values or each.value.ndim == 0:
            continue
        right = np.asarray(at.values[quantity])
        factors = (1.0,) if quantity[0] in "za" else (1.0, float(at.samples))
        if not any(close(v, right * f) for f in factors for v in arranged(each.value, right.shape)):
            return each, quantity
    return None


def meant(name: str) -> str:
    """delta2 for d2, dz2 or delta_2: the quantity that a variable is named after."""
    parts = re.match(r"^(?:grad_)?([A-Za-z]+?)_?(\d+)$", name)
    return f"{MEANT[parts[1].lower()]}{parts[2]}" if parts and parts[1].lower() in MEANT else ""


def equal(left: Any, right: Any) -> bool:
    """Whether two arrays are the same up to rounding and the way they lie."""
    return left.size == right.size and left.ndim > 0 and any(close(v, right) for v in arranged(left, right.shape))


def where(error: BaseException, source: Source) -> str:
    """The line of the file at which an error was raised, in words."""
    trace, line = error.__traceback__, 0
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == source.path else line
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def _slip(quantity: str, value: Any, at: Point, convention: Convention) -> str | None:
    of_loss = quantity.startswith(("dW", "db"))
    return slip_of(quantity, at, value, convention.factor(at.samples) if of_loss else 1.0)
