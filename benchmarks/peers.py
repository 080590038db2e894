"""Emitted modules against PyTorch in float64: losses, gradients and parameters over 20 steps, for every activation
with every loss that fits; every optimiser, layer option and penalty; f' at kinks; schedules; a clipped step.

    make peers      installs the extra `bench`, which brings PyTorch

Prints the worst relative difference of each; the exit status is 1 if one exceeds 1e-10.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import cycle
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.entries import OPTIONS, combinations, tracked, with_option
from benchmarks.torch_networks import ACTIVATIONS, LOSSES, loss, outputs, targets
from derive import Architecture, differentiate, emit, load
from derive.model import tables
from derive.model.activation import activation
from derive.model.kinks import breakpoints

RATE, STEPS, LIMIT = 0.05, 20, 1e-10
Peer = Callable[[list[Any]], torch.optim.Optimizer]
OURS: dict[str, Peer] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=RATE),
    "momentum": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=RATE),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=RATE),
    "adam": lambda p: torch.optim.Adam(p, lr=RATE),
    "adamw": lambda p: torch.optim.AdamW(p, lr=RATE),
}
CONVENTIONS: list[tuple[dict[str, Any], Peer]] = [
    ({"name": "sgd", "momentum": 0.5}, lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.5)),
    ({"name": "momentum", "momentum": 0.7}, lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.7)),
    ({"name": "momentum", "dampening": 0.4}, lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.9, dampening=0.4)),
    ({"name": "nesterov", "momentum": 0.6}, lambda p: torch.optim.SGD(p, lr=RATE, momentum=0.6, nesterov=True)),
    (
        {"name": "rmsprop", "decay": 0.9, "epsilon": 1e-3},
        lambda p: torch.optim.RMSprop(p, lr=RATE, alpha=0.9, eps=1e-3),
    ),
    ({"name": "adagrad", "epsilon": 1e-2}, lambda p: torch.optim.Adagrad(p, lr=RATE, eps=1e-2)),
    (
        {"name": "adam", "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
        lambda p: torch.optim.Adam(p, lr=RATE, betas=(0.8, 0.95), eps=1e-3),
    ),
    (
        {"name": "adamw", "beta1": 0.8, "weight_decay": 0.2},
        lambda p: torch.optim.AdamW(p, lr=RATE, betas=(0.8, 0.999), weight_decay=0.2),
    ),
]
"""Settings of ours, and PyTorch's optimiser with the same."""
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


def difference(architecture: Architecture, style: str, peer_of: Peer | None = None) -> float:
    """The worst difference in losses, gradients or parameters over the steps; NaN if one is NaN.

    Each is relative to the largest of its kind in all steps: a gradient that vanishes where a loss is least is a
    difference of terms as large as before, and holds nothing but their rounding errors.
    """
    rng = np.random.default_rng(0)
    module = load(emit(differentiate(architecture), style))
    theta, X = module.initialize(0) + 0.05, rng.standard_normal((7, architecture.sizes[0]))
    Y = targets(architecture.loss.targets, rng, (7, architecture.sizes[-1]))
    further = (rng.random(7),) if architecture.sample_weights else ()
    names = module.Parameters._fields
    tensors = {
        n: torch.tensor(np.array(p), requires_grad=True) for n, p in zip(names, module.unpack(theta), strict=True)
    }
    peer = (peer_of or OURS[architecture.optimizer.name])(list(tensors.values()))
    dropped = {f"mask{k}": (k, o.dropout) for k, o in enumerate(architecture.layers, 1) if o.dropout}
    state = module.new_state(theta, 0) if dropped else module.new_state(theta)
    differences, scales = np.zeros((STEPS, 3)), np.zeros((STEPS, 3))
    for number in range(STEPS):
        draws = {"rng": deepcopy(state.rng)} if dropped else {}
        again = deepcopy(draws)
        masks = {n: module._mask(again["rng"], (len(X), architecture.sizes[k]), p) for n, (k, p) in dropped.items()}
        parts = tensors | {name: torch.tensor(mask) for name, mask in masks.items()}
        value = loss(architecture, parts, *map(torch.tensor, (X, Y, *further)))
        peer.zero_grad()
        value.backward()
        gradient = module.loss_and_gradient(theta, X, Y, *further, **draws)[1]
        pairs = [(gradient, [t.grad for t in tensors.values()])]
        found = module.step(theta, state, X, Y, RATE, *further)
        peer.step()
        pairs += [(theta, tensors.values()), ([found], [value])]
        for kind, (own, theirs) in enumerate(pairs):
            flat = np.concatenate([np.ravel(t.detach().numpy()) for t in theirs])
            differences[number, kind] = np.abs(np.asarray(own) - flat).max()
            scales[number, kind] = np.abs(flat).max()
    return float(np.max(differences.max(axis=0) / np.maximum(scales.max(axis=0), 1e-30)))


def networks() -> Iterator[tuple[str, str, Architecture]]:
    """Every activation with every loss that fits, the optimisers in turn; then what layers and losses have besides."""
    optimizers = cycle(OURS)
    for name, loss_name, activations in combinations():
        yield name, loss_name, Architecture((4, 5, 3), activations, loss_name, next(optimizers))
    for optimizer in OURS:
        yield "tanh", optimizer, Architecture((4, 5, 3), ("tanh", "identity"), optimizer=optimizer)
    for label, more in OPTIONS.items():
        yield "options", label, with_option(more, optimizer="adam")


def kink_difference(name: str) -> float:
    """The largest difference between the emitted f' and PyTorch's, at the kinks and beside them."""
    function = activation(name)
    points = [float(point) for point in breakpoints(function.initial)]
    if not points:
        return 0.0
    module = load(emit(differentiate(Architecture((1, 1), (name,)))))
    X = np.array([[p + side] for p in points for side in (-1e-9, 0.0, 1e-9)])
    theta = module.pack(
        [np.ones((1, 1)), np.zeros(1), *(np.array(dict(function.constants)[c]) for c in function.trained)]
    )
    z = torch.tensor(X, requires_grad=True)
    ACTIVATIONS[name](z, *(torch.tensor(dict(function.constants)[c]) for c in function.trained)).sum().backward()
    return float(np.abs(module.jacobian(theta, X)[:, :, 0] - z.grad.numpy()).max())


def second_order(name: str) -> float:
    """The worst relative difference in the Hessian times v, the derivative by the inputs and the Jacobian."""
    rng = np.random.default_rng(0)
    architecture = Architecture((4, 5, 3), (name, "sigmoid"), "binary_cross_entropy")
    module = load(emit(differentiate(architecture)))
    theta, X, Y = module.initialize(0) + 0.05, rng.standard_normal((7, 4)), rng.random((7, 3))
    v, names = rng.standard_normal(len(theta)), module.Parameters._fields
    tensors, along = (tuple(torch.tensor(np.array(p)) for p in module.unpack(vector)) for vector in (theta, v))
    inputs, targeted = torch.tensor(X), torch.tensor(Y)

    def value(x: Any, *parameters: Any) -> Any:
        """The mean loss, written out: PyTorch's own adds 1e-12 to a in the second derivative."""
        a = outputs(architecture, dict(zip(names, parameters, strict=True)), x)
        return -(targeted * a.log() + (1 - targeted) * (1 - a).log()).sum() / len(targeted)

    def predicted(x: Any) -> Any:
        return outputs(architecture, dict(zip(names, tensors, strict=True)), x)

    product = torch.autograd.functional.hvp(lambda *p: value(inputs, *p), tensors, along)[1]
    full = torch.autograd.functional.jacobian(predicted, inputs)
    by_inputs = torch.autograd.functional.jacobian(lambda x: value(x, *tensors), inputs)
    pairs = (
        (module.hessian_vector_product(theta, v, X, Y), np.concatenate([p.numpy().ravel() for p in product])),
        (module.input_gradient(theta, X, Y), by_inputs.numpy()),
        (module.jacobian(theta, X), np.stack([full[s, :, s].numpy() for s in range(len(X))])),
    )
    return max(float(np.abs(ours - theirs).max() / np.abs(theirs).max()) for ours, theirs in pairs)


def main() -> int:
    torch.set_default_dtype(torch.float64)
    missing = sorted({*tables.OPTIMIZERS} - {*OURS}) + sorted({*tables.LOSSES} - {*LOSSES})
    missing += sorted({*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS} - {*ACTIVATIONS})
    missing += sorted({*tables.SCHEDULES} - {*PACES})
    start = time.process_time()
    console = Console(width=None if sys.stdout.isatty() else 120)
    rows: dict[str, dict[str, float]] = {}
    named = [(f"{name}, {column}", (name, column, architecture)) for name, column, architecture in networks()]
    for _, (name, column, architecture) in tracked(named, f"{STEPS} steps beside PyTorch"):
        rows.setdefault(name, {})[column] = _worst(difference(architecture, style) for style in tables.STYLES)
    title = f"{len(named)} networks, {STEPS} steps: worst relative difference to PyTorch {torch.__version__}"
    table = Table("activation", "losses that fit", "worst", "with", box=None, title=title)
    for name, found in rows.items():
        most = max(found, key=lambda column, found=found: np.nan_to_num(found[column], nan=np.inf))
        table.add_row(name, str(len(found)), f"{found[most]:.1e}", most)
    console.print(table)
    of_networks = _worst(value for found in rows.values() for value in found.values())
    kinks = _worst(kink_difference(name) for name in tables.ACTIVATIONS)
    console.print(f"f' at kinks and 1e-9 beside them: worst difference {kinks:.1e}")
    second = _worst(second_order(name) for name in [*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS])
    console.print(f"H v, input gradient and Jacobian, every activation: worst {second:.1e}")
    conventions = _worst(
        difference(Architecture((4, 5, 3), ("tanh", "identity"), optimizer=settings), style, peer)
        for settings, peer in CONVENTIONS
        for style in tables.STYLES
    )
    console.print(f"optimisers with other constants than the usual: worst {conventions:.1e}")
    rates = Table("schedule", "alone", f"warm_up = {WARM_UP}", box=None)
    paces = {name: [pace_difference(name, warm_up) for warm_up in (0, WARM_UP)] for name in PACES}
    for name, both in paces.items():
        rates.add_row(name, *(f"{value:.1e}" for value in both))
    console.print(rates)
    clipped = _worst(map(clip_difference, tables.STYLES))
    console.print(f"clipped step: {clipped:.1e}")
    worst = _worst(
        [of_networks, kinks, second, conventions, clipped, *(value for both in paces.values() for value in both)]
    )
    if missing:
        console.print("not compared:", ", ".join(missing))
    console.print(
        f"worst of all: {worst:.1e}, at most {LIMIT:g}; {time.process_time() - start:.0f} s of processor time"
    )
    return int(not worst <= LIMIT or bool(missing))  # NaN is not


def _worst(values: Iterable[float]) -> float:
    """The largest value, or NaN if there is one: max() would pass over it."""
    return float(np.max(list(values)))


if __name__ == "__main__":
    sys.exit(main())
