"""Auditing NumPy code that somebody wrote by hand: a verdict for each gradient, the first wrong line, the slip.

The function runs twice. In floats, with the real NumPy and every assignment noted: that finds the first line whose
value is no quantity of the derivation, and names the slip. And in exact arithmetic, on the stand-in for NumPy: only
that can prove a gradient. Where the stand-in does not understand the code, agreement in floats is no proof: the
verdict is undecided. A refutation needs both, or floats that differ clearly.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from derive.algebra.residues import PRIME
from derive.codegen.namespace import run
from derive.codegen.rounds import Round, neurons_of
from derive.codegen.stand_in import StandIn
from derive.codegen.truth import drawn, names_of
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.certificate import Certificate, Verdict
from derive.teach.naming import arranged, close, slip_of
from derive.teach.observed import Noted, Source, Trace, call, gradients, load_function, read_source
from derive.teach.reference import Point, exact_gradients, point

TRUSTS = (
    "the derived gradients, which `derive verify` proves",
    "chance: an error stays unseen with probability below 1e-15",
)
NOT_COVERED = ("rounding in floating point", "the value at a kink", "other widths than those it was run at")
MEANT = {"z": "z", "a": "a", "dw": "dW", "db": "db", "delta": "delta", "d": "delta", "dz": "delta", "da": "da"}
"""Variable name without its number, in small letters → the quantity of the derivation."""


@dataclass(frozen=True)
class Convention:
    """How the function's arrays lie, and what its loss is."""

    layout: str = "rows"
    loss: str = "mean"

    def given(self, values: dict[str, Any], order: list[str]) -> dict[str, Any]:
        """What the function is called with: in `columns` X is (n0, N), Y (nL, N) and b (n, 1)."""
        columns = self.layout == "columns"
        result = {name: values[name][:, None] if columns and name[0] == "b" else values[name] for name in order}
        result["theta"] = np.concatenate([values[name].ravel() for name in order])
        result["X"], result["Y"] = (values[name].T if columns else values[name] for name in ("a0", "y"))
        return result

    def factor(self, samples: int) -> int:
        """What the gradients of the mean loss are multiplied by."""
        return samples if self.loss == "sum" else 1


def audit_function(
    path: Path, architecture: Architecture, function: str | None = None, convention: Convention | None = None
) -> Certificate:
    """The verdicts about a function in the file at `path`. The file is run as it is."""
    convention = convention or Convention()
    source = read_source(path, function)
    order = names_of(architecture)
    widths = tuple(range(2, 3 + architecture.depth)) if architecture.depth <= 8 else architecture.sizes
    subject = f"{path}, {source.function}: {'-'.join(map(str, widths))}, {convention.layout}, {convention.loss} loss"
    small = architecture.resized(widths)
    verdicts = tuple(_verdicts(source, small, order, convention))
    digest = "sha256:" + hashlib.sha256(source.text.encode()).hexdigest()
    return Certificate(subject, verdicts, TRUSTS, NOT_COVERED, digest)


def _verdicts(source: Source, small: Architecture, order: list[str], convention: Convention) -> Iterator[Verdict]:
    samples = Round("", small.sizes, 1).samples
    validity = f"widths {'-'.join(map(str, small.sizes))}, N = {samples}"
    at = point(small, samples, 1)
    try:
        found, noted = _run(source, at, order, convention)
    except DeriveError:
        raise
    except Exception as error:
        note = f"it raises {type(error).__name__}: {error}{_where(error, source)}"
        note += _square(source, small, order, convention)
        yield Verdict(source.function, "computes the gradients", "refuted", "run in floats", validity, note=note)
        return
    exact = [_exact(source, small, order, convention, samples, seed) for seed in (1, 2)]
    first = _first_wrong(noted, at, convention)
    for name in order:
        yield _verdict(name, found, exact, at, noted, first, convention, validity)


def _run(source: Source, at: Point, order: list[str], convention: Convention) -> tuple[dict[str, Any], list[Noted]]:
    """The gradients that the function returns in floats, and what it assigned on the way."""
    function = load_function(source)
    trace = Trace(source.path)
    with np.errstate(all="ignore"), trace.watching():
        result = call(function, source, convention.given(at.values, order))
    return gradients(result, order, at.shapes), trace.noted


def _square(source: Source, small: Architecture, order: list[str], convention: Convention) -> str:
    """What is wrong with a function whose shapes do not fit, seen at equal widths, where all shapes do."""
    at = point(small.resized([3] * len(small.sizes)), 4, 1)
    try:
        _, noted = _run(source, at, order, convention)
    except Exception:
        return ""
    first = _first_wrong(noted, at, convention)
    return f"; at equal widths {_explained('', None, at, noted, first, convention)}" if first else ""


def _verdict(
    name: str,
    found: dict[str, Any],
    exact: list[dict[str, bool] | str],
    at: Point,
    noted: list[Noted],
    first: tuple[Noted, str] | None,
    convention: Convention,
    validity: str,
) -> Verdict:
    label, formula = f"d{name}", f"d{name} is the derivative of the {convention.loss} loss by {name}"
    if name not in found:
        return Verdict(label, formula, "refuted", "run in floats", validity, note="it is not among what is returned")
    right = at.values[label] * convention.factor(at.samples)
    value = np.asarray(found[name], dtype=float)
    fits = value.shape == right.shape or (name[0] == "b" and value.size == right.size and 1 in value.shape)
    same = fits and close(value.reshape(right.shape), right)
    exactly = [each[name] for each in exact if isinstance(each, dict)]
    if len(exactly) == len(exact) and all(exactly) and same:
        return Verdict(label, formula, "proved", "exact arithmetic modulo a prime", validity)
    if same:
        why = next((each for each in exact if isinstance(each, str)), "exact arithmetic says otherwise")
        note = f"it agrees in floats, which is no proof; not exact: {why}"
        return Verdict(label, formula, "undecided", "run in floats", validity, note=note)
    note = _explained(label, value, at, noted, first, convention)
    method = "run in floats and in exact arithmetic" if exactly and not all(exactly) else "run in floats"
    return Verdict(label, formula, "refuted", method, validity, note=note)


def _explained(
    label: str, value: Any, at: Point, noted: list[Noted], first: tuple[Noted, str] | None, convention: Convention
) -> str:
    """The line that is wrong, and the slip: of the first wrong line, or else of the gradient itself."""
    own = _slip(label, value, at, convention) if label else None
    equal = [n for n in noted if label and _equal(n.value, value)]
    line = next((n for n in equal if _meant(n.name) == label), equal[-1] if equal else None)
    if first and not (line and line.line < first[0].line):
        noted_first, meant = first
        slip = _slip(meant, noted_first.value, at, convention)
        held = next((q for q, v in at.values.items() if np.ndim(v) and _equal(noted_first.value, np.asarray(v))), "")
        other = f"that of {held}" if held else "no quantity of the derivation"
        said = f"line {noted_first.line}: the value of {noted_first.name} is not {meant}: it is {other}"
    else:
        slip = own
        said = (
            f"line {line.line}: the value of {line.name} is not the derivative {label}"
            if line
            else f"{label} is wrong where it is returned"
        )
    slip = slip or own
    return f"{said}; consistent with the slip {slip}" if slip else said


def _first_wrong(noted: list[Noted], at: Point, convention: Convention) -> tuple[Noted, str] | None:
    """The first assignment to a variable with a quantity's name whose value is not that quantity, up to 1/N."""
    for each in noted:
        meant = _meant(each.name)
        if meant not in at.values or each.value.ndim == 0:
            continue
        right = np.asarray(at.values[meant])
        factors = (1.0,) if meant[0] in "za" else (1.0, float(at.samples))
        if not any(close(v, right * f) for f in factors for v in arranged(each.value, right.shape)):
            return each, meant
    return None


def _meant(name: str) -> str:
    """delta2 for d2, dz2 or delta_2: the quantity that a variable is named after."""
    parts = re.match(r"^(?:grad_)?([A-Za-z]+?)_?(\d+)$", name)
    return f"{MEANT[parts[1].lower()]}{parts[2]}" if parts and parts[1].lower() in MEANT else ""


def _slip(quantity: str, value: Any, at: Point, convention: Convention) -> str | None:
    of_loss = quantity.startswith(("dW", "db"))
    return slip_of(quantity, at, value, convention.factor(at.samples) if of_loss else 1.0)


def _equal(left: Any, right: Any) -> bool:
    return left.size == right.size and left.ndim > 0 and any(close(v, right) for v in arranged(left, right.shape))


def _exact(
    source: Source, small: Architecture, order: list[str], convention: Convention, samples: int, seed: int
) -> dict[str, bool] | str:
    """For each gradient whether it is the derived one in exact arithmetic, or why that cannot be said."""
    neurons = neurons_of(small, seed)
    truth = drawn(small, samples, seed, neurons)
    stand_in = StandIn(neurons, samples, small.dtype)
    try:
        function = run(source.text, stand_in, "audited")[source.function]
        given = {k: stand_in.array(v) for k, v in convention.given(truth.data, order).items()}
        result = call(function, source, given)
        shapes = {name: truth.data[name].shape for name in order}
        found = {name: stand_in.resolved(v) for name, v in gradients(result, order, shapes).items()}
        right = exact_gradients(truth, order)
    except Exception as error:  # it may mean no more than that the stand-in lacks something
        return f"on the stand-in for NumPy it raises {type(error).__name__}: {error}"
    scale = convention.factor(samples)
    return {
        name: found[name].size == right[name].size
        and bool((found[name].reshape(right[name].shape) == right[name] * scale % PRIME).all())
        for name in order
        if name in found
    }


def _where(error: BaseException, source: Source) -> str:
    trace, line = error.__traceback__, 0
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == source.path else line
        trace = trace.tb_next
    return f" (line {line})" if line else ""
