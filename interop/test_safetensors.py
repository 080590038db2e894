"""Parameters in safetensors files, as safetensors itself reads them."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from derive import Architecture, differentiate, emit, load
from derive.interop import load_parameters, save_parameters
from derive.model.errors import DeriveError

MODULE = load(emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"]))))


def test_there_and_back(tmp_path):
    theta, path = MODULE.initialize(0), tmp_path / "theta.safetensors"
    save_parameters(path, MODULE, theta)
    np.testing.assert_array_equal(load_file(path)["W1"], MODULE.unpack(theta).W1)
    np.testing.assert_array_equal(load_parameters(path, MODULE), theta)


def test_files_of_others(tmp_path):
    path = tmp_path / "theta.safetensors"
    save_file({"W1": np.zeros((3, 2))}, path)
    with pytest.raises(DeriveError, match="b1 is missing"):
        load_parameters(path, MODULE)
    save_file({**load_file(path), "b1": np.zeros(3), "W2": np.zeros((1, 3)), "b2": np.array([np.nan])}, path)
    with pytest.raises(DeriveError, match=r"'b2' has nan at \[0\]; expected finite"):
        load_parameters(path, MODULE)
    save_parameters(path, MODULE, MODULE.initialize(0))
    whole = path.read_bytes()
    for text in (b"", whole[:-1], whole[:9], b"\xff" * 64):
        path.write_bytes(text)
        with pytest.raises(DeriveError, match=r"not a .safetensors file"):
            load_parameters(path, MODULE)


@pytest.mark.parametrize("name", ["W1", "\\u0057\\u0031"])
def test_an_array_that_is_there_twice(tmp_path, name):
    """Which of the two would be read is an accident, also where the second name is written with other characters."""
    path, theta = tmp_path / "theta.safetensors", MODULE.initialize(0)
    save_parameters(path, MODULE, theta)
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    entry = json.dumps(json.loads(data[8 : 8 + size])["W1"])
    header = data[8 : 8 + size].rstrip()[:-1] + f', "{name}": {entry}}}'.encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data[8 + size :])
    with pytest.raises(DeriveError, match=r"theta.safetensors: 'W1' is in it 2 times; expected each array once"):
        load_parameters(path, MODULE)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3"])
def test_numbers_that_numpy_does_not_have(tmp_path, dtype):
    path = tmp_path / "theta.safetensors"
    header = json.dumps({"W1": {"dtype": dtype, "shape": [2], "data_offsets": [0, 4 if dtype == "BF16" else 2]}})
    path.write_bytes(struct.pack("<Q", len(header)) + header.encode() + b"\0" * (4 if dtype == "BF16" else 2))
    with pytest.raises(DeriveError, match=f"theta.safetensors: numbers of dtype '{dtype}' are not read; expected F64"):
        load_parameters(path, MODULE)


def test_one_number_among_the_parameters(tmp_path):
    module = load(emit(differentiate(Architecture((2, 3, 1), ["prelu", "identity"]))))
    theta, path = module.initialize(0), tmp_path / "theta.safetensors"
    save_parameters(path, module, theta)
    np.testing.assert_array_equal(load_parameters(path, module), theta)
