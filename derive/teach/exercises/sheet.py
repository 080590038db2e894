"""Exercise sheets: formulas to write and slips to find, drawn with a seed, with or without solutions.

>>> from derive.model.architecture import Architecture
>>> for exercise in sheet(Architecture((3, 4, 2), ("tanh", "identity")), seed=1, count=3):
...     print(exercise.number, exercise.task)
1 Write dW1 in columns.
2 Find the line that is wrong, in rows.
3 Write delta1 in rows.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.limits import LIMITS
from derive.proof.formulas.values import Layout
from derive.teach.exercises.exercises import Puzzle, asked_of, puzzles
from derive.teach.exercises.hints import hints, hints_of

MAX_EXERCISES = LIMITS["exercises"].most


@dataclass(frozen=True)
class Exercise:
    """One task: a quantity to write a formula for, or a derivation with one wrong line."""

    number: int
    layout: Layout
    quantity: str
    """What is asked for; in a derivation, what the wrong line defines."""
    solution: str
    """A right formula; there are others."""
    lines: tuple[str, ...] = ()
    """A derivation, for the second kind."""
    wrong: int = -1
    """Which of its lines is wrong."""
    slip: str = ""
    """The tag of the slip in it."""
    hints: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """What is to be done, in words."""
        if self.lines:
            return f"Find the line that is wrong, in {self.layout}."
        return f"Write {self.quantity} in {self.layout}."


def sheet(architecture: Architecture, seed: int = 0, count: int = 8) -> tuple[Exercise, ...]:
    """`count` exercises about a network; every third is a derivation with a slip. The same seed gives the same sheet.

    Raises DeriveError if there are not as many, or none that answers could be compared for.
    """
    if not 1 <= count <= MAX_EXERCISES:
        raise DeriveError(f"--count: {count} exercises; ask for 1 to {MAX_EXERCISES}")
    draw = random.Random(f"sheet {seed}")
    questions = list(asked_of(architecture))
    if not questions:
        raise DeriveError("there is no formula of this network that answers could be compared with")
    draw.shuffle(questions)
    slipped = list(puzzles(architecture, count, f"sheet {seed}"))
    made: list[Exercise] = []
    for number in range(1, count + 1):
        if number % 3 == 2 and slipped:
            made.append(_puzzle(number, slipped.pop(0)))
        else:
            own = questions[(number - 1) % len(questions)]
            given = hints(own.base, own.layer, architecture)
            made.append(Exercise(number, own.layout, own.quantity, own.truth, hints=given))
    return tuple(made)


def _puzzle(number: int, puzzle: Puzzle) -> Exercise:
    lines = tuple(f"{quantity} = {formula}" for quantity, formula in puzzle.lines)
    asked = puzzle.lines[puzzle.wrong][0]
    given = hints_of(puzzle.tag)
    return Exercise(number, puzzle.layout, asked, puzzle.right, lines, puzzle.wrong, puzzle.tag, given)
