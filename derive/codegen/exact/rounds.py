"""The rounds of an audit: at which widths, with which random numbers and at which kinks a module is run."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from derive.algebra.forward import functions
from derive.codegen.exact.neurons import Neurons
from derive.codegen.forms.branches import kinks
from derive.codegen.forms.stable import stable
from derive.model.architecture import Architecture

REPRESENTATIVES = tuple(sp.Rational(p, q) for p, q in ((1, 3), (-1, 3), (7, 5), (-7, 5), (13, 4), (-13, 4)))
BESIDE = sp.Rational(1, 10**9)  # how near to a kink a representative comes
MAX_SEPARATE = 16  # gradients that get a verdict of their own


@dataclass(frozen=True)
class Round:
    """One run of the module, at these sizes; `kink` puts the z of one layer on a kink of its activation."""

    title: str
    sizes: tuple[int, ...]
    seed: int
    separate: bool = False
    kink: tuple[int, sp.Rational] | None = None

    @property
    def samples(self) -> int:
        """A number of samples that is none of the widths, so that no wrong formula fits by its shape."""
        return next(n for n in range(3, 4 + len(self.sizes)) if n not in self.sizes)


def rounds_of(architecture: Architecture) -> list[Round]:
    """The runs of an audit: several at small widths, two at the real ones."""
    cycle = (2, 3, 4)
    small = (
        tuple(range(2, 3 + architecture.depth))
        if architecture.depth <= 4
        else tuple(cycle[k % 3] for k in range(architecture.depth + 1))
    )
    small = tuple(small[first] for first in architecture.tied)
    separate = 2 * architecture.depth <= MAX_SEPARATE
    title = "widths " + "-".join(map(str, small)) if architecture.depth <= 4 else "small widths"
    rounds = [Round(title, small, seed, separate) for seed in (1, 2)]
    seen = set()
    for label, function in enumerate(architecture.activations, 1):
        for kink in kinks(function.formula) if function.elementwise else ():
            if not kink.is_Rational:
                continue  # no number of a computer lies on it
            if separate or (function.name, kink) not in seen:
                seen.add((function.name, kink))
                rounds.append(Round(f"{title} at the kink z{label} = {kink}", small, 3, separate, (label, kink)))
    return rounds + [Round("the real widths", architecture.sizes, seed) for seed in (4, 5)]


def neurons_of(architecture: Architecture, seed: int) -> Neurons:
    """A random choice whose representatives lie on every branch of the activations and beside each kink, not on it."""
    beside = {
        k + side * BESIDE
        for formula, _ in functions(architecture).values()
        for k in kinks(formula, stable(formula))
        for side in (-1, 1)
    }
    on_a_kink = {k for formula, _ in functions(architecture).values() for k in kinks(formula)}
    return Neurons(seed, (*(p for p in REPRESENTATIVES if p not in on_a_kink), *sorted(beside)))
