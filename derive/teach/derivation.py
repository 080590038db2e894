"""Grading a whole derivation: one equation a line, each judged from the lines before it.

A learner's own quantity that came out wrong is used as it was written, so that one slip costs one line.

    >>> from derive.model.architecture import Architecture
    >>> text = "delta2 = (a2 - y) / N  # the output is linear\\ndW2 = delta2.T @ a1"
    >>> [line.grade.verdict for line in grade_lines(text, Architecture((3, 4, 2), ("tanh", "identity")))]
    ['correct', 'correct']
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from derive.model.architecture import Architecture
from derive.model.budget import budget
from derive.model.errors import DeriveError, FormulaError
from derive.model.limits import LIMITS
from derive.proof.grading.alphabet import alphabet_of
from derive.proof.grading.answers import Asked, Line, ask, read_line, split_line
from derive.teach.grading import Grade, completes, judge, read_layout, refused, spoken_of


@dataclass(frozen=True)
class GradedLine:
    """One line of a derivation, and its grade."""

    number: int
    text: str
    grade: Grade

    @property
    def mark(self) -> str:
        return MARKS[self.grade.verdict]


MARKS = {"correct": "✓", "incorrect": "✗", "unreadable": "…", "undecided": "?"}


def grade_lines(text: str, architecture: Architecture, layout: str = "rows") -> tuple[GradedLine, ...]:
    """The grade of every equation in `text`; empty lines and what follows a `#` are left out.

    Raises DeriveError if there is no equation in it, or more than can be read. Where 1/N is left to the lines about
    dW and db, a delta without it is right.
    """
    with budget("the derivation", "file"):
        return _graded(text, architecture, layout)


def _graded(text: str, architecture: Architecture, layout: str) -> tuple[GradedLine, ...]:
    own_layout = read_layout(layout)
    architecture = spoken_of(architecture, (text,))
    letters = alphabet_of(architecture)
    lines = [(number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line]
    if not lines:
        raise DeriveError("there is no equation in it; write one a line, as in delta2 = (delta3 @ W3) * f'(z2)")
    if len(lines) > LIMITS["equations"].most:
        raise DeriveError(LIMITS["equations"].exceeded(len(lines)))
    earlier: list[Line] = []
    graded: list[GradedLine] = []
    without_mean: list[int] = []
    mean_later = False
    for number, line in lines:
        asked: Asked | None = None
        formula = line
        try:
            quantity, formula = split_line(line)
            asked = ask(quantity, letters)
            read = read_line(asked, formula, letters, own_layout)
        except FormulaError as error:
            graded.append(GradedLine(number, line, refused(asked, formula, architecture, error)))
            continue
        found = judge(read, architecture, own_layout, earlier)
        if found.slip == "missing-mean" and asked.base in ("delta", "da"):
            without_mean.append(len(graded))
        elif found.verdict == "correct" and without_mean and asked.base in ("dW", "db"):
            mean_later = mean_later or completes(read, architecture, own_layout, earlier)
        graded.append(GradedLine(number, line, found))
        earlier.append(read)
    for position in without_mean if mean_later else ():
        own = graded[position]
        words = f"Right, with the 1/N that comes later: {own.grade.read_as}."
        graded[position] = replace(own, grade=Grade("correct", None, own.grade.read_as, words, own.grade.corrected))
    return tuple(graded)


def counts(lines: Sequence[GradedLine]) -> dict[str, int]:
    """How many lines came out how."""
    found: Counter[str] = Counter(line.grade.verdict for line in lines)
    return {verdict: found[verdict] for verdict in MARKS if found[verdict]}


def to_json(lines: Sequence[GradedLine]) -> str:
    """Every line with its grade, and how many came out how."""
    entries = [{"line": line.number, "text": line.text, **asdict(line.grade)} for line in lines]
    return json.dumps({"lines": entries, "counts": counts(lines)}, ensure_ascii=False, indent=2) + "\n"
