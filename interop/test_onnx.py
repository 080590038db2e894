"""ONNX models in onnxruntime against `predict`, for everything that a module can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from derive import Architecture, differentiate, emit, load
from derive.interop import to_onnx
from derive.model.activation import Activation
from derive.model.errors import DeriveError
from derive.model.tables import ACTIVATIONS

NETWORKS: dict[str, dict[str, Any]] = {
    "softmax": {"activations": ["tanh", "softmax"], "loss": "cross_entropy"},
    "one output": {"sizes": (4, 4, 1), "activations": ["relu", "sigmoid"], "loss": "binary_cross_entropy"},
    "own activation": {"activations": [Activation("own", "z**3 / (1 + exp(-z)) + log(1 + z**2)"), "identity"]},
    "erf": {"activations": [Activation("bump", "z + erf(z)"), "identity"]},
    "layer norm": {"activations": ["swish", "tanh"], "layers": [{"normalization": "layer_norm", "dropout": 0.3}, {}]},
    "residual": {"activations": ["prelu", "identity"], "layers": [{"normalization": "rms_norm", "residual": 1}, {}]},
    "depth 30": {"sizes": (4,) * 31, "activations": ["tanh"] * 30},
}


def outputs(sizes: tuple[int, ...], dtype: str = "float64", scale: float = 3.0, **rest: Any) -> tuple[Any, Any, Any]:
    """What onnxruntime gives, what the module gives, and the model."""
    rng = np.random.default_rng(0)
    module = load(emit(differentiate(Architecture(sizes, dtype=dtype, **rest))))
    theta = (module.initialize(0) + 0.3 * rng.standard_normal(module.PARAMETER_COUNT)).astype(dtype)
    X = (scale * rng.standard_normal((50, sizes[0]))).astype(dtype)
    model = to_onnx(module, theta)
    (Y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": X})
    return Y, module.predict(theta, X), model


def error(found: Any, expected: Any) -> float:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    return float(np.abs(found - expected).max() / max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation(name):
    found, expected, _ = outputs((3, 4, 2), activations=[name, "identity"])
    assert error(found, expected) <= 2e-15
    found, expected, _ = outputs((3, 4, 2), "float32", activations=[name, "identity"])
    assert error(found, expected) <= 1e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_layer(name):
    found, expected, _ = outputs(**{"sizes": (4, 4, 2), **NETWORKS[name]})
    assert error(found, expected) <= 1e-14
    assert error(found, expected * (1 + 1e-9)) > 1e-14  # the comparison sees a difference in the ninth digit


@pytest.mark.parametrize("name", ["elu", "softplus", "logsigmoid"])
def test_small_arguments_keep_their_digits(name):
    """Of elu, expm1(1e-12) has to be right in all digits; exp(x) - 1 would leave four."""
    module = load(emit(differentiate(Architecture((1, 1), [name]))))
    theta = np.array([1.0, 0.0])
    x = -np.logspace(-14, 1, 40).reshape(-1, 1)
    session = onnxruntime.InferenceSession(to_onnx(module, theta).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"X": x})[0], module.predict(theta, x), rtol=2e-15)
    if name == "elu":
        assert np.abs((np.exp(x) - 1) / np.expm1(x) - 1).max() > 1e-4


def test_a_file_that_onnx_reads(tmp_path):
    module = load(emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"], name="small"))))
    path = tmp_path / "small.onnx"
    model = to_onnx(module, module.initialize(0), path)
    assert onnx.load(path) == model
    assert [i.name for i in model.graph.initializer] == ["W1", "b1", "W2", "b2"]
    assert model.graph.name == "small"
    with pytest.raises(DeriveError, match="folder"):
        to_onnx(module, module.initialize(0), tmp_path / "none" / "small.onnx")
