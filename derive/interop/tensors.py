"""Tensors and their names: arrays of NumPy from tensors of any kind, and the order that PyTorch's names stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from derive.extras import required
from derive.model.errors import DeriveError, shorten

NAME = re.compile(r"(.*?)((?:[0-9]{1,9}\.)+)(weight|bias)", re.DOTALL)
"""A name in the state_dict of an nn.Sequential, such as 10.bias, hidden.2.weight or 0.1.bias: prefix, place, tensor."""

UNREADABLE: tuple[tuple[Callable[[Any, Any], bool], str], ...] = (
    (lambda torch, tensor: bool(torch.nn.parameter.is_lazy(tensor)), "has no shape yet; run the network once"),
    (lambda torch, tensor: bool(tensor.is_meta), "is on the device meta, where no numbers are; load them first"),
    (lambda torch, tensor: bool(tensor.is_quantized), "is quantized; use its dequantize() first"),
    (lambda torch, tensor: tensor.layout is not torch.strided, "is sparse; use its to_dense() first"),
    (lambda torch, tensor: bool(tensor.is_complex()), "is complex; expected real numbers"),
)
"""Tensors without real numbers in their places, and what to do about each."""


def array(value: Any, name: str) -> Any:
    """The numbers of a tensor or of what NumPy makes an array of; half precision is widened to float32, exactly.

    Raises DeriveError, with `name`, for what has no real numbers that can be read.
    """
    if hasattr(value, "detach"):
        torch = required("torch", "torch")
        for holds, fault in UNREADABLE:
            if holds(torch, value):
                raise DeriveError(f"{name} {fault}")
        value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    try:
        found = value.numpy(force=True) if hasattr(value, "detach") else np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        kind = getattr(value, "dtype", type(value).__name__)
        raise DeriveError(f"{name} is of {kind}, which NumPy has no array of; expected float64 or float32") from None
    if found.dtype.kind not in "fiu":
        kind = type(value).__name__ if found.dtype.kind == "O" else f"{found.dtype}{found.shape}"
        raise DeriveError(f"{name} is {kind}; expected an array of real numbers")
    return found


def vector(theta: Any) -> Any:
    """`theta`, as an array if it is a tensor: one that requires its gradient cannot be made one by NumPy."""
    return array(theta, "theta") if hasattr(theta, "detach") else theta


def shapes(module: ModuleType) -> dict[str, tuple[int, ...]]:
    """The shape of W1, b1, … of an emitted module, in order."""
    return {name: view.shape for name, view in module.unpack(np.zeros(module.PARAMETER_COUNT))._asdict().items()}


def fits(found: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Whether an array has the shape of a parameter. PyTorch keeps one number, such as a slope, as a vector of one."""
    return found == expected or (found, expected) == ((1,), ())


def packed(module: ModuleType, arrays: Iterable[Any], where: str) -> Any:
    """The theta that holds these arrays, of the right shapes. Raises DeriveError for a number that it cannot hold."""
    try:
        return module.pack([a.reshape(shape) for a, shape in zip(arrays, shapes(module).values(), strict=True)])
    except ValueError as error:
        raise DeriveError(f"{where}: {error}") from None


def numbered(names: Iterable[Any]) -> bool:
    """Whether all the names are those of one nn.Sequential: a common prefix, numbers, and weight or bias."""
    found = [NAME.fullmatch(name) if isinstance(name, str) else None for name in names]
    return None not in found and len({match[1] for match in found if match}) == 1


def in_order(names: Iterable[Any]) -> list[Any]:
    """The names as a network has them if they are `numbered`, otherwise as they stand.

    Files may hold them sorted as text, 10.bias before 2.bias and a bias before its weight.
    """
    given = list(names)
    return sorted(given, key=_place) if numbered(given) else given


def _place(name: str) -> tuple[list[int], bool]:
    match = NAME.fullmatch(name)
    assert match, "the names are numbered"
    return [int(number) for number in match[2].split(".")[:-1]], match[3] == "bias"


def from_state_dict(states: Mapping[str, Any], module: ModuleType) -> Any:
    """The theta of a state_dict that holds the tensors of each layer: weight, bias, those of a normalization, a slope.

    If every name is that of an nn.Sequential, such as 10.weight or layers.2.bias, its number says where the tensor
    belongs, in whatever order they come; under other names they have to stand in order. Raises DeriveError.
    """
    if not isinstance(states, Mapping):
        right = "use its state_dict()" if hasattr(states, "state_dict") else "expected names and tensors"
        raise DeriveError(f"{shorten(states)} is no state_dict; {right}")
    arrays = {name: array(states[name], f"{shorten(name)} in the state_dict") for name in in_order(states)}
    expected = shapes(module)
    found = [a.shape for a in arrays.values()]
    if len(found) != len(expected) or not all(map(fits, found, expected.values())):
        raise DeriveError(
            f"the state_dict has {', '.join(f'{name} {a.shape}' for name, a in arrays.items()) or 'nothing in it'}; "
            f"expected, in order, {', '.join(f'{name} {shape}' for name, shape in expected.items())}"
        )
    return packed(module, arrays.values(), "the state_dict")
