"""The figures that derive is held to, measured and printed beside what they have to reach: `make figures`.

Times are medians of whole processes; they depend on the machine, so no test does. The exit status is 1 if
a figure is missed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from derive import Architecture, audit, differentiate, emit, load
from derive.commands.demo import digits
from tests.codegen.expressions import ALL
from tests.codegen.specification_loss import (
    ANALYTIC,
    FUNCTIONS,
    central_differences,
    complex_step,
    distance_to_kinks,
    hessian_vector,
)

Row = tuple[str, str, str, bool]
"""What was measured, what it has to reach, what came out, whether it does."""

REPEATS = 3
STYLES = ("readable", "fast")


def derive(*words: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "derive", *words],
        capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def seconds(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median duration of `action`."""
    durations = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        durations.append(time.perf_counter() - start)
    return statistics.median(durations)


def timed(what: str, limit: float, *words: str, repeats: int = REPEATS) -> Row:
    taken = seconds(lambda: derive(*words), repeats)
    return what, f"<= {limit} s", f"{taken:.2f} s", taken <= limit


def main_job(folder: Path) -> Iterator[Row]:
    start = time.perf_counter()
    printed = derive("demo", "--folder", str(folder)).stdout
    taken = time.perf_counter() - start
    accuracy = float(next(line for line in printed.splitlines() if line.startswith("test accuracy")).split()[2])
    yield "demo: accuracy on the held-out digits", ">= 0.95", f"{accuracy:.4f}", accuracy >= 0.95
    yield "demo: whole process", "<= 60 s", f"{taken:.1f} s", taken <= 60


def source_text() -> Iterator[Row]:
    verdicts = json.loads(derive("verify", "--layers", "64-32-10", "--json").stdout)["formulas"]
    proved = sum(v["verdict"] == "proved" for v in verdicts)
    slips = sum(v["verdict"] == v["expected"] == "refuted" for v in verdicts)
    fine = slips == 2 and proved == len(verdicts) - 2
    yield "verify: statements with a verdict", "2 slips refuted, rest proved", f"{proved} proved, {slips} refuted", fine
    yield timed("verify: whole process", 5, "verify", "--layers", "64-32-10")


def audits() -> Iterator[Row]:
    holds = total = 0
    for depth in (1, 2, 3, 4):
        for name in ("identity", "sigmoid", "tanh", "relu", "softplus"):  # `make vocabulary` has the others
            for style in STYLES:
                derivation = differentiate(Architecture(range(3, 4 + depth), [name] * depth))
                holds, total = holds + audit(emit(derivation, style)).holds, total + 1
    yield "audit: activation x depth 1-4 x style", "all hold", f"{holds} of {total}", holds == total


CLASSES = Architecture(
    sizes=(64, 64, 10),
    activations=("relu", "softmax"),
    loss="cross_entropy",
    optimizer="adam",
    initialization="he_normal",
    penalty={"l2": 1e-3},
)


def classes() -> Iterator[Row]:
    """Digits with softmax, cross-entropy and adam, on the split of the demo."""
    network = load(emit(differentiate(CLASSES)))
    training, held_out = digits(network)
    theta, _ = network.train(
        network.initialize(0), training.X, training.labels, epochs=40, batch_size=32, learning_rate=2e-3, rng=0
    )
    accuracy = float((network.predict(theta, held_out.X).argmax(axis=1) == held_out.labels).mean())
    yield "digits, softmax, cross-entropy, adam: held-out accuracy", ">= 0.97", f"{accuracy:.4f}", accuracy >= 0.97


def numerical() -> Iterator[Row]:
    """The worst relative error over random nets, against a loss that is written in the tests alone."""
    rng = np.random.default_rng(0)
    worst = {"complex step, analytic f": 0.0, "central differences, kinks": 0.0}
    kinked = sorted(set(FUNCTIONS) - set(ANALYTIC))
    for case in range(60):
        analytic = case % 2 == 0
        depth = int(rng.integers(1, 5))
        names = [str(n) for n in rng.choice(ANALYTIC if analytic else kinked, depth)]
        sizes = tuple(int(n) for n in rng.permutation(6)[: depth + 1] + 1)
        module = load(emit(differentiate(Architecture(sizes, [ALL[n] for n in names])), STYLES[case % 4 // 2]))
        X, Y = rng.standard_normal((5, sizes[0])), rng.standard_normal((5, sizes[-1]))
        theta = module.initialize(case) + 0.1
        while not analytic and distance_to_kinks(theta, sizes, names, X) < 1e-2:
            theta = module.initialize(rng) + 0.1
        truth = (complex_step if analytic else central_differences)(theta, sizes, names, X, Y)
        error = np.abs(module.loss_and_gradient(theta, X, Y)[1] - truth).max() / max(np.abs(truth).max(), 1e-300)
        key = "complex step, analytic f" if analytic else "central differences, kinks"
        worst[key] = max(worst[key], error if truth.any() else 0.0)
    for (what, error), limit in zip(worst.items(), (1e-12, 1e-7), strict=True):
        yield f"gradient: {what}, 30 nets", f"<= {limit:g}", f"{error:.1e}", error <= limit


def second_order() -> Iterator[Row]:
    """The worst relative error of H v over random nets, against the complex step of a gradient written in the tests."""
    rng, worst = np.random.default_rng(0), 0.0
    for case in range(30):
        depth = int(rng.integers(1, 5))
        names = [str(n) for n in rng.choice(ANALYTIC, depth)]
        sizes = tuple(int(n) for n in rng.permutation(6)[: depth + 1] + 1)
        module = load(emit(differentiate(Architecture(sizes, [ALL[n] for n in names])), STYLES[case % 2]))
        X, Y = rng.standard_normal((5, sizes[0])), rng.standard_normal((5, sizes[-1]))
        theta = module.initialize(case) + 0.1
        v = rng.standard_normal(len(theta))
        truth = hessian_vector(theta, v, sizes, names, X, Y)
        error = np.abs(module.hessian_vector_product(theta, v, X, Y) - truth).max() / np.abs(truth).max()
        worst = max(worst, error)
    yield "Hessian times v: complex step of the gradient, 30 nets", "<= 1e-11", f"{worst:.1e}", worst <= 1e-11


def generation(folder: Path) -> Iterator[Row]:
    out = str(folder / "out.py")
    big = ("generate", "--layers", "784-128-10", "-o", out)
    deep = ("generate", "--layers", "-".join(["8"] * 101), "--no-audit", "-o", out)
    yield timed("generate 784-128-10, audit included", 4, *big)
    yield timed("generate 784-128-10, audit excluded", 1.5, *big, "--no-audit")
    yield timed("generate 100 layers, audit excluded", 10, *deep, repeats=1)
    pairs = [
        [
            seconds(lambda s=s: derive("generate", "--layers", f"{s}-{s}-{s}", "--no-audit", "-o", out), 1)
            for s in (4, 4096)
        ]
        for _ in range(7)
    ]
    ratio = statistics.median(wide / narrow for narrow, wide in pairs)
    yield "generate: widths 4096 against widths 4, pairwise", "<= 1.05", f"{ratio:.2f}", ratio <= 1.05
    texts = {
        derive("generate", "--layers", "3-4-2", "--style", s, "-o", "-", seed=h).stdout for s in STYLES for h in "012"
    }
    yield "emitted bytes over processes and hash seeds", "the same", f"{len(texts)} texts, 2 styles", len(texts) == 2
    yield timed("derive --help", 0.4, "--help")


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [main_job(folder), classes(), source_text(), audits(), numerical(), second_order(), generation(folder)]
        console = Console(width=None if sys.stdout.isatty() else 120)
        table = Table("what", "has to be", "measured", "", box=None, header_style="bold")
        missed = 0
        with console.status("measuring") as status:
            for part in parts:
                for what, limit, measured, fine in part:
                    status.update(what)
                    table.add_row(what, limit, measured, "" if fine else "[red]missed[/red]")
                    missed += not fine
        console.print(table)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
