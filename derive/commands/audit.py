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
@JSON
def audit(module: Path, as_json: bool, **given: Any) -> int:
    """Check a module as it stands in its file: run it on symbols and in exact arithmetic, entry by entry.

    Without a specification the module is checked against the one that it carries.

    \b
    Examples:
      derive audit digits.py
      derive audit my_network.py --layers 64-32-10 --activation tanh --output identity
      derive audit digits.py digits.toml --json
    """
    request = Request(**given)
    architecture = None if request.empty else request.architecture()
    check_readable(module)
    with progress() as report:
        report("reading the module", 0.0)
        from derive.codegen.audit import audit as audit_module

        certificate = audit_module(module, architecture, progress=report)
    return show(certificate, as_json)
