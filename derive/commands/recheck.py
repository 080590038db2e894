"""An existing certificate against a module: seal, digest and specification, and every verdict redone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from derive.commands.console import SHORTFALL, Progress, echo_json
from derive.model.errors import DeriveError, shorten, shown

if TYPE_CHECKING:
    from derive.proof.certificate import Certificate


@dataclass(frozen=True)
class Check:
    """One thing that has to be as the certificate says."""

    name: str
    same: bool
    detail: str


def recheck(path: Path, module: Path, report: Progress) -> tuple[Check, ...]:
    """What was compared. Raises DeriveError if either file cannot be used at all."""
    from derive.codegen.emit import digest, read_module
    from derive.proof.seal import read_certificate, seal

    content = read_certificate(path)
    text = read_module(module)
    intact = content["seal"] == seal(content)
    checks = [Check("seal", intact, "the certificate is as it was written" if intact else "it was changed")]
    if content["kind"] not in REDONE:
        if intact:
            kind = shown(content["kind"], 60) or "subject"
            raise DeriveError(
                f"{path}: a certificate of a {kind} names no module; `derive generate --certificate FILE.json` and "
                "`derive audit MODULE.py --json` write one that does"
            )
        return (*checks, Check("kind", False, f"{shorten(content['kind'])} is not that of a module"))
    found = digest(text)
    if found != content["digest"]:
        detail = f"{module} has {found}, the certificate speaks of {shorten(content['digest'], 90)}"
        return (*checks, Check("digest", False, detail))
    checks.append(Check("digest", True, found))
    redone = REDONE[content["kind"]](text, str(module), report)
    return (*checks, *_compared(content, json.loads(redone.to_json())))


def _audited(text: str, where: str, report: Progress) -> Certificate:
    from derive.codegen.audit import audit

    return audit(text, None, progress=lambda what, done: report(what, 0.4 + 0.6 * done), where=where)


def _proved_and_audited(text: str, where: str, report: Progress) -> Certificate:
    from derive.algebra.gradient import differentiate
    from derive.model.specification import from_toml
    from derive.proof.prove import prove

    audited = _audited(text, where, report)
    report("proving the formulas", 0.1)
    return prove(differentiate(from_toml(audited.specification, "SPEC"))).with_audit(audited)


REDONE: dict[str, Callable[[str, str, Progress], Certificate]] = {
    "audit": _audited,
    "proof and audit": _proved_and_audited,
}
"""Kind of a certificate → how its verdicts are made again from the text of the module."""

SHOWN = {
    "specification": "specification",
    "subject": "subject",
    "holds": "holds",
    "trusts": "trusts",
    "not_covered": "not covered",
}
"""Fields that have to be the same, by what they are called in the table."""


def _compared(said: dict[str, Any], redone: dict[str, Any]) -> Iterator[Check]:
    """The fields of a certificate against those of one made again; versions may differ, and are told."""
    if "rounding" in said:
        yield Check("rounding", True, "not made again: it is of one run at given data")
    if extra := sorted(set(said) - set(redone) - {"rounding"}):
        yield Check("fields", False, f"there is no field {shorten(extra[0])}")
    for key, name in SHOWN.items():
        same = said[key] == redone[key]
        detail = "" if same else f"the certificate says {shorten(said[key])}, redone it is {shorten(redone[key])}"
        yield Check(name, same, detail or ("as in the module" if key == "specification" else "the same when redone"))
    yield _formulas(said["formulas"], redone["formulas"])
    if not said["holds"]:
        yield Check("certificate", False, "it says of itself that it does not hold")
    made, now = said["versions"], redone["versions"]
    differ = [f"{name} {made.get(name)}, now {version}" for name, version in now.items() if made.get(name) != version]
    yield Check("versions", True, shorten(f"made with {'; '.join(differ)}", 200) if differ else "those of today")


def _formulas(said: list[dict[str, Any]], redone: list[dict[str, Any]]) -> Check:
    name = "verdicts"
    for position, (one, other) in enumerate(zip(said, redone, strict=False), 1):
        for key in (*other, *one):
            if one.get(key) != other.get(key):
                told, found = shorten(one.get(key), 90), shorten(other.get(key), 90)
                return Check(name, False, f"number {position}, {other['label']}: {key} is {told}, redone it is {found}")
    if len(said) != len(redone):
        return Check(name, False, f"there are {len(said)}, redone there are {len(redone)}")
    return Check(name, True, f"{len(said)} of {len(said)} come out the same when redone")


def show_checks(checks: tuple[Check, ...], as_json: bool) -> int:
    """Print what was compared, and give the exit status."""
    same = all(check.same for check in checks)
    if as_json:
        content = {"same": same, "checks": [asdict(check) for check in checks]}
        echo_json(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            mark = click.style("✓", fg="green") if check.same else click.style("✗", fg="red", bold=True)
            click.echo(f"{mark} {check.name:<{width}}  {shown(check.detail)}".rstrip())
        words = "The certificate is that of this module." if same else "The certificate does not fit this module."
        click.echo(words)
    return 0 if same else SHORTFALL
