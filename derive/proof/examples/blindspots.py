"""Blind spots: which slips a worked example cannot reveal, why, and the smallest example that reveals all.

A slip is revealed where its value differs from the truth on generic numbers, or where its shape does not fit. If it
is hidden, the reason is found by trying: more samples, other widths, an activation about which nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain, combinations, count, islice, pairwise, product
from typing import Any, Literal

import numpy as np

from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.limits import LIMITS
from derive.proof.examples.asked import LINES, NEEDS, Around, asked, form_of, has_fork, layers_of, line_of
from derive.proof.examples.example import Example
from derive.proof.grading.slips import Slip
from derive.proof.grading.terms import leaf
from derive.proof.numbers.arrays import UnfitError

SEEDS = range(12)
DEEPEST = 20
MAX_SAMPLES = LIMITS["samples"].most
WIDEST, MOST = 3, 3
"""The largest width and number of samples of a proposal."""
OTHERS = ("tanh", "sigmoid")
"""Activations that are proposed where those of the example hide a slip whatever the widths."""

How = Literal["hidden", "shape", "value"]


@dataclass(frozen=True)
class Setting:
    """An example: widths n_0, …, n_L, the number of samples, and the activations (None: nothing is known of it)."""

    sizes: tuple[int, ...]
    samples: int
    activations: tuple[Activation | None, ...]
    around: Around = ()

    @property
    def count(self) -> int:
        """How many numbers have to be written down: parameters, inputs and targets."""
        inputs, *_, outputs = self.sizes
        parameters = sum(n * (below + 1) for below, n in pairwise(self.sizes))
        return parameters + self.samples * (inputs + outputs)

    @property
    def shown(self) -> str:
        """The example in words."""
        names = ", ".join(f.name if f else "any" for f in self.activations)
        ends = [str(k) for k, own in enumerate(self.around, 1) if own]
        past = f", with a residual connection at layer {' and '.join(ends)}" if ends else ""
        return f"{'-'.join(map(str, self.sizes))}, N = {self.samples}, {names}{past}"

    def resized(self, sizes: Sequence[int]) -> Setting:
        """The same with other widths; those of layers that are added stay equal."""
        return replace(self, sizes=tuple(sizes[first] for first in tied(self.around, len(sizes))))


@dataclass(frozen=True)
class Finding:
    """What an example does about one slip, layer by layer."""

    slip: Slip
    layers: tuple[tuple[int, How], ...]
    """Layer → how the slip shows there; empty if it cannot be made in the example."""
    why: str = ""

    @property
    def hidden(self) -> tuple[int, ...]:
        """The layers in which nothing shows."""
        return tuple(layer for layer, how in self.layers if how == "hidden")

    @property
    def revealed(self) -> bool:
        """Whether the slip shows wherever it can be made."""
        return bool(self.layers) and not self.hidden


@dataclass(frozen=True)
class Report:
    """The findings about an example, and the smallest example that reveals every slip."""

    setting: Setting
    findings: tuple[Finding, ...]
    proposal: Setting | None

    @property
    def holds(self) -> bool:
        """Whether the example reveals every slip."""
        return all(finding.revealed for finding in self.findings)


def blindspots(architecture: Architecture, samples: int) -> Report:
    """What the example of these widths, activations and number of samples reveals."""
    if architecture.depth > DEEPEST:
        raise DeriveError(f"--layers: {architecture.depth} layers; an example to be looked at has at most {DEEPEST}")
    if not 1 <= samples <= MAX_SAMPLES:
        raise DeriveError(f"--samples: {samples} is not a number of samples from 1 to {MAX_SAMPLES}")
    if not all(f.elementwise for f in architecture.activations) or any(o.normalization for o in architecture.layers):
        raise DeriveError("softmax and normalisation: slips are tried in examples whose units are independent")
    around = tuple(options.residual for options in architecture.layers)
    setting = Setting(architecture.sizes, samples, architecture.activations, around if any(around) else ())
    findings = tuple(_explained(finding, setting) for finding in findings_of(setting))
    return Report(setting, findings, proposal(setting))


def findings_of(setting: Setting) -> tuple[Finding, ...]:
    """How every slip shows in the example."""
    return tuple(
        Finding(slip, tuple((k, _how(slip, k, setting)) for k in _layers(slip, setting)))
        for slip in asked(setting.around)
    )


def _layers(slip: Slip, setting: Setting) -> tuple[int, ...]:
    """The layers in which the slip can be made."""
    if slip.tag == "broadcast" and setting.sizes[-1] != 1:
        return ()
    return layers_of(slip, len(setting.activations), setting.around)


@lru_cache(maxsize=128)
def _example(setting: Setting, seed: int) -> Example:
    """The example at random numbers; small sizes stand for large ones, equal for equal."""
    found = sorted({*setting.sizes, setting.samples} - {1})
    small = {1: 1} | {size: 2 + position for position, size in enumerate(found)}
    sizes = tuple(small[size] for size in setting.sizes)
    return Example(sizes, small[setting.samples], setting.activations, seed, setting.samples, setting.around)


def _how(slip: Slip, layer: int, setting: Setting) -> How:
    """How a slip shows in one layer; hidden only if it is at all the random numbers that are tried."""
    name = line_of(slip)
    form = form_of(slip, name, layer, len(setting.activations), setting.around)
    assert form is not None
    for seed in SEEDS:
        example = _example(setting, seed)
        truth = example.value(leaf(LINES[name], layer))
        try:
            value: Any = example.value(form)
        except UnfitError:
            return "shape"
        if value.shape != truth.shape:
            return "shape"
        if bool(np.any(value != truth)):
            return "value"
    return "hidden"


# Why.


def _distinct(setting: Setting) -> Setting:
    """Other widths, all different, and different from N; a single output stays."""
    others = (n for n in count(2) if n != setting.samples)
    *widths, last = islice(others, len(setting.sizes))
    return setting.resized((*widths, 1 if setting.sizes[-1] == 1 else last))


Cause = tuple[str, Callable[[Setting], Setting]]
"""What may hide a slip in words, and the example without it."""


def _causes(setting: Setting) -> list[Cause]:
    shown = "-".join(map(str, setting.sizes))
    one = "N = 1: one row is its own sum and its own mean"
    unit = f"widths {shown}: between single units a matrix is a number, its own transpose"
    causes: list[Cause] = [
        (
            one if setting.samples == 1 else f"N = {setting.samples}",
            lambda s: replace(s, samples=max(s.samples, *s.sizes) + 1),
        ),
        (unit if 1 in setting.sizes else f"widths {shown} coincide", _distinct),
    ]
    return causes + [_special(f) for f in dict.fromkeys(setting.activations) if f]


def _special(function: Activation) -> Cause:
    def without(setting: Setting) -> Setting:
        return replace(setting, activations=tuple(None if f == function else f for f in setting.activations))

    return f"{function.name}: with an f about which nothing is known it would show", without


def _explained(finding: Finding, setting: Setting) -> Finding:
    """The finding with the fewest causes that together hide the slip."""
    if not finding.layers:
        return replace(
            finding, why=f"it cannot be made here, since it needs {NEEDS.get(finding.slip.tag, 'a hidden layer')}"
        )
    if not finding.hidden:
        return finding
    causes = _causes(setting)
    for chosen in chain.from_iterable(combinations(causes, k) for k in range(1, len(causes) + 1)):
        other = setting
        for _, change in chosen:
            other = change(other)
        if all(_how(finding.slip, layer, other) != "hidden" for layer in finding.hidden):
            return replace(finding, why=" and ".join(words for words, _ in chosen))
    return replace(finding, why="no other example shows it either")


# The smallest example that reveals all.


@cache
def proposal(setting: Setting) -> Setting | None:
    """The example with the fewest numbers that reveals every slip, with the activations of `setting` if they can."""
    for functions in _pairs(setting):
        start = Setting((2, 3, 1), 4, functions)
        if has_fork(setting.around):  # one hidden layer more, which the connection goes around
            start = Setting((2, 3, 3, 1), 4, (functions[0], *functions), (0, 1, 0))
        if _reveals_all(start):
            return next((s for s in _small(start) if _reveals_all(s)), None)
    return None


def _pairs(setting: Setting) -> Iterator[tuple[Activation | None, ...]]:
    """Activations of a hidden layer and the output: those of the example, then others for the last, then for both."""
    hidden, last = setting.activations[0], setting.activations[-1]
    yield hidden, last
    if hidden != last:
        yield hidden, hidden
    for other in OTHERS:
        yield hidden, activation(other)
        yield activation(other), last
    for other in OTHERS:
        yield activation(other), activation(other)


def _small(start: Setting) -> list[Setting]:
    widths = product(range(1, WIDEST + 1), repeat=len(start.sizes))
    found = {replace(start.resized(sizes), samples=n) for sizes in widths for n in range(1, MOST + 1)}
    return sorted(found, key=lambda s: (s.count, s.samples, s.sizes))


def _reveals_all(setting: Setting) -> bool:
    return all(
        bool(layers := _layers(slip, setting)) and all(_how(slip, k, setting) != "hidden" for k in layers)
        for slip in asked(setting.around)
    )


def tied(around: Around, count: int) -> list[int]:
    """For each of the layers 0, 1, … the first that has to have as many units, by a residual connection."""
    first = list(range(count))
    for layer, own in enumerate(around, 1):
        if own:
            first[layer] = first[layer - own]
    return first
