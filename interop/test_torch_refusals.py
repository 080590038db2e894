"""What PyTorch computes and derive cannot, or would read as something else: refused, in words. Each has a neighbour
that is read, so that the refusal is not of everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from derive import Architecture, differentiate, emit, load
from derive.interop import from_state_dict, from_torch, to_onnx, to_state_dict, to_torch
from derive.model.activation import Activation
from derive.model.errors import DeriveError
from derive.model.specification import from_toml


def linear(below: int = 3, n: int = 3) -> nn.Linear:
    return nn.Linear(below, n, dtype=torch.float64)


def difference(network: Any) -> float:
    """Between what the network gives and what the module does that is derived from it."""
    architecture, theta = from_torch(network)
    module = load(emit(differentiate(architecture)))
    X = 3 * np.random.default_rng(0).standard_normal((20, 3))
    with torch.no_grad():
        return float(np.abs(network.eval()(torch.from_numpy(X)).numpy() - module.predict(theta, X)).max())


def refused(network: Any, words: str) -> None:
    with pytest.raises(DeriveError, match=words):
        from_torch(network)


@pytest.mark.parametrize("kind", [nn.Softmax, nn.LogSoftmax])
def test_softmax_over_the_samples(kind):
    for dim in (1, -1):
        assert difference(nn.Sequential(linear(), kind(dim))) <= 1e-14
    for dim in (0, -2):
        refused(nn.Sequential(linear(), kind(dim)), f"module 1 of the network, .* along dimension {dim} .*dim=1")


@pytest.mark.parametrize(
    ("beta", "threshold", "read"),
    [(1, 20, True), (-1, 20, True), (1, 40, True), (1, 2, False), (1, 19, False), (0.01, 20, False), (0.0, 20, False)],
)
def test_softplus_with_a_threshold(beta, threshold, read):
    network = nn.Sequential(linear(), nn.Softplus(beta, threshold), linear())
    if read:
        assert difference(network) <= 3e-9
    else:
        refused(network, "beyond its threshold")


class Block(nn.Sequential):
    def forward(self, x: Any) -> Any:
        return x + super().forward(x)


class Twice(nn.Linear):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


class Loud(nn.Dropout):
    def forward(self, x: Any) -> Any:
        return 2 * x


class Called(nn.Linear):
    def __call__(self, x: Any) -> Any:
        return 2 * super().__call__(x)


class Inner(nn.Linear):
    def _call_impl(self, *arguments: Any) -> Any:
        return 2 * super()._call_impl(*arguments)


class Backwards(nn.Sequential):
    def __iter__(self) -> Any:
        return iter(list(self._modules.values())[::-1])


class Named(nn.Linear):
    """A class of somebody's own that computes what nn.Linear does."""


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (Block(linear(), nn.Tanh()), "^the network has a forward of its own"),
        (nn.Sequential(linear(), Block(linear(), nn.Tanh())), "module 1 of the network has a forward"),
        (nn.Sequential(Twice(3, 3)), "module 0 of the network, Twice.* expected nn.Linear itself"),
        (nn.Sequential(Called(3, 3)), "Called.* has a __call__ of its own"),
        (nn.Sequential(Inner(3, 3)), "Inner.* has a _call_impl of its own"),
        (Backwards(linear(), nn.Tanh()), "^the network has a __iter__ of its own.* expected nn.Sequential itself"),
        (nn.Sequential(linear(), nn.Tanh(), Loud()), "expected nn.Dropout itself"),
    ],
)
def test_a_forward_of_ones_own(network, words):
    refused(network, words)
    assert difference(nn.Sequential(Named(3, 3, dtype=torch.float64), nn.Sequential(nn.Tanh(), nn.Dropout()))) <= 1e-15


def test_a_forward_that_is_put_into_a_module():
    network = nn.Sequential(linear(), nn.Tanh())
    assert difference(network) <= 1e-15
    network[1].forward = lambda x: 7 * x
    refused(network, r"module 1 of the network, Tanh\(\) has a forward of its own")


def test_subclasses_that_compute_the_same():
    same = nn.modules.linear.NonDynamicallyQuantizableLinear(3, 3, dtype=torch.float64)
    assert difference(nn.Sequential(same)) <= 1e-15
    for change in (parametrizations.weight_norm, parametrizations.spectral_norm, parametrizations.orthogonal):
        assert difference(nn.Sequential(change(linear()), nn.Tanh(), linear())) <= 1e-15


@pytest.mark.parametrize("place", ["network", 0, 1, "inner"])
def test_hooks(place):
    network = nn.Sequential(linear(), nn.Tanh(), nn.Sequential(linear()))
    hooked = {"network": network, "inner": network[2]}.get(place) or network[place]
    where = {"network": "^the network", "inner": "module 2 of the network"}.get(place, f"module {place} of the network")
    for kind in ("forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"):
        handle = getattr(hooked, f"register_{kind}")(lambda *_: None)
        refused(network, f"{where}.* has a hook, <lambda>,")
        handle.remove()
        assert difference(network) <= 1e-15


@pytest.mark.parametrize("kind", ["forward_hook", "forward_pre_hook", "full_backward_hook", "full_backward_pre_hook"])
def test_hooks_of_all_modules(kind):
    network = nn.Sequential(linear(), nn.Tanh())
    handle = getattr(nn.modules.module, f"register_module_{kind}")(lambda *_: None)
    try:
        refused(network, "has a hook, <lambda>,")
    finally:
        handle.remove()
    assert difference(network) <= 1e-15


@pytest.mark.parametrize("kind", ["hook", "post_accumulate_grad_hook"])
def test_hooks_of_tensors(kind):
    network = nn.Sequential(linear(), nn.Tanh(), linear())
    handle = getattr(network[2].weight, f"register_{kind}")(lambda gradient: None)
    refused(network, "module 2 of the network, .* has a hook, <lambda>,")
    handle.remove()
    assert difference(network) <= 1e-15


def test_what_is_read_of_a_network_is_no_setting():
    network = nn.Sequential(linear(), nn.Tanh())
    for name in ("sizes", "activations", "layers"):
        with pytest.raises(DeriveError, match=f"from_torch reads {name} from the network"):
            from_torch(network, **{name: ["tanh"]})
    assert from_torch(network, name="small")[0].name == "small"


def test_a_place_with_no_module():
    network = nn.Sequential(linear(), nn.Tanh())
    network.register_module("2", None)
    refused(network, "module 2 of the network is None, which cannot be called; remove it first")


def test_all_that_can_be_read_is_listed():
    refused(nn.Sequential(linear(), nn.BatchNorm1d(3)), "Known: Linear, LayerNorm, RMSNorm, Dropout, CELU,")


def test_weights_are_finite():
    network = nn.Sequential(linear(), nn.Tanh())
    with torch.no_grad():
        network[0].weight[1, 2] = torch.nan
    refused(network, r"the weight of module 0 of the network, .* has nan at \[1, 2\]; expected finite numbers")


def test_frozen_parameters_are_read():
    """As the README says; they have gradients as all others."""
    assert difference(nn.Sequential(linear(), nn.Tanh()).requires_grad_(False)) <= 1e-15


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("change", "undo", "words"),
    [
        (lambda m: prune.random_unstructured(m, "weight", 0.5), lambda m: prune.remove(m, "weight"), "prune.remove"),
        (nn.utils.weight_norm, nn.utils.remove_weight_norm, "remove_weight_norm"),
        (nn.utils.spectral_norm, nn.utils.remove_spectral_norm, "remove_spectral_norm"),
    ],
)
def test_weights_that_a_hook_makes(change, undo, words):
    network = nn.Sequential(linear(), nn.Tanh(), linear())
    change(network[0])
    refused(network, f"module 0 of the network.*{words}")
    undo(network[0])
    assert difference(network) <= 1e-15


def test_one_tensor_in_two_places():
    one = linear()
    refused(nn.Sequential(one, nn.Tanh(), nn.Sequential(one)), "module 2.0 .* same numbers as module 0,.* a copy")
    other = linear()
    other.weight = one.weight
    refused(nn.Sequential(one, nn.Tanh(), other), "module 2 .* same numbers as module 0")
    turned = linear()
    turned.weight = nn.Parameter(one.weight.T)
    refused(nn.Sequential(turned, one), "module 1 .* same numbers as module 0")
    tanh = nn.Tanh()  # which has no numbers
    assert difference(nn.Sequential(one, tanh, linear(), tanh)) <= 1e-15


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: t.to("meta"), "weight of module 0 of the network, .* on the device meta"),
        (lambda t: t.to(torch.complex128), "weight of module 0 .* complex"),
        (lambda t: t.to_sparse(), "weight of module 0 .* to_dense"),
        (lambda t: t.float().to(torch.float8_e4m3fn), r"weight of module 0 .* is of torch\.float8_e4m3fn"),
    ],
)
def test_tensors_without_numbers(make, words):
    network = nn.Sequential(linear())
    network[0].weight = nn.Parameter(make(network[0].weight.detach()), requires_grad=False)
    refused(network, words)
    module = load(emit(differentiate(Architecture((3, 3), ["identity"]))))
    with pytest.raises(DeriveError, match=r"'0\.weight' in the state_dict"):
        from_state_dict(network.state_dict(), module)


@pytest.mark.filterwarnings("ignore:.*quantize:UserWarning")
def test_quantized_tensors():
    module = load(emit(differentiate(Architecture((3, 3), ["identity"]))))
    states = nn.Sequential(nn.Linear(3, 3)).state_dict()
    states["0.weight"] = torch.quantize_per_tensor(states["0.weight"], 0.1, 0, torch.qint8)
    with pytest.raises(DeriveError, match=r"'0.weight' in the state_dict is quantized; use its dequantize\(\) first"):
        from_state_dict(states, module)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened(dtype):
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)
    architecture, theta = from_torch(network)
    assert (architecture.dtype, theta.dtype) == ("float32", np.float32)
    exact = np.concatenate([p.detach().double().numpy().ravel() for p in network.parameters()])
    np.testing.assert_array_equal(theta, exact)
    module = load(emit(differentiate(architecture)))
    np.testing.assert_array_equal(from_state_dict(network.state_dict(), module), exact)


def test_a_lazy_layer():
    network = nn.Sequential(nn.LazyLinear(4, dtype=torch.float64), nn.Tanh())
    refused(network, "module 0 of the network, LazyLinear.* run the network once")
    network(torch.zeros(1, 3, dtype=torch.float64))
    assert difference(network) <= 1e-15


def test_networks_without_an_end():
    network = nn.Sequential(linear())
    network.append(network)
    refused(network, "lies within 101 others; expected at most 100, and none within itself")
    deep = nn.Sequential(linear())
    for _ in range(100):
        deep = nn.Sequential(deep)
    assert from_torch(deep)[0].sizes == (3, 3)
    for _ in range(2900):
        deep = nn.Sequential(deep)
    refused(deep, "at most 100")


def test_the_shapes_of_the_weights_count():
    cut = linear(3, 4)
    cut.weight, cut.bias = nn.Parameter(cut.weight[:2].clone()), nn.Parameter(cut.bias[:2].clone())
    assert cut.out_features == 4
    network = nn.Sequential(cut, nn.Tanh(), linear(2, 1))
    assert difference(network) <= 1e-15
    assert from_torch(network)[0].sizes == (3, 2, 1)
    refused(nn.Sequential(cut, nn.Tanh(), linear(4, 1)), "takes 4 inputs, but 2 come")
    cut.bias = nn.Parameter(torch.zeros(4))
    refused(nn.Sequential(cut), r"a weight \(2, 3\) and a bias \(4,\)")


def test_numbers_that_are_too_large_for_the_dtype():
    network = nn.Sequential(linear())
    with torch.no_grad():
        network[0].weight[0, 0] = 1e300
    assert from_torch(network)[1][0] == 1e300
    with pytest.raises(DeriveError, match="too large for float32"):
        from_torch(network, dtype="float32")


# The other way


def module_of(specification: str) -> Any:
    return load(emit(differentiate(from_toml(f"sizes = [3, 4, 2]\n{specification}"))))


@pytest.mark.parametrize(
    ("name", "constants", "words"),
    [
        ("selu", "scale = 2.0", "layer 1: selu has scale = 2.0, which PyTorch's SELU cannot have"),
        ("selu", "alpha = 1.0", "layer 1: selu has alpha = 1.0"),
        ("softshrink", "bound = -0.1", r"layer 1: PyTorch refuses Softshrink\(lambd=-0.1\)"),
        ("elu", "trained = ['alpha']", "layer 1: activation 'elu' has no module"),
    ],
)
def test_constants_that_pytorch_does_not_take(name, constants, words):
    module = module_of(f'activations = ["{name}", "identity"]\n[activation.{name}]\n{constants}')
    with pytest.raises(DeriveError, match=words):
        to_torch(module, module.initialize(0))


@pytest.mark.parametrize(
    ("function", "made"),
    [
        (Activation("elu", "where(z > 0, z, exp(z) - 1)"), "ELU(alpha=1.0)"),
        (Activation("gentle", "where(z > 0, z, slope*z)", (("slope", 0.3),)), "LeakyReLU(negative_slope=0.3)"),
        (Activation("gentle", "where(z > 0, z, slope*z)", (("slope", 0.3),), ("slope",)), "PReLU(num_parameters=1)"),
    ],
)
def test_the_expression_counts_and_not_the_name(function, made):
    module = load(emit(differentiate(Architecture((3, 4, 2), [function, "identity"]))))
    theta = module.initialize(0)
    network = to_torch(module, theta)
    assert repr(network[1]) == made
    X = np.random.default_rng(0).standard_normal((20, 3))
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.from_numpy(X)).numpy(), module.predict(theta, X), rtol=0, atol=1e-15)


def test_a_theta_that_requires_its_gradient(tmp_path):
    module = load(emit(differentiate(Architecture((3, 4, 2), ["tanh", "identity"]))))
    theta = module.initialize(0)
    tensor = torch.tensor(theta, requires_grad=True)
    for key, values in to_state_dict(module, tensor).items():
        torch.testing.assert_close(values, to_state_dict(module, theta)[key], rtol=0, atol=0)
    assert to_onnx(module, tensor) == to_onnx(module, theta)
