"""Mutation testing of `derive/proof` with cosmic-ray: a random sample of mutants, each against the proof tests.

    python -m benchmarks.mutation [--sample 300] [--seed 0] [--minutes 60] [--workers 2]

A mutant that differs in nothing but annotations computes the same (no module of `derive` evaluates them): such
mutants are left out of the sample, mechanically, before it is drawn. Survivors are printed with their line.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkerOutcome, WorkResult

ROOT = Path(__file__).parents[1]
TARGET = "derive/proof"
SLOW = "other_networks or any_text or every_formula_gets"
TESTS = f"-m pytest tests/proof -x -q -p no:randomly -p no:xdist -k 'not ({SLOW})'"
TIMEOUT = 90.0
COSMIC = (sys.executable, "-m", "cosmic_ray.cli")
LEFT_OUT = (".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "dist", "build")
CONFIGURATION = """\
[cosmic-ray]
module-path = "{target}"
timeout = {timeout}
excluded-modules = []
test-command = "{python} {tests}"
[cosmic-ray.distributor]
name = "local"
"""


@dataclass(frozen=True)
class Mutant:
    """What cosmic-ray found out about one mutant."""

    place: str
    operator: str
    killed: bool
    change: str


def computing(text: str) -> str:
    """The syntax tree of a module without its annotations and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                setattr(node, field, ast.Constant(None))
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return ast.dump(tree)


def differs(spec: Any, texts: dict[Path, tuple[str, str]]) -> bool:
    """Whether a mutant can compute something else: it parses, and not only its annotations are different."""
    path = Path(spec.module_path)
    if path not in texts:
        text = (ROOT / path).read_text(encoding="utf-8")
        texts[path] = text, computing(text)
    text, tree = texts[path]
    operator = get_operator(spec.operator_name)(**spec.operator_args)
    mutated = mutate_code(text.encode(), operator, spec.occurrence)
    if mutated is None:
        return False
    try:
        return computing(mutated if isinstance(mutated, str) else mutated.decode()) != tree
    except SyntaxError:
        return False


def prepare(folder: Path, session: Path | None = None) -> tuple[Path, Path]:
    """A copy of the repository in `folder`, and the path of its session: a new one, or a copy of `session`."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    configuration = CONFIGURATION.format(target=TARGET, timeout=TIMEOUT, python=sys.executable, tests=TESTS)
    (folder / "cosmic.toml").write_text(configuration)
    own = folder / "session.sqlite"
    if session:
        shutil.copy(session, own)
    else:
        subprocess.run([*COSMIC, "init", "cosmic.toml", own.name], cwd=folder, check=True, env=environment(folder))
    return folder, own


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def chosen(session: Path, size: int, seed: int) -> tuple[list[str], int, int]:
    """The jobs of the sample, how many mutants there are in all, and how many drawn ones were left out."""
    with use_db(session, WorkDB.Mode.open) as db:
        items = sorted(db.work_items, key=lambda item: key(item.mutations[0]))
    random.Random(seed).shuffle(items)
    texts: dict[Path, tuple[str, str]] = {}
    sample: list[str] = []
    same = 0
    for item in items:
        if len(sample) == size:
            break
        if differs(item.mutations[0], texts):
            sample.append(item.job_id)
        else:
            same += 1
    return sample, len(items), same


def keep(session: Path, sample: list[str]) -> None:
    """Leave everything but the sample out of a session."""
    with use_db(session, WorkDB.Mode.open) as db:
        others = {item.job_id for item in db.work_items} - set(sample)
        db.set_multiple_results(others, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))


def key(spec: Any) -> tuple[str, str, int, str]:
    """What names the same mutant in every session."""
    return str(spec.module_path), spec.operator_name, spec.occurrence, str(spec.operator_args)


def outcomes(session: Path) -> Iterator[Mutant]:
    """The mutants that have been run."""
    with use_db(session, WorkDB.Mode.open) as db:
        completed = db.completed_work_items
    for item, result in completed:
        if result.worker_outcome == WorkerOutcome.SKIPPED:
            continue
        spec = item.mutations[0]
        lines = (line for line in (result.diff or "").splitlines() if line[:1] in ("+", "-"))
        change = "  ".join(line for line in lines if line[:3] not in ("+++", "---"))
        yield Mutant(f"{spec.module_path}:{spec.start_pos[0]}", spec.operator_name, result.is_killed, change)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutation-") as room:
        first = prepare(Path(room) / "copy0")
        sample, total, same = chosen(first[1], given.sample, given.seed)
        copies = [first, *(prepare(Path(room) / f"copy{k}", first[1]) for k in range(1, given.workers))]
        print(
            f"{total} mutants of {TARGET}; {len(sample)} drawn (seed {given.seed}), {same} equal ones left out",
            flush=True,
        )
        for k, (_, session) in enumerate(copies):
            keep(session, sample[k :: given.workers])
        running = [
            subprocess.Popen([*COSMIC, "exec", "cosmic.toml", session.name], cwd=folder, env=environment(folder))
            for folder, session in copies
        ]
        watch(running, [session for _, session in copies], len(sample), time.monotonic() + 60 * given.minutes)
        found = [mutant for _, session in copies for mutant in outcomes(session)]
    killed = sum(m.killed for m in found)
    for mutant in found:
        if not mutant.killed:
            print(f"survived  {mutant.place}  {mutant.operator.removeprefix('core/')}\n          {mutant.change}")
    score = f"{100 * killed / len(found):.1f} %" if found else "none"
    print(f"{len(found)} of {len(sample)} mutants run, {killed} killed: mutation score {score}")
    return 0


def finished(session: Path) -> int:
    """How many jobs of a session have a result, also those that were left out."""
    with use_db(session, WorkDB.Mode.open) as db:
        return int(db.num_results)


def watch(running: list[Any], sessions: list[Path], size: int, until: float) -> None:
    """Say how far the work is until it is done or the time is over."""
    from rich.progress import Progress

    skipped = sum(map(finished, sessions))
    with Progress(transient=True) as bar:
        task = bar.add_task("mutants", total=size)
        while any(process.poll() is None for process in running) and time.monotonic() < until:
            time.sleep(20)
            bar.update(task, completed=sum(map(finished, sessions)) - skipped)
    for process in running:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    raise SystemExit(main())
