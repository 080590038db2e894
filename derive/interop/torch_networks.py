"""PyTorch's networks made from emitted modules, and architectures read from networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from derive.extras import required
from derive.interop.tensors import array, check_finite, vector
from derive.interop.torch_activations import from_module, to_module, told_apart
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.specification import from_toml

NORMALIZATIONS = {"layer_norm": "LayerNorm", "rms_norm": "RMSNorm"}
"""derive's name → PyTorch's class."""
EPSILON = 1e-5
"""What derive has inside the root of both."""

LINEAR, NORMALIZATION, ACTIVATION, DROPOUT = range(4)
ROLES = {"Linear": LINEAR, "LayerNorm": NORMALIZATION, "RMSNorm": NORMALIZATION, "Dropout": DROPOUT}
"""PyTorch's class → its place in a layer of derive's; what is not here may be an activation."""

TENSORS = {
    "Linear": {"weight": "", "bias": "bias=True, with zeros in it"},
    "LayerNorm": {"weight": "elementwise_affine=True", "bias": "bias=True, with zeros in it"},
    "RMSNorm": {"weight": "elementwise_affine=True"},
    "PReLU": {"weight": ""},
}
"""PyTorch's class → its parameters in the order of derive's, and how one that may be missing comes in."""

NESTED = 100
"""Sequentials within Sequentials that are entered; one that contains itself has no end."""

CALLED = ("forward", "__call__", "_call_impl", "__iter__")
"""What a call of a module runs of its class; an nn.Sequential goes over its parts with __iter__."""

HOOKS = ("forward_pre_hooks", "forward_hooks", "backward_pre_hooks", "backward_hooks")
"""What may change outputs or gradients, of a module with _ before it, of all modules with _global_."""

REMOVED = {
    "torch.nn.utils.prune": "torch.nn.utils.prune.remove(module, 'weight')",
    "torch.nn.utils.weight_norm": "torch.nn.utils.remove_weight_norm(module)",
    "torch.nn.utils.spectral_norm": "torch.nn.utils.remove_spectral_norm(module)",
}
"""Where the hooks of PyTorch's own come from → the call that leaves the weight and no hook."""


def to_torch(module: ModuleType, theta: Any) -> Any:
    """A torch.nn.Sequential with the outputs of `module.predict(theta, X)`: Linear, LayerNorm, activation, Dropout, …

    Raises DeriveError for what PyTorch has no module for: own activations, residual connections, trained constants
    other than the slope of prelu.
    """
    torch = required("torch", "torch")
    architecture = from_toml(module.SPEC)
    parts = []
    for label, (function, options) in enumerate(zip(architecture.activations, architecture.layers, strict=True), 1):
        if options.residual:
            raise DeriveError(
                f"layer {label} has a residual connection, which an nn.Sequential cannot have; expected layers one "
                "after another"
            )
        below, n = architecture.sizes[label - 1 : label + 1]
        parts.append(torch.nn.Linear(below, n))
        if options.normalization:
            kind = NORMALIZATIONS[options.normalization]
            if not hasattr(torch.nn, kind):
                raise DeriveError(f"layer {label}: PyTorch {torch.__version__} has no {kind}; expected 2.4 or later")
            parts.append(getattr(torch.nn, kind)(n, eps=EPSILON))
        if function.name != "identity":
            parts.append(to_module(torch, function, f"layer {label}"))
        if options.dropout:
            parts.append(torch.nn.Dropout(options.dropout))
    network = torch.nn.Sequential(*parts).to(getattr(torch, architecture.dtype))
    with torch.no_grad():
        for tensor, values in zip(network.parameters(), module.unpack(vector(theta)), strict=True):
            tensor.copy_(torch.from_numpy(np.array(values)))
    return network.train(False)


def to_state_dict(module: ModuleType, theta: Any) -> dict[str, Any]:
    """The state_dict of `to_torch(module, theta)`: 0.weight, 0.bias, 2.weight, …"""
    return dict(to_torch(module, theta).state_dict())


def from_torch(network: Any, **settings: Any) -> tuple[Architecture, Any]:
    """The architecture and the theta of an nn.Sequential of Linear, LayerNorm or RMSNorm, activation, Dropout.

    In each layer they stand in this order, and only Linear has to be there; nn.Sequentials may be nested. `settings`
    are further arguments of `Architecture`, such as loss="cross_entropy". PyTorch's CrossEntropyLoss contains the
    softmax, so there a network ends before it: append nn.Softmax(dim=1). Of a parametrized Linear the effective
    weight is read, and derive knows no constraint on it; nor that a parameter is frozen, it has a gradient as all
    others. Raises DeriveError for what derive has no layer for: other modules, hooks, a `forward` of somebody's own,
    one Linear in two places.
    """
    for name in sorted({"sizes", "activations", "layers"} & settings.keys()):
        raise DeriveError(f"from_torch reads {name} from the network; expected other settings, such as loss=…")
    layers = [_layer(parts) for parts in _grouped(_parts(required("torch", "torch"), network))]
    if not layers:
        raise DeriveError("the network has no nn.Linear; expected at least one")
    for below, layer in pairwise(layers):
        if below.units != layer.inputs:
            raise DeriveError(f"{layer.where} takes {layer.inputs} inputs, but {below.units} come from the layer below")
    tensors = [pair for layer in layers for pair in layer.tensors]
    _check_untied(tensors)
    if len({tensor.dtype for _, tensor in tensors}) > 1:
        raise DeriveError("the layers of the network have different dtypes; expected one, float64 or float32")
    theta = np.concatenate([values.ravel() for layer in layers for values in layer.arrays])
    architecture = Architecture(
        [layers[0].inputs, *(layer.units for layer in layers)],
        told_apart(layer.function for layer in layers),
        layers=[layer.options for layer in layers],
        **{"dtype": str(theta.dtype), **settings},
    )
    with np.errstate(over="ignore"):
        converted = theta.astype(architecture.dtype)
    if (np.isinf(converted) & np.isfinite(theta)).any():
        raise DeriveError(f"the network has numbers that are too large for {architecture.dtype}; expected float64")
    return architecture, converted


@dataclass(frozen=True)
class _Part:
    """A module of a network: its name in the state_dict, its class, and what it is for."""

    name: str
    module: Any
    kind: str
    function: Activation | None
    """For an activation."""

    @property
    def role(self) -> int:
        return ROLES.get(self.kind, ACTIVATION)

    @property
    def where(self) -> str:
        return f"module {self.name} of the network, {shorten(self.module)}"


@dataclass(frozen=True)
class _Layer:
    """What one layer of derive's is made of, as it was read."""

    where: str
    arrays: tuple[Any, ...]
    """In the order of theta; the first is W."""
    tensors: tuple[tuple[str, Any], ...]
    """The name of a module, and a tensor that the arrays come from."""
    function: tuple[str, Activation]
    options: dict[str, Any]

    @property
    def units(self) -> int:
        return int(self.arrays[0].shape[0])

    @property
    def inputs(self) -> int:
        return int(self.arrays[0].shape[1])


def _parts(torch: Any, network: Any, prefix: str = "", depth: int = 0) -> Iterator[_Part]:
    """The modules in the order in which they are called. Each does what its class does, or DeriveError is raised."""
    where = f"module {prefix[:-1][:60]} of the network" if prefix else "the network"
    if not isinstance(network, torch.nn.Sequential):
        raise DeriveError(f"{shorten(network)} is not an nn.Sequential; expected Linear, activation, Linear, …")
    if depth > NESTED:
        raise DeriveError(f"{where} lies within {depth} others; expected at most {NESTED}, and none within itself")
    _check_plain(torch, network, where, torch.nn.Sequential)
    for key, module in network._modules.items():  # children() would leave out what comes a second time
        if module is None:
            raise DeriveError(f"module {prefix}{key} of the network is None, which cannot be called; remove it first")
        if isinstance(module, torch.nn.Sequential):
            yield from _parts(torch, module, f"{prefix}{key}.", depth + 1)
            continue
        kind = next((kind for kind in ROLES if isinstance(module, getattr(torch.nn, kind, ()))), "")
        where = f"module {prefix}{key} of the network, {shorten(module)}"
        _check_plain(torch, module, where, getattr(torch.nn, kind) if kind else type(module))
        function = None if kind else from_module(torch, module, where, ROLES)
        yield _Part(f"{prefix}{key}", module, kind or type(module).__name__, function)


def _check_plain(torch: Any, module: Any, where: str, kind: Any) -> None:
    """Raise DeriveError if a call of the module does something else than `kind.forward`, or cannot be made yet."""
    if any(torch.nn.parameter.is_lazy(tensor) for tensor in module.parameters(recurse=False)):
        raise DeriveError(f"{where} has no weights yet; run the network once")
    for name in CALLED:
        if name in vars(module) or getattr(type(module), name, None) is not getattr(kind, name, None):
            raise DeriveError(
                f"{where} has a {name} of its own, which cannot be read; expected nn.{kind.__name__} itself"
            )
    for hook in _hooks(torch, module):
        homes = [base.__module__ for base in type(hook).__mro__ if base.__module__ in REMOVED]
        right = f"call {REMOVED[homes[0]]} first" if homes else "remove it first, with the remove() of its handle"
        name = getattr(hook, "__name__", type(hook).__name__)
        raise DeriveError(f"{where} has a hook, {name}, which cannot be read; {right}")


def _hooks(torch: Any, module: Any) -> Iterator[Any]:
    """What is called with the outputs or the gradients of the module, of all modules, or of the module's tensors."""
    for kind in HOOKS:
        yield from getattr(module, f"_{kind}").values()
        yield from getattr(torch.nn.modules.module, f"_global_{kind}").values()
    for tensor in module.parameters(recurse=False):
        for kind in ("_backward_hooks", "_post_accumulate_grad_hooks"):
            yield from (getattr(tensor, kind, None) or {}).values()


def _grouped(parts: Iterable[_Part]) -> list[list[_Part]]:
    """The parts of each layer, in the order that derive's layers have."""
    layers: list[list[_Part]] = []
    for part in parts:
        if part.role == LINEAR:
            layers.append([part])
        elif not layers:
            raise DeriveError(f"{part.where} stands before the first Linear; expected nn.Linear first")
        elif part.role <= layers[-1][-1].role:
            order = "Linear, LayerNorm or RMSNorm, activation, Dropout"
            raise DeriveError(f"{part.where} comes too late; expected {order} in this order, at most one of each")
        else:
            layers[-1].append(part)
    return layers


def _layer(parts: list[_Part]) -> _Layer:
    """The layer that begins with a Linear, and has what follows it."""
    tensors = [(part, name, _tensor(part, name)) for part in parts for name in TENSORS.get(part.kind, ())]
    arrays = [array(tensor, f"the {name} of {part.where}") for part, name, tensor in tensors]
    for (part, name, _), values in zip(tensors, arrays, strict=True):
        check_finite(values, f"the {name} of {part.where}")
    weight, bias, *rest = arrays
    where, units = parts[0].where, len(bias) if bias.ndim == 1 else -1
    if weight.ndim != 2 or len(weight) != units:
        raise DeriveError(f"{where} has a weight {weight.shape} and a bias {bias.shape}; expected (n, m) and (n,)")
    function, options = (where, activation("identity")), {}
    for part in parts[1:]:
        if part.function:
            function = (part.where, part.function)
        elif part.role == DROPOUT:
            options["dropout"] = part.module.p
        elif part.module.eps != EPSILON or any(values.shape != (units,) for values in rest[: len(TENSORS[part.kind])]):
            raise DeriveError(f"{part.where} is not derive's; expected {part.kind}({units}, eps={EPSILON})")
        else:
            options["normalization"] = next(name for name, kind in NORMALIZATIONS.items() if kind == part.kind)
    sources = [(part.name, tensor) for part in parts for tensor in part.module.parameters()]
    read = [(part.name, tensor) for part, _, tensor in tensors]
    return _Layer(where, tuple(arrays), tuple(read + sources), function, options)


def _tensor(part: _Part, name: str) -> Any:
    tensor = getattr(part.module, name)
    if tensor is None:
        raise DeriveError(f"{part.where} has no {name}; derive's layers have one: use {TENSORS[part.kind][name]}")
    return tensor


def _check_untied(tensors: Iterable[tuple[str, Any]]) -> None:
    """Raise DeriveError if two modules have a tensor in common, which derive would train as two."""
    owners: dict[int, str] = {}
    for name, tensor in tensors:
        owner = owners.setdefault(tensor.data_ptr(), name)
        if owner != name and tensor.numel():
            raise DeriveError(
                f"module {name} of the network has the same numbers as module {owner}, and derive's layers have each "
                "their own; give it a copy"
            )
