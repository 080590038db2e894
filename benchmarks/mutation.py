"""Mutation testing of `derive/proof`: a random sample of cosmic-ray's mutants, each against the tests that reach it.

    python -m benchmarks.mutation [--sample 300] [--seed 0] [--workers 2] [--module grammar] [--log FILE]

A mutant is *killed* if a test fails on it (or runs ten times as long), *equivalent* if it computes the same, by a rule
on its syntax or by the list in `mutation_equivalents.toml`, where each entry says why; otherwise it *survives*. The
score is killed / (sampled - equivalent). Mutants on the list are run too: an entry that a test refutes is wrong. With
--log, outcomes are written to FILE as they come, and those that stand there are not run again, whatever the seed.
Exit status 1 if the score is below FLOOR or an entry of the list is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

from benchmarks.mutation_log import Log, OtherSourcesError, key, opened
from benchmarks.mutation_rules import changed_lines, listed, reason_by_rule
from benchmarks.mutation_runs import ROOT, TARGET, Covered, outcome, preload, start
from benchmarks.mutation_session import run_session

FLOOR = 0.95


@dataclass(frozen=True)
class Mutant:
    """A module with one change."""

    file: str
    line: int
    operator: str
    text: str
    before: str
    after: str

    @property
    def module(self) -> str:
        return Path(self.file).stem

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.operator}\n    - {self.before}\n    + {self.after}"


@dataclass(frozen=True)
class Report:
    """What became of a sample."""

    by_rule: Counter[str]
    by_list: list[tuple[Mutant, str]]
    outcomes: list[tuple[Mutant, str]]
    """Of all others: "killed", "killed, out of time" or "survived"."""
    wrong: list[Mutant]
    """Mutants on the list that a test kills."""

    @property
    def sampled(self) -> int:
        return self.by_rule.total() + len(self.by_list) + len(self.outcomes)

    @property
    def killed(self) -> int:
        return sum(outcome != "survived" for _, outcome in self.outcomes)

    @property
    def score(self) -> float:
        return self.killed / len(self.outcomes) if self.outcomes else 1.0

    def __str__(self) -> str:
        equivalent = self.by_rule.total() + len(self.by_list)
        late = sum(outcome == "killed, out of time" for _, outcome in self.outcomes)
        rows = [f"equivalent by rule: {count}  {rule}" for rule, count in self.by_rule.most_common()]
        rows += [f"equivalent by list: {mutant}\n    because {reason}" for mutant, reason in self.by_list]
        rows += [f"on the list, but killed: {mutant}" for mutant in self.wrong]
        rows += [f"survived: {mutant}" for mutant, outcome in self.outcomes if outcome == "survived"]
        survived = len(self.outcomes) - self.killed
        rows.append(
            f"{self.sampled} sampled, {self.killed} killed ({late} of them out of time), {equivalent} equivalent "
            f"({self.by_rule.total()} by rule, {len(self.by_list)} by list), {survived} survived: "
            f"mutation score {100 * self.score:.1f} %"
        )
        return "\n".join(rows)


def specifications(module: str | None) -> list[MutationSpec]:
    """Every change that cosmic-ray knows to make, in an order that is always the same."""
    files = sorted(Path(TARGET).rglob(f"{module or '*'}.py"))
    with use_db(":memory:", WorkDB.Mode.create) as db:
        init(files, db, {})
        found = [item.mutations[0] for item in db.work_items]
    return sorted(found, key=lambda spec: (str(spec.module_path), spec.operator_name, spec.occurrence))


def made(spec: MutationSpec) -> tuple[Mutant, str] | None:
    """A mutant and its module's own text; None if there is none to be made."""
    original = Path(spec.module_path).read_text(encoding="utf-8")
    text = mutate_code(original, get_operator(spec.operator_name)(), spec.occurrence)
    if text is None or text == original:
        return None
    before, after = changed_lines(original, text)
    operator = spec.operator_name.removeprefix("core/")
    return Mutant(str(spec.module_path), spec.start_pos[0], operator, text, before, after), original


def examine(specs: list[MutationSpec], size: int, workers: int, log: Log) -> Report:
    """Draw mutants one after the other until there are `size`, and run those that no rule justifies."""
    by_rule: Counter[str] = Counter()
    mutants = []
    for spec in specs:
        if by_rule.total() + len(mutants) == size:
            break
        if (pair := made(spec)) is None:
            continue
        mutant, original = pair
        reason = reason_by_rule(original, mutant.text)
        if reason:
            by_rule[reason] += 1
        elif reason is None:
            mutants.append(mutant)
    run([mutant for mutant in mutants if log.outcome(mutant.file, mutant.text) is None], workers, log)
    reasons = listed()
    by_list, outcomes, wrong = [], [], []
    for mutant in mutants:
        result = log.known[key(mutant.file, mutant.text)]
        reason = reasons.get((mutant.module, mutant.before, mutant.after))
        if reason and result == "survived":
            by_list.append((mutant, reason))
        else:
            outcomes.append((mutant, result))
            wrong += [mutant] if reason else []
    return Report(by_rule, by_list, outcomes, wrong)


def run(mutants: list[Mutant], workers: int, log: Log) -> None:
    """Note what becomes of each: first those that the session can run, then the others, `workers` at a time."""
    if not mutants:
        return
    left = dict(enumerate(mutants))

    def note(number: int, result: str) -> None:
        mutant = left.pop(number)
        log.note(mutant.file, mutant.text, result, line=mutant.line, before=mutant.before, after=mutant.after)
        print(f"{len(mutants) - len(left)}/{len(mutants)} {result}: {mutant}", file=sys.stderr, flush=True)

    session = run_session([(number, m.file, m.line, m.text) for number, m in left.items()], workers, log.covered)
    known: Covered = next(session)
    print(f"{len(known.seconds)} tests take {sum(known.seconds.values()):.0f} s under coverage", flush=True)
    if known.failed:
        print(f"left out, since they fail on the modules as they are: {', '.join(known.failed)}", flush=True)
    for number, result in session:
        note(number, result)
    running: dict[int, int] = {}
    for number, mutant in list(left.items()):
        if len(running) == workers:
            child, status = os.wait()
            note(running.pop(child), outcome(status))
        if tests := known.tests(mutant.file, mutant.line):
            running[start(mutant.file, mutant.text, tests, known.seconds)] = number
        else:
            note(number, "survived")
    while running:
        child, status = os.wait()
        note(running.pop(child), outcome(status))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--module", help="mutants of this module only, such as grammar")
    parser.add_argument("--log", type=Path, help="write outcomes there as they come, and go on from those it has")
    given = parser.parse_args()
    try:
        log = opened(given.log and given.log.resolve())
    except OtherSourcesError as error:
        parser.error(str(error))
    os.chdir(ROOT)
    started = time.monotonic()
    preload()
    specs = specifications(given.module)
    random.Random(given.seed).shuffle(specs)
    report = examine(specs, given.sample, given.workers, log)
    print(f"{len(specs)} mutants of {TARGET}, of which a sample is drawn with seed {given.seed}\n{report}")
    print(f"{time.monotonic() - started:.0f} s with {given.workers} workers")
    return 1 if report.wrong or report.score < FLOOR else 0


if __name__ == "__main__":
    raise SystemExit(main())
