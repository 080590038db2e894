"""`derive audit`: a module as it stands in its file, against its specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.commands.console import progress
from derive.commands.files import check_readable
from derive.commands.options import FILE, JSON, Request, architecture_options
from derive.commands.rounding import show_with_bounds
from derive.commands.verdicts import show
from derive.model.errors import DeriveError, shown
from derive.model.limits import LIMITS
from derive.model.sources import check_regular, read_text


@click.command()
@click.argument("module", metavar="MODULE.py", type=FILE)
@architecture_options
@click.option(
    "--function", metavar="NAME", help="Of code written by hand: the function to audit, if there are several."
)
@click.option(
    "--layout",
    type=click.Choice(["rows", "columns"]),
    help="Of code written by hand: samples are rows of X, or columns (then b is (n, 1))  [found by running it].",
)
@click.option(
    "--weights",
    type=click.Choice(["out-in", "in-out"]),
    help="Of code written by hand: W is (n_l, n_(l-1)), or (n_(l-1), n_l)  [found by running it].",
)
@click.option("--summed", is_flag=True, help="Of code written by hand: its loss is the samples' sum, not their mean.")
@click.option(
    "--rounding",
    is_flag=True,
    help="Also run the module and bound its rounding error, in ball arithmetic (the extra `rigor`).",
)
@click.option("--data", metavar="FILE.npz", type=FILE, help="theta, X and Y for --rounding  [random ones].")
@JSON
def audit(
    module: Path,
    as_json: bool,
    function: str | None,
    layout: str | None,
    weights: str | None,
    summed: bool,
    rounding: bool,
    data: Path | None,
    **given: Any,
) -> int:
    """Check a module as it stands in its file: run it on symbols and in exact arithmetic, entry by entry.

    Without a specification the module is checked against the one that it carries. A file that derive did not
    write needs one: a function of W1, b1, …, X, Y or of theta, X, Y is looked for that returns the gradients. Such a
    file is run.

    \b
    Examples:
      derive audit digits.py
      derive audit my_network.py --layers 64-32-10 --activation tanh --output identity
      derive audit digits.py digits.toml --json
      derive audit digits.py --rounding --data digits.npz
      derive audit backprop.py --layers 64-32-10 --function gradients
    """
    request = Request(**given)
    architecture = None if request.empty else request.architecture()
    check_readable(module)
    if data is not None:
        check_readable(data)
        if not rounding:
            raise DeriveError("--data: it is for --rounding, which is not asked for")
    text = read_text(module, LIMITS["module"])  # once, since it may be a pipe
    if rounding and not emitted(text):
        raise DeriveError(f"--rounding: {module} is no module that derive emitted")
    if architecture is not None and not emitted(text):
        from derive.teach.code.handwritten import audit_source
        from derive.teach.code.layouts import Convention
        from derive.teach.code.observed import read_source

        check_regular(module, streams=False)
        source = read_source(module, function, text)
        click.echo(f"{shown(module)}: not a module of derive; running this file, with all that it does", err=True)
        convention = Convention(layout, "sum" if summed else "mean", weights)
        return show(audit_source(source, architecture, convention), as_json)
    if rounding:
        from derive.algebra.balls import flint
        from derive.codegen.rigor.rounding import rounding as bounded

        flint()
        click.echo(f"{shown(module)}: running this file in floating point, with all that it does", err=True)
    with progress() as report:
        bounds = bounded(text, architecture, data, report, str(module)) if rounding else None
        report("reading the module", 0.0)
        from derive.codegen.audit import audit as audit_module

        certificate = audit_module(text, architecture, progress=report, where=str(module))
    return show(certificate, as_json) if bounds is None else show_with_bounds(certificate, bounds, as_json)


def emitted(text: str) -> bool:
    """Whether a file says of itself, as emitted modules do, what it computes."""
    return text.startswith("SPEC = ") or any(f"\n{name} = " in text for name in ("SPEC", "DIGEST"))
