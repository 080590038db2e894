"""Parameters in safetensors files, as safetensors itself reads them."""

from __future__ import annotations

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
    save_parameters(path, MODULE, MODULE.initialize(0))
    whole = path.read_bytes()
    for text in (b"", whole[:-1], whole[:9], b"\xff" * 64):
        path.write_bytes(text)
        with pytest.raises(DeriveError, match=r"not a .safetensors file"):
            load_parameters(path, MODULE)
