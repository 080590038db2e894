"""An exercise sheet as a LaTeX document or a notebook that grades itself, with or without solutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from derive.codegen.header import title
from derive.model.architecture import Architecture
from derive.model.errors import unknown
from derive.model.specification import to_toml
from derive.teach.exercises.exercises import assumed
from derive.teach.exercises.sheet import Exercise, sheet
from derive.teach.explain import tex_environment
from derive.teach.notebook import as_notebook, markdown

SETUP = """from derive.model.specification import from_toml
from derive.teach.exercises.answers import desk

architecture = from_toml({spec!r})
check = desk(architecture, seed={seed}, count={count}, record="answers.jsonl").check"""
NOTATION = (
    "Write formulas as in Python: @ is the matrix product, * works entry by entry, .T transposes, sum(...) adds up the "
    "samples, f'(z1) is the derivative. In rows a sample is a row, and the loss is the mean; in columns one sample "
    "stands upright."
)


def notation(architecture: Architecture) -> str:
    """How formulas are written, and what they assume about the network."""
    own = assumed(architecture)
    return f"{NOTATION} Here {', and '.join(own)}." if own else NOTATION


def handout(
    architecture: Architecture, seed: int = 0, count: int = 8, format: str = "latex", *, solutions: bool = False
) -> str:
    """The text of a sheet, in one of `HANDOUTS`. Raises DeriveError as `sheet` does."""
    if format not in HANDOUTS:
        raise unknown("format", format, HANDOUTS, "--format")
    return HANDOUTS[format](architecture, seed, sheet(architecture, seed, count), solutions)


def document(architecture: Architecture, seed: int, exercises: tuple[Exercise, ...], solutions: bool) -> str:
    """The sheet as LaTeX."""
    context = {
        "title": title(architecture),
        "seed": seed,
        "notation": notation(architecture),
        "exercises": exercises,
        "solutions": solutions,
    }
    return tex_environment().get_template("lesson/sheet.tex.jinja").render(context)


def notebook(architecture: Architecture, seed: int, exercises: tuple[Exercise, ...], solutions: bool) -> str:
    """The sheet as a notebook, whose cells grade the answers and record them in answers.jsonl."""
    return as_notebook(_cells(architecture, seed, exercises, solutions))


HANDOUTS: dict[str, Callable[[Architecture, int, tuple[Exercise, ...], bool], str]] = {
    "latex": document,
    "notebook": notebook,
}
"""Name → how it is made."""


def _cells(
    architecture: Architecture, seed: int, exercises: tuple[Exercise, ...], solutions: bool
) -> Iterator[tuple[str, str]]:
    yield (
        "markdown",
        f"# Exercises, sheet {seed}\n\n{markdown(title(architecture))}\n\n{markdown(notation(architecture))}",
    )
    yield "code", SETUP.format(spec=to_toml(architecture), seed=seed, count=len(exercises))
    for exercise in exercises:
        lines = "".join(f"\n{k}. `{line}`" for k, line in enumerate(exercise.lines, 1))
        yield "markdown", f"## Exercise {exercise.number}\n\n{exercise.task}\n{lines}".rstrip()
        answer = (repr(exercise.wrong + 1) if exercise.lines else repr(exercise.solution)) if solutions else None
        empty = "0  # the number of the line" if exercise.lines else '""'
        yield "code", f"answer = {answer or empty}\nprint(check({exercise.number}, answer))"
