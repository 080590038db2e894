"""Emitted modules against PyTorch in float64: the loss and the parameters over 20 steps, for every optimiser;
learning-rate schedules with and without warm-up; the step of a clipped gradient.

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
from derive.model.tables import ACTIVATIONS, OPTIMIZERS, SCHEDULES, STYLES

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

EPOCHS, WARM_UP, CLIP = 65, 5, 0.01
PACES: dict[str, Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]] = {
    "constant": lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0),
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=30),
    "exponential": lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.95),
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=EPOCHS),
    "inverse_scaling": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda epoch: (epoch + 1) ** -0.5),
}


def pace_difference(name: str, warm_up: int) -> float:
    """The worst relative difference in the learning rate of an epoch; a warm-up is LinearLR times the schedule."""
    text = emit(differentiate(Architecture((2, 1), ["tanh"], schedule={"name": name, "warm_up": warm_up})))
    ours = [getattr(load(text), "scheduled", lambda rate, *_: rate)(RATE, epoch, EPOCHS) for epoch in range(EPOCHS)]
    makers = [PACES[name], lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / WARM_UP, total_iters=WARM_UP - 1)]
    theirs = np.ones(EPOCHS)
    for make in makers[: 1 + (warm_up > 0)]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler = make(optimizer)
        for epoch in range(EPOCHS):
            theirs[epoch] *= scheduler.get_last_lr()[0]
            optimizer.step()
            scheduler.step()
    return float(np.abs(np.array(ours) / (RATE * theirs) - 1).max())


def clip_difference(style: str) -> float:
    """The relative difference in one step of gradient descent, clipped by PyTorch's norm (without the 1e-6 it adds)."""
    module = load(emit(differentiate(Architecture((4, 5, 2), ["tanh", "identity"], clip=CLIP)), style))
    rng = np.random.default_rng(0)
    theta, X, Y = module.initialize(0), rng.standard_normal((7, 4)), rng.standard_normal((7, 2))
    _, gradient = module.loss_and_gradient(theta, X, Y)
    theirs = [torch.tensor(np.array(part)) for part in module.unpack(gradient)]
    norm = torch.nn.utils.get_total_norm(theirs).item()
    moved = theta.copy()
    module.step(moved, module.new_state(moved), X, Y, 1.0)
    expected = theta - gradient * min(1.0, CLIP / norm)
    return float(np.abs(moved - expected).max() / np.abs(expected).max())


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


def main() -> int:
    torch.set_default_dtype(torch.float64)
    missing = sorted({*OPTIMIZERS} - {*OURS}) + sorted({*ACTIVATIONS} - {*FUNCTIONS})
    missing += sorted({*SCHEDULES} - {*PACES})
    table = Table(
        "optimiser", *ACTIVATIONS, box=None, title=f"worst relative difference to PyTorch {torch.__version__}"
    )
    worst = 0.0
    for optimizer in OURS:
        found = [max(difference(optimizer, name, style) for style in STYLES) for name in ACTIVATIONS]
        worst = max(worst, *found)
        table.add_row(optimizer, *(f"{value:.1e}" for value in found))
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(table)
    rates = Table("schedule", "alone", f"warm_up = {WARM_UP}", box=None)
    for name in PACES:
        found = [pace_difference(name, warm_up) for warm_up in (0, WARM_UP)]
        worst = max(worst, *found)
        rates.add_row(name, *(f"{value:.1e}" for value in found))
    console.print(rates)
    clipped = max(map(clip_difference, STYLES))
    worst = max(worst, clipped)
    console.print(f"clipped step: {clipped:.1e}")
    if missing:
        print("not compared:", ", ".join(missing))
    return int(worst > LIMIT or bool(missing))


if __name__ == "__main__":
    sys.exit(main())
