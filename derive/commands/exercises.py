"""`derive exercises`: sheets of exercises about a network, and what a class answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.commands.complete import a_file, one_of
from derive.commands.console import progress
from derive.commands.destination import output
from derive.commands.files import check_readable, write_whole
from derive.commands.options import FILE, Request, architecture_options
from derive.model.errors import DeriveError, shorten, unknown

ENDINGS = {"latex": ".tex", "notebook": ".ipynb"}
"""Format → the ending of the file that it is written to."""


@click.command()
@architecture_options
@click.option("--seed", default="0", metavar="N", help="Which sheet; the same number gives the same one  [0]")
@click.option("--count", default="8", metavar="N", help="How many exercises  [8]")
@click.option(
    "--format",
    "format_",
    default="latex",
    metavar="NAME",
    shell_complete=one_of(ENDINGS),
    help="latex or notebook  [latex]",
)
@click.option("--solutions", is_flag=True, help="With solutions.")
@click.option("--report", "records", metavar="FILE.jsonl", type=FILE, multiple=True, help="Count recorded answers.")
@click.option(
    "-o",
    "destination",
    metavar="FILE",
    shell_complete=a_file,
    help="Where to write; '-' is standard output  [NAME_exercises]",
)
def exercises(
    seed: str,
    count: str,
    format_: str,
    solutions: bool,
    records: tuple[Path, ...],
    destination: str | None,
    **given: Any,
) -> int:
    """Write a sheet of exercises: formulas to write, slips to find. Its notebook grades and records the answers.

    \b
    Examples:
      derive exercises --layers 3-4-2 --seed 7 -o sheet.tex
      derive exercises --layers 3-4-2 --seed 7 --format notebook --solutions
      derive exercises --report anna.jsonl --report ben.jsonl
    """
    request = Request(**given)
    if records:
        if not request.empty or destination is not None or solutions:
            raise DeriveError("--report counts the answers in files, and goes with nothing else")
        return _report(records)
    if format_ not in ENDINGS:
        raise unknown("format", format_, ENDINGS, "--format")
    architecture = request.architecture()
    default = f"{architecture.name}_exercises{'_solved' * solutions}{ENDINGS[format_]}"
    path = output(destination, default, request)
    with progress() as report:
        report("drawing exercises", 0.1)
        from derive.teach.exercises.handout import handout

        text = handout(architecture, _number(seed, "--seed"), _number(count, "--count"), format_, solutions=solutions)
    if path is None:
        click.echo(text, nl=False)
    else:
        write_whole(path, text)
    return 0


def _report(records: tuple[Path, ...]) -> int:
    from derive.teach.exercises.answers import read_answers, report

    for path in records:
        check_readable(path)
    click.echo(report([answer for path in records for answer in read_answers(path)]), nl=False)
    return 0


def _number(text: str, option: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise DeriveError(f"{option}: {shorten(text)} is not a whole number, such as 7")
    return int(text)
