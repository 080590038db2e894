"""`derive blindspots`: which slips a worked example cannot reveal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from derive.commands.console import SHORTFALL, progress
from derive.commands.options import Request, architecture_options
from derive.model.errors import DeriveError, shorten

if TYPE_CHECKING:
    from derive.proof.examples.blindspots import Finding, Report, Setting

LAYERS = "1-1-1"
MARKS = {"hidden": "hidden", "shape": "by its shape", "value": "by its value"}
"""How a slip shows → in words."""


@click.command()
@architecture_options
@click.option("--samples", default="1", metavar="N", help="The number of samples  [1]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def blindspots(samples: str, as_json: bool, **given: Any) -> int:
    """Say which slips a worked example cannot reveal and why, and propose the smallest that reveals them all.

    A slip is revealed if its value differs from the truth on generic numbers, or if its shape does not fit. The
    exit status is 1 if the example leaves one unseen.

    \b
    Examples:
      derive blindspots
      derive blindspots --layers 4-4-4 --samples 4 --activation tanh --output sigmoid
      derive blindspots digits.toml --samples 16 --json
    """
    request = Request(**given)
    if request.specification is None and request.layers is None:
        request = replace(request, layers=LAYERS)
    architecture = request.architecture()
    if not (samples.isascii() and samples.isdecimal() and len(samples) <= 10):
        raise DeriveError(f"--samples: {shorten(samples)} is not a whole number, such as 4")
    with progress() as report:
        report("trying the slips", 0.0)
        from derive.proof.examples.blindspots import blindspots as looked_for

        found = looked_for(architecture.as_taught(), int(samples))
    click.echo(json.dumps(_dict(found), indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))
    return 0 if found.holds else SHORTFALL


def _lines(report: Report) -> Iterator[str]:
    from derive.proof.examples.asked import formula, not_asked

    yield f"{report.setting.shown}"
    yield ""
    width = max(len(finding.slip.tag) for finding in report.findings)
    wide = max(len(formula(finding.slip)) for finding in report.findings)
    for finding in report.findings:
        mark = click.style("✓", fg="green") if finding.revealed else click.style("✗", fg="red", bold=True)
        yield f"{mark} {finding.slip.tag:<{width}}  {formula(finding.slip):<{wide}}  {_shown(finding)}".rstrip()
        if finding.why:
            yield f"  {'':<{width}}  {finding.why}"
    unseen = [finding for finding in report.findings if not finding.revealed]
    yield ""
    yield (
        f"{len(unseen)} of {len(report.findings)} slips go unseen."
        if unseen
        else f"The example reveals all {len(report.findings)} slips."
    )
    for tag, why in not_asked(report.setting.around).items():
        yield f"Not asked about: {tag}, since {why}."
    if report.proposal is None:
        yield "No small example with these activations reveals them all."
    elif unseen:
        yield f"The smallest example that reveals them all: {report.proposal.shown}; {report.proposal.count} numbers."


def _shown(finding: Finding) -> str:
    """Hidden in layers 1, 2; by its shape in layer 3."""
    if not finding.layers:
        return "absent"
    parts = []
    for how, words in MARKS.items():
        layers = [str(layer) for layer, found in finding.layers if found == how]
        if layers:
            everywhere = len(layers) == len(finding.layers)
            parts.append(words if everywhere else f"{words} in layer{'s' * (len(layers) > 1)} {', '.join(layers)}")
    return "; ".join(parts)


def _dict(report: Report) -> dict[str, Any]:
    from derive.proof.examples.asked import formula, not_asked

    return {
        "example": _setting(report.setting),
        "reveals_all": report.holds,
        "slips": [
            {
                "slip": finding.slip.tag,
                "formula": formula(finding.slip),
                "revealed": finding.revealed,
                "layers": {str(layer): how for layer, how in finding.layers},
                "why": finding.why,
            }
            for finding in report.findings
        ],
        "not_asked": not_asked(report.setting.around),
        "proposal": _setting(report.proposal) if report.proposal else None,
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "sizes": list(setting.sizes),
        "samples": setting.samples,
        "activations": [f.name if f else "any" for f in setting.activations],
        "residual": list(setting.around),
        "numbers": setting.count,
    }
