"""Tensors and their names: arrays of NumPy from tensors of any kind, and the order that PyTorch's names stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from derive.extras import required
from derive.model.errors import DeriveError, shorten

NAME = re.compile(r"(?:(.*)\.)?(weight|bias)", re.DOTALL)
"""A name of PyTorch's, such as 10.bias, hidden.2.weight or 0.1.fc.bias: module, tensor."""
PLACE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*")
"""A number in the name of a module, or several of modules within modules."""

KINDS = {"W": "weight", "b": "bias", "gain": "weight", "shift": "bias", "slope": "weight"}
"""A parameter of derive's, without the number of its layer → what PyTorch calls it."""
OWN = re.compile(rf"(?:{'|'.join(KINDS)})[0-9]+")

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


def packed(module: ModuleType, arrays: Mapping[str, Any], where: str) -> Any:
    """The theta that holds these arrays, of the right shapes. Raises DeriveError for a number that it cannot hold."""
    for name, found in arrays.items():
        check_finite(found, f"{where}: {shorten(name)}")
    try:
        pairs = zip(arrays.values(), shapes(module).values(), strict=True)
        return module.pack([values.reshape(shape) for values, shape in pairs])
    except ValueError as error:
        raise DeriveError(f"{where}: {error}") from None


def check_finite(found: Any, name: str) -> None:
    """Raise DeriveError, with `name`, for an array that has NaN or infinity in it."""
    found = np.atleast_1d(found)
    for place in np.argwhere(~np.isfinite(found))[:1].tolist():
        raise DeriveError(f"{name} has {found[tuple(place)]} at {place}; expected finite numbers")


def check_names(names: Iterable[Any], expected: Iterable[str], where: str) -> None:
    """Raise DeriveError if a name says that its tensor is another than the parameter in whose place it stands."""
    kinds = {name: KINDS.get(name.rstrip("0123456789"), "") for name in expected}
    for name, (parameter, kind) in zip(names, kinds.items(), strict=True):
        theirs = NAME.fullmatch(str(name))
        if name != parameter and (theirs[2] != kind if theirs and kind else OWN.fullmatch(str(name))):
            right = ", ".join(f"{own}, a {kind}" if kind else own for own, kind in kinds.items())
            raise DeriveError(f"{where}: {shorten(name)} is in the place of {parameter}; expected, in order, {right}")


def numbered(names: Iterable[Any]) -> bool:
    """Whether all the names are PyTorch's and differ in nothing but their numbers, and in weight or bias."""
    found = [NAME.fullmatch(name) if isinstance(name, str) else None for name in names]
    return None not in found and len({PLACE.sub("#", match[1] or "") for match in found if match}) == 1


def in_order(names: Iterable[Any], expected: Iterable[str] = ()) -> list[Any]:
    """The names as a network has them if they are `expected` or `numbered`, otherwise as they stand.

    Files may hold them sorted as text, 10.bias before 2.bias and a bias before its weight.
    """
    given, own = list(names), list(expected)
    if set(given) == set(own):
        return own
    return sorted(given, key=_place) if numbered(given) else given


def _place(name: str) -> tuple[list[list[int]], bool]:
    match = NAME.fullmatch(name)
    assert match, "the names are numbered"
    return [[int(number) for number in place.split(".")] for place in PLACE.findall(match[1] or "")], match[2] == "bias"


def from_state_dict(states: Mapping[str, Any], module: ModuleType) -> Any:
    """The theta of a state_dict that holds the tensors of each layer: weight, bias, those of a normalization, a slope.

    Names such as 10.weight or blocks.2.fc.bias, which differ in their numbers alone, and derive's own, W1, b1, …, say
    where the tensors belong, in whatever order they come; under other names they have to stand in order, and a weight
    in the place of a bias is refused. Raises DeriveError.
    """
    if not isinstance(states, Mapping):
        right = "use its state_dict()" if hasattr(states, "state_dict") else "expected names and tensors"
        raise DeriveError(f"{shorten(states)} is no state_dict; {right}")
    expected = shapes(module)
    arrays = {name: array(states[name], f"{shorten(name)} in the state_dict") for name in in_order(states, expected)}
    found = [a.shape for a in arrays.values()]
    if len(found) != len(expected) or not all(map(fits, found, expected.values())):
        given = ", ".join(f"{shorten(name)} {values.shape}" for name, values in arrays.items())
        raise DeriveError(
            f"the state_dict has {given or 'nothing in it'}; "
            f"expected, in order, {', '.join(f'{name} {shape}' for name, shape in expected.items())}"
        )
    check_names(arrays, expected, "the state_dict")
    return packed(module, arrays, "the state_dict")
