"""Conventions: what a text means by its letters and its numbers, declared in its file.

    [conventions]
    layout = "columns"            # one sample, vectors are columns; or "rows", all samples
    cost = "sample"               # delta, dW, db differentiate one sample's c, the "mean" or the "sum" over samples
    mean_in = "delta"             # of a mean, 1/N stands in delta already, or in the "gradients" dW and db only
    factor = "1/2"                # the loss of a sample is 1/2 ||a - y||^2, or 1 ||a - y||^2
    input_layer = 0               # the number of the input layer: a[0] = x, or a[1] = x
    parameters = "into"           # W[l] leads into layer l, or "out of" it: z[l+1] = W[l] a[l] + b[l]
    weights = "out-in"            # W[l] has a row for each unit of layer l, or is "in-out", its transpose
    derivatives = "denominator"   # dW has the shape of W, or that of its transpose: "numerator"

    [conventions.symbols]
    w = "W"
    C = "cost"                    # whatever `cost` above says it is
    sigma = "f"

Every entry has a default, and a formula may have a table of its own. `proof.formulas.translate` brings a formula from
these conventions into those of the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from derive.model.errors import DeriveError, shorten, unknown
from derive.proof.formulas.values import QUANTITIES, Layout

CHOICES: dict[str, dict[str, Any]] = {
    "layout": {"rows": "rows", "columns": "columns"},
    "cost": {"sample": "sample", "mean": "mean", "sum": "sum"},
    "mean_in": {"delta": "delta", "gradients": "gradients"},
    "factor": {"1/2": "1/2", "1": "1"},
    "input_layer": {"0": 0, "1": 1},
    "parameters": {"into": "into", "out of": "out of"},
    "weights": {"out-in": "out-in", "in-out": "in-out"},
    "derivatives": {"denominator": "denominator", "numerator": "numerator"},
}
"""Entry → how it is written in a file → its value."""

WORDS: dict[tuple[str, Any], str] = {
    ("layout", "rows"): "samples are rows",
    ("layout", "columns"): "vectors are columns of one sample",
    ("cost", "sample"): "derivatives are those of one sample's loss",
    ("cost", "mean"): "derivatives are those of the mean loss",
    ("cost", "sum"): "derivatives are those of the loss summed over the samples",
    ("mean_in", "delta"): "1/N stands in delta",
    ("mean_in", "gradients"): "1/N stands in dW and db, not in delta",
    ("factor", "1/2"): "the loss of a sample is 1/2 ||a - y||^2",
    ("factor", "1"): "the loss of a sample is ||a - y||^2, without 1/2",
    ("input_layer", 0): "the input is layer 0",
    ("input_layer", 1): "the input is layer 1",
    ("parameters", "into"): "W[l] and b[l] lead into layer l",
    ("parameters", "out of"): "W[l] and b[l] lead from layer l to layer l+1",
    ("weights", "out-in"): "W[l] has a row for each unit of layer l",
    ("weights", "in-out"): "W[l] has a column for each unit of layer l",
    ("derivatives", "denominator"): "a derivative has the shape of what it is taken by",
    ("derivatives", "numerator"): "a derivative has the transposed shape of what it is taken by",
}
"""A choice in words; also what the note of a refuted formula says."""

TARGETS = (*QUANTITIES, "f", "F", "c", "loss", "cost", "x", "y", "N", "n")
"""What a symbol of a text may stand for: the letters of the grammar, and `cost`."""


@dataclass(frozen=True)
class Conventions:
    """How a text writes. The defaults are those of the grammar in columns."""

    layout: Layout = "columns"
    cost: str = "sample"
    mean_in: str = "delta"
    factor: str = "1/2"
    input_layer: int = 0
    parameters: str = "into"
    weights: str = "out-in"
    derivatives: str = "denominator"
    symbols: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the text writes as the grammar does, so that nothing has to be translated."""
        return replace(self, symbols=()) == usual(self.layout) and not self.symbols

    def words(self, keys: tuple[str, ...] = tuple(CHOICES)) -> str:
        """The choices for these entries in words."""
        return ", ".join(WORDS[key, getattr(self, key)] for key in keys)


def usual(layout: Layout) -> Conventions:
    """The conventions of the grammar in either layout: one sample's c in columns, the mean loss in rows."""
    return Conventions(layout, "sample" if layout == "columns" else "mean")


def read_conventions(table: Any, base: Conventions, where: str = "") -> Conventions:
    """`base` with what a [conventions] table says. Raises DeriveError for what it cannot mean."""
    where = f"{where}: conventions" if where else "conventions"
    if not isinstance(table, Mapping):
        raise DeriveError(f'{where}: write a table [conventions], with lines such as layout = "columns"')
    for key in table:
        if key not in (*CHOICES, "symbols"):
            raise unknown("key", key, (*CHOICES, "symbols"), where)
    chosen = {key: _choice(key, table[key], where) for key in CHOICES if key in table}
    if "layout" in chosen and base.cost == usual(base.layout).cost:
        base = replace(base, cost=usual(chosen["layout"]).cost)
    if "symbols" in table:
        chosen["symbols"] = tuple({**dict(base.symbols), **_symbols(table["symbols"], where)}.items())
    result = replace(base, **chosen)
    if problem := contradiction(result):
        raise DeriveError(f"{where}: {problem}")
    return result


def contradiction(conventions: Conventions) -> str:
    """Why these choices cannot go together; "" if they can."""
    if conventions.layout == "rows" and conventions.cost == "sample":
        return 'in rows there are all samples at once; cost is "mean" or "sum"'
    if conventions.mean_in == "gradients" and conventions.cost != "mean":
        return 'mean_in says where 1/N stands, so it goes with cost = "mean"'
    return ""


def _choice(key: str, value: Any, where: str) -> Any:
    known = CHOICES[key]
    if isinstance(value, bool) or not isinstance(value, str | int) or str(value) not in known:
        raise unknown(key, value, known, where)
    return known[str(value)]


def _symbols(table: Any, where: str) -> dict[str, str]:
    if not isinstance(table, Mapping):
        raise DeriveError(f'{where}: write a table [conventions.symbols], with lines such as w = "W"')
    for symbol, target in table.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z_]*", symbol):
            raise DeriveError(f"{where}: the symbol {shorten(symbol)} has to be made of plain letters")
        if not isinstance(target, str) or target not in TARGETS:
            raise unknown("meaning", target, TARGETS, f"{where}: the symbol {symbol}")
    return dict(table)


assert set(CHOICES) == {field.name for field in fields(Conventions)} - {"symbols"}
