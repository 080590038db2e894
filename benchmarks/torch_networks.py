"""The same networks in PyTorch, written by hand from its own functions: what emitted modules are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from derive.model.architecture import Architecture

Function = Callable[..., Any]

ACTIVATIONS: dict[str, Function] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "prelu": lambda z, slope: functional.prelu(z, slope.reshape(1)),
    "elu": functional.elu,
    "selu": functional.selu,
    "celu": functional.celu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "silu": functional.silu,
    "swish": lambda z, beta: z * torch.sigmoid(beta * z),
    "mish": functional.mish,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "hardtanh": functional.hardtanh,
    "hardsigmoid": lambda z: functional.relu6(z + 3) / 6,  # as it is defined; its own backward has 1/6 in float32
    "hardswish": functional.hardswish,
    "relu6": functional.relu6,
    "logsigmoid": functional.logsigmoid,
    "tanhshrink": functional.tanhshrink,
    "softshrink": functional.softshrink,
    "hardshrink": functional.hardshrink,
    "thresholded_relu": lambda z: functional.threshold(z, 1.0, 0.0),
    "lecun_tanh": lambda z: 1.7159 * torch.tanh(2 * z / 3),
    "sine": torch.sin,
    "gaussian": lambda z: torch.exp(-(z**2)),
    "softmax": lambda z: functional.softmax(z, dim=1),
    "log_softmax": lambda z: functional.log_softmax(z, dim=1),
}
"""Name → PyTorch's function of z and of the trained constants."""

LOSSES: dict[str, Function] = {
    "least_squares": lambda a, y: functional.mse_loss(a, y, reduction="none").sum(1) / 2,
    "mean_absolute": lambda a, y: functional.l1_loss(a, y, reduction="none").sum(1),
    "huber": lambda a, y: functional.huber_loss(a, y, reduction="none").sum(1),
    "log_cosh": lambda a, y: (torch.logaddexp(a - y, y - a) - np.log(2)).sum(1),
    "binary_cross_entropy": lambda a, y: functional.binary_cross_entropy(a, y, reduction="none").sum(1),
    "cross_entropy": lambda a, y: -(y * torch.log(a)).sum(1),
    "poisson": lambda a, y: functional.poisson_nll_loss(a, y, log_input=True, reduction="none").sum(1),
    "hinge": lambda a, y: torch.clamp(1 - y * a, min=0).sum(1),
}
"""Name → c of each sample."""


def targets(kind: str, rng: np.random.Generator, shape: tuple[int, int]) -> Any:
    """Random targets of one kind (a key of the table TARGETS)."""
    if kind == "distribution":
        return np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    drawn = {
        "real": lambda: rng.standard_normal(shape),
        "unit": lambda: rng.random(shape),
        "count": lambda: rng.integers(0, 5, shape).astype(float),
        "sign": lambda: rng.choice([-1.0, 1.0], shape),
    }
    return drawn[kind]()


def outputs(architecture: Architecture, parts: dict[str, Any], X: Any) -> Any:
    """a^L at the parameters W1, b1, … and with the masks mask1, …, as PyTorch computes it."""
    found = [X]
    for label, (function, options) in enumerate(zip(architecture.activations, architecture.layers, strict=True), 1):
        z = functional.linear(found[-1], parts[f"W{label}"], parts[f"b{label}"])
        if options.normalization == "layer_norm":
            z = functional.layer_norm(z, z.shape[1:], parts[f"gain{label}"], parts[f"shift{label}"])
        elif options.normalization == "rms_norm":
            z = functional.rms_norm(z, z.shape[1:], parts[f"gain{label}"], eps=1e-5)
        a = ACTIVATIONS[function.name](z, *(parts[f"{name}{label}"] for name in function.trained))
        a = a * parts[f"mask{label}"] if options.dropout else a
        found.append(a + found[label - options.residual] if options.residual else a)
    return found[-1]


def loss(architecture: Architecture, parts: dict[str, Any], X: Any, Y: Any, weights: Any = None) -> Any:
    """The loss of the architecture, with its penalty."""
    each = LOSSES[architecture.loss.name](outputs(architecture, parts, X), Y)
    each = each if weights is None else each * weights
    chosen, penalty = architecture.penalty, torch.zeros(())
    for label in range(1, architecture.depth + 1):
        penalty = penalty + chosen.l2 / (1 + chosen.half) * (parts[f"W{label}"] ** 2).sum()
        penalty = penalty + chosen.l1 * parts[f"W{label}"].abs().sum()
    return each.mean() + (penalty / len(X) if chosen.over_samples else penalty)
