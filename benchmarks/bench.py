"""Training steps against peers, in one run on the same data with the same update: `make bench`.

    python -m benchmarks.bench [--rounds 100] [--nets 0,1] [--no-first] [--write docs/benchmarks.md]

Everyone's parameters are compared over three steps first; whoever disagrees is why the exit status is 1. Then all take
turns in many short rounds, so that what else the machine does meets everyone; a ratio is that of two medians of one
run. The floor is only the matrix products of the step. The time to the first step is that of whole processes: import,
derivation, compilation, one step.
"""

from __future__ import annotations

import os

THREADS = 2
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = str(THREADS)
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # OpenBLAS shall choose the kernels of this machine
    os.environ.pop(_name, None)
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
from dataclasses import dataclass, field  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from benchmarks.contestants import CONTESTANTS, Running  # noqa: E402
from benchmarks.nets import NETS, Net  # noqa: E402
from derive import differentiate, emit  # noqa: E402

AGREEMENT, STEPS = 1e-4, 3
SLICE = 0.004  # seconds of one contestant in one round: short, so that a disturbance meets everyone
FLOOR, OURS, PLAIN, JIT = "floor", "derive", "NumPy by hand", "JAX jit"
MODULE = "derive, module from its file"
PACKAGES = ("numpy", "jax", "torch", "scikit-learn", "autograd")


@dataclass
class Report:
    """The lines of the document, what was asked for with whether it is met, and who disagrees with plain NumPy."""

    lines: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    def say(self, *lines: str) -> None:
        """Add lines, and show them at once."""
        self.lines += lines
        print("\n".join(lines), flush=True)

    def ask(self, what: str, met: bool) -> None:
        """Add a figure that was asked for."""
        self.asked.append(f"- {'met' if met else '**missed**'}: {what}")


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
    truth = running[PLAIN].parameters()
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
        least = min(_seconds(step, 1) for _ in range(5))
        repeats[name] = max(1, min(300, int(SLICE / least)))
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    order = list(steps)
    gc.disable()
    for turn in range(rounds):
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            # First a few that do not count: what the one before left in the caches, and its waiting threads, are
            # not this one's.
            _seconds(steps[name], 1 + repeats[name] // 4)
            seconds[name].append(_seconds(steps[name], repeats[name]))
        gc.collect()
    gc.enable()
    return seconds


def _seconds(step: Callable[[], Any], count: int) -> float:
    """Seconds of one of so many steps."""
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


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
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": folder}
        subprocess.run(words, check=True, capture_output=True, env=environment, timeout=120)
        return time.perf_counter() - start


def machine() -> str:
    """What the table was made on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        names = {key.strip(): value.strip() for key, value in found.items()}
        cpu = names.get("model name", cpu)
        if "cpu family" in names:
            cpu += f" (family {names['cpu family']}, model {names.get('model', '?')})"
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"no {package}")
    return f"{cpu}, {THREADS} threads for everyone, {blas()}, Python {platform.python_version()}, {', '.join(versions)}"


def blas() -> str:
    """The matrix products that NumPy runs with here: library, version and, where it says, the kernels it chose."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]  # type: ignore[index]
        return f"NumPy built with {built['name']} {built['version']}"
    found = [each for each in threadpool_info() if each["user_api"] == "blas" and "numpy" in each["filepath"]]
    shown = [f"{b['internal_api']} {b['version']} with {b.get('architecture', 'unknown')} kernels" for b in found]
    return "NumPy on " + (" and ".join(shown) or "an unknown BLAS")


def spoken(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def sized(count: int | None) -> str:
    return "–" if count is None else f"{count / 1024:.0f} KiB"


def compare(net: Net, rounds: int, report: Report) -> None:
    """A net's table, and what it has to reach."""
    running, absent = starters(net)
    far = disagreement(running)
    steps: dict[str, Callable[[], Any]] = {name: each.step for name, each in running.items()}
    found = timed({**steps, FLOOR: net.floor()}, rounds)
    medians = {name: statistics.median(each) for name, each in found.items()}
    ours = medians[OURS]
    report.say(f"### {net.title}", "", "| | median | least | × slower than derive | asked | memory | difference |")
    report.say("| --- | ---: | ---: | ---: | --- | ---: | ---: |")
    for name, median in medians.items():
        limit = net.limits.get(name)
        ratio = ours / median if name == FLOOR else median / ours
        asked = "" if limit is None else f"≤ {limit:g}" if name == FLOOR else f"≥ {limit:g}"
        met = limit is None or (ratio <= limit if name == FLOOR else ratio >= limit)
        shown = "" if name == OURS else f"{ratio:.2f}" + (" of the floor" if name == FLOOR else "")
        far_shown = f"{far[name]:.0e}" if name in far else ""
        used = sized(memory(running[name])) if name in running else ""
        report.say(
            f"| {name} | {spoken(median)} | {spoken(min(found[name]))} | {shown} | {asked}"
            f"{'' if met else ' (missed)'} | {used} | {far_shown} |"
        )
        if limit is not None:
            report.ask(f"{net.title}: {name} {ratio:.2f}, asked for {asked}", met)
    report.ask(f"{net.title}: not slower than {PLAIN}, {medians[PLAIN] / ours:.2f}", medians[PLAIN] >= ours)
    report.say("", *(f"- {name} is left out: {why}" for name, why in absent.items()), *[""] * bool(absent))
    for name, difference in far.items():
        if not difference <= AGREEMENT:
            report.disagreements.append(f"{net.title}: {name} differs by {difference:.1e} after {STEPS} steps")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--nets", default=",".join(map(str, range(len(NETS)))))
    parser.add_argument("--no-first", action="store_true", help="leave out the time to the first step")
    parser.add_argument("--write", type=Path, help="put the tables into this file, between its marks")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    chosen = [int(part) for part in given.nets.split(",")]
    report = Report()
    report.say(f"Made on: {machine()}.", "")
    for number in chosen:
        compare(NETS[number], given.rounds, report)
    if not given.no_first:
        first_steps(chosen, report)
    report.say("### What was asked for", "", *report.asked, "")
    report.say(*(f"- **disagrees**: {each}" for each in report.disagreements), *[""] * bool(report.disagreements))
    if given.write:
        old = given.write.read_text(encoding="utf-8")
        given.write.write_text(between_marks(old, report.lines), encoding="utf-8")
    return int(bool(report.disagreements))


def first_steps(chosen: list[int], report: Report) -> None:
    """The table of the times to the first step, of one process each."""
    report.say("### Time to the first step", "", f"| | {' | '.join(NETS[k].title for k in chosen)} |")
    report.say("| --- |" + " ---: |" * len(chosen))
    seconds: dict[tuple[str, int], float] = {}
    for name in [OURS, MODULE, *(name for name in CONTESTANTS if name != OURS)]:
        for net in chosen:
            try:
                seconds[name, net] = first_step(name, net)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                continue
        cells = (f"{seconds[name, net]:.2f} s" if (name, net) in seconds else "–" for net in chosen)
        report.say(f"| {name} | {' | '.join(cells)} |")
    report.say("")
    for net in chosen:
        if (JIT, net) in seconds:
            ours, theirs = seconds[OURS, net], seconds[JIT, net]
            what = f"{NETS[net].title}: first step after {ours:.2f} s, {JIT} after {theirs:.2f} s"
            report.ask(what, ours <= theirs)


BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->"


def between_marks(old: str, text: list[str]) -> str:
    """The document with what stands between its marks replaced."""
    before, rest = old.split(BEGIN)
    return f"{before}{BEGIN}\n" + "\n".join(text) + END + rest.split(END)[1]


if __name__ == "__main__":
    sys.exit(main())
