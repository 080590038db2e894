"""Specifications: TOML and back, the two ways to write layers, and any text at all."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.specification import from_table, from_toml, to_toml
from derive.model.tables import ACTIVATIONS, DTYPES, INITIALIZATIONS, LOSSES, OPTIMIZERS, SCHEDULES
from tests.doubles import refusal
from tests.strategies import architectures


@given(architectures())
@settings(max_examples=15, deadline=None)
def test_toml_and_back_is_the_same_architecture(architecture):
    text = to_toml(architecture)
    assert from_toml(text) == architecture
    assert to_toml(from_toml(text)) == text


@given(architectures())
@settings(max_examples=15, deadline=None)
def test_layer_by_layer_is_the_same_architecture(architecture):
    table = tomllib.loads(to_toml(architecture))
    inputs, *sizes = table.pop("sizes")
    layers = [{"units": n, "activation": f} for n, f in zip(sizes, table.pop("activations"), strict=True)]
    assert from_table({**table, "inputs": inputs, "layer": layers}) == architecture


@given(architectures())
@settings(max_examples=15, deadline=None)
def test_the_number_of_parameters(architecture):
    below, *sizes = architecture.sizes
    count = 0
    for n, function in zip(sizes, architecture.activations, strict=True):
        count += n * below + n + len(function.trained)
        below = n
    assert architecture.parameter_count == count


@given(architectures())
@settings(max_examples=15, deadline=None)
def test_equal_architectures_are_one_key(architecture):
    assert len({architecture, from_toml(to_toml(architecture))}) == 1
    assert architecture.resized(architecture.sizes) == architecture


@given(st.text(max_size=60))
def test_any_text_is_an_architecture_or_one_line(text):
    with pytest.raises(DeriveError) as caught:
        from_toml(text, "net.toml")
    assert str(caught.value).startswith("net.toml: ")
    assert "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["tanh", "sgd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["name", "sizes", "activations", "inputs", "layer", "activation", "loss", "optimizer", "dtype"]
KEYS += ["initialization", "schedule", "clip", "checkpoint_every"]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_table_is_an_architecture_or_one_line(table):
    assert "\n" not in refusal(from_table, table)


@given(st.sampled_from(KEYS), VALUES)
def test_one_wrong_value_is_an_architecture_or_one_line(key, value):
    table = {"sizes": [2, 3, 1], "activations": ["tanh", "identity"], key: value}
    assert "\n" not in refusal(from_table, table)


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("loss", LOSSES),
        ("optimizer", OPTIMIZERS),
        ("dtype", DTYPES),
        ("activations", ACTIVATIONS),
        ("schedule", SCHEDULES),
        ("initialization", INITIALIZATIONS),
    ],
)
def test_an_unknown_name_is_answered_with_all_that_exist(key, known):
    value = "nonesuch" if key != "activations" else ["tanh", "nonesuch"]
    with pytest.raises(DeriveError) as caught:
        from_table({"sizes": [2, 3, 1], "activations": ["tanh", "identity"], key: value})
    assert all(name in str(caught.value) for name in known)


def test_defaults():
    assert from_toml('sizes = [2, 1]\nactivations = ["tanh"]') == Architecture((2, 1), ("tanh",))
