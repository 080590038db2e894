"""A certificate as a table for people: a row for each formula, and what it rests on below."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

from derive.commands.console import SHORTFALL, echo_json
from derive.model.errors import shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from derive.proof.certificate import Certificate, Verdict

PIPED_WIDTH = 140


def print_certificate(certificate: Certificate) -> None:
    """Print the table of verdicts, how they were reached, what they rest on, and a line that sums up."""
    print_parts(_parts(certificate))


def print_parts(parts: Iterable[RenderableType]) -> None:
    """Print to a terminal; into a pipe or a file go plain lines without padding, as wide as a formula needs."""
    from rich.console import Console

    piped = None if sys.stdout.isatty() else io.StringIO()
    console = Console(file=piped, width=_width() if piped else None, highlight=False)
    for part in parts:
        console.print(part)
    if piped:
        click.echo("\n".join(line.rstrip() for line in piped.getvalue().splitlines()))


def outcome(verdict: Verdict) -> tuple[str, str, str]:
    """Mark, colour and words of a verdict. A known slip that was found is good news and looks like it."""
    if verdict.verdict == "undecided":
        return "?", "yellow", "undecided"
    if not verdict.holds:
        return "✗", "bold red", verdict.verdict
    if verdict.verdict == "refuted":
        return "✓", "cyan", "refuted, as known"
    return "✓", "green", verdict.verdict


def summary(certificate: Certificate) -> str:
    """How many formulas came out how, in one line."""
    verdicts = certificate.verdicts
    proved = sum(v.holds and v.verdict == "proved" for v in verdicts)
    slips = sum(v.holds and v.verdict == "refuted" for v in verdicts)
    short = sum(not v.holds for v in verdicts)
    parts = [
        f"{proved} proved",
        _refuted(certificate, slips),
        f"{short} fall{'s' * (short == 1)} short" if short else "",
    ]
    count = f"{len(verdicts)} statement{'s' * (len(verdicts) != 1)}"
    end = "The certificate holds." if certificate.holds else "The certificate does not hold."
    return f"{count}: {', '.join(filter(None, parts))}. {end}"


def _refuted(certificate: Certificate, count: int) -> str:
    if certificate.kind == "claims" and count:
        return f"{count} refuted as printed or with a condition less"
    return f"{count} known slip{'s' * (count > 1)} refuted" if count else ""


def _parts(certificate: Certificate) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from derive.proof.versions import versions

    reasons: dict[str, int] = {}  # said once below the table, and numbered
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, ratio in (("", None), ("where", 4), ("formula", 7), ("verdict", None), ("how", None)):
        table.add_column(heading, header_style="dim", overflow="fold", ratio=ratio)
    for verdict in certificate.verdicts:
        mark, style, words = outcome(verdict)
        reason = "; ".join(filter(None, (verdict.validity, verdict.method)))
        number = str(reasons.setdefault(reason, len(reasons) + 1)) if reason else ""
        table.add_row(
            Text(mark, style), _place(verdict), _formula(verdict, style), Text(shown(words), style), Text(number, "dim")
        )
    yield Text(shown(certificate.subject), "bold")
    yield ""
    yield table
    yield ""
    notes = Table(box=None, pad_edge=False, show_header=False)
    notes.add_column(justify="right", style="dim")
    notes.add_column(overflow="fold", style="dim")
    for reason, position in reasons.items():
        notes.add_row(Text(str(position)), Text(shown(reason)))
    for heading, lines in (("trusts", certificate.trusts), ("not covered", certificate.not_covered)):
        for line in lines:
            notes.add_row(Text(heading), Text(shown(line)))
    if certificate.digest:
        notes.add_row(Text("digest"), Text(shown(certificate.digest)))
    notes.add_row(Text("made with"), Text(", ".join(f"{name} {number}" for name, number in versions().items())))
    yield notes
    yield ""
    yield Text(summary(certificate), "bold green" if certificate.holds else "bold red")


def _place(verdict: Verdict) -> Text:
    """The label and, for a claim in words, what the text says and where."""
    from rich.text import Text

    text = Text(shown(verdict.label))
    if words := getattr(verdict, "words", ""):
        text.append(f"\n“{shown(words)}”", "dim")
    if place := getattr(verdict, "place", ""):
        text.append(f"\n{shown(place)}", "dim")
    return text


def _formula(verdict: Verdict, style: str) -> Text:
    """The formula and, unless it was simply proved, what speaks against it."""
    from rich.text import Text

    text = Text(shown(verdict.formula))
    if verdict.counterexample:
        values = ", ".join(f"{name} = {value}" for name, value in verdict.counterexample)
        text.append(f"\nat {shown(values)}", style)
    if verdict.note and verdict.verdict != "proved":
        text.append(f"\n{shown(verdict.note)}", "dim")
    return text


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and 20 <= int(columns) <= 1000 else PIPED_WIDTH


def show(certificate: Certificate, as_json: bool) -> int:
    """Print the certificate, as a table or as JSON, and give the exit status that it means."""
    if as_json:
        echo_json(certificate.to_json())
    else:
        print_certificate(certificate)
    return 0 if certificate.holds else SHORTFALL
