"""`Architecture`: what the user asks for, validated once and then only read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import Any

from derive.model.activation import Activation, activation
from derive.model.errors import DeriveError, shorten, unknown
from derive.model.fit import check_fit
from derive.model.layers import LayerOptions, layer_options
from derive.model.limits import LIMITS
from derive.model.loss import Loss, loss_function
from derive.model.names import identifier
from derive.model.penalty import Penalty
from derive.model.penalty import penalty as read_penalty
from derive.model.scalars import real, whole
from derive.model.tables import DTYPES, NORMALIZATIONS, OPTIMIZERS
from derive.model.training import DEFAULT_PACE, DEFAULT_START, Pace, Start, clip_norm, every_layer

MAX_LAYERS, MAX_WIDTH = LIMITS["layers"].most, LIMITS["width"].most
MAX_CONSTANT = 1 - 2**-53  # of an optimiser: below 1


@dataclass(frozen=True)
class Update:
    """The optimiser that an architecture is trained with, and its constants."""

    name: str = "sgd"
    constants: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in OPTIMIZERS:
            raise unknown("optimizer", self.name, OPTIMIZERS)
        known = OPTIMIZERS[self.name].constants
        given = dict(self.constants)
        for key, value in given.items():
            if key not in known:
                raise unknown("constant", key, known, f"optimizer {self.name!r}")
            most = 1 if key == "bias_correction" else MAX_CONSTANT
            number = real(value)
            if number is None or not 0 <= number <= most:
                shown = "be 0 or 1" if most == 1 else "lie in [0, 1)"
                raise DeriveError(f"optimizer {self.name!r}: {key} has to {shown}, not {shorten(value)}")
            given[key] = number
        merged = tuple((key, float(given.get(key, default))) for key, default in known.items())
        object.__setattr__(self, "constants", merged)


@dataclass(frozen=True)
class Architecture:
    """A multi-layer perceptron: n_0, …, n_L units, an activation for each of the layers 1..L, a loss.

    `sizes` has L + 1 entries and `activations` L: names from the table or `Activation` objects. `layers` holds a
    table of options for each layer (see `LayerOptions`), `penalty` one for the weights (see `Penalty`); with
    `sample_weights` every sample's c is multiplied by a weight of its own. With `checkpoint_every` = k a step of a
    fast module keeps the activations of the layers k, 2k, … and computes the others again on its way back.
    Raises DeriveError, in one line, for anything that cannot be built.

    >>> Architecture(sizes=(64, 32, 10), activations=("tanh", "identity")).parameter_count
    2410
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    optimizer: Update
    dtype: str
    name: str
    layers: tuple[LayerOptions, ...]
    penalty: Penalty
    sample_weights: bool
    initialization: Start
    schedule: Pace
    clip: float | None
    checkpoint_every: int | None

    def __init__(
        self,
        sizes: Iterable[int],
        activations: Iterable[str | Activation],
        loss: str | Mapping[str, Any] | Loss = "least_squares",
        optimizer: str | Mapping[str, Any] | Update = "sgd",
        dtype: str = "float64",
        name: str = "network",
        layers: Iterable[Mapping[str, Any] | LayerOptions] | None = None,
        penalty: Mapping[str, Any] | Penalty | None = None,
        sample_weights: bool = False,
        initialization: str | Mapping[str, Any] | Start = DEFAULT_START,
        schedule: str | Mapping[str, Any] | Pace = DEFAULT_PACE,
        clip: float | None = None,
        checkpoint_every: int | None = None,
    ) -> None:
        checked = _sizes(sizes)
        if isinstance(activations, str | Activation) or not isinstance(activations, Iterable):
            raise DeriveError(
                f"activations: {shorten(activations)} is not a list; give one activation for each layer, as in "
                '["tanh", "identity"]'
            )
        functions = tuple(activation(value) for value in activations)
        if len(functions) != len(checked) - 1:
            raise DeriveError(
                f"activations: {len(functions)} given, but sizes {list(checked)} have {len(checked) - 1} layers "
                "after the input; give one activation for each"
            )
        _one_meaning_a_name(functions)
        for label, (function, units) in enumerate(zip(functions, checked[1:], strict=True), 1):
            if not function.elementwise and units == 1:
                raise DeriveError(
                    f"activations: layer {label} has one unit, of which {function.name} is always the same"
                )
        chosen = loss_function(loss)
        options = layer_options(layers, checked)
        check_fit(chosen, functions[-1], options[-1])
        if not isinstance(sample_weights, bool):
            raise DeriveError(f"sample_weights is {shorten(sample_weights)}; expected true or false")
        if dtype not in DTYPES:
            raise unknown("dtype", dtype, DTYPES)
        for key, value in {
            "sizes": checked,
            "activations": functions,
            "loss": chosen,
            "optimizer": _update(optimizer),
            "dtype": dtype,
            "name": identifier(name, "network"),
            "layers": options,
            "penalty": read_penalty(penalty),
            "sample_weights": sample_weights,
            "initialization": Start.of(initialization),
            "schedule": Pace.of(schedule),
            "clip": clip_norm(clip),
            "checkpoint_every": every_layer(checkpoint_every),
        }.items():
            object.__setattr__(self, key, value)
        if self.parameter_count > LIMITS["parameters"].most:
            raise DeriveError(f"sizes: {LIMITS['parameters'].exceeded(self.parameter_count)}")

    @property
    def depth(self) -> int:
        """L, the number of layers after the input."""
        return len(self.sizes) - 1

    @cached_property
    def parameter_count(self) -> int:
        """The number of parameters: for plain layers the sum over l of n_l (n_{l-1} + 1)."""
        return sum(self.parameters_of(label) for label in range(1, self.depth + 1))

    def parameters_of(self, label: int) -> int:
        """The number of parameters of one of the layers 1..L."""
        below, n = self.sizes[label - 1 : label + 1]
        normalization = NORMALIZATIONS.get(self.layers[label - 1].normalization)
        scales = n * len(normalization.parameters) if normalization else 0
        return n * (below + 1) + scales + len(self.activations[label - 1].trained)

    @cached_property
    def plain(self) -> bool:
        """Whether this is the text's perceptron: plain layers, elementwise activations without trained constants."""
        return all(options.plain for options in self.layers) and all(
            f.elementwise and not f.trained for f in self.activations
        )

    @cached_property
    def tied(self) -> tuple[int, ...]:
        """For each of the layers 0..L the first layer that has to have as many units: itself, or by a residual."""
        first = list(range(self.depth + 1))
        for label, options in enumerate(self.layers, 1):
            if options.residual:
                first[label] = first[label - options.residual]
        return tuple(first)

    def _repr_latex_(self) -> str:
        """The network as a chain of spaces, each arrow with its activation."""
        arrows = [
            rf"\xrightarrow{{\text{{{f.name.replace('_', ' ')}}}}} \mathbb{{R}}^{{{n}}}"
            for f, n in zip(self.activations, self.sizes[1:], strict=True)
        ]
        return rf"$\mathbb{{R}}^{{{self.sizes[0]}}} {' '.join(arrows)}$"

    def _repr_html_(self) -> str:
        """The layers as a table, for notebooks."""
        rows = "".join(
            f"<tr><td>{k}</td><td>{n}</td><td>{escape(f.name)}</td><td>{escape(options.words)}</td>"
            f"<td>{n} × {below}</td><td>{self.parameters_of(k)}</td></tr>"
            for k, (below, n, f, options) in enumerate(
                zip(self.sizes, self.sizes[1:], self.activations, self.layers, strict=False), 1
            )
        )
        head = "".join(f"<th>{word}</th>" for word in ("layer", "units", "activation", "besides", "W", "parameters"))
        head = f"<tr>{head}</tr>"
        first = f"<tr><td>0</td><td>{self.sizes[0]}</td><td></td><td></td><td></td><td></td></tr>"
        caption = f"{escape(self.name)}: {escape(str(self.loss))}, {self.parameter_count} parameters"
        return f"<table><caption>{caption}</caption><thead>{head}</thead><tbody>{first}{rows}</tbody></table>"

    def resized(self, sizes: Iterable[int]) -> Architecture:
        """The same architecture with other widths (as many as before)."""
        return replace(self, sizes=tuple(sizes))

    def of_layers(self, kept: Sequence[int]) -> Architecture:
        """The network of these layers alone, counted from 1, in their order, on the same inputs.

        A residual connection stays where it goes around layers that still follow each other.
        """
        labels = (0, *kept)

        def options(place: int, label: int) -> LayerOptions:
            own = self.layers[label - 1]
            start = place - own.residual
            return own if start >= 0 and labels[start] == label - own.residual else replace(own, residual=0)

        return replace(
            self,
            sizes=tuple(self.sizes[label] for label in labels),
            activations=tuple(self.activations[label - 1] for label in kept),
            layers=tuple(options(place, label) for place, label in enumerate(kept, 1)),
        )

    def undropped(self) -> Architecture:
        """The same architecture without dropout, as it predicts."""
        return replace(self, layers=tuple(replace(options, dropout=0.0) for options in self.layers))

    def as_taught(self) -> Architecture:
        """The network as formulas speak of it: constants fixed, no dropout, every sample of the same weight."""
        return replace(self.settled().undropped(), sample_weights=False)

    def settled(self) -> Architecture:
        """The same architecture with its trained constants fixed at the values that they start from."""
        return replace(self, activations=tuple(replace(f, trained=()) for f in self.activations))


def _sizes(values: Iterable[int]) -> tuple[int, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise DeriveError(f"sizes: {shorten(values)} is not a list of numbers; write for example [64, 32, 10]")
    sizes = tuple(values)
    if not 2 <= len(sizes) <= MAX_LAYERS + 1:
        raise DeriveError(
            f"sizes: {len(sizes)} given; at least two (input and output) and at most {MAX_LAYERS + 1} are needed"
        )
    found = []
    for position, size in enumerate(sizes):
        units = whole(size)
        if units is None or not 1 <= units <= MAX_WIDTH:
            raise DeriveError(
                f"sizes: entry {position} is {shorten(size)}; every size is a whole number from 1 to {MAX_WIDTH}"
            )
        found.append(units)
    return tuple(found)


def _one_meaning_a_name(functions: tuple[Activation, ...]) -> None:
    meaning: dict[str, Activation] = {}
    for function in functions:
        if meaning.setdefault(function.name, function) != function:
            raise DeriveError(f"activations: {function.name!r} stands for two different expressions")


def _update(value: str | Mapping[str, Any] | Update) -> Update:
    if isinstance(value, Update):
        return value
    if isinstance(value, Mapping):
        constants = {str(key): number for key, number in value.items() if key != "name"}
        return Update(value.get("name", "sgd"), tuple(constants.items()))
    return Update(value)
