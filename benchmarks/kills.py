"""Training that is killed at a random moment and gone on with: it has to end with the bytes of one left alone.

    python -m benchmarks.kills [--kills 200] [--seed 0]

Every run is a process of its own, and gets SIGKILL at a moment drawn from the time that a run takes, so that many
are hit while a checkpoint is written. Then the same call of `train` is made again and left to end. theta, the
history and the checkpoint have to be the same bytes as without a kill, and nothing else may lie in the folder.
The same is done with modules in which a fault is planted: each has to be found. Exit status 1 if anything fails.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.killed import Case, train

PROCESSES = multiprocessing.get_context("forkserver")  # NumPy is imported once, and no process has threads
PROCESSES.set_forkserver_preload(["benchmarks.killed"])


ADAM = {"optimizer": "adam"}
MOMENTUM = {"optimizer": {"name": "sgd", "momentum": 0.9}, "schedule": {"name": "step", "every": 9, "factor": 0.7}}
DROPOUT = {"layers": [{"dropout": 0.2}, {}]}
OFTEN = {"checkpoint_seconds": 0}  # after every step
STOPPING = {"patience": 25, "validation": True, "learning_rate": 0.01}

CASES = (
    Case("adam, a checkpoint after each epoch", "fast", ADAM),
    Case("adam, after each step", "readable", ADAM, arguments=OFTEN),
    Case("momentum, step schedule, now and then", "fast", MOMENTUM, "MT19937", {"checkpoint_seconds": 0.01}),
    Case("momentum, step schedule, after each epoch", "readable", MOMENTUM, "Philox"),
    Case("rmsprop, dropout, after each step", "fast", {"optimizer": "rmsprop", **DROPOUT}, "SFC64", OFTEN),
    Case("adamw, dropout, warm-up, after each epoch", "readable", {"optimizer": "adamw", **DROPOUT,
         "schedule": {"name": "cosine", "warm_up": 4}}, "PCG64DXSM"),
    Case("adagrad, early stopping, after each epoch", "fast", {"optimizer": "adagrad", **DROPOUT}, arguments=STOPPING),
    Case("nesterov, clipped, early stopping, after each step", "readable",
         {"optimizer": "nesterov", "clip": 0.5, "sample_weights": True}, arguments={**STOPPING, **OFTEN}),
)  # fmt: skip

FORGETFUL = {
    "the generator's state": ("self.rng.bit_generator.state = generator", "pass"),
    "the optimiser's vectors": (', "v": state.v', ""),
    "the place in the epoch": ("range(done, len(X), ahead)", "range(0, len(X), ahead)"),
    "the losses of the epoch so far": ("done, total, lowest, history, drawn = checkpoint",
                                       "done, _, lowest, history, drawn = checkpoint"),
}  # fmt: skip
CONTROLS = (
    *(Case(f"forgets {what}", "readable", {**MOMENTUM, **DROPOUT}, arguments=OFTEN, faults=(fault,))
      for what, fault in FORGETFUL.items()),
    Case("writes in place", "fast", ADAM, arguments=OFTEN, faults=(
        ("""f"{self.path}.{os.urandom(8).hex()}.tmp\"""", "self.path"), ('"xb"', '"wb"'),
        ("        finally:\n            _remove(temporary)", "        finally:\n            pass"))),
)  # fmt: skip


def source(case: Case) -> str:
    """The text of a case's module."""
    from derive import Architecture, differentiate, emit

    text = emit(differentiate(Architecture((4, 8, 3), ("tanh", "identity"), **case.architecture)), case.style)
    for right, wrong in case.faults:
        assert text.count(right) == 1, right
        text = text.replace(right, wrong)
    return text


@dataclass(frozen=True)
class Trial:
    """One run that was killed: whether that was while a checkpoint was written, and what went wrong, if anything."""

    while_writing: bool
    fault: str


class Runs:
    """The runs of one case in a folder of its own."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        self.folder = folder
        self.module = folder / "module.py"
        self.module.write_text(source(case), encoding="utf-8")
        began = time.monotonic()
        assert self.run(folder / "whole", None)
        self.seconds = time.monotonic() - began
        self.whole = self.found(folder / "whole")

    def run(self, folder: Path, seconds: float | None) -> bool:
        """Start a run and wait for its end, or kill it after so many seconds; whether it ended by itself, well."""
        folder.mkdir(exist_ok=True)
        process = PROCESSES.Process(target=train, args=(self.module, folder, self.case))
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        return process.exitcode == 0

    def found(self, folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    def trial(self, number: int, draw: random.Random) -> Trial:
        """Kill a run at a random moment, and let the next one end."""
        folder = self.folder / str(number)
        while self.run(folder, draw.uniform(0, self.seconds)):  # too late: it had ended
            for path in folder.iterdir():
                path.unlink()
        while_writing = any(path.suffix == ".tmp" for path in folder.iterdir())
        if not self.run(folder, None):
            return Trial(while_writing, f"it could not go on: {self.found(folder)['error'].decode()}")
        found = self.found(folder)
        if set(found) != set(self.whole):
            return Trial(while_writing, f"left behind: {sorted(set(found) - set(self.whole))}")
        other = [name for name in found if found[name] != self.whole[name]]
        return Trial(while_writing, f"other bytes: {', '.join(other)}" if other else "")


def trials(case: Case, count: int, draw: random.Random) -> Iterator[Trial]:
    """So many runs of a case that were killed."""
    with TemporaryDirectory() as folder:
        runs = Runs(case, Path(folder))
        for number in range(count):
            yield runs.trial(number, draw)


def survives(control: Case, count: int, draw: random.Random) -> bool:
    """Whether a planted fault is not found by so many kills."""
    return not any(trial.fault for trial in trials(control, count, draw))


def main() -> int:
    from rich.progress import Progress

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    began = time.monotonic()
    done: list[Trial] = []
    with Progress(transient=True) as bar:
        shown = bar.add_task("killing", total=given.kills)
        for position, case in enumerate(CASES):
            count = len(range(position, given.kills, len(CASES)))
            mine = []
            for trial in trials(case, count, draw):
                mine.append(trial)
                bar.advance(shown)
            done += mine
            writing = sum(trial.while_writing for trial in mine)
            same = sum(not trial.fault for trial in mine)
            line = f"{same:4} of {count:3} bit-equal, {writing:2} killed while writing: {case.name}, {case.style}"
            bar.console.print(line, soft_wrap=True, highlight=False)
            for fault in sorted({trial.fault for trial in mine if trial.fault}):
                bar.console.print(f"     {fault}", soft_wrap=True, highlight=False, markup=False)
        bar.update(shown, total=len(CONTROLS), completed=0, description="planting faults")
        unseen = []
        for control in CONTROLS:
            unseen += [control.name] * survives(control, 40, draw)
            bar.advance(shown)
    same = sum(not trial.fault for trial in done)
    print(f"kills: {same} of {given.kills} ended with the same bytes, {time.monotonic() - began:.0f} s")
    found = len(CONTROLS) - len(unseen)
    print(f"planted faults: {found} of {len(CONTROLS)} found" + f"; not {', '.join(unseen)}" * bool(unseen))
    return 0 if same == given.kills and not unseen else 1


if __name__ == "__main__":
    raise SystemExit(main())
