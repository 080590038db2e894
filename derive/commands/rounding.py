"""Bounds on a module's rounding error as a table for people, below the certificate of its audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal
from typing import TYPE_CHECKING

from derive.commands.console import SHORTFALL, echo_json
from derive.commands.verdicts import print_certificate, print_parts
from derive.model.errors import shown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from derive.codegen.rigor.bounds import Bound, Rounding
    from derive.proof.certificate import Certificate


def show_with_bounds(certificate: Certificate, rounding: Rounding, as_json: bool) -> int:
    """Print the certificate with the bounds, and give the exit status: 1 if either falls short."""
    if as_json:
        from derive.proof.seal import sealed

        content = {key: value for key, value in certificate.to_dict().items() if key != "seal"}
        echo_json(json.dumps(sealed({**content, "rounding": rounding.to_dict()}), indent=2, ensure_ascii=False))
    else:
        print_certificate(certificate)
        print_parts(_parts(rounding))
    return 0 if certificate.holds and rounding.holds else SHORTFALL


def rounded_up(value: float, digits: int = 2) -> str:
    """The number in a few digits, never below it."""
    if not abs(value) < float("inf"):
        return "none"
    return f"{Decimal(value).normalize(Context(prec=digits, rounding=ROUND_CEILING)):.{digits - 1}e}" if value else "0"


def _parts(rounding: Rounding) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    yield ""
    yield Text(f"Rounding in floating point, at {shown(rounding.data)}", "bold")
    yield ""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("quantity", header_style="dim")
    for heading in ("|computed - exact| ≤", "by its largest entry ≤", "in ulp of it ≤", "in any order ≤"):
        table.add_column(heading, header_style="dim", justify="right")
    for bound in rounding.bounds:
        style = "" if bound.holds else "bold red"
        numbers = (rounded_up(bound.error), rounded_up(bound.relative), _plain(bound), rounded_up(bound.any_order))
        table.add_row(Text(bound.quantity, style), *(Text(number, style) for number in numbers))
    yield table
    yield ""
    notes = Table(box=None, pad_edge=False, show_header=False)
    notes.add_column(justify="right", style="dim")
    notes.add_column(overflow="fold", style="dim")
    for line in dict.fromkeys(bound.note for bound in rounding.bounds if bound.note):
        notes.add_row(Text("no bound", "bold red"), Text(shown(line)))
    if rounding.note:
        notes.add_row(Text("any order"), Text(shown(rounding.note)))
    for line in rounding.trusts:
        notes.add_row(Text("trusts"), Text(shown(line)))
    yield notes
    yield ""
    bounded = sum(bound.holds for bound in rounding.bounds)
    words = f"{bounded} of {len(rounding.bounds)} quantities have a rigorous bound, found in {rounding.bits} bits."
    yield Text(words, "bold green" if rounding.holds else "bold red")


def _plain(bound: Bound) -> str:
    """Units in the last place, as a person writes a small number."""
    if not bound.ulps < 1000:
        return rounded_up(bound.ulps)
    return str(Decimal(bound.ulps).quantize(Decimal("0.1"), rounding=ROUND_CEILING)) if bound.ulps else "0"
