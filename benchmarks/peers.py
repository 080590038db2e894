"""Emitted modules against PyTorch in float64: losses, gradients and parameters over 20 steps, for every activation
with every loss that fits; every optimiser, layer option and penalty; f' at kinks; schedules; a clipped step.

    make peers      installs the extra `bench`, which brings PyTorch

Prints the worst relative difference of each; the exit status is 1 if one exceeds 1e-10.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle, product
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.torch_networks import ACTIVATIONS, LOSSES, loss, outputs, targets
from derive import Architecture, differentiate, emit, load
from derive.model import tables
from derive.model.activation import activation, breakpoints
from derive.model.errors import DeriveError

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


def difference(architecture: Architecture, style: str) -> float:
    """The worst relative difference in losses, gradients or parameters over the steps."""
    rng = np.random.default_rng(0)
    module = load(emit(differentiate(architecture), style))
    theta, X = module.initialize(0) + 0.05, rng.standard_normal((7, architecture.sizes[0]))
    Y = targets(architecture.loss.targets, rng, (7, architecture.sizes[-1]))
    further = (rng.random(7),) if architecture.sample_weights else ()
    names = module.Parameters._fields
    tensors = {
        n: torch.tensor(np.array(p), requires_grad=True) for n, p in zip(names, module.unpack(theta), strict=True)
    }
    peer, state, worst = OURS[architecture.optimizer.name](list(tensors.values())), module.new_state(theta), 0.0
    for _ in range(STEPS):
        value = loss(architecture, tensors, *map(torch.tensor, (X, Y, *further)))
        peer.zero_grad()
        value.backward()
        pairs = [(module.loss_and_gradient(theta, X, Y, *further)[1], [t.grad for t in tensors.values()])]
        found = module.step(theta, state, X, Y, RATE, *further)
        peer.step()
        pairs += [(theta, tensors.values()), ([found], [value])]
        for own, theirs in pairs:
            flat = np.concatenate([np.ravel(t.detach().numpy()) for t in theirs])
            scale = max(float(np.abs(flat).max()), 1e-30)  # a loss of 0 is compared absolutely
            worst = max(worst, float(np.abs(np.asarray(own) - flat).max() / scale))
    return worst


def networks() -> Iterator[tuple[str, str, Architecture]]:
    """Every activation with every loss that fits, the optimisers in turn; then what layers and losses have besides."""
    optimizers = cycle(OURS)
    for name, loss_name in product([*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS], tables.LOSSES):
        last = OUTPUTS.get(loss_name, name)
        with suppress(DeriveError):  # a loss that makes no sense for these outputs
            yield name, loss_name, Architecture((4, 5, 3), (name, last), loss_name, next(optimizers))
    for optimizer in OURS:
        yield "tanh", optimizer, Architecture((4, 5, 3), ("tanh", "identity"), optimizer=optimizer)
    for label, more in FURTHER.items():
        yield "further", label, Architecture((4, 5, 5, 3), ("tanh", "silu", "softmax"), "cross_entropy", "adam", **more)


OUTPUTS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}
FURTHER: dict[str, dict[str, Any]] = {
    "layer_norm": {"layers": [{"normalization": "layer_norm"}, {}, {}]},
    "rms_norm": {"layers": [{}, {"normalization": "rms_norm"}, {}]},
    "residual": {"layers": [{}, {"residual": True}, {}]},
    "l2": {"penalty": {"l2": 0.1}},
    "l1": {"penalty": {"l1": 0.1, "over_samples": True}},
    "weights": {"sample_weights": True},
}


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
        return loss(architecture, dict(zip(names, parameters, strict=True)), x, targeted)

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
    console = Console(width=None if sys.stdout.isatty() else 120)
    worst, count = 0.0, 0
    rows: dict[str, dict[str, float]] = {}
    for name, column, architecture in track(list(networks()), "comparing", console=Console(stderr=True)):
        found = max(difference(architecture, style) for style in tables.STYLES)
        rows.setdefault(name, {})[column] = found
        worst, count = max(worst, found), count + 1
    title = f"{count} networks, {STEPS} steps: worst relative difference to PyTorch {torch.__version__}"
    table = Table("activation", "losses that fit", "worst", "with", box=None, title=title)
    for name, found in rows.items():
        most = max(found, key=found.__getitem__)
        table.add_row(name, str(len(found)), f"{found[most]:.1e}", most)
    console.print(table)
    kinks = {name: kink_difference(name) for name in tables.ACTIVATIONS}
    console.print(f"f' at kinks and 1e-9 beside them: worst difference {max(kinks.values()):.1e}")
    worst = max(worst, *kinks.values())
    second = {name: second_order(name) for name in [*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS]}
    console.print(f"H v, input gradient and Jacobian, every activation: worst {max(second.values()):.1e}")
    worst = max(worst, *second.values())
    rates = Table("schedule", "alone", f"warm_up = {WARM_UP}", box=None)
    for name in PACES:
        both = [pace_difference(name, warm_up) for warm_up in (0, WARM_UP)]
        worst = max(worst, *both)
        rates.add_row(name, *(f"{value:.1e}" for value in both))
    console.print(rates)
    clipped = max(map(clip_difference, tables.STYLES))
    worst = max(worst, clipped)
    console.print(f"clipped step: {clipped:.1e}")
    if missing:
        print("not compared:", ", ".join(missing))
    return int(worst > LIMIT or bool(missing))


if __name__ == "__main__":
    sys.exit(main())
