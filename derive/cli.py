"""The command `derive`: what it is called with goes to one of `derive.commands`.

A command's module is imported when it is called, and SymPy, NumPy and rich inside it, so that `derive --help`
is there at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import shell_complete

from derive import __version__
from derive.commands.completion import VARIABLE
from derive.commands.console import guarded

COMMANDS = {
    "generate": "Write the NumPy module of a network, with its gradients derived, proved and audited.",
    "verify": "Give every formula of a text its verdict: proved, or refuted with a counterexample.",
    "audit": "Check a module as it stands in its file: run it in exact arithmetic, entry by entry.",
    "blindspots": "Say which slips a worked example cannot reveal, and propose the smallest that reveals all.",
    "grade": "Grade a learner's formula, or a whole derivation: right, or which slip it is consistent with.",
    "explain": "Show how the gradients are derived, step by step: in a terminal, a page, LaTeX or a notebook.",
    "exercises": "Write a sheet of exercises that grades itself, or count what a class answered.",
    "completion": "Print the script with which bash, zsh or fish completes derive's command lines.",
    "demo": "Derive, prove, emit, audit and train a network that reads handwritten digits.",
}
"""Name → what it does; the command itself is `derive.commands.NAME.NAME`."""


class Commands(click.Group):
    """The commands of the table, each loaded when it is needed."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"derive.commands.{name}"), name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 fine, 1 a formula falls short, 2 unusable input."""
    words = list(sys.argv[1:] if arguments is None else arguments)

    def run() -> int:
        if VARIABLE in os.environ:
            return shell_complete(cli, {}, "derive", VARIABLE, os.environ[VARIABLE])
        with cli.make_context("derive", words) as context:
            return int(cli.invoke(context) or 0)

    return guarded(run)


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="derive")
@click.pass_context
def cli(context: click.Context) -> int:
    """Derive a neural network's gradients, prove them, and write them as an audited NumPy module.

    \b
    Examples:
      derive generate --layers 64-32-10 --name digits
      derive verify --layers 64-32-10
      derive audit digits.py
      derive grade delta2 "(delta3 @ W3) * f'(z2)" --layers 64-32-16-10
      derive explain --layers 3-4-3-2 --format html
      derive demo
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0
