"""`derive audit`: a module as it stands in its file, against its specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.commands.console import progress
from derive.commands.files import check_readable
from derive.commands.options import FILE, JSON, Request, architecture_options
from derive.commands.verdicts import show


@click.command()
@click.argument("module", metavar="MODULE.py", type=FILE)
@architecture_options
@click.option(
    "--function", metavar="NAME", help="Of code written by hand: the function to audit, if there are several."
)
@click.option(
    "--layout",
    type=click.Choice(["rows", "columns"]),
    default="rows",
    show_default=True,
    help="Of code written by hand: samples are rows of X, or columns (then b is (n, 1)).",
)
@click.option("--summed", is_flag=True, help="Of code written by hand: its loss is the samples' sum, not their mean.")
@JSON
def audit(module: Path, as_json: bool, function: str | None, layout: str, summed: bool, **given: Any) -> int:
    """Check a module as it stands in its file: run it on symbols and in exact arithmetic, entry by entry.

    Without a specification the module is checked against the one that it carries. A file that derive did not
    write needs one: a function of W1, b1, …, X, Y or of theta, X, Y is looked for that returns the gradients. Such a
    file is run.

    \b
    Examples:
      derive audit digits.py
      derive audit my_network.py --layers 64-32-10 --activation tanh --output identity
      derive audit digits.py digits.toml --json
      derive audit backprop.py --layers 2-3-1 --function gradients --layout columns
    """
    request = Request(**given)
    architecture = None if request.empty else request.architecture()
    check_readable(module)
    if architecture is not None and not emitted(module):
        from derive.teach.handwritten import Convention, audit_function

        click.echo(f"{module}: not a module of derive; running this file, with all that it does", err=True)
        convention = Convention(layout, "sum" if summed else "mean")
        return show(audit_function(module, architecture, function, convention), as_json)
    with progress() as report:
        report("reading the module", 0.0)
        from derive.codegen.audit import audit as audit_module

        certificate = audit_module(module, architecture, progress=report)
    return show(certificate, as_json)


def emitted(module: Path) -> bool:
    """Whether the file says of itself, as emitted modules do, what it computes."""
    text = module.read_bytes()
    return b"\nSPEC = " in text or text.startswith(b"SPEC = ") or b"\nDIGEST = " in text
