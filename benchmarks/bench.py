"""Training steps against peers, in one run on the same data with the same update: `make bench`.

    python -m benchmarks.bench [--rounds 60] [--nets 0,1] [--no-first] [--write docs/benchmarks.md]

Everyone's parameters are compared over three steps first. Then all take turns in many short rounds, so that what else
the machine does meets everyone; a ratio is that of two medians of one run. The floor is only the matrix products of
the step. The time to the first step is that of whole processes: import, derivation, compilation, one step.
"""

from __future__ import annotations

import os

THREADS = 2
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = str(THREADS)
if hasattr(os, "sched_setaffinity"):  # JAX takes as many threads as there are cores
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])

import argparse  # noqa: E402  (the number of threads has to be set before anyone imports NumPy)
import gc  # noqa: E402
import importlib.metadata  # noqa: E402
import platform  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
import warnings  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.contestants import CONTESTANTS, Running  # noqa: E402
from benchmarks.nets import NETS, Net  # noqa: E402
from derive import differentiate, emit  # noqa: E402

AGREEMENT, STEPS = 1e-4, 3
SLICE = 0.004  # seconds of one contestant in one round: short, so that a disturbance meets everyone
FLOOR = "floor"
MODULE = "derive, module from its file"
FIRST = (0, 3)  # the nets whose time to the first step is taken: a small one and a large one
PACKAGES = ("numpy", "jax", "torch", "scikit-learn", "autograd")


def starters(net: Net) -> tuple[dict[str, Running], dict[str, str]]:
    """The contestants that can start, and why the others cannot."""
    running: dict[str, Running] = {}
    missing: dict[str, str] = {}
    for name, make in CONTESTANTS.items():
        try:
            running[name] = make(net)
        except Exception as error:  # whatever keeps a peer from starting is what the table says about it
            missing[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:120]
    return running, missing


def disagreement(running: dict[str, Running]) -> dict[str, float]:
    """How far everyone's parameters are from plain NumPy's after some steps, relative to the largest."""
    for each in running.values():
        for _ in range(STEPS):
            each.step()
    truth = running["NumPy by hand"].parameters()
    largest = max(np.abs(p).max() for p in truth)
    return {
        name: float(max(np.abs(p - t).max() for p, t in zip(each.parameters(), truth, strict=True)) / largest)
        for name, each in running.items()
    }


def timed(steps: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of a step for everyone, once in each round, after each has warmed up."""
    repeats = {}
    for name, step in steps.items():
        for _ in range(3):
            step()
        start = time.perf_counter()
        for _ in range(5):
            step()
        repeats[name] = max(1, min(200, int(SLICE / ((time.perf_counter() - start) / 5))))
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    order = list(steps)
    gc.disable()
    for turn in range(rounds):
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            step, count = steps[name], repeats[name]
            step()  # whatever the one before left in the caches is not this one's
            start = time.perf_counter()
            for _ in range(count):
                step()
            seconds[name].append((time.perf_counter() - start) / count)
        gc.collect()
    gc.enable()
    return seconds


def memory(running: Running) -> int | None:
    """Bytes that a step allocates at most, as the peer tells or, for those that use NumPy alone, as tracemalloc."""
    if running.memory is not None:
        try:
            return running.memory()
        except Exception:
            return None
    running.step()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    running.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before


def first_step(name: str, net: int) -> float:
    """Seconds of a whole process that imports, prepares and takes one step."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "module.py"
        if name == MODULE:
            path.write_text(emit(differentiate(NETS[net].architecture), "fast"), encoding="utf-8")
        words = [sys.executable, "-m", "benchmarks.first", name, str(net), str(path)]
        start = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True, env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder})
        return time.perf_counter() - start


def machine() -> str:
    """What the table was made on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next((line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line), cpu)
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return f"{cpu}, {THREADS} threads for everyone, Python {platform.python_version()}, {', '.join(versions)}"


def spoken(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def sized(count: int | None) -> str:
    return "–" if count is None else f"{count / 1024:.0f} KiB"


def rows(net: Net, rounds: int) -> tuple[list[str], list[str]]:
    """The lines of a net's table, and what it misses."""
    running, absent = starters(net)
    far = disagreement(running)
    notes = [f"{name} is left out: {why}" for name, why in absent.items()]
    notes += [f"{name} differs by {d:.1e} after {STEPS} steps" for name, d in far.items() if not d <= AGREEMENT]
    steps: dict[str, Callable[[], Any]] = {name: each.step for name, each in running.items()}
    found = timed({**steps, FLOOR: net.floor()}, rounds)
    medians = {name: statistics.median(each) for name, each in found.items()}
    ours = medians["derive"]
    lines = []
    for name, median in medians.items():
        limit, ratio = net.limits.get(name), median / ours
        asked = "" if limit is None else f"≥ {limit:g}" if name != FLOOR else f"≤ {limit:g}"
        if name == FLOOR:
            ratio = ours / median
        reached = limit is None or (ratio <= limit if name == FLOOR else ratio >= limit)
        shown = "" if name == "derive" else f"{ratio:.2f}" + (" of the floor" if name == FLOOR else "")
        far_shown = f"{far[name]:.0e}" if name in far else ""
        used = sized(memory(running[name])) if name in running else ""
        lines.append(
            f"| {name} | {spoken(median)} | {spoken(min(found[name]))} | {shown} | {asked}"
            f"{'' if reached else ' (missed)'} | {used} | {far_shown} |"
        )
        if not reached:
            notes.append(f"{name}: {ratio:.2f}, asked for {asked}")
    if medians["NumPy by hand"] < ours:
        notes.append("slower than plain NumPy")
    return lines, notes


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--nets", default=",".join(map(str, range(len(NETS)))))
    parser.add_argument("--no-first", action="store_true", help="leave out the time to the first step")
    parser.add_argument("--write", type=Path, help="put the tables into this file, between its marks")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [int(part) for part in given.nets.split(",")]
    text = [f"Made on: {machine()}.", ""]
    for number in chosen:
        net = NETS[number]
        lines, notes = rows(net, given.rounds)
        text += [f"### {net.title}", "", "| | median | least | × slower than derive | asked | memory | difference |"]
        text += ["| --- | ---: | ---: | ---: | --- | ---: | ---: |", *lines, "", *(f"- {note}" for note in notes)]
        text += [""] * bool(notes)
        print("\n".join(text[-len(lines) - len(notes) - 5 :]), flush=True)
    if not given.no_first:
        text += first_steps([k for k in chosen if k in FIRST])
    if given.write:
        given.write.write_text(between_marks(given.write.read_text(encoding="utf-8"), text), encoding="utf-8")
    return 0


def first_steps(chosen: list[int]) -> list[str]:
    """The table of the times to the first step, the least of two processes each."""
    names = ["derive", MODULE, *(name for name in CONTESTANTS if name != "derive")]
    lines = ["### Time to the first step", "", f"| | {' | '.join(NETS[k].title for k in chosen)} |"]
    lines += ["| --- |" + " ---: |" * len(chosen)]
    for name in names:
        cells = []
        for net in chosen:
            try:
                least = min(first_step(name, net) for _ in range(2))
                cells.append(f"{least:.2f} s")
            except subprocess.CalledProcessError:
                cells.append("–")
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->"


def between_marks(old: str, text: list[str]) -> str:
    """The document with what stands between its marks replaced."""
    before, rest = old.split(BEGIN)
    return f"{before}{BEGIN}\n" + "\n".join(text) + END + rest.split(END)[1]


if __name__ == "__main__":
    sys.exit(main())
