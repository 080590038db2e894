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
from derive.model.errors import DeriveError

DEEP = load(emit(differentiate(Architecture((3, *(4,) * 6, 2), ["tanh"] * 6 + ["identity"]))))


def test_names_say_where_a_tensor_belongs(tmp_path):
    theta = DEEP.initialize(0) + np.arange(DEEP.PARAMETER_COUNT)
    states = to_state_dict(DEEP, theta)
    assert list(states)[-2:] == ["12.weight", "12.bias"]
    for names in (sorted(states), list(states)[::-1]):
        for prefix in ("", "module.", "fc", "net.hidden."):
            mixed = {prefix + name: states[name] for name in names}
            np.testing.assert_array_equal(from_state_dict(mixed, DEEP), theta)
    nested = {f"{int(name.split('.')[0]) // 4}.{name}": states[name] for name in sorted(states)}
    np.testing.assert_array_equal(from_state_dict(nested, DEEP), theta)
    letters = dict(zip("abcdefghijklmn", states.values(), strict=True))  # under other names the order counts
    np.testing.assert_array_equal(from_state_dict(letters, DEEP), theta)
    with pytest.raises(DeriveError, match=r"expected, in order, W1 \(4, 3\)"):
        from_state_dict(dict(reversed(letters.items())), DEEP)


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
    with pytest.raises(DeriveError, match=r"0.bias is float\d\d\(5,\); expected reals, \(4,\)"):
        load_parameters(path, DEEP)
    write({name: states[name] for name in list(states)[:-1]})
    with pytest.raises(DeriveError, match=r"W1 is missing|0.weight' has \d+ bytes; at most 0"):
        load_parameters(path, DEEP)
