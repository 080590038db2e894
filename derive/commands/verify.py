"""`derive verify`: a verdict for every formula of a text, or an existing certificate against a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from derive.commands.complete import one_of
from derive.commands.console import progress
from derive.commands.files import check_readable
from derive.commands.options import FILE, JSON, Request, architecture_options
from derive.commands.recheck import recheck, show_checks
from derive.commands.verdicts import show
from derive.model.errors import DeriveError


@click.command()
@architecture_options
@click.option(
    "--text",
    metavar="TEXT",
    shell_complete=one_of(("diy-deep-learning", "higham", "nielsen"), or_file=True),
    help="The formulas of another text: a file, or diy-deep-learning, higham, nielsen  [the source text]",
)
@click.option(
    "--certificate", metavar="FILE.json", type=FILE, help="Check this certificate against the module that is given."
)
@click.option("--claims", is_flag=True, help="What the source text claims in words, as theorems for all widths.")
@JSON
def verify(text: str | None, certificate: Path | None, claims: bool, as_json: bool, **given: Any) -> int:
    """Give every formula of a text its verdict: proved, or refuted with a counterexample.

    With --text alone the formulas are those of every network. With --certificate nothing else is given but the
    module: its digest, its specification and every verdict have to be as the certificate says.

    With --claims it is the words that are decided: symmetry, zero weights, saturated and dead units, centred weights.
    A claim that does not hold as printed is refuted, its correction proved, and every condition shown to be needed.
    Activations and optimisers are those of the tables, or of the network that is given.

    The exit status is 1 if a formula or a certificate falls short of what is claimed.

    \b
    Examples:
      derive verify --layers 64-32-10
      derive verify digits.toml --json
      derive verify --text nielsen
      derive verify --claims
      derive verify --layers 2-3-1 --text my-book.toml
      derive verify --certificate digits.json digits.py
    """
    request = Request(**given)
    if claims:
        return _in_words(request, text, certificate, as_json)
    if certificate is not None:
        return _against(certificate, request, text, as_json)
    architecture = None if request.empty and text is not None else request.architecture()
    if text is not None and Path(text).exists():
        check_readable(Path(text))
    with progress() as report:
        report("reading the formulas", 0.0)
        if architecture is None:
            from derive.proof.theorems.texts import find_text, text_certificate

            found = text_certificate(find_text(str(text)))
        else:
            from derive.algebra.gradient import differentiate
            from derive.proof.prove import prove

            derivation = differentiate(architecture)
            report("proving the formulas", 0.2)
            found = prove(derivation, None if text is None else Path(text))
    return show(found, as_json)


def _in_words(request: Request, text: str | None, certificate: Path | None, as_json: bool) -> int:
    if text is not None or certificate is not None:
        other = "--text" if text is not None else "--certificate"
        raise DeriveError(f"--claims are those of the source text; leave {other} out")
    architecture = None if request.empty else request.architecture()
    with progress() as report:
        report("deciding the claims", 0.0)
        from derive.proof.words.theorems import prove_claims

        found = prove_claims(architecture, report=report)
    return show(found, as_json)


def _against(certificate: Path, request: Request, text: str | None, as_json: bool) -> int:
    module = request.specification
    if module is None or request != Request(specification=module) or text is not None:
        raise DeriveError("--certificate goes with a module and nothing else: --certificate FILE.json MODULE.py")
    check_readable(certificate)
    check_readable(module)
    with progress() as report:
        report("reading the certificate", 0.0)
        checks = recheck(certificate, module, report)
    return show_checks(checks, as_json)
