"""The command `derive`. Each command reads its arguments, calls one room after the other, and prints.

SymPy, NumPy and rich are imported inside the commands, so that `derive --help` is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derive import __version__
from derive.cli_options import FILE, Request, architecture_options
from derive.console import SHORTFALL, guarded, progress
from derive.files import check_writable, write_whole
from derive.model.errors import DeriveError, unknown
from derive.model.tables import STYLES
from derive.pipeline import proved_and_audited, unchecked
from derive.verdicts import print_certificate

if TYPE_CHECKING:
    from derive.proof.certificate import Certificate

JSON = click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 fine, 1 a formula falls short, 2 unusable input."""
    words = list(sys.argv[1:] if arguments is None else arguments)

    def run() -> int:
        with cli.make_context("derive", words) as context:
            return int(cli.invoke(context) or 0)

    return guarded(run)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="derive")
@click.pass_context
def cli(context: click.Context) -> int:
    """Derive a neural network's gradients, prove them, and write them as an audited NumPy module.

    \b
    Examples:
      derive generate --layers 64-32-10 --name digits
      derive verify --layers 64-32-10
      derive audit digits.py
      derive demo
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    return 0


@cli.command()
@architecture_options
@click.option("--style", default="fast", metavar="NAME", help="fast (preallocated buffers) or readable  [fast]")
@click.option("--no-audit", is_flag=True, help="Leave out the proof and the audit of what is written.")
@click.option("-o", "destination", metavar="FILE", help="Where to write; '-' is standard output  [NAME.py]")
def generate(style: str, no_audit: bool, destination: str | None, **given: Any) -> int:
    """Write the NumPy module of a network, with its gradients derived, proved and audited.

    \b
    Examples:
      derive generate --layers 64-32-10 --activation tanh --output identity --name digits
      derive generate digits.toml --style readable -o digits_readable.py
      derive generate --layers 2-4-10-4-2 --activation relu --output sigmoid,sigmoid -o -

    The options replace what SPEC.toml says, except for the layers, which come from one place.
    """
    if style not in STYLES:
        raise unknown("style", style, STYLES, "--style")
    request = Request(**given)
    architecture = request.architecture()
    path = None if destination == "-" else Path(destination or f"{architecture.name}.py")
    if path is not None:
        _check_destination(path, request.specification)
    with progress() as report:
        source = (
            unchecked(architecture, style, report)
            if no_audit
            else proved_and_audited(architecture, style, report).source
        )
    if path is None:
        sys.stdout.buffer.write(source.encode())
    else:
        write_whole(path, source)
    return 0


@cli.command()
@architecture_options
@click.option("--text", metavar="FILE.toml", type=FILE, help="The formulas of another text  [the source text]")
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
        _check_readable(text)
    with progress() as report:
        report("deriving the gradients", 0.0)
        from derive.algebra.gradient import differentiate
        from derive.proof.prove import prove

        derivation = differentiate(architecture)
        report("proving the formulas", 0.2)
        certificate = prove(derivation, text)
    return _show(certificate, as_json)


@cli.command()
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
    _check_readable(module)
    with progress() as report:
        report("reading the module", 0.0)
        from derive.codegen.audit import audit as audit_module

        certificate = audit_module(module, architecture, progress=report)
    return _show(certificate, as_json)


@cli.command()
@click.option("--folder", default="generated", metavar="FOLDER", type=FILE, help="Where the files go  [generated]")
def demo(folder: Path) -> int:
    """Derive, prove, emit, audit and train a network that reads handwritten digits.

    \b
    Examples:
      derive demo
      derive demo --folder /tmp/digits
    """
    from derive.demo import run

    return run(folder)


def _show(certificate: Certificate, as_json: bool) -> int:
    if as_json:
        click.echo(certificate.to_json(), nl=False)
    else:
        print_certificate(certificate)
    return 0 if certificate.holds else SHORTFALL


def _check_destination(path: Path, specification: Path | None) -> None:
    check_writable(path)
    if specification is not None and path.exists() and path.samefile(specification):
        raise DeriveError(f"{path}: is the specification itself; name another file with -o")


def _check_readable(path: Path) -> None:
    if path.is_dir():
        raise DeriveError(f"{path}: cannot be read: it is a folder; name a file in it")
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DeriveError(f"{path}: cannot be read: {reason}") from None
