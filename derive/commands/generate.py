"""`derive generate`: a specification in, a proved and audited module out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from derive.commands.complete import a_file, one_of
from derive.commands.console import progress
from derive.commands.destination import output
from derive.commands.files import check_writable, write_all
from derive.commands.options import FILE, Request, architecture_options
from derive.commands.pipeline import proved_and_audited, unchecked
from derive.model.errors import DeriveError, unknown
from derive.model.tables import STYLES


@click.command()
@architecture_options
@click.option(
    "--style",
    default="fast",
    metavar="NAME",
    shell_complete=one_of(STYLES),
    help="fast (preallocated buffers) or readable  [fast]",
)
@click.option("--no-audit", is_flag=True, help="Leave out the proof and the audit of what is written.")
@click.option("--certificate", metavar="FILE.json", type=FILE, help="Write the certificate of the module there too.")
@click.option(
    "-o", "destination", metavar="FILE", shell_complete=a_file, help="Where to write; '-' is standard output  [NAME.py]"
)
def generate(style: str, no_audit: bool, certificate: Path | None, destination: str | None, **given: Any) -> int:
    """Write the NumPy module of a network, with its gradients derived, proved and audited.

    \b
    Examples:
      derive generate --layers 64-32-10 --activation tanh --output identity --name digits
      derive generate digits.toml --style readable -o digits_readable.py
      derive generate digits.toml --certificate digits.json
      derive generate --layers 2-4-10-4-2 --activation relu --output sigmoid,sigmoid -o -

    The options replace what SPEC.toml says, except for the layers, which come from one place.
    """
    if style not in STYLES:
        raise unknown("style", style, STYLES, "--style")
    request = Request(**given)
    architecture = request.architecture()
    path = output(destination, f"{architecture.name}.py", request)
    if certificate is not None:
        _check_certificate(certificate, no_audit, path, request.specification)
    module = None
    with progress() as report:
        if no_audit:
            source = unchecked(architecture, style, report)
        else:
            module = proved_and_audited(architecture, style, report)
            source = module.source
    texts = {} if path is None else {path: source}
    if certificate is not None and module is not None:
        texts[certificate] = module.proof.with_audit(module.audit).to_json()
    write_all(texts)
    if path is None:
        sys.stdout.buffer.write(source.encode())
    return 0


def _check_certificate(path: Path, no_audit: bool, module: Path | None, specification: Path | None) -> None:
    if no_audit:
        raise DeriveError("--certificate: with --no-audit there is nothing to certify; leave one of the two out")
    check_writable(path)
    for other, what in ((module, "module"), (specification, "specification")):
        if other is not None and path.resolve() == other.resolve():
            raise DeriveError(f"--certificate: {path} is the {what} itself; name another file")
