"""The specification's loss in plain complex NumPy, written here and nowhere else: the truth for numerical tests."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

FUNCTIONS: dict[str, Any] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "swish": lambda z: z / (1 + np.exp(-1.702 * z)),
    "elu": lambda z: np.where(z.real > 0, z, 0.5 * (np.exp(z) - 1)),
    "gaussian": lambda z: np.exp(-(z**2)),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
}
SLOPES: dict[str, Any] = {
    "identity": lambda z: 1,
    "sigmoid": lambda z: FUNCTIONS["sigmoid"](z) * (1 - FUNCTIONS["sigmoid"](z)),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "softplus": FUNCTIONS["sigmoid"],
    "swish": lambda z: (1 + np.exp(-1.702 * z) * (1 + 1.702 * z)) / (1 + np.exp(-1.702 * z)) ** 2,
    "gaussian": lambda z: -2 * z * np.exp(-(z**2)),
    "mish": lambda z: (
        np.tanh(np.log(1 + np.exp(z))) + z * (1 - np.tanh(np.log(1 + np.exp(z))) ** 2) * FUNCTIONS["sigmoid"](z)
    ),
}
ANALYTIC = sorted(set(FUNCTIONS) - {"relu", "elu"})


def loss(theta: Any, sizes: tuple[int, ...], activations: list[str], X: Any, Y: Any) -> Any:
    """1/(2N) times the sum of the squared misfits, for real or complex theta."""
    return ((layers(theta, sizes, activations, X)[-1][1] - Y) ** 2).sum() / (2 * len(X))


def layers(theta: Any, sizes: tuple[int, ...], activations: list[str], X: Any) -> list[tuple[Any, Any]]:
    """z and a of every layer."""
    result = []
    a, start = X, 0
    for below, n, name in zip(sizes, sizes[1:], activations, strict=False):
        W = theta[start : start + n * below].reshape(n, below)
        b = theta[start + n * below : start + n * below + n]
        start += n * below + n
        z = a @ W.T + b
        a = FUNCTIONS[name](z)
        result.append((z, a))
    return result


def distance_to_kinks(theta: Any, sizes: tuple[int, ...], activations: list[str], X: Any) -> float:
    """How near any z of a layer with a kink at 0 comes to it."""
    both = zip(layers(theta, sizes, activations, X), activations, strict=True)
    return float(min(np.abs(z).min() for (z, _), name in both if name not in ANALYTIC))


def complex_step(theta: Any, *arguments: Any) -> Any:
    """The gradient of `loss` without cancellation: the imaginary part of loss(theta + ih)/h."""
    gradient = np.empty(len(theta))
    for i in range(len(theta)):
        moved = theta.astype(complex)
        moved[i] += 1e-200j
        gradient[i] = loss(moved, *arguments).imag / 1e-200
    return gradient


def central_differences(theta: Any, *arguments: Any) -> Any:
    """The gradient of `loss` where it is not analytic, by central differences of fourth order."""
    gradient = np.empty(len(theta))
    h = 1e-4
    for i in range(len(theta)):
        e = np.zeros(len(theta))
        e[i] = h
        value = [loss(theta + k * e, *arguments) for k in (-2, -1, 1, 2)]
        gradient[i] = (value[0] - 8 * value[1] + 8 * value[2] - value[3]) / (12 * h)
    return gradient


def gradient(theta: Any, sizes: tuple[int, ...], activations: list[str], X: Any, Y: Any) -> Any:
    """The gradient of `loss` by backpropagation as a person writes it, for real or complex theta."""
    found = layers(theta, sizes, activations, X)
    inputs = [X, *(a for _, a in found[:-1])]
    ends = np.cumsum([n * (below + 1) for below, n in pairwise(sizes)])
    error, parts = (found[-1][1] - Y) / len(X), []
    for (z, _), a, name, end, n in zip(*map(reversed, (found, inputs, activations, ends, sizes[1:])), strict=True):
        delta = error * SLOPES[name](z)
        parts += [delta.sum(axis=0), (delta.T @ a).ravel()]
        below = a.shape[1]
        error = delta @ theta[end - n * (below + 1) : end - n].reshape(n, below)
    return np.concatenate(parts[::-1])


def hessian_vector(theta: Any, v: Any, *arguments: Any) -> Any:
    """The Hessian times v: the complex step of `gradient` along v."""
    return gradient(theta + 1e-200j * v, *arguments).imag / 1e-200
