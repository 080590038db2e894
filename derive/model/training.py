"""What an architecture is trained with besides its optimiser: initial weights, learning-rate schedule, clipping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from derive.model.errors import DeriveError, shorten, unknown
from derive.model.scalars import LARGEST, ranged, real, whole
from derive.model.tables import INITIALIZATIONS, SCHEDULES, Initialization, Schedule


@dataclass(frozen=True)
class Choice:
    """An entry of a table by its name, with its constants; those that are not given have their defaults."""

    name: str
    constants: tuple[tuple[str, float], ...] = ()

    KIND: ClassVar[str]
    TABLE: ClassVar[Mapping[str, Any]]
    COMMON: ClassVar[dict[str, float]] = {}

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or self.name not in self.TABLE:
            raise unknown(self.KIND, self.name, self.TABLE)
        known = {**self.TABLE[self.name].constants, **self.COMMON}
        where = f"{self.KIND} {self.name!r}"
        given = dict(self.constants)
        for key, value in given.items():
            if key not in known:
                raise unknown("constant", key, known, where) if known else _takes_none(where, key)
            given[key] = ranged(where, key, value)
        merged = tuple((key, float(given.get(key, default))) for key, default in known.items())
        object.__setattr__(self, "constants", merged)

    @classmethod
    def of(cls, value: object) -> Self:
        """The choice that a name, or a table with a name and constants, stands for."""
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            if "name" not in value:
                raise DeriveError(f"{cls.KIND}: the key 'name' is missing; known: {', '.join(sorted(cls.TABLE))}")
            constants = {str(key): number for key, number in value.items() if key != "name"}
            return cls(value["name"], tuple(constants.items()))
        return cls(value)  # type: ignore[arg-type]  # checked by __post_init__

    @property
    def changed(self) -> dict[str, float]:
        """The constants that differ from their defaults."""
        defaults = {**self.TABLE[self.name].constants, **self.COMMON}
        return {key: value for key, value in self.constants if value != defaults[key]}


class Pace(Choice):
    """The learning-rate schedule that an architecture is trained with.

    >>> Pace.of({"name": "step", "every": 10, "warm_up": 5}).constants
    (('every', 10.0), ('factor', 0.1), ('warm_up', 5.0))
    """

    KIND = "schedule"
    TABLE = SCHEDULES
    COMMON: ClassVar[dict[str, float]] = {"warm_up": 0}

    @property
    def row(self) -> Schedule:
        """Its row in the table."""
        return SCHEDULES[self.name]


class Start(Choice):
    """How the weights of an architecture are drawn.

    >>> Start("normal").constants
    (('scale', 0.05),)
    """

    KIND = "initialization"
    TABLE = INITIALIZATIONS

    @property
    def row(self) -> Initialization:
        """Its row in the table."""
        return INITIALIZATIONS[self.name]


def clip_norm(value: object) -> float | None:
    """The norm beyond which a gradient is shortened: a positive number, or None where none is."""
    if value is None:
        return None
    number = real(value)
    if number is None or not 0 < number <= LARGEST:
        raise DeriveError(
            f"clip: the largest norm of a gradient has to be a positive number up to {LARGEST:g}, not {shorten(value)}"
        )
    return float(number)


def every_layer(value: object) -> int | None:
    """How many layers apart the activations are that a step keeps; None where it keeps all."""
    if value is None:
        return None
    number = whole(value)
    if number is None or number < 1:
        raise DeriveError(
            f"checkpoint_every: {shorten(value)} is not a whole number of at least 1; 2 keeps every second activation"
        )
    return number


def training_lines(
    initialization: Start, schedule: Pace, clip: float | None, checkpoint_every: int | None
) -> list[str]:
    """The lines of a specification for what is not as it is by default."""
    lines = []
    for choice, default in ((initialization, DEFAULT_START), (schedule, DEFAULT_PACE)):
        if choice != default:
            # every constant is written, so that the file means the same if a default changes
            constants = "".join(f", {key} = {value!r}" for key, value in choice.constants)
            shown = f'{{ name = "{choice.name}"{constants} }}' if constants else f'"{choice.name}"'
            lines.append(f"{choice.KIND} = {shown}")
    lines += [] if clip is None else [f"clip = {clip!r}"]
    return lines + ([] if checkpoint_every is None else [f"checkpoint_every = {checkpoint_every}"])


def _takes_none(where: str, key: str) -> DeriveError:
    return DeriveError(f"{where}: unknown constant {shorten(key)}; it has none")


DEFAULT_START, DEFAULT_PACE = Start("lecun_normal"), Pace("constant")
