"""Claims in words as data, read from TOML: the text's wording, and the statement that it makes (`texts/words`).

    [[claim]]
    label = "Zero weights"
    place = "Initialization, third sentence"
    words = "..."                                       # as printed
    setting = "hidden"                                  # where the statement is made
    given = ["W[l][i,j] = 0", "b[l][i] = 0"]
    then = ["dW[l+1][k,i] = 0"]
    [claim.corrected]                                   # if the claim does not hold as printed: what does
    given = ["W[l][i,j] = 0", "b[l][i] = 0", "f[l](0) = 0"]

A `[[left]]` (words, reason) is a claim that no statement is made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from derive.model.activation import Activation
from derive.model.errors import DeriveError, unknown
from derive.model.sources import toml_table
from derive.proof.words.settings import SETTINGS
from derive.proof.words.statements import Statement

WAYS = (*SETTINGS, "training", "update", "induction", "far")
"""Where a statement can be made."""
SOURCE = "diy-deep-learning.toml"
EXAMPLE = "example"
"""The name of an activation that a claim brings along."""
FIELDS: dict[str, type] = {
    "setting": str,
    "given": list,
    "then": list,
    "rests": list,
    "because": str,
    "activation": str,
    "loss": str,
    "depth": int,
    "steps": int,
    "check": list,
}
"""What a statement may have; a corrected one takes its setting from the printed, if it does not say."""
CHECK_FIELDS = {key: FIELDS[key] for key in ("given", "then", "depth", "steps", "activation")}
CLAIM_FIELDS: dict[str, type] = {"label": str, "place": str, "words": str, "corrected": dict, **FIELDS}


@dataclass(frozen=True)
class Claim:
    """One statement: what is given, what follows, and in which setting it is decided."""

    label: str
    place: str
    words: str
    setting: str
    statement: Statement
    rests: tuple[str, ...] = ()
    """Labels of the statements that an induction rests on."""
    because: str = ""
    """The argument that leads from those to this one."""
    activation: Activation | None = None
    """One that a counterexample may use besides those of the table."""
    loss: str = ""
    """c as an expression, where a claim is about one loss."""
    depth: int = 1
    steps: int = 0
    """How often the network is trained before what follows has to hold."""
    checks: tuple[Claim, ...] = ()
    """Of an induction: what training has to show in exact numbers."""
    corrected: Claim | None = None


@dataclass(frozen=True)
class Words:
    """The claims of one text."""

    title: str
    claims: tuple[Claim, ...]
    left: tuple[tuple[str, str], ...]
    """Words that no statement is made of, and why."""


def source_words() -> Words:
    """What the source text claims in words."""
    return from_toml((files("derive") / "texts" / "words" / SOURCE).read_text(encoding="utf-8"), SOURCE)


def from_toml(text: str, where: str = "claims") -> Words:
    """The claims that TOML `text` lists; `where` opens every error message."""
    table = toml_table(text, where)
    claims = []
    for position, entry in enumerate(table.get("claim", []), 1):
        try:
            claims.append(_claim(entry))
        except DeriveError as error:
            raise DeriveError(f"{where}: [[claim]] number {position}: {error}") from None
    known: set[str] = set()
    for claim in claims:
        for each in filter(None, (claim, claim.corrected)):
            for label in each.rests:
                if label not in known:
                    raise DeriveError(f"{where}: {each.label} rests on {label!r}, which no claim before it is called")
        known |= {claim.label, f"{claim.label}, corrected"}
    left = tuple((str(entry["words"]), str(entry["reason"])) for entry in table.get("left", []))
    return Words(str(table.get("title", "claims in words")), tuple(claims), left)


def _claim(entry: Mapping[str, Any]) -> Claim:
    _checked(entry, CLAIM_FIELDS, ("label", "setting", "then"))
    own = {key: value for key, value in entry.items() if key in FIELDS}
    corrected = None
    if "corrected" in entry:
        _checked(entry["corrected"], FIELDS, ("then",))
        corrected = _statement(entry, f"{entry['label']}, corrected", {"setting": own["setting"], **entry["corrected"]})
    return _statement(entry, entry["label"], own, corrected)


def _statement(entry: Mapping[str, Any], label: str, own: Mapping[str, Any], corrected: Claim | None = None) -> Claim:
    checks = own.get("check", [])
    for check in checks:
        _checked(check, CHECK_FIELDS, ("then", "depth"))
    if own["setting"] not in WAYS:
        raise unknown("setting", own["setting"], WAYS)
    return Claim(
        label=label,
        place=entry.get("place", ""),
        words=entry.get("words", ""),
        setting=own["setting"],
        statement=Statement(tuple(own.get("given", ())), tuple(own["then"])),
        rests=tuple(own.get("rests", ())),
        because=own.get("because", ""),
        activation=Activation(EXAMPLE, own["activation"]) if "activation" in own else None,
        loss=own.get("loss", ""),
        depth=own.get("depth", 1),
        steps=own.get("steps", 0),
        checks=tuple(_statement(entry, label, {"setting": "training", **check}) for check in checks),
        corrected=corrected,
    )


def _checked(entry: Mapping[str, Any], fields: Mapping[str, type], needed: tuple[str, ...]) -> None:
    for key, value in entry.items():
        if key not in fields:
            raise unknown("key", key, fields)
        if not isinstance(value, fields[key]):
            raise DeriveError(f"{key} has to be {fields[key].__name__}, not {value!r}")
    for key in needed:
        if key not in entry:
            raise DeriveError(f"the key {key!r} is missing")
