"""PyTorch's modules for derive's activations, and back: a table, and the settings with which both are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from derive.model.activation import Activation, activation
from derive.model.errors import DeriveError, shorten

TORCH: dict[str, tuple[str, dict[str, str | float]]] = {
    "identity": ("Identity", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "relu": ("ReLU", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": "slope"}),
    "prelu": ("PReLU", {"num_parameters": 1}),
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

NEGLIGIBLE = 3e-9
"""How far Softplus may be from softplus: with its threshold of 20 and beta = 1 it is 2e-9."""


def _rows(part: Any) -> str:
    fine = part.dim in (1, -1, None)
    return "" if fine else f"goes along dimension {part.dim} of X, whose rows are the samples; expected dim=1"


def _soft(part: Any) -> str:
    beta, threshold = float(part.beta), float(part.threshold)
    jump = float(np.logaddexp(0, -threshold)) / abs(beta) if beta else np.inf
    if jump <= NEGLIGIBLE:
        return ""
    return f"is z beyond its threshold, and off by {jump:.1g} there; expected a larger threshold, as in threshold=40.0"


def _slopes(part: Any) -> str:
    slopes = part.weight.numel()
    return "" if slopes == 1 else f"has {slopes} slopes; derive's prelu has one a layer: expected PReLU(1)"


FAULTS: dict[str, Callable[[Any], str]] = {
    "Softmax": _rows,
    "LogSoftmax": _rows,
    "Softplus": _soft,
    "PReLU": _slopes,
}
"""Classes with settings of which some mean another function, and what is wrong with those of a module."""

FREE = (
    "training",
    "inplace",
    "Softmax.dim",
    "LogSoftmax.dim",
    "Softplus.threshold",
    "PReLU.init",
    "PReLU.num_parameters",
)
"""Settings that may differ in a network that is read: they change no value, or FAULTS has seen them."""


def to_module(torch: Any, function: Activation, where: str) -> Any:
    """The module of PyTorch's that computes `function`, whose name may be the user's own: its expression counts."""
    name, constants = _row(function, where)
    made, arguments = TORCH[name]
    for key, default in activation(name).constants:
        if key not in (*arguments.values(), *function.trained) and constants[key] != default:
            raise DeriveError(
                f"{where}: {function.name} has {key} = {constants[key]!r}, which PyTorch's {made} cannot have; "
                f"expected {default!r}"
            )
    values = {key: constants.get(str(value), value) for key, value in arguments.items()}
    try:
        module = getattr(torch.nn, made)(**values)
        module(torch.zeros(1, 2))
    except (RuntimeError, ValueError, ZeroDivisionError) as error:
        settings = ", ".join(f"{key}={value!r}" for key, value in values.items())
        raise DeriveError(f"{where}: PyTorch refuses {made}({settings}): {shorten(str(error), 120)}") from None
    return module


def _row(function: Activation, where: str) -> tuple[str, dict[str, float]]:
    """The name in TORCH of what is the same function, and the values of the constants that it has there."""
    given = dict(function.constants)
    for name in TORCH:
        known = activation(name)
        same = (function.expression, function.trained) == (known.expression, known.trained)
        if same and given.keys() == dict(known.constants).keys():
            return name, given
    if function.name in TORCH and not function.trained:  # with constants of other names, or their values written out
        known = activation(function.name)
        if function.initial == known.initial:
            return function.name, dict(known.constants)
    raise DeriveError(
        f"{where}: activation {function.name!r} has no module in PyTorch that is the same. Known: {', '.join(TORCH)}."
    )


def from_module(torch: Any, part: Any, where: str, others: Iterable[str]) -> Activation:
    """derive's activation for a module of PyTorch's, with the constants that it has; `others` can be read besides."""
    for name, (made, arguments) in TORCH.items():
        if type(part) is not getattr(torch.nn, made):
            continue
        if fault := FAULTS.get(made, lambda _: "")(part):
            raise DeriveError(f"{where} {fault}")
        ours = activation(name)
        named = {value: key for key, value in arguments.items() if isinstance(value, str)}
        constants = {key: float(getattr(part, named[key])) for key, _ in ours.constants if key in named}
        found = replace(ours, constants=tuple({**dict(ours.constants), **constants}.items()))
        same = to_module(torch, found, where)
        settings = [key for key in vars(part) if not key.startswith("_") and {key, f"{made}.{key}"}.isdisjoint(FREE)]
        if all(getattr(part, key) == getattr(same, key) for key in settings):
            return found
    known = ", ".join([*others, *sorted({made for made, _ in TORCH.values()})])
    raise DeriveError(f"{where} has no counterpart with these settings. Known: {known}.")


def told_apart(found: Iterable[tuple[str, Activation]]) -> list[Activation]:
    """The functions of a network's layers, each with where it was found, under one name for each.

    The second LeakyReLU with a slope of its own is called leaky_relu_2.
    """
    named: dict[Activation, Activation] = {}
    first: dict[str, str] = {}
    result = []
    for where, function in found:
        first.setdefault(function.name, where)
        if function not in named:
            count = 1 + sum(other.name == function.name for other in named)
            try:
                named[function] = function if count == 1 else replace(function, name=f"{function.name}_{count}")
            except DeriveError:  # functions with a jump have their names in the table alone
                raise DeriveError(
                    f"{where} has other constants than {first[function.name]}, and a network has one "
                    f"{function.name}; expected the same constants"
                ) from None
        result.append(named[function])
    return result
