"""Audit: the emitted text itself is run in exact arithmetic and compared with the specification.

The exact bytes run on a stand-in for NumPy (`codegen.exact.stand_in`). What they compute is compared with the
loss of the *specification* (`codegen.exact.truth`): its forward equations, evaluated plainly, and their derivative
along a direction by dual numbers, twice for the Hessian. No emitted formula and no step of the reverse sweep is
reused.

1. At small distinct widths, for every weight matrix and bias, on every branch and at every kink.
2. At the module's real widths, along one random direction that covers every parameter.

All arithmetic is modulo a prime near 2**31; an error stays unseen with a probability of about
degree/2**31 in each of at least two rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from derive.codegen.emit import digest, read_module
from derive.codegen.exact.comparison import compared
from derive.codegen.exact.contained import foreign, own_numbers
from derive.codegen.exact.frame import changed, constants
from derive.codegen.exact.meter import NotUnderstoodError
from derive.codegen.exact.rounds import Round, rounds_of
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten, shown
from derive.model.limits import LIMITS
from derive.model.specification import from_toml, to_toml
from derive.proof.certificate import Certificate, Verdict

Progress = Callable[[str, float], None]

TRUSTS = (
    "the forward equations of the specification and their plain evaluation",
    "SymPy's diff of each activation's expression, and what its branches say at a kink",
    "functions such as _normal_cdf for the exact ones that they approximate: their text is compared with what derive "
    "writes, and docs/numerical-trust.md says how near they come",
    "chance: an error stays unseen with probability below 1e-15",
)
NOT_COVERED = ("rounding in floating point",)
MODULO = "exact arithmetic modulo a prime"


def audit(
    source: str | Path,
    architecture: Architecture | None = None,
    progress: Progress | None = None,
    to_the_end: bool = True,
    where: str = "",
) -> Certificate:
    """The verdicts about an emitted module: its text, or the path of its file.

    `architecture` is what it should compute; by default what its own SPEC says. A module that uses more of Python
    than derive's own do is not run, so nothing in it can open files or import anything. With `to_the_end=False` the
    audit ends with the first round that finds a fault. `where` is the file that a text was read from, for messages.
    """
    is_path = isinstance(source, Path) or not (where or "\n" in source)
    text = read_module(Path(source)) if is_path else str(source)
    stated = constants(text, where or (str(source) if is_path else "the module"))
    specified = from_toml(stated["SPEC"], "SPEC")
    architecture = architecture or specified
    if architecture.parameter_count > LIMITS["audited"].most:
        raise DeriveError(
            f"{LIMITS['audited'].exceeded(architecture.parameter_count)}; --no-audit leaves the audit out"
        )
    verdicts: list[Verdict] = []
    for found in _verdicts(text, stated, architecture, progress or (lambda what, done: None)):
        verdicts += found
        if not to_the_end and not all(verdict.holds for verdict in found):
            break
    subject = f"module {architecture.name}, {'-'.join(map(str, architecture.sizes))}"
    merged = tuple(_merged(verdicts))
    return Certificate(subject, merged, TRUSTS, NOT_COVERED, digest(text), to_toml(architecture), "audit")


def _verdicts(
    text: str, stated: dict[str, Any], architecture: Architecture, progress: Progress
) -> Iterator[list[Verdict]]:
    """What is looked at, one thing after the other, the quickest first."""
    yield [_header(text, stated, architecture)]
    yield [_frame(text, architecture), *_numbers(text, architecture)]
    if beyond := foreign(text, architecture):
        yield [_not_run(beyond)]
        return
    rounds = rounds_of(architecture)
    for position, each in enumerate(rounds):
        progress(f"auditing {each.title}", position / len(rounds))
        found = _checked(text, architecture, each)
        yield found
        if any(verdict.label == "module" for verdict in found):  # the next round would end as this one
            return
    progress("audited", 1.0)


def _header(text: str, stated: dict[str, Any], architecture: Architecture) -> Verdict:
    """Whether the text is as it was emitted, and says the sizes of the specification."""
    intact = stated["DIGEST"] == digest(text)
    fits = stated["SIZES"] == architecture.sizes
    note = "" if intact else "the text was changed after it was emitted"
    if not fits:
        note = f"SIZES is {shorten(stated['SIZES'])}, the specification says {shorten(architecture.sizes)}"
    return Verdict(
        "digest", "the text is what derive emitted", "proved" if intact and fits else "refuted", "SHA-256", note=note
    )


def _frame(text: str, architecture: Architecture) -> Verdict:
    """Whether the functions around the equations are those that derive emits for this architecture."""
    different = changed(text, architecture)
    return Verdict(
        "frame",
        "the functions around the equations are those that derive writes",
        "refuted" if different else "proved",
        "comparison of their syntax trees",
        note=f"changed or missing: {', '.join(different)}" if different else "",
    )


def _numbers(text: str, architecture: Architecture) -> list[Verdict]:
    """The verdict on a module with numbers that derive does not write, which may lie beyond what is tried."""
    if not (own := own_numbers(text, architecture)):
        return []
    claim = "it holds beyond the points, sizes and numbers of samples that are tried"
    note = f"numbers that derive does not write: {shown('; '.join(own), 200)}"
    return [Verdict("numbers", claim, "undecided", "comparison of their syntax trees", "its text", note=note)]


def _not_run(beyond: list[str]) -> Verdict:
    """The verdict on a module that is not run, since it uses what no module of derive does."""
    note = f"it was not run, since it uses {'; '.join(beyond[:3])}"
    return Verdict("module", "it uses nothing but what derive writes", "undecided", validity="its text", note=note)


def _checked(text: str, architecture: Architecture, each: Round) -> list[Verdict]:
    """The verdicts of one round."""
    claim, validity = "runs in exact arithmetic", each.title
    try:
        found = compared(text, architecture, each)
    except NotUnderstoodError as error:
        return [Verdict("module", claim, "undecided", validity=validity, note=f"it uses {error}")]
    except Exception as error:  # whatever foreign code raises is a finding about it
        note = shown(f"it raises {type(error).__name__}: {error}", 400)
        return [Verdict("module", claim, "refuted", validity=validity, note=note)]
    return [Verdict(f.label, f.claim, "proved" if f.same else "refuted", MODULO, validity, note=f.note) for f in found]


def _merged(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One verdict for each claim and kind of run: the first that does not hold, or else the last."""
    merged: dict[tuple[str, str], Verdict] = {}
    for verdict in verdicts:
        key = (verdict.label, verdict.validity.split(" at ")[0])
        if key not in merged or merged[key].holds:
            merged[key] = verdict
    return list(merged.values())
