"""The targets of fuzzing by name: every parser, emission, and the two with inputs that Hypothesis draws."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

from benchmarks.fuzz import networks
from benchmarks.fuzz.mutation import mutated, mutated_bytes
from benchmarks.fuzz.parsers import PARSERS
from benchmarks.fuzz.runs import Tally, attempt, key, prepare
from derive.model.specification import to_toml

SLOW = ("emission",)
EMITTERS: dict[str, Callable[..., str]] = {}
"""Instead of derive's own, for faults that are planted."""


def shares(inputs: int, count: int) -> dict[str, int]:
    """How many inputs each target gets, of all `inputs` and `count` networks."""
    parts = sum(parser.share for parser in PARSERS.values())
    return {**{name: -(-inputs * parser.share // parts) for name, parser in PARSERS.items()}, "emission": count}


@cache
def _seeds(name: str) -> Any:
    return list(PARSERS[name].seeds())


def made(seed: int, target: str, index: int) -> Any:
    """One input, from its key alone."""
    generator: random.Random = key(seed, target, index)
    if target in SLOW:
        return networks.accepted(generator)
    make: Callable[..., Any] = mutated_bytes if PARSERS[target].binary else mutated
    return make(_seeds(target), generator)


def one(seed: int, target: str, index: int, tally: Tally) -> None:
    """One input through its target. A network that cannot be drawn in time, or without a traceback, is a finding."""
    if target in SLOW:
        drawn: list[Any] = []
        drawing = Tally()
        attempt(target, index, "the drawing", lambda _: drawn.append(made(seed, target, index)), drawing)
        if drawing.findings:
            tally.add(drawing)
            return
        data = drawn[-1]
        given = {"emitter": EMITTERS[target]} if target in EMITTERS else {}
        outcome: list[str] = []
        attempt(target, index, data, lambda network: outcome.append(networks.checked(network, **given)), tally)
        if outcome == ["no finite loss to compare"]:
            tally.counts.subtract(["accepted"])
            tally.counts.update(outcome)
        if tally.findings and tally.findings[-1].index == index:
            architecture, style = data
            finding = tally.findings[-1]
            tally.findings[-1] = type(finding)(
                finding.target, index, finding.what, f"{style}\n{to_toml(architecture)}", finding.detail
            )
    else:
        attempt(target, index, made(seed, target, index), PARSERS[target].read, tally)


def work(seed: int, target: str, start: int, end: int) -> dict[str, Any]:
    """The inputs from `start` to `end` of a target, as JSON types."""
    tally = Tally()
    for index in range(start, end):
        one(seed, target, index, tally)
    return {
        "chunk": [target, start, end],
        "counts": dict(tally.counts),
        "findings": [asdict(finding) for finding in tally.findings[:20]],
        "slowest": tally.slowest,
        "seconds": tally.seconds,
    }


def replay(path: str) -> int:
    """The input of a finding once more; prints what becomes of it."""
    with open(path, encoding="utf-8") as file:
        finding = json.load(file)
    prepare()
    tally = Tally()
    one(finding["seed"], finding["target"], finding["index"], tally)
    print(finding["shown"])
    print(tally.findings[0].detail if tally.findings else f"no finding any more: {dict(tally.counts)}")
    return 1 if tally.findings else 0
