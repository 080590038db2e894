"""`derive grade`: a verdict on a learner's formula, or on a whole derivation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.commands.complete import one_of
from derive.commands.console import SHORTFALL, UNUSABLE, echo_json, progress
from derive.commands.files import check_readable
from derive.commands.options import FILE, Request, architecture_options
from derive.model.errors import DeriveError, shown
from derive.model.limits import LIMITS
from derive.model.sources import plain, read_text

STATUS = {"correct": 0, "incorrect": SHORTFALL, "undecided": SHORTFALL, "unreadable": UNUSABLE}


class FormulaCommand(click.Command):
    """A command whose arguments may begin with a minus sign, as in -(a2 - y)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        signed = [f" {word}" if word[:1] == "-" and word[:2] not in ("--", "-h", "-") else word for word in args]
        return super().parse_args(ctx, signed)


@click.command(cls=FormulaCommand)
@click.argument("quantity", required=False)
@click.argument("formula", required=False)
@architecture_options
@click.option(
    "--layout",
    default="rows",
    metavar="NAME",
    shell_complete=one_of(("rows", "columns")),
    help="rows (a sample a row, the mean loss) or columns  [rows]",
)
@click.option(
    "--given", multiple=True, metavar="LINE", help="Your own earlier line, as in 'delta2 = …'; may be repeated."
)
@click.option("--file", "derivation", metavar="FILE.txt", type=FILE, help="A whole derivation, one equation a line.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def grade(
    quantity: str | None,
    formula: str | None,
    layout: str,
    given: tuple[str, ...],
    derivation: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Grade a learner's formula for a derivative: right, or which slip it is consistent with.

    QUANTITY is delta2, dW1, db1, da1, or general: delta[l], dW[l], delta[L]. The exit status is 0 for a
    correct formula, 1 for a wrong one and 2 for one that cannot be read.

    \b
    Examples:
      derive grade delta1 "(delta2 @ W2) * f'(z1)" --layers 3-4-2
      derive grade "delta[l]" "W[l+1].T @ delta[l+1]" --layers 3-4-2 --layout columns
      derive grade dW2 "delta2.T @ a1" --given "delta2 = a2 - y" --layers 3-4-2
      derive grade --file derivation.txt --layers 3-4-2
    """
    if derivation is not None:
        if formula is not None or given:
            raise DeriveError("--file: the lines of the file are all that is graded; leave the formula and --given out")
        if quantity is not None:
            options["specification"] = Path(quantity)
        return _grade_file(derivation, Request(**options), layout, as_json)
    if quantity is None or formula is None:
        raise DeriveError('nothing to grade: give a quantity and a formula, as in delta1 "(delta2 @ W2) * f\'(z1)"')
    architecture = Request(**options).architecture()
    with progress() as report:
        report("deriving what is right", 0.0)
        from derive.teach.grading import grade as graded

        result = graded(quantity, formula, architecture, layout, given)
    if as_json:
        echo_json(result.to_json())
    else:
        click.echo(shown(result.message))
        if result.counterexample:
            click.echo(f"For example, with {_shown(result.counterexample)}.")
    return STATUS[result.verdict]


def _grade_file(path: Path, request: Request, layout: str, as_json: bool) -> int:
    """Each line of the file with ✓ or what is wrong; 1 if a line is wrong, 2 if others cannot be read."""
    architecture = request.architecture()
    check_readable(path)
    text = plain(read_text(path, LIMITS["derivation"]), str(path))
    with progress() as report:
        report("deriving what is right", 0.0)
        from derive.teach.derivation import counts, grade_lines, to_json

        try:
            lines = grade_lines(text, architecture, layout)
        except DeriveError as error:
            raise DeriveError(f"{path}: {error}") from None
    if as_json:
        echo_json(to_json(lines))
    else:
        for line in lines:
            click.echo(f"{line.mark} {line.number:3}  {line.text}")
            if line.grade.verdict != "correct" or line.grade.message.startswith("Right, "):
                click.echo(f"       {shown(line.grade.message)}")
        click.echo(", ".join(f"{count} {verdict}" for verdict, count in counts(lines).items()))
    statuses = {STATUS[line.grade.verdict] for line in lines}
    return SHORTFALL if SHORTFALL in statuses else max(statuses)


def _shown(counterexample: dict[str, Any]) -> str:
    values = {name: value for name, value in counterexample.items() if name not in ("yours", "right")}
    text = ", ".join(f"{name} = {value}" for name, value in values.items())
    if "yours" not in counterexample:
        return text
    return f"{text}: yours gives {counterexample['yours']}, right is {counterexample['right']}"
