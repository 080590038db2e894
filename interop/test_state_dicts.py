"""state_dicts of PyTorch's, also in files: the numbers in their names say where a tensor belongs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from derive import Architecture, differentiate, emit, load
from derive.interop import from_state_dict, load_parameters, to_state_dict
from derive.model.activation import Activation
from derive.model.errors import DeriveError

DEEP = load(emit(differentiate(Architecture((3, *(4,) * 6, 2), ["tanh"] * 6 + ["identity"]))))


def test_names_say_where_a_tensor_belongs(tmp_path):
    theta = DEEP.initialize(0) + np.arange(DEEP.PARAMETER_COUNT)
    states = to_state_dict(DEEP, theta)
    assert list(states)[-2:] == ["12.weight", "12.bias"]
    for names in (sorted(states), list(states)[::-1]):
        for pattern in ("{}", "module.{}", "fc{}", "net.hidden.{}", "blocks.{}.fc", "h.{}.fc2"):
            mixed = {pattern.format(n) + f".{kind}": states[f"{n}.{kind}"] for n, kind in (k.split(".") for k in names)}
            np.testing.assert_array_equal(from_state_dict(mixed, DEEP), theta)
    nested = {f"{int(name.split('.')[0]) // 4}.{name}": states[name] for name in sorted(states)}
    np.testing.assert_array_equal(from_state_dict(nested, DEEP), theta)
    letters = dict(zip("abcdefghijklmn", states.values(), strict=True))  # under other names the order counts
    np.testing.assert_array_equal(from_state_dict(letters, DEEP), theta)
    with pytest.raises(DeriveError, match=r"expected, in order, W1 \(4, 3\)"):
        from_state_dict(dict(reversed(letters.items())), DEEP)
    ours = dict(zip(DEEP.unpack(theta)._fields, states.values(), strict=True))
    np.testing.assert_array_equal(from_state_dict(dict(reversed(ours.items())), DEEP), theta)


RMS = load(emit(differentiate(Architecture((4, 4, 2), ["tanh"] * 2, layers=[{"normalization": "rms_norm"}, {}]))))
LAYER_NORM = ("weight", "norm.weight", "norm.bias")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["0.weight", "1.weight", "1.bias", "3.weight", "3.bias"], r"'1.weight' is in the place of b1; expected"),
        (
            [*LAYER_NORM, "out.weight", "out.bias"],
            r"'norm.weight' .* b1; .*, W1, a weight, b1, a bias, gain1",
        ),
        (["a.weight", "a.bias", "norm.bias", "b.weight", "b.bias"], "'norm.bias' is in the place of gain1"),
        (["W1", "b1", "shift1", "W2", "b2"], "'shift1' is in the place of gain1|'shift1' is unknown|b1 is missing"),
        (["W1", "b1", "gain1", "W3", "b2"], "'W3' is in the place of W2"),
    ],
)
def test_names_that_say_something_else(tmp_path, names, words):
    """A LayerNorm after a Linear without bias has the shapes of a bias and the gain of an RMSNorm."""
    states = dict(zip(names, RMS.unpack(RMS.initialize(0)), strict=True))
    with pytest.raises(DeriveError, match=words):
        from_state_dict(states, RMS)
    np.savez(tmp_path / "states.npz", **states)
    with pytest.raises(DeriveError, match="of b1" if names[0] == "0.weight" else "missing|unknown"):
        load_parameters(tmp_path / "states.npz", RMS)


def test_names_that_say_nothing():
    """A slope of one's own may have any name, and a bias that is called so stays one."""
    own = Activation("own", "tanh(beta*z)", (("beta", 2.0),), ("beta",))
    module = load(emit(differentiate(Architecture((2, 1), [own]))))
    theta = module.initialize(0)
    for names in (["weight", "bias", "own.bias"], ["a.weight", "a.bias", "beta"], ["bias of it", "weight of it", "W"]):
        states = dict(zip(names, module.unpack(theta), strict=True))
        np.testing.assert_array_equal(from_state_dict(states, module), theta)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_are_finite(value):
    states = {**to_state_dict(DEEP, DEEP.initialize(0)), "2.bias": torch.tensor([0, value, 0, value])}
    with pytest.raises(DeriveError, match=rf"the state_dict: '2.bias' has {value} at \[1\]; expected finite numbers"):
        from_state_dict(states, DEEP)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (None, "None is no state_dict"),
        ([("0.weight", 1)], "expected names and tensors"),
        (nn.Sequential(nn.Linear(3, 2)), r"is no state_dict; use its state_dict\(\)"),
        ({"model": {"0.weight": 1}}, "'model' in the state_dict is dict"),
        ({"0.weight": [[1, 2], [3]]}, "'0.weight' in the state_dict is of list"),
        ({}, "nothing in it"),
    ],
)
def test_what_is_no_state_dict(states, words):
    with pytest.raises(DeriveError, match=words):
        from_state_dict(states, DEEP)


@pytest.mark.parametrize("kind", [".npz", ".safetensors"])
def test_files_with_the_names_of_pytorch(tmp_path, kind):
    theta = DEEP.initialize(0) + np.arange(DEEP.PARAMETER_COUNT)
    states, path = to_state_dict(DEEP, theta), tmp_path / f"states{kind}"

    def write(some: dict[str, Any]) -> None:
        if kind == ".npz":
            np.savez(path, **{name: tensor.numpy() for name, tensor in some.items()})
        else:
            save_file(some, path)

    write({name: states[name] for name in sorted(states)})
    np.testing.assert_array_equal(load_parameters(path, DEEP), theta)
    write({**states, "0.bias": torch.zeros(5)})
    with pytest.raises(DeriveError, match=r"0.bias' is float\d\d\(5,\); expected reals, \(4,\)"):
        load_parameters(path, DEEP)
    write({name: states[name] for name in list(states)[:-1]})
    with pytest.raises(DeriveError, match=r"W1 is missing|0.weight' has \d+ bytes; at most 0"):
        load_parameters(path, DEEP)
