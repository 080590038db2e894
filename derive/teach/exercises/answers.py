"""Answers of a class: what a sheet's notebook records, one JSON line each, and how often what was answered.

    {"sheet": "3-4-2 seed 1", "exercise": 1, "quantity": "delta1", "layout": "rows", "answer": "delta2 @ W2",
     "verdict": "incorrect", "slip": "missing-derivative"}

The tags are those of `derive grade`, which do not change, so lines of several sheets and years can be counted together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.limits import LIMITS
from derive.model.sources import plain, read_text
from derive.proof.grading.slips import BY_TAG
from derive.teach.exercises.sheet import Exercise, sheet
from derive.teach.grading import Verdict, grade

FOUND, MISSED = "correct", "incorrect"


@dataclass(frozen=True)
class Answer:
    """One recorded answer."""

    sheet: str
    exercise: int
    quantity: str
    layout: str
    answer: str
    verdict: str
    slip: str | None = None

    def to_line(self) -> str:
        """The answer as one line of JSON, in ASCII: whatever was pasted, it stays one line that can be read back."""
        return json.dumps(asdict(self)) + "\n"


@dataclass(frozen=True)
class Desk:
    """Where a sheet is answered: the exercises, and the file that answers are recorded in."""

    architecture: Architecture
    seed: int
    exercises: tuple[Exercise, ...]
    record: Path

    @property
    def name(self) -> str:
        """The sheet's name in the record."""
        return f"{'-'.join(map(str, self.architecture.sizes))} seed {self.seed}"

    def check(self, number: int, answer: str | int) -> str:
        """The words about an answer, which is recorded; nothing is recorded for an empty one.

        For a derivation the answer is the number of the line that is wrong, counted from 1.
        """
        exercise = next((e for e in self.exercises if e.number == number), None)
        if exercise is None:
            raise DeriveError(f"exercise {number} is not on this sheet; they are 1..{len(self.exercises)}")
        if answer in ("", 0):
            return f"Exercise {number} is not answered yet."
        verdict, slip, words = self.judged(exercise, answer)
        given = str(answer)[: LIMITS["answer"].most]
        own = Answer(self.name, number, exercise.quantity, exercise.layout, given, verdict, slip)
        with self.record.open("a", encoding="utf-8") as file:
            file.write(own.to_line())
        return words

    def judged(self, exercise: Exercise, answer: str | int) -> tuple[str, str | None, str]:
        """(verdict, slip, words) of an answer."""
        if not exercise.lines:
            found = grade(exercise.quantity, str(answer), self.architecture, exercise.layout)
            return found.verdict, found.slip, found.message
        if str(answer) == str(exercise.wrong + 1):
            return FOUND, exercise.slip, f"Found. It should read {exercise.quantity} = {exercise.solution}."
        return MISSED, exercise.slip, "That line is right."


def desk(architecture: Architecture, seed: int, count: int, record: str = "answers.jsonl") -> Desk:
    """The desk of a sheet, as its notebook makes it."""
    return Desk(architecture, seed, sheet(architecture, seed, count), Path(record))


def read_answers(path: Path) -> tuple[Answer, ...]:
    """The answers in a file of JSON lines. Raises DeriveError that names file and line."""
    answers = []
    for number, line in enumerate(read_text(path, LIMITS["answers"]).split("\n"), 1):
        if text := line.removeprefix("\ufeff").strip():
            answers.append(_answer(text, f"{path}, line {number}"))
    return tuple(answers)


def _answer(line: str, where: str) -> Answer:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise DeriveError(f"{where}: not JSON: {shorten(line)}") from None
    wanted = {"sheet": str, "exercise": int, "quantity": str, "layout": str, "answer": str, "verdict": str}
    if not isinstance(entry, dict) or set(entry) - {"slip"} != set(wanted):
        raise DeriveError(f"{where}: not an answer; it has the keys {', '.join(wanted)} and slip")
    for key, kind in wanted.items():
        if not isinstance(entry[key], kind) or isinstance(entry[key], bool):
            raise DeriveError(f"{where}: {key} is {shorten(entry[key])}, which is not {kind.__name__}")
    for key in ("sheet", "quantity", "layout"):  # a report shows them, each in one line
        plain(entry[key], f"{where}: {key}", but="")
        if len(entry[key]) > LIMITS["answer"].most:
            raise DeriveError(f"{where}: {key} has {len(entry[key])} characters; at most {LIMITS['answer'].most}")
    if not 1 <= entry["exercise"] <= LIMITS["exercises"].most:
        raise DeriveError(f"{where}: exercise is {shorten(entry['exercise'])}; they are 1..{LIMITS['exercises'].most}")
    if entry["verdict"] not in get_args(Verdict):
        raise DeriveError(f"{where}: {shorten(entry['verdict'])} is no verdict")
    slip = entry.get("slip")
    if slip is not None and not (isinstance(slip, str) and slip in BY_TAG):
        raise DeriveError(f"{where}: {shorten(entry['slip'])} is no slip's tag")
    return Answer(**{"slip": None, **entry})


def report(answers: Iterable[Answer]) -> str:
    """How often which verdict and which slip was given, for each exercise, as lines for a teacher."""
    groups: dict[tuple[str, int, str, str], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.sheet, answer.exercise, answer.quantity, answer.layout), []).append(answer)
    if not groups:
        raise DeriveError("there is no answer in it")
    lines = []
    for (name, number, quantity, layout), own in sorted(groups.items()):
        right = sum(answer.verdict == FOUND for answer in own)
        lines.append(f"{name}, exercise {number}, {quantity} in {layout}: {right} of {len(own)} right")
        slips = Counter(a.slip or a.verdict for a in own if a.verdict != FOUND)
        lines += [f"    {count:4}  {tag}" for tag, count in sorted(slips.items(), key=lambda item: (-item[1], item[0]))]
    everything = [answer for own in groups.values() for answer in own]
    slips = Counter(a.slip for a in everything if a.slip and a.verdict != FOUND)
    total = f"{len(everything)} answer{'s' * (len(everything) != 1)} in all."
    lines += ["", f"{total} Slips, the most frequent first:" if slips else f"{total} No slip has a name."]
    lines += [f"    {count:4}  {tag}: {BY_TAG[tag].what}" for tag, count in slips.most_common()]
    return "\n".join(lines) + "\n"
