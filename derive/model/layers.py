"""What a layer has besides its weights and its activation: normalisation, a residual connection, dropout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from derive.model.errors import DeriveError, shorten, unknown
from derive.model.scalars import real, whole
from derive.model.tables import NORMALIZATIONS


@dataclass(frozen=True)
class LayerOptions:
    """The options of one layer, in the order in which they act on z^l.

    `normalization` is a key of the table NORMALIZATIONS; `dropout` the probability with which an output is set
    to 0 in training; `residual` says around how many layers, this one being the last, the input is added.
    """

    normalization: str = ""
    dropout: float = 0.0
    residual: int = 0

    def __post_init__(self) -> None:
        known = isinstance(self.normalization, str) and self.normalization in ("", *NORMALIZATIONS)
        if not known:
            raise unknown("normalization", self.normalization, NORMALIZATIONS)
        dropout = real(self.dropout)
        if dropout is None or not 0 <= dropout < 1:
            raise DeriveError(f"dropout is {shorten(self.dropout)}; expected a probability from 0 up to but not 1")
        residual = int(self.residual) if isinstance(self.residual, bool) else whole(self.residual)
        if residual is None or residual < 0:
            raise DeriveError(f"residual is {shorten(self.residual)}; expected true, or the number of layers around")
        object.__setattr__(self, "dropout", float(dropout))
        object.__setattr__(self, "residual", residual)

    @property
    def plain(self) -> bool:
        """Whether the layer is the text's: z = W a + b, a = f(z), and nothing else."""
        return self == LayerOptions()

    @property
    def words(self) -> str:
        """What the layer has beside weights and activation, in words; "" if nothing."""
        around = f"{self.residual} layers" if self.residual > 1 else "it"
        parts = (
            self.normalization,
            f"residual around {around}" if self.residual else "",
            f"dropout {self.dropout:g}" if self.dropout else "",
        )
        return ", ".join(filter(None, parts))


OPTION_NAMES = tuple(field.name for field in fields(LayerOptions))


def layer_options(
    values: Iterable[Mapping[str, Any] | LayerOptions] | None, sizes: tuple[int, ...]
) -> tuple[LayerOptions, ...]:
    """The options of the layers 1..L. Raises DeriveError, with the layer, for what cannot be built."""
    depth = len(sizes) - 1
    if values is None:
        return (LayerOptions(),) * depth
    given = tuple(values)
    if len(given) != depth:
        raise DeriveError(
            f"layers: options for {len(given)} layers given, but there are {depth}; give one table for each"
        )
    found = []
    for label, value in enumerate(given, 1):
        try:
            found.append(value if isinstance(value, LayerOptions) else _read(value))
            _check_residual(found[-1], label, sizes)
        except DeriveError as error:
            raise DeriveError(f"layer {label}: {error}") from None
    return tuple(found)


def _read(value: Mapping[str, Any]) -> LayerOptions:
    if not isinstance(value, Mapping):
        raise DeriveError(f"{shorten(value)} is not a table of options; known: {', '.join(OPTION_NAMES)}")
    for key in value:
        if key not in OPTION_NAMES:
            raise unknown("option", key, OPTION_NAMES)
    return LayerOptions(**value)


def _check_residual(options: LayerOptions, label: int, sizes: tuple[int, ...]) -> None:
    around = options.residual
    if around > label:
        raise DeriveError(f"a residual connection around {around} layers would start below the input; at most {label}")
    if around and sizes[label - around] != sizes[label]:
        raise DeriveError(
            f"a residual connection adds a^{label - around} with {sizes[label - around]} units to a layer of "
            f"{sizes[label]}; both need the same number"
        )
