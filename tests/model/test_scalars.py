"""Numbers as people give them: NumPy's scalars count as Python's, what is stored is plain, ranges are kept to."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.loss import Loss
from derive.model.scalars import RANGES, real, whole
from derive.model.specification import from_toml, to_toml
from derive.model.tables import INITIALIZATIONS, LOSSES, SCHEDULES


def network(**settings: Any) -> Architecture:
    return Architecture(**{"sizes": (3, 4, 1), "activations": ("tanh", "identity"), **settings})


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float16, np.float32, np.float64, np.longdouble, int, float])
def test_a_scalar_is_a_plain_number(kind):
    number = real(kind(2))
    assert number == 2
    assert type(number) is (int if kind in (np.int8, np.uint64, int) else float)
    assert whole(kind(2)) == (2 if type(number) is int else None)


@pytest.mark.parametrize("value", [True, np.True_, "2", None, 2j, np.array(2), [2], Fraction(10**400)])
def test_what_is_no_number(value):
    assert real(value) is None
    assert whole(value) is None


PLACES: dict[str, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
    "clip": (np.int64(1), lambda value: {"clip": value}),
    "clip, single": (np.float32(0.1), lambda value: {"clip": value}),
    "schedule": (np.int64(2), lambda value: {"schedule": {"name": "step", "every": value}}),
    "initialization": (np.float32(0.5), lambda value: {"initialization": {"name": "normal", "scale": value}}),
    "sizes": (np.uint8(5), lambda value: {"sizes": (value, value, value)}),
    "penalty": (np.float32(0.5), lambda value: {"penalty": {"l2": value}}),
    "optimizer": (np.float32(0.5), lambda value: {"optimizer": {"name": "adam", "beta1": value}}),
    "loss": (np.float64(2), lambda value: {"loss": {"name": "huber", "delta": value}}),
    "own loss": (np.int64(2), lambda value: {"loss": Loss("own", "k*(a - y)**2", {"k": value})}),
    "activation": (np.float32(2), lambda value: {"activations": (own(value), "identity")}),
    "dropout": (np.float32(0.5), lambda value: {"layers": [{"dropout": value}, {}]}),
    "residual": (np.int64(1), lambda value: {"sizes": (3, 3, 1), "layers": [{"residual": value}, {}]}),
    "checkpoint_every": (np.int64(1), lambda value: {"checkpoint_every": value}),
}
"""Where a number may be given: one of NumPy's, and the settings with it."""


def own(k: Any) -> Activation:
    return Activation("own", "tanh(k*z)", {"k": k})


@pytest.mark.parametrize("place", PLACES)
def test_numpys_scalars_are_stored_as_plain_numbers(place):
    value, settings = PLACES[place]
    given, plain = network(**settings(value)), network(**settings(value.item()))
    text = to_toml(given)
    assert text == to_toml(plain)
    assert from_toml(text) == given == plain


@pytest.mark.parametrize("value", [np.True_, np.float32("nan"), np.float64("inf"), np.array([1.0]), "1", None])
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_number_is_refused_everywhere(place, value):
    if place.startswith("clip") or place == "checkpoint_every":
        value = "none" if value is None else value  # None has a meaning there
    with pytest.raises(DeriveError, match=r"not|is |only"):
        network(**PLACES[place][1](value))


@pytest.mark.parametrize("delta", [-1, 0, -1e-300])
def test_a_loss_keeps_to_the_ranges_of_its_constants(delta):
    """With delta = 0 huber is 0 everywhere, and with a negative one it has no lower bound."""
    with pytest.raises(DeriveError, match=f"loss 'huber': delta has to be positive, not {delta}"):
        network(loss={"name": "huber", "delta": delta})
    with pytest.raises(DeriveError, match="delta has to be positive"):
        from_toml(to_toml(network(loss={"name": "huber", "delta": 2})).replace("delta = 2.0", f"delta = {delta}"))
    assert network(loss={"name": "mine", "expression": "(a - y)**2 + delta", "delta": delta})


def test_every_constant_of_the_tables_has_a_range():
    named = {key for row in (*SCHEDULES.values(), *INITIALIZATIONS.values()) for key in row.constants} | {"warm_up"}
    named |= {part.split("=")[0].strip() for row in LOSSES.values() for part in row.definition.split(";")[1:]}
    assert named == set(RANGES)
