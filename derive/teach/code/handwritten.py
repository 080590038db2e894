"""Auditing NumPy code that somebody wrote by hand: a verdict for each gradient, the first wrong line, the slip.

The function runs in floats, with the real NumPy and every assignment noted: at an example with distinct widths, in each
layout that it may have been written for, beside every kink, at the architecture's own widths, and with large numbers.
That finds the first line whose value is no quantity of the derivation, and names the slip. And it runs in exact
arithmetic, on the stand-in for NumPy: only that can prove a gradient. Where the stand-in does not understand the code,
agreement in floats is no proof: the verdict is undecided. A refutation needs both, or floats that differ clearly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from derive.codegen.exact.rounds import Round
from derive.codegen.exact.truth import names_of
from derive.codegen.forms.branches import kinks
from derive.model.architecture import Architecture
from derive.proof.certificate import Certificate, Verdict
from derive.teach.code.answered import Findings, answered, does_not_run
from derive.teach.code.exactly import Exact, exactly
from derive.teach.code.explained import explained, first_wrong
from derive.teach.code.kinked import kink_verdict
from derive.teach.code.layouts import Convention
from derive.teach.code.observed import Failure, Source, load_function, read_source
from derive.teach.code.reference import AtKink, point
from derive.teach.code.tried import Tried, best, tried

TRUSTS = (
    "the derived gradients, which `derive verify` proves",
    "chance: an error stays unseen with probability below 1e-15",
)
NOT_COVERED = (
    "rounding in floating point",
    "other widths than those it was run at",
    "code that reaches into derive or NumPy to change what they compute",
)
BESIDE = 1e-6
"""How far from a kink the function is run in floats."""
FAR, FAR_SAMPLES = 4.0, 60
"""How many times as large the numbers are, and how many samples there are, where code is looked at far away."""
MOST_KINKS = 8
"""Kinks that are looked at in every layer; if there are more, only in the first layer with the activation."""
MOST_PARAMETERS = 10**7
"""Of an architecture whose own widths are run."""
Function = Callable[..., Any]


def audit_function(
    path: Path, architecture: Architecture, function: str | None = None, convention: Convention | None = None
) -> Certificate:
    """The verdicts about a function in the file at `path`. The file is run as it is."""
    return audit_source(read_source(path, function), architecture, convention)


def audit_source(source: Source, architecture: Architecture, convention: Convention | None = None) -> Certificate:
    """The verdicts about a function in a file that has been read. It is run as it is, in a process of its own."""
    digest = "sha256:" + hashlib.sha256(source.text.encode()).hexdigest()
    point(example(architecture), 1, 1)  # what is derived before the code's process begins is known to the next one, too
    how, verdicts = answered(partial(_findings, source, architecture, convention or Convention()), source)
    too_large = how and architecture.parameter_count > MOST_PARAMETERS
    not_covered = (*NOT_COVERED, "the widths that were asked for: too large") if too_large else NOT_COVERED
    subject = f"{source.path}, {source.function}" + (f": {how}" if how else "")
    return Certificate(subject, verdicts, TRUSTS, not_covered, digest)


def _findings(source: Source, architecture: Architecture, convention: Convention) -> Findings:
    """At which widths and in which layout the function was run, and the verdicts."""
    loaded = load_function(source)
    if isinstance(loaded, Failure):
        return "", (does_not_run(source, f"the file raises {loaded.words}"),)
    audit = _Audit(source, loaded, architecture, names_of(architecture))
    chosen = audit.chosen(convention)
    widths = "-".join(map(str, chosen.at.architecture.sizes))
    return f"{widths}, {chosen.convention}", tuple(audit.verdicts(chosen))


def example(architecture: Architecture) -> Architecture:
    """The architecture at small widths, those of neighbouring layers distinct, so that no layout fits by chance."""
    depth = architecture.depth
    small = tuple(range(2, 3 + depth)) if depth <= 8 else tuple(2 + k % 3 for k in range(depth + 1))
    return architecture.resized(small[first] for first in architecture.tied)


class _Audit:
    """One function, and what it is held against."""

    def __init__(self, source: Source, function: Function, architecture: Architecture, order: list[str]) -> None:
        self.source = source
        self.function = function
        self.architecture = architecture
        self.order = order
        self.too_large = architecture.parameter_count > MOST_PARAMETERS

    def run(
        self,
        architecture: Architecture,
        convention: Convention,
        kink: AtKink | None = None,
        words: str = "",
        far: bool = False,
        **how: Any,
    ) -> Tried:
        """The function in floats at the architecture's widths."""
        samples = FAR_SAMPLES if far else Round("", architecture.sizes, 1).samples
        validity = f"widths {'-'.join(map(str, architecture.sizes))}, N = {samples}{words}"
        at = point(architecture, samples, 1, kink, FAR if far else 1.0)
        return tried(self.function, self.source, at, self.order, convention, validity, far=far, **how)

    def chosen(self, convention: Convention) -> Tried:
        """The run in the layout that fits: at small widths or, where it has sizes of its own, at those asked for."""
        small = example(self.architecture)
        found = best([self.run(small, each) for each in convention.candidates()], self.order)
        if not found.error or self.architecture.sizes == small.sizes or self.too_large:
            return found
        own = best([self.run(self.architecture, each, traced=False) for each in convention.candidates()], self.order)
        return self.run(self.architecture, own.convention) if not own.error else found

    def verdicts(self, chosen: Tried) -> Iterator[Verdict]:
        """One verdict for each gradient, and one for each kink."""
        if chosen.error:
            yield does_not_run(self.source, f"it raises {chosen.error}{self._square(chosen)}", chosen.validity)
            return
        small, convention = chosen.at.architecture, chosen.convention
        places = _kinks(small)
        runs = [chosen, *self._others(small, convention, places)]
        exact = [exactly(self.source, small, self.order, convention, 1)]
        if isinstance(exact[0], dict):
            exact.append(exactly(self.source, small, self.order, convention, 2))
        for name in self.order:
            yield self._verdict(name, runs, exact)
        for place in places:
            if all(run.same(name) for run in runs for name in self.order):  # or else the kink is not what is wrong
                yield self._at_kink(small, convention, place)

    def _at_kink(self, small: Architecture, convention: Convention, place: AtKink) -> Verdict:
        def with_slope(slope: int | None) -> Tried:
            return self.run(small, convention, replace(place, slope=slope), traced=False)

        return kink_verdict(self.source, self.order, place, with_slope)

    def _others(self, small: Architecture, convention: Convention, places: list[AtKink]) -> Iterator[Tried]:
        """The runs beside each kink, at the architecture's own widths, and with many samples and large numbers."""
        for place in places:
            for side, words in ((-1, "below"), (1, "above")):
                beside = replace(place, kink=float(place.kink) + side * BESIDE)
                yield self.run(small, convention, beside, f", z{place.layer} {BESIDE:g} {words} {place.kink}")
        if self.architecture.sizes != small.sizes and not self.too_large:
            plain = self.run(self.architecture, convention, traced=False)
            wrong = not plain.error and not all(map(plain.same, self.order))
            yield self.run(self.architecture, convention) if wrong else plain
        yield self.run(small, convention, words=f" and numbers {FAR:g} times as large", far=True, traced=False)

    def _square(self, failed: Tried) -> str:
        """What is wrong with a function whose shapes do not fit, seen at equal widths, where all shapes do."""
        equal = self.architecture.resized([3] * len(self.architecture.sizes))
        run = self.run(equal, failed.convention)
        if not run.error and first_wrong(run.noted, run.at):
            return f"; at equal widths {explained('', None, run.at, run.noted, run.convention)}"
        return ""

    def _verdict(self, name: str, runs: list[Tried], exact: list[Exact]) -> Verdict:
        convention = runs[0].convention
        label, formula = f"d{name}", f"d{name} is the derivative of the {convention.loss} loss by {name}"
        wrong = next((run for run in runs if not run.same(name)), None)
        exactly_right = [each[name] for each in exact if isinstance(each, dict) and name in each]
        if wrong is not None:
            method = "run in floats"
            if wrong is runs[0] and not all(exactly_right):
                method = "run in floats and in exact arithmetic"
            return Verdict(label, formula, "refuted", method, wrong.validity, note=self._note(name, wrong))
        validity = f"{runs[0].validity}; in floats also {_rest(runs)}" if len(runs) > 1 else runs[0].validity
        if len(exactly_right) == len(exact) and all(exactly_right):
            return Verdict(label, formula, "proved", "exact arithmetic modulo a prime", validity)
        why = next((each for each in exact if isinstance(each, str)), "exact arithmetic says otherwise")
        note = f"it agrees in floats, which is no proof; not exact: {why}"
        return Verdict(label, formula, "undecided", "run in floats", validity, note=note)

    def _note(self, name: str, wrong: Tried) -> str:
        if wrong.error:
            return f"it raises {wrong.error}"
        if name not in wrong.found:
            return "it is not among what is returned"
        if not wrong.found[name].size:
            return f"what is returned as d{name} is no array of its size with real numbers"
        return explained(f"d{name}", wrong.found[name], wrong.at, wrong.noted, wrong.convention)


def _rest(runs: list[Tried]) -> str:
    """Where else the function was run, in words."""
    beside = any(" z" in run.validity for run in runs[1:])
    others = [f"at {run.validity}" for run in runs[1:] if " z" not in run.validity]
    return "; ".join([*["beside each kink"] * beside, *others])


def _kinks(architecture: Architecture) -> list[AtKink]:
    """The kinks of every layer or, if these are many, of each activation in the first layer that has it."""
    places = [
        (function.name, AtKink(layer, kink))
        for layer, function in enumerate(architecture.activations, 1)
        for kink in (kinks(function.formula) if function.elementwise else ())
    ]
    if len(places) > MOST_KINKS:
        places = list({(name, place.kink): (name, place) for name, place in reversed(places)}.values())[::-1]
    return [place for _, place in places[:MOST_KINKS]]
