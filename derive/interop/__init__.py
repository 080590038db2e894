"""Parameters of emitted modules in other hands: .npz and safetensors files, PyTorch, ONNX.

    save_parameters(path, module, theta)      load_parameters(path, module) -> theta
    to_torch(module, theta) -> nn.Sequential  from_torch(network, loss=…) -> (Architecture, theta)
    to_state_dict(module, theta)              from_state_dict(states, module) -> theta
    to_onnx(module, theta, path)              the outputs of `predict`, for any architecture

Files are written whole or not at all, and read without pickle. PyTorch, safetensors and ONNX come with the extras
`torch`, `safetensors` and `onnx`, and are imported when they are used.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive.codegen.rigor.archives import unpacked
from derive.commands.files import check_readable, write_whole
from derive.extras import required
from derive.interop.onnx_export import to_onnx
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.specification import from_toml

__all__ = [
    "from_state_dict",
    "from_torch",
    "load_parameters",
    "save_parameters",
    "to_onnx",
    "to_state_dict",
    "to_torch",
]

TORCH: dict[str, tuple[str, dict[str, str | float]]] = {
    "identity": ("Identity", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": "slope"}),
    "elu": ("ELU", {"alpha": "alpha"}),
    "selu": ("SELU", {}),
    "celu": ("CELU", {"alpha": "alpha"}),
    "softplus": ("Softplus", {"beta": "beta", "threshold": 40.0}),  # beyond it, float64 sees no difference to z
    "softsign": ("Softsign", {}),
    "silu": ("SiLU", {}),
    "mish": ("Mish", {}),
    "gelu": ("GELU", {}),
    "gelu_tanh": ("GELU", {"approximate": "tanh"}),
    "hardtanh": ("Hardtanh", {}),
    "hardsigmoid": ("Hardsigmoid", {}),
    "hardswish": ("Hardswish", {}),
    "relu6": ("ReLU6", {}),
    "logsigmoid": ("LogSigmoid", {}),
    "tanhshrink": ("Tanhshrink", {}),
    "softshrink": ("Softshrink", {"lambd": "bound"}),
    "hardshrink": ("Hardshrink", {"lambd": "bound"}),
    "thresholded_relu": ("Threshold", {"threshold": "bound", "value": 0.0}),
    "softmax": ("Softmax", {"dim": 1}),
    "log_softmax": ("LogSoftmax", {"dim": 1}),
}
"""derive's name → PyTorch's class and its arguments: the name of a constant of derive's, or a value."""

FREE = ("threshold", "inplace", "dim")
"""Arguments that may differ in a network that is read: `threshold` of Softplus moves a value by 2e-9 at most."""


def save_parameters(path: str | Path, module: ModuleType, theta: Any) -> None:
    """Write W1, b1, … of `theta` to a .npz or a .safetensors file, by the end of `path`. Raises DeriveError."""
    tensors: dict[str, Any] = {
        name: np.ascontiguousarray(view) for name, view in module.unpack(theta)._asdict().items()
    }
    if _kind(path) == ".npz":
        buffer = io.BytesIO()
        np.savez(buffer, **tensors)
        write_whole(Path(path), buffer.getvalue())
    else:
        write_whole(Path(path), required("safetensors.numpy", "safetensors").save(tensors))


def load_parameters(path: str | Path, module: ModuleType) -> Any:
    """The theta whose W1, b1, … a .npz or .safetensors file holds.

    Raises DeriveError if the file cannot be read, or its arrays are not those of the module.
    """
    check_readable(Path(path))
    expected = {name: view.shape for name, view in module.unpack(np.zeros(module.PARAMETER_COUNT))._asdict().items()}
    room = {name: 16 * prod(shape) for name, shape in expected.items()}
    tensors = _READERS[_kind(path)](Path(path), room)
    for name in (*expected, *tensors):
        if name not in tensors or name not in expected:
            wrong = f"{name} is missing" if name in expected else f"{shorten(name)} is unknown"
            raise DeriveError(f"{path}: {wrong}; expected {', '.join(expected)}")
    for name, shape in expected.items():
        if tensors[name].shape != shape or tensors[name].dtype.kind not in "fiu":
            raise DeriveError(f"{path}: {name} is {tensors[name].dtype}{tensors[name].shape}; expected reals, {shape}")
    return module.pack([tensors[name] for name in expected])


def _npz(path: Path, room: Mapping[str, int]) -> dict[str, Any]:
    """The arrays of the archive; one that is larger than it should be is not unpacked."""
    return unpacked(path, lambda name: room.get(name, 0))


def _safetensors(path: Path, room: Mapping[str, int]) -> dict[str, Any]:
    load = required("safetensors.numpy", "safetensors").load
    most = sum(room.values()) + 1_000_000  # for the header
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DeriveError(f"{path}: larger than {most} bytes, more than the arrays of this module need")
    try:
        found: dict[str, Any] = load(data)
    except Exception as error:  # its own errors, and NumPy's about the shapes and kinds of numbers in it
        reason = shorten(str(error), 120)
        raise DeriveError(f"{path}: not a .safetensors file that can be read: {reason}") from None
    return found


_READERS = {".npz": _npz, ".safetensors": _safetensors}


def _kind(path: str | Path) -> str:
    suffix = Path(path).suffix
    if suffix not in (".npz", ".safetensors"):
        raise DeriveError(f"{path}: unknown kind of file {suffix!r}; expected a name that ends in .npz or .safetensors")
    return suffix


def to_torch(module: ModuleType, theta: Any) -> Any:
    """A torch.nn.Sequential with the outputs of `module.predict(theta, X)`: Linear, activation, Dropout, Linear, …

    Raises DeriveError for what PyTorch has no module for: trained constants, own activations, other layers.
    """
    torch = required("torch", "torch")
    architecture = from_toml(module.SPEC)
    parameters, parts = iter(module.unpack(theta)), []
    for function, options, below, n in zip(
        architecture.activations, architecture.layers, architecture.sizes, architecture.sizes[1:], strict=False
    ):
        if options.normalization or options.residual:
            raise DeriveError(f"a layer has {'a normalization' if options.normalization else 'a residual connection'}; "
                              "only plain layers and dropout go into an nn.Sequential")  # fmt: skip
        linear = torch.nn.Linear(below, n, dtype=getattr(torch, architecture.dtype))
        with torch.no_grad():
            for tensor in (linear.weight, linear.bias):
                tensor.copy_(torch.from_numpy(np.array(next(parameters))))
        parts.append(linear)
        if function.name != "identity":
            parts.append(_torch_activation(torch, function))
        if options.dropout:
            parts.append(torch.nn.Dropout(options.dropout))
    return torch.nn.Sequential(*parts).train(False)


def to_state_dict(module: ModuleType, theta: Any) -> dict[str, Any]:
    """The state_dict of `to_torch(module, theta)`: 0.weight, 0.bias, 2.weight, …"""
    return dict(to_torch(module, theta).state_dict())


def from_state_dict(states: Mapping[str, Any], module: ModuleType) -> Any:
    """The theta of a state_dict that holds, in order, the weight and bias of each layer, under whatever names."""
    expected = [view.shape for view in module.unpack(np.zeros(module.PARAMETER_COUNT))]
    arrays = {name: _array(tensor) for name, tensor in states.items()}
    shapes = [array.shape for array in arrays.values()]
    plain = all(name[0] in "Wb" and name[1:].isdigit() for name in module.Parameters._fields)
    if shapes != expected or not plain:
        raise DeriveError(
            f"the state_dict has {', '.join(f'{name} {array.shape}' for name, array in arrays.items())}; "
            f"expected a weight and a bias for each plain layer, {', '.join(map(str, expected))}"
        )
    return module.pack(list(arrays.values()))


def from_torch(network: Any, **settings: Any) -> tuple[Architecture, Any]:
    """The architecture and the theta of an nn.Sequential of Linear, activations and Dropout, also nested ones.

    `settings` are further arguments of `Architecture`, such as loss="cross_entropy". PyTorch's CrossEntropyLoss
    contains the softmax, so there a network ends before it: append nn.Softmax(dim=1). Raises DeriveError for
    modules that derive has no layer for.
    """
    torch = required("torch", "torch")
    sizes: list[int] = []
    functions: list[Activation | None] = []
    layers: list[dict[str, float]] = []
    arrays: list[Any] = []
    for position, part in enumerate(_flat(network, torch)):
        where = f"module {position} of the network, {shorten(part)}"
        if isinstance(part, torch.nn.Linear):
            if part.bias is None:
                raise DeriveError(f"{where} has no bias; derive's layers have one: use bias=True, with zeros")
            if sizes and sizes[-1] != part.in_features:
                raise DeriveError(f"{where} takes {part.in_features} inputs, but {sizes[-1]} come from the layer below")
            sizes = [*(sizes or [part.in_features]), part.out_features]
            functions.append(None)
            layers.append({})
            arrays += [_array(part.weight), _array(part.bias)]
        elif not layers:
            raise DeriveError(f"{where} stands before the first Linear; expected nn.Linear first")
        elif isinstance(part, torch.nn.Dropout):
            if "dropout" in layers[-1]:
                raise DeriveError(f"{where} follows another Dropout; expected one for each layer")
            layers[-1]["dropout"] = part.p
        elif functions[-1] is not None or "dropout" in layers[-1]:
            raise DeriveError(f"{where} comes too late; expected Linear, activation, Dropout in this order")
        else:
            functions[-1] = _own_activation(torch, part, where)
    if not arrays:
        raise DeriveError("the network has no nn.Linear; expected at least one")
    if len({array.dtype for array in arrays}) > 1:
        raise DeriveError("the layers of the network have different dtypes; expected one, float64 or float32")
    chosen = [activation("identity") if function is None else function for function in functions]
    settings = {"dtype": str(arrays[0].dtype), **settings}
    architecture = Architecture(sizes, chosen, layers=layers, **settings)
    return architecture, np.concatenate([array.ravel() for array in arrays]).astype(architecture.dtype)


def _flat(network: Any, torch: Any) -> Iterable[Any]:
    if not isinstance(network, torch.nn.Sequential):
        raise DeriveError(f"{shorten(network)} is not an nn.Sequential; expected Linear, activation, Linear, …")
    for part in network:
        if isinstance(part, torch.nn.Sequential):
            yield from _flat(part, torch)
        else:
            yield part


def _array(tensor: Any) -> Any:
    return np.array(tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else tensor)


def _torch_activation(torch: Any, function: Activation) -> Any:
    if function.name not in TORCH or function.trained:
        raise DeriveError(f"activation {function.name!r} has no module in PyTorch that is the same")
    made, arguments = TORCH[function.name]
    constants = dict(function.constants)
    values = {key: constants.get(str(value), value) for key, value in arguments.items()}
    return getattr(torch.nn, made)(**values)


def _own_activation(torch: Any, part: Any, where: str) -> Activation:
    """derive's activation for a module of PyTorch's, with the constants that it has."""
    for name, (made, arguments) in TORCH.items():
        if type(part) is not getattr(torch.nn, made):
            continue
        ours = activation(name)
        named = {value: key for key, value in arguments.items() if isinstance(value, str)}
        constants = {key: float(getattr(part, named[key])) for key, _ in ours.constants if key in named}
        merged = tuple({**dict(ours.constants), **constants}.items())
        found = Activation(name, ours.expression, merged, ours.trained)
        same = _torch_activation(torch, found)
        settings = {key for key in vars(part) if not key.startswith("_") and key not in (*FREE, "training")}
        if all(getattr(part, key) == getattr(same, key) for key in settings):
            return found
    known = ", ".join(sorted({made for made, _ in TORCH.values()}))
    raise DeriveError(f"{where} has no counterpart with these settings. Known: Linear, Dropout, {known}.")
