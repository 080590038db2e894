"""Claims: formulas of a text as data, read from TOML.

    layout = "columns"                    # or "rows", the default; also for a single formula
    loss = "least_squares"                # which loss the text means; default: that of the network

    [[formula]]
    label = "Derivatives, hidden layers"
    formula = "d(c, b[l]) = diag(f'(z[l])) @ W[l+1].T @ d(c, b[l+1])"
    for = "l = 1..L-1"                    # optional
    printed = '...'                       # optional: LaTeX, as it stands there
    corrected = "..."                     # optional: the formula is a known erratum, and this is right

A text with a notation of its own says so in a table `[conventions]` (see `proof.formulas.conventions`), which a formula
may amend: `conventions = { cost = "mean" }`.

A `[[definition]]` (label, printed, meaning) is notation: nothing is claimed, so nothing is decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from derive.model import sources
from derive.model.errors import DeriveError, shorten, unknown
from derive.model.limits import LIMITS
from derive.model.tables import LOSSES
from derive.proof.formulas.conventions import Conventions, read_conventions, usual
from derive.proof.formulas.values import Layout

SOURCE_TEXT = "diy-deep-learning.toml"
KEYS = ("title", "source", "layout", "loss", "conventions", "formula", "definition")
FORMULA_KEYS = ("label", "formula", "for", "printed", "corrected", "layout", "conventions")
DEFINITION_KEYS = ("label", "printed", "meaning")


@dataclass(frozen=True)
class Claim:
    """A formula of a text: its place, how it is printed, and what it says in the grammar of formulas."""

    label: str
    formula: str
    layout: Layout = "rows"
    ranges: str = ""
    printed: str = ""
    corrected: str = ""
    """What it should say, if it is a known erratum."""
    conventions: Conventions | None = None
    """How its text writes; as the grammar does in this layout, if nothing is said."""


@dataclass(frozen=True)
class Text:
    """The formulas of a text, and the notation that it defines without claiming anything."""

    title: str
    claims: tuple[Claim, ...]
    definitions: tuple[tuple[str, str], ...] = ()
    loss: str = ""
    """The loss that the text speaks about; that of the network if it does not say."""
    source: str = ""
    where: str = ""
    """Its file, for error messages."""


def source_text() -> Text:
    """The text that this project began with, as printed."""
    return from_toml((files("derive") / "texts" / SOURCE_TEXT).read_text(encoding="utf-8"), SOURCE_TEXT)


def read_text(path: Path) -> Text:
    """The formulas in the TOML file at `path`. Raises DeriveError with the file and the place in it."""
    return from_toml(sources.read_text(path, LIMITS["text"]), str(path))


def from_toml(text: str, where: str = "text") -> Text:
    """The formulas that TOML `text` lists; `where` opens every error message."""
    table = sources.toml_table(text, where, LIMITS["text"])
    try:
        return replace(_from_table(table), where=where)
    except DeriveError as error:
        raise DeriveError(f"{where}: {error}") from None


def _from_table(table: Mapping[str, Any]) -> Text:
    _known_keys(table, KEYS, "")
    base = _conventions(table, usual("rows"), "")
    loss = table.get("loss", "")
    if loss and (not isinstance(loss, str) or loss not in LOSSES):
        raise unknown("loss", loss, LOSSES)
    claims = []
    entries = _tables(table, "formula")
    if len(entries) > LIMITS["formulas"].most:
        raise DeriveError(LIMITS["formulas"].exceeded(len(entries)))
    for position, entry in enumerate(entries, 1):
        where = f"[[formula]] number {position}"
        _known_keys(entry, FORMULA_KEYS, where)
        conventions = _conventions(entry, base, where)
        claims.append(
            Claim(
                label=_text(entry, "label", where),
                formula=_text(entry, "formula", where),
                layout=conventions.layout,
                ranges=_text(entry, "for", where, ""),
                printed=_text(entry, "printed", where, ""),
                corrected=_text(entry, "corrected", where, ""),
                conventions=None if conventions.plain else conventions,
            )
        )
    if not claims:
        raise DeriveError("there is no [[formula]] in it")
    definitions = []
    for position, entry in enumerate(_tables(table, "definition"), 1):
        where = f"[[definition]] number {position}"
        _known_keys(entry, DEFINITION_KEYS, where)
        definitions.append((_text(entry, "label", where), _text(entry, "printed", where)))
    title, source = _text(table, "title", "", "a text"), _text(table, "source", "", "")
    return Text(title, tuple(claims), tuple(definitions), str(loss), source)


def _tables(table: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = table.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise DeriveError(f"{key}: write one [[{key}]] table for each")
    return entries


def _known_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise unknown("key", key, known, where)


def _text(table: Mapping[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        prefix = f"{where}: " if where else ""
        wrong = "is missing" if value is None else f"is {shorten(value)}, not text"
        raise DeriveError(f"{prefix}the key {key!r} {wrong}")
    return sources.plain(value.strip(), f"{where}: the key {key!r}" if where else f"the key {key!r}")


def _conventions(table: Mapping[str, Any], base: Conventions, where: str) -> Conventions:
    """`base` with what the keys `layout` and `conventions` of `table` say."""
    if "layout" in table:
        value = table["layout"]
        if value not in get_args(Layout):
            raise unknown("layout", value, get_args(Layout), where)
        base = read_conventions({"layout": value}, base, where)
    return read_conventions(table["conventions"], base, where) if "conventions" in table else base
