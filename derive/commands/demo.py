"""The main job on real data: a network that reads the 1,797 handwritten digits that come with scikit-learn.

Its gradients are derived and proved, its module is written and audited, and the module alone does the training.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from derive.commands.console import Progress, progress
from derive.commands.files import check_writable, write_whole
from derive.commands.options import FILE
from derive.commands.pipeline import Module, proved_and_audited
from derive.commands.verdicts import print_certificate
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError

DIGITS = Architecture(
    sizes=(64, 32, 10),
    activations=("tanh", "identity"),
    loss="least_squares",
    optimizer={"name": "sgd", "momentum": 0.9},
    name="digits",
)
EPOCHS, BATCH, LEARNING_RATE, SEED = 60, 16, 0.03, 0
HELD_OUT = 0.2


@dataclass(frozen=True)
class Digits:
    """Images, one a row of 64 standardised pixels, their one-hot targets and their labels."""

    X: Any
    Y: Any
    labels: Any


@dataclass
class Curve:
    """Loss and accuracy after each epoch, on the training part and on the held-out part."""

    loss: dict[str, list[float]] = field(default_factory=lambda: {"training": [], "held out": []})
    accuracy: dict[str, list[float]] = field(default_factory=lambda: {"training": [], "held out": []})


def run(folder: Path) -> int:
    """Do it all, write `digits.py` and `digits.png` into `folder`, and return the exit status."""
    began = time.perf_counter()
    _require("sklearn", "matplotlib")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeriveError(f"{folder}: cannot be made: {error.strerror}") from None
    source, picture = folder / "digits.py", folder / "digits.png"
    for path in (source, picture):
        check_writable(path)

    with progress() as report:
        module = proved_and_audited(DIGITS, "fast", report)
    print_certificate(module.proof)
    write_whole(source, module.source)
    click.echo(f"\n{source}: {len(module.source.splitlines())} lines, audited: {_audited(module)}")

    from derive.codegen.emit import load

    network = load(source)
    training, held_out = digits(network)
    click.echo(f"{len(training.labels)} digits to learn from, {len(held_out.labels)} held out")
    with progress() as report:
        theta, curve = train(network, training, held_out, report)
    draw(curve, picture)
    correct = round(accuracy(network, theta, held_out) * len(held_out.labels))
    click.echo(f"{picture}: the learning curve")
    click.echo(
        f"test accuracy {correct / len(held_out.labels):.4f} ({correct} of {len(held_out.labels)} held-out digits)"
    )
    click.echo(f"{time.perf_counter() - began:.1f} s")
    return 0


def digits(network: ModuleType) -> tuple[Digits, Digits]:
    """The training part and the held-out part, both standardised by the training part's mean and scale."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    first, second, known, asked = train_test_split(
        images, labels, test_size=HELD_OUT, stratify=labels, random_state=SEED
    )
    X, mean, scale = network.standardize(first)
    one_hot = np.eye(10)
    return Digits(X, one_hot[known], known), Digits((second - mean) / scale, one_hot[asked], asked)


def train(network: ModuleType, training: Digits, held_out: Digits, report: Progress) -> tuple[Any, Curve]:
    """The trained parameters, and loss and accuracy after each epoch.

    The loop is that of the module's own `train`, written out, since a curve of the accuracy needs theta on the way.
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    theta = network.initialize(rng)
    state = network.new_state(theta)
    curve = Curve()
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(len(training.X))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            network.step(theta, state, training.X[rows], training.Y[rows], learning_rate=LEARNING_RATE)
        for name, part in (("training", training), ("held out", held_out)):
            curve.loss[name].append(network.loss(theta, part.X, part.Y))
            curve.accuracy[name].append(accuracy(network, theta, part))
        report(f"epoch {epoch} of {EPOCHS}, loss {curve.loss['training'][-1]:.4f}", epoch / EPOCHS)
    return theta, curve


def accuracy(network: ModuleType, theta: Any, part: Digits) -> float:
    """The fraction of `part` for which the largest output is that of the right digit."""
    return float((network.predict(theta, part.X).argmax(axis=1) == part.labels).mean())


def draw(curve: Curve, path: Path) -> None:
    """Save loss and accuracy against the epoch as a picture at `path`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, PercentFormatter

    figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    colours = {"training": "#4477aa", "held out": "#cc6677"}
    for axes, curves in ((left, curve.loss), (right, curve.accuracy)):
        for name, values in curves.items():
            axes.plot(range(1, len(values) + 1), values, color=colours[name], label=name, linewidth=1.8)
        axes.set_xlabel("epoch")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.margins(x=0.02)
    left.set_ylabel(r"loss  $\frac{1}{2N}\sum\|a^L-y\|^2$")
    left.set_yscale("log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_formatter(NullFormatter())
    left.legend(frameon=False)
    final = curve.accuracy["held out"][-1]
    right.set_ylabel("digits read correctly")
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    right.set_ylim(max(0.0, min(map(min, curve.accuracy.values())) - 0.02), 1.005)
    right.annotate(
        f"{final:.1%}",
        (len(curve.accuracy["held out"]), final),
        textcoords="offset points",
        xytext=(0, -16),
        ha="right",
        color=colours["held out"],
    )
    figure.suptitle("1,797 handwritten digits, a 64-32-10 tanh network", x=0.01, ha="left", fontsize=11)
    try:
        figure.savefig(path)
    except OSError as error:
        raise DeriveError(f"{path}: cannot be written: {error.strerror}") from None


def _require(*modules: str) -> None:
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise DeriveError(f"the demo needs {' and '.join(missing)}; install with: pip install 'derive[demo]'")


def _audited(module: Module) -> str:
    count = len(module.audit.verdicts)
    return f"{count} of {count} checks hold"


@click.command()
@click.option("--folder", default="generated", metavar="FOLDER", type=FILE, help="Where the files go  [generated]")
def demo(folder: Path) -> int:
    """Derive, prove, emit, audit and train a network that reads handwritten digits.

    \b
    Examples:
      derive demo
      derive demo --folder /tmp/digits
    """
    return run(folder)
