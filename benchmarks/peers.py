"""Emitted modules against PyTorch in float64: loss and parameters over 20 steps for every optimiser, and second order.

    make peers      installs the extra `bench`, which brings PyTorch

Prints the worst relative difference of each; the exit status is 1 if one exceeds 1e-10.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from derive import Architecture, differentiate, emit, load
from derive.model.tables import ACTIVATIONS, OPTIMIZERS, STYLES

RATE, STEPS, LIMIT = 0.05, 20, 1e-10
OURS: dict[str, Callable[[list[Any]], torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=RATE),
    "momentum": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=RATE),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=RATE),
    "adam": lambda p: torch.optim.Adam(p, lr=RATE),
    "adamw": lambda p: torch.optim.AdamW(p, lr=RATE),
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "softplus": torch.nn.functional.softplus,
}


def difference(optimizer: str, activation: str, style: str) -> float:
    """The worst relative difference in loss or parameters over the steps."""
    rng = np.random.default_rng(0)
    names = (activation, "sigmoid", activation)
    module = load(emit(differentiate(Architecture((4, 5, 3, 2), names, optimizer=optimizer)), style))
    theta, X, Y = module.initialize(0) + 0.05, rng.standard_normal((7, 4)), rng.standard_normal((7, 2))
    tensors = [torch.tensor(np.array(p), requires_grad=True) for p in module.unpack(theta)]
    peer, state, worst = OURS[optimizer](tensors), module.new_state(theta), 0.0
    for _ in range(STEPS):
        a = torch.tensor(X)
        for layer, name in enumerate(names):
            a = FUNCTIONS[name](a @ tensors[2 * layer].T + tensors[2 * layer + 1])
        loss = ((a - torch.tensor(Y)) ** 2).sum() / (2 * len(X))
        peer.zero_grad()
        loss.backward()
        value = module.step(theta, state, X, Y, RATE)
        peer.step()
        theirs = np.concatenate([t.detach().numpy().ravel() for t in tensors])
        worst = max(worst, abs(value - loss.item()) / abs(value), np.abs(theirs - theta).max() / np.abs(theta).max())
    return float(worst)


def second_order(activation: str, style: str) -> float:
    """The worst relative difference in the Hessian times v, the derivative by the inputs and the Jacobian."""
    rng = np.random.default_rng(0)
    names = (activation, "sigmoid", activation)
    module = load(emit(differentiate(Architecture((4, 5, 3, 2), names)), style))
    theta, X, Y = module.initialize(0) + 0.05, rng.standard_normal((7, 4)), rng.standard_normal((7, 2))
    v = rng.standard_normal(len(theta))
    tensors, along = ([torch.tensor(np.array(p)) for p in module.unpack(vector)] for vector in (theta, v))
    inputs = torch.tensor(X)

    def predict(x: Any, parameters: Any) -> Any:
        for layer, name in enumerate(names):
            x = FUNCTIONS[name](x @ parameters[2 * layer].T + parameters[2 * layer + 1])
        return x

    def loss(x: Any, parameters: Any) -> Any:
        return ((predict(x, parameters) - torch.tensor(Y)) ** 2).sum() / (2 * len(X))

    product = torch.autograd.functional.hvp(lambda *p: loss(inputs, p), tuple(tensors), tuple(along))[1]
    full = torch.autograd.functional.jacobian(lambda x: predict(x, tensors), inputs)
    pairs = (
        (module.hessian_vector_product(theta, v, X, Y), np.concatenate([p.numpy().ravel() for p in product])),
        (module.input_gradient(theta, X, Y), torch.autograd.functional.jacobian(lambda x: loss(x, tensors), inputs)),
        (module.jacobian(theta, X), np.stack([full[s, :, s].numpy() for s in range(len(X))])),
    )
    return max(
        float(np.abs(ours - np.asarray(theirs)).max() / np.abs(np.asarray(theirs)).max()) for ours, theirs in pairs
    )


def main() -> int:
    torch.set_default_dtype(torch.float64)
    missing = sorted({*OPTIMIZERS} - {*OURS}) + sorted({*ACTIVATIONS} - {*FUNCTIONS})
    table = Table(
        "optimiser", *ACTIVATIONS, box=None, title=f"worst relative difference to PyTorch {torch.__version__}"
    )
    worst = 0.0
    for optimizer in OURS:
        found = [max(difference(optimizer, name, style) for style in STYLES) for name in ACTIVATIONS]
        worst = max(worst, *found)
        table.add_row(optimizer, *(f"{value:.1e}" for value in found))
    found = [max(second_order(name, style) for style in STYLES) for name in ACTIVATIONS]
    worst = max(worst, *found)
    table.add_row("second order", *(f"{value:.1e}" for value in found))
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    if missing:
        print("not compared:", ", ".join(missing))
    return int(worst > LIMIT or bool(missing))


if __name__ == "__main__":
    sys.exit(main())
