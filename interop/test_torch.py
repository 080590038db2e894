"""PyTorch's networks and emitted modules made from one another: the same outputs, gradients and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from derive import Architecture, differentiate, emit, load
from derive.interop import TORCH, from_state_dict, from_torch, to_state_dict, to_torch
from derive.model.errors import DeriveError


def module_of(*arguments: Any, **settings: Any) -> Any:
    return load(emit(differentiate(Architecture(*arguments, **settings))))


def drawn(module: Any, dtype: Any = np.float64) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    theta = (module.initialize(0) + 0.3 * rng.standard_normal(module.PARAMETER_COUNT)).astype(dtype)
    return theta, 3 * rng.standard_normal((40, module.SIZES[0])).astype(dtype)


@pytest.mark.parametrize("name", TORCH)
def test_every_activation_there_and_back(name):
    last = [name] if name.endswith("softmax") else [name, "identity"]
    loss = "cross_entropy" if name == "softmax" else "least_squares"
    module = module_of((3, 4, 2)[: len(last) + 1], last, loss)
    theta, X = drawn(module)
    network = to_torch(module, theta)
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(X)).numpy(), module.predict(theta, X), rtol=0, atol=1e-13)
    architecture, again = from_torch(network, loss=loss)
    assert architecture == Architecture(module.SIZES, last, loss)
    np.testing.assert_array_equal(again, theta)
    np.testing.assert_array_equal(from_state_dict(to_state_dict(module, theta), module), theta)


@pytest.mark.parametrize(
    "part",
    [nn.LeakyReLU(0.2), nn.ELU(0.7), nn.CELU(1.3), nn.Softplus(2.0), nn.Softshrink(0.3), nn.Threshold(0.4, 0.0)],
)
def test_constants_are_read(part):
    network = nn.Sequential(nn.Linear(3, 4), part, nn.Linear(4, 2)).double()
    architecture, theta = from_torch(network)
    module = load(emit(differentiate(architecture)))
    X = 3 * np.random.default_rng(0).standard_normal((40, 3))
    tolerance = 3e-9 if isinstance(part, nn.Softplus) else 1e-14  # its threshold
    with torch.no_grad():
        np.testing.assert_allclose(
            module.predict(theta, X), network(torch.from_numpy(X)).numpy(), rtol=0, atol=tolerance
        )


def test_gradients_agree_and_a_changed_weight_is_seen():
    module = module_of((3, 5, 4, 2), ["tanh", "elu", "identity"])
    theta, X = drawn(module)
    Y = np.random.default_rng(2).standard_normal((40, 2))
    network = to_torch(module, theta)
    loss = ((network(torch.from_numpy(X)) - torch.from_numpy(Y)) ** 2).sum() / (2 * len(X))
    loss.backward()
    theirs = np.concatenate([p.grad.numpy().ravel() for p in network.parameters()])
    value, ours = module.loss_and_gradient(theta, X, Y)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
    assert value == pytest.approx(loss.item(), rel=1e-14)
    theta[3] += 1e-3
    assert np.abs(module.loss_and_gradient(theta, X, Y)[1] - theirs).max() > 1e-6
    assert network[0].weight.detach().numpy().ravel()[3] == pytest.approx(theta[3] - 1e-3)  # copies, not views


@pytest.mark.parametrize("normalization", ["layer_norm", "rms_norm"])
@pytest.mark.parametrize("name", ["prelu", "tanh", "softmax", "identity"])
def test_normalizations_there_and_back(normalization, name):
    layers = [{"normalization": normalization, "dropout": 0.25}, {"normalization": normalization}]
    module = module_of((3, 4, 4), [name, "prelu"], layers=layers)
    theta, X = drawn(module)
    network = to_torch(module, theta)
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(X)).numpy(), module.predict(theta, X), rtol=0, atol=1e-13)
    architecture, again = from_torch(network)
    assert architecture == Architecture(module.SIZES, [name, "prelu"], layers=layers)
    np.testing.assert_array_equal(again, theta)
    np.testing.assert_array_equal(from_state_dict(network.state_dict(), module), theta)
    mixed = {key: network.state_dict()[key] for key in sorted(network.state_dict())}
    np.testing.assert_array_equal(from_state_dict(mixed, module), theta)


def test_gradients_of_a_slope_and_of_a_normalization():
    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.PReLU(), nn.Linear(4, 4), nn.PReLU(1, 0.7)).double()
    architecture, theta = from_torch(network, name="read")
    X, Y = np.random.default_rng(0).standard_normal((2, 20, 4))
    loss = ((network(torch.from_numpy(X[:, :3])) - torch.from_numpy(Y)) ** 2).sum() / (2 * len(X))
    loss.backward()
    _, ours = load(emit(differentiate(architecture))).loss_and_gradient(theta, X[:, :3], Y)
    theirs = np.concatenate([p.grad.numpy().ravel() for p in network.parameters()])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_constants_that_differ_within_a_network():
    """A name has one meaning in an Architecture, so the second slope gets a name of its own."""
    parts = [nn.LeakyReLU(0.1), nn.LeakyReLU(0.3), nn.LeakyReLU(0.1), nn.ELU(0.7), nn.LeakyReLU(0.2)]
    network = nn.Sequential(*(each for part in parts for each in (nn.Linear(3, 3), part))).double()
    architecture, theta = from_torch(network)
    names = [function.name for function in architecture.activations]
    assert names == ["leaky_relu", "leaky_relu_2", "leaky_relu", "elu", "leaky_relu_3"]
    module = load(emit(differentiate(architecture)))
    X = 3 * np.random.default_rng(0).standard_normal((40, 3))
    with torch.no_grad():
        np.testing.assert_allclose(module.predict(theta, X), network(torch.from_numpy(X)).numpy(), rtol=0, atol=1e-14)
    again = to_torch(module, theta)
    assert list(map(repr, again)) == list(map(repr, network))
    assert from_torch(again)[0] == architecture


def test_nested_networks_dropout_and_float32():
    hidden = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.25))
    architecture, theta = from_torch(nn.Sequential(hidden, nn.Linear(4, 2), nn.Identity()), name="read")
    assert [options.dropout for options in architecture.layers] == [0.25, 0.0]
    assert (architecture.dtype, theta.dtype, architecture.name) == ("float32", np.float32, "read")
    network = to_torch(load(emit(differentiate(architecture))), theta)
    assert [type(part).__name__ for part in network] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert from_torch(network, name="read")[0] == architecture


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Linear(2, 1), "not an nn.Sequential"),
        (nn.Sequential(), "no nn.Linear"),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 1)), "before the first Linear"),
        (nn.Sequential(nn.Linear(2, 1, bias=False)), "has no bias"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)), "takes 4 inputs, but 3"),
        (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Tanh()), "comes too late"),
        (nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.Tanh()), "comes too late"),
        (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), "no counterpart"),
        (nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3)), "no counterpart"),
        (nn.Sequential(nn.LayerNorm(2), nn.Linear(2, 3)), "before the first Linear"),
        (nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.LayerNorm(3)), "module 2 .*too late; expected Linear, LayerNorm"),
        (nn.Sequential(nn.Linear(2, 3), nn.Dropout(), nn.LayerNorm(3)), "comes too late"),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.LayerNorm(3)), "comes too late"),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3, eps=1e-6)), r"expected LayerNorm\(3, eps=1e-05\)"),
        (nn.Sequential(nn.Linear(2, 3), nn.RMSNorm(3)), r"expected RMSNorm\(3, eps=1e-05\)"),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm((1, 3))), r"expected LayerNorm\(3, eps=1e-05\)"),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3, elementwise_affine=False)), "no weight.*elementwise_affine"),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3, bias=False)), "no bias.*bias=True"),
        (nn.Sequential(nn.Linear(2, 3), nn.PReLU(3)), r"has 3 slopes; .*expected PReLU\(1\)"),
        (
            nn.Sequential(nn.Linear(2, 3), nn.Hardshrink(0.1), nn.Linear(3, 3), nn.Hardshrink(0.2)),
            r"module 3 .* other constants than module 1 .*; expected the same",
        ),
        (nn.Sequential(nn.Linear(2, 3), nn.Hardtanh(-2.0, 2.0)), "no counterpart"),
        (nn.Sequential(nn.Linear(2, 3), nn.Threshold(1.0, 5.0)), "no counterpart"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1).double()), "different dtypes"),
    ],
)
def test_networks_that_cannot_be_read(network, message):
    with pytest.raises(DeriveError, match=message):
        from_torch(network)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activations": ["swish", "identity"]}, "layer 1: activation 'swish' has no module in PyTorch"),
        ({"activations": ["gaussian", "identity"]}, "no module in PyTorch"),
        ({"activations": ["tanh", "identity"], "layers": [{}, {"residual": 2}]}, "layer 2 has a residual connection"),
    ],
)
def test_modules_that_pytorch_has_no_network_for(settings, message):
    module = module_of((2, 3, 2), **settings)
    with pytest.raises(DeriveError, match=message):
        to_torch(module, module.initialize(0))


def test_a_state_dict_of_another_network():
    module = module_of((2, 3, 1), ["tanh", "identity"])
    with pytest.raises(DeriveError, match=r"'0.weight' \(4, 2\)"):
        from_state_dict(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).state_dict(), module)
