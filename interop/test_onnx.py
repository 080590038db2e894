"""ONNX models in onnxruntime against `predict`, for everything that a module can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import derive
from derive import Architecture, differentiate, emit, load
from derive.interop import to_onnx
from derive.model.activation import Activation
from derive.model.errors import DeriveError
from derive.model.expression import FUNCTIONS
from derive.model.specification import from_toml
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


def magnitudes(most: float) -> Any:
    """Numbers of both signs from the smallest normal ones up to `most`, dense about 1, with 0, ±inf and NaN."""
    rng = np.random.default_rng(0)
    many = np.concatenate([10.0 ** rng.uniform(-307, np.log10(most), 2000), rng.uniform(0, 4, 2000), [1, most]])
    return np.concatenate([many, -many, [0, np.inf, -np.inf, np.nan]]).reshape(-1, 1)


HYPERBOLIC = {"sinh": (np.sinh, 710.47), "cosh": (np.cosh, 710.47), "asinh": (np.arcsinh, 1e308)}
NO_KERNEL = {**HYPERBOLIC, "atan": (np.arctan, 1e308)}
"""NumPy's function, which is right to 2e-16, and the largest argument of which it is finite."""


@pytest.mark.parametrize("name", NO_KERNEL)
def test_functions_without_a_float64_kernel(name):
    module = load(emit(differentiate(Architecture((1, 1), [Activation("own", f"{name}(z)")]))))
    function, most = NO_KERNEL[name]
    model, x = to_onnx(module, np.array([1.0, 0.0])), magnitudes(most)
    assert {"Sinh", "Cosh", "Asinh", "Atan"}.isdisjoint(node.op_type for node in model.graph.node)
    found = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": x})[0]
    np.testing.assert_allclose(found, function(x), rtol=2e-15)
    assert np.isfinite(found[np.isfinite(x)]).all()
    with pytest.raises(AssertionError):  # the comparison sees a difference in the fourteenth digit
        np.testing.assert_allclose(found, function(x) * (1 + 1e-14), rtol=2e-15)


@pytest.mark.parametrize("name", NO_KERNEL)
def test_float32_has_kernels(name):
    found, expected, model = outputs((3, 4, 2), "float32", activations=[Activation("own", f"{name}(z)"), "identity"])
    assert name.title() in {node.op_type for node in model.graph.node}
    assert error(found, expected) <= 1e-6


DIGITS = {"float64": 1e-14, "float32": 1e-6}


@pytest.mark.parametrize("dtype", DIGITS)
@pytest.mark.parametrize("function", ["erf(z)", "erf(exp(z))", "z - tanh(z)", "exp(z) - 1 - z", "log(1 + z**12)/12"])
def test_no_digits_are_lost_near_zero_and_far_from_it(function, dtype):
    """erf would be 2 Phi - 1, which cancels at 0; log(u) x/(u - 1) for log1p would overflow from x = 1e37 on."""
    module = load(emit(differentiate(Architecture((1, 1), [Activation("own", function)], dtype=dtype))))
    many = np.concatenate([np.logspace(-18, 1.9, 500), np.linspace(0, 20, 500), [1400.0] * function.startswith("log")])
    theta, x = np.array([1, 0], dtype), np.concatenate([-many, many]).astype(dtype).reshape(-1, 1)
    found = onnxruntime.InferenceSession(to_onnx(module, theta).SerializeToString()).run(None, {"X": x})[0]
    np.testing.assert_allclose(found, module.predict(theta, x), rtol=DIGITS[dtype], atol=np.finfo(dtype).tiny)


def test_log1p_of_infinity():
    module = load(emit(differentiate(Architecture((1, 1), [Activation("own", "log1p(z**2)")]))))
    session = onnxruntime.InferenceSession(to_onnx(module, np.array([1.0, 0.0])).SerializeToString())
    x = np.array([[np.inf], [-np.inf], [np.nan]])
    np.testing.assert_array_equal(session.run(None, {"X": x})[0], np.abs(x))


@pytest.mark.parametrize("name", ["c_float64_", "Y_", "theta_"])
def test_names_of_trained_constants(name):
    """Those of nodes began as these do."""
    own = Activation("own", f"z/(1 + exp(-{name}*z))", ((name, 1.3),), (name,))
    found, expected, _ = outputs((3, 4, 2), activations=[own, "identity"], layers=[{"normalization": "layer_norm"}, {}])
    assert error(found, expected) <= 1e-14


EXPRESSIONS = (
    "sinh(z/9) + cosh(z/9) + atan(z) + asinh(z) + sin(z)*cos(z) + erf(z) + tanh(z)",
    "exp(-z**2) + log(1 + z**2) + sqrt(1 + z**2) + expm1(z/9) + log1p(z**2)",
    "abs(z) + max(z, 0) + min(z, 1) + where(z > 1, z, z**2)",
)


def test_every_function_of_an_expression_is_tested():
    assert all(f"{name}(" in " ".join(EXPRESSIONS) for name in FUNCTIONS)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_function_of_an_expression(expression):
    found, expected, _ = outputs((3, 4, 2), activations=[Activation("own", expression), "identity"])
    assert error(found, expected) <= 1e-14


def test_a_model_says_what_it_was_made_from():
    module = load(emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"], name="small"))))
    model = onnx.load_model_from_string(to_onnx(module, module.initialize(0)).SerializeToString())
    assert (model.producer_name, model.producer_version) == ("derive", derive.__version__)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told == {"specification": module.SPEC, "digest": module.DIGEST}
    assert from_toml(told["specification"]) == Architecture((2, 3, 1), ["tanh", "identity"], name="small")


def test_a_file_that_onnx_reads(tmp_path):
    module = load(emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"], name="small"))))
    path = tmp_path / "small.onnx"
    model = to_onnx(module, module.initialize(0), path)
    assert onnx.load(path) == model
    assert [i.name for i in model.graph.initializer] == ["W1", "b1", "W2", "b2"]
    assert model.graph.name == "small"
    with pytest.raises(DeriveError, match="folder"):
        to_onnx(module, module.initialize(0), tmp_path / "none" / "small.onnx")
