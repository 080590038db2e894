"""`derive explain`: the lesson of a network, for a terminal, a browser, LaTeX or a notebook."""

from __future__ import annotations

from typing import Any

import click

from derive.commands.complete import a_file, one_of
from derive.commands.console import progress
from derive.commands.destination import output
from derive.commands.files import write_whole
from derive.commands.options import Request, architecture_options
from derive.model.errors import unknown

ENDINGS = {"terminal": "", "html": ".html", "latex": ".tex", "notebook": ".ipynb"}
"""Format → the ending of the file that it is written to; none is standard output."""


@click.command()
@architecture_options
@click.option(
    "--format",
    "format_",
    default="terminal",
    metavar="NAME",
    shell_complete=one_of(ENDINGS),
    help=f"One of: {', '.join(ENDINGS)}.",
)
@click.option(
    "-o",
    "destination",
    metavar="FILE",
    shell_complete=a_file,
    help="Where to write; '-' is standard output  [NAME and its ending]",
)
def explain(format_: str, destination: str | None, **given: Any) -> int:
    """Show how the gradients of a network are derived: every step, its rule, its proof, its code and its numbers.

    \b
    Examples:
      derive explain --layers 3-4-3-2
      derive explain --layers 3-4-3-2 --format html -o lesson.html
      derive explain digits.toml --format notebook
    """
    if format_ not in ENDINGS:
        raise unknown("format", format_, ENDINGS, "--format")
    request = Request(**given)
    architecture = request.architecture()
    default = f"{architecture.name}{ENDINGS[format_]}" if ENDINGS[format_] else "-"
    path = output(destination, default, request)
    with progress() as report:
        report("deriving, proving and emitting", 0.1)
        from derive.teach.explain import explain as explained

        text = explained(architecture, format_)
    if path is None:
        click.echo(text, nl=False)
    else:
        write_whole(path, text)
    return 0
