"""The letters of a network: the text's, and those of what its layers have besides, by the names of its own equations.

    >>> from derive.model.architecture import Architecture
    >>> normalized = Architecture((3, 4, 2), ("tanh", "identity"), layers=[{"normalization": "layer_norm"}, {}])
    >>> sorted(alphabet_of(normalized).extra)
    ['dgain', 'dh', 'dmu', 'dr', 'dshift', 'dsigma', 'gain', 'h', 'mu', 'r', 'shift', 'sigma']

A general `l` stands for every layer that it can; an answer is tried at one layer of each kind.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache

import sympy as sp

from derive.algebra.gradient import adjoint_name, differentiate
from derive.algebra.notation import N, is_opaque
from derive.algebra.program import Program, Tensor
from derive.model.architecture import Architecture
from derive.proof.formulas.values import QUANTITIES, Quantity
from derive.proof.grading.terms import NO_LAYER, split_name

ALIASES = {"gamma": "gain", "beta": "shift", "lam": "l2", "lambd_": "l2"}
"""What else people call these; `lambda`, which Python has taken, is read as lambd_."""
UNREAD = re.compile(r"y|d?c|d?r|loss|d?penalty\d+")
"""Names of the equations that are read otherwise, or not at all."""


@dataclass(frozen=True)
class Alphabet:
    """What may stand in a formula about a network of `depth` layers."""

    depth: int
    extra: Mapping[str, Quantity] = field(default_factory=dict)
    """Alphabet beside the text's."""
    places: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """The layers that have such a letter; NO_LAYER for one without a layer."""
    numbers: Mapping[str, Fraction] = field(default_factory=dict)
    """Constants of the specification by their names, such as l2."""
    inputs: frozenset[str] = frozenset({"z"})
    """The letters of what an activation is taken of."""
    tied: tuple[int, ...] = ()
    """For each layer the first that has as many units, because both are added; () if no two are."""
    kinds: tuple[Hashable, ...] = ()
    """What each of the layers 1..L is like."""

    @cached_property
    def all(self) -> dict[str, Quantity]:
        """The text's letters and the network's."""
        return {**QUANTITIES, **self.extra}

    @cached_property
    def derivatives(self) -> dict[str, str]:
        """By what → the letter of the derivative."""
        return {quantity.of: letter for letter, quantity in self.all.items() if quantity.of}

    def plain(self, letter: str) -> str:
        """The letter that `letter` is another name of, or itself."""
        for start in ("", "d"):
            own = start + ALIASES.get(letter.removeprefix(start), "")
            if letter.startswith(start) and own in (*self.extra, *self.numbers) and letter not in self.extra:
                return own
        return letter

    def numbered(self, name: str) -> tuple[str, int] | None:
        """("gain", 2) for gain2 or gamma2, ("weights", NO_LAYER) for weights; None for what is no quantity."""
        found = re.fullmatch(r"([A-Za-z_]+?)(\d{0,4})", name)
        if not found:
            return None
        letter, layer = self.plain(found[1]), int(found[2]) if found[2] else NO_LAYER
        alone = NO_LAYER in self.places.get(letter, ())
        return (letter, layer) if letter in self.all and (layer == NO_LAYER) == alone else None

    def misplaced(self, letter: str, layers: Iterable[int]) -> str:
        """Why a letter does not exist in one of the layers; "" if it does."""
        own = self.places.get(letter)
        missing = [layer for layer in layers if own is not None and layer not in own]
        if own is None or not missing:
            return ""
        return f"layer {missing[0]} has none; {letter} exists in layer {', '.join(map(str, sorted(own)))}"

    def representatives(self, low: int, high: int) -> list[int]:
        """Layers of the range that stand for all: one for each kind of layer and neighbours, and the last ones."""
        chosen = {low, max(low, high - 1), high}
        seen: set[Hashable] = set()
        for layer in range(low, high + 1) if self.kinds else ():
            around = tuple(self.kinds[k - 1] if 1 <= k <= self.depth else None for k in range(layer - 1, layer + 3))
            if around not in seen:
                seen.add(around)
                chosen.add(layer)
        return sorted(chosen)


def known(network: int | Alphabet) -> Alphabet:
    """The letters of a network; of a plain one for a number of layers."""
    return network if isinstance(network, Alphabet) else Alphabet(network)


@lru_cache(maxsize=64)
def alphabet_of(architecture: Architecture) -> Alphabet:
    """The letters of an architecture."""
    derivation = differentiate(architecture)
    forward = derivation.forward.tensors
    extra: dict[str, Quantity] = {}
    places: dict[str, set[int]] = {}
    of = {adjoint_name(name): split_name(name)[0] for name in forward}
    for name, tensor in {**forward, **derivation.gradient.tensors}.items():
        letter, layer = split_name(name)
        if letter not in QUANTITIES and not UNREAD.fullmatch(name):
            extra[letter] = _quantity(tensor, "" if name in forward else of.get(name, ""))
            places.setdefault(letter, set()).add(layer)
    return Alphabet(
        architecture.depth,
        extra,
        {letter: frozenset(layers) for letter, layers in places.items()},
        _numbers(architecture),
        frozenset({"z"} | _arguments(derivation.forward)),
        architecture.tied if architecture.tied != tuple(range(architecture.depth + 1)) else (),
        _kinds(architecture),
    )


def _quantity(tensor: Tensor, of: str) -> Quantity:
    sampled = tensor.axes[:1] == (N,)
    return Quantity((0,) * (len(tensor.axes) - sampled), sampled, 1, of)


def _arguments(program: Program) -> set[str]:
    """The letters of the tensors that activations are taken of."""
    calls = {call for equation in program.equations for call in equation.value.atoms(sp.Function) if is_opaque(call)}
    named_f = {call for call in calls if type(call).activation[0] == "f"}
    return {split_name(str(call.args[0].base.label))[0] for call in named_f if isinstance(call.args[0], sp.Indexed)}


def _numbers(architecture: Architecture) -> dict[str, Fraction]:
    """The strengths of the penalties."""
    strengths = {"l2": architecture.penalty.l2, "l1": architecture.penalty.l1}
    return {name: Fraction(str(strength)) for name, strength in strengths.items() if strength}


def _kinds(architecture: Architecture) -> tuple[Hashable, ...]:
    """For each layer its activation and options, and how far away it is read once more."""
    read: dict[int, list[int]] = {}
    for label, options in enumerate(architecture.layers, 1):
        if options.residual:
            read.setdefault(label - options.residual, []).append(options.residual)
    rows = zip(architecture.activations, architecture.layers, strict=True)
    return tuple((f, options, tuple(read.get(label, ()))) for label, (f, options) in enumerate(rows, 1))
