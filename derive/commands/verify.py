"""`derive verify`: a verdict for every formula of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.commands.console import progress
from derive.commands.files import check_readable
from derive.commands.options import FILE, JSON, Request, architecture_options
from derive.commands.verdicts import show


@click.command()
@architecture_options
@click.option(
    "--text",
    metavar="TEXT",
    help="The formulas of another text: a file, or diy-deep-learning, higham, nielsen  [the source text]",
)
@click.option("--certificate", metavar="FILE.json", type=FILE, help="Check this certificate against MODULE.py.")
@JSON
def verify(text: Path | None, as_json: bool, **given: Any) -> int:
    """Give every formula of a text its verdict: proved, or refuted with a counterexample.

    The exit status is 1 if a formula falls short of what is claimed.

    \b
    Examples:
      derive verify --layers 64-32-10
      derive verify digits.toml --json
      derive verify --layers 2-3-1 --text my-book.toml
    """
    architecture = Request(**given).architecture()
    if text is not None:
        check_readable(text)
    with progress() as report:
        report("deriving the gradients", 0.0)
        from derive.algebra.gradient import differentiate
        from derive.proof.prove import prove

        derivation = differentiate(architecture)
        report("proving the formulas", 0.2)
        certificate = prove(derivation, text)
    return show(certificate, as_json)
