"""Faults planted into parsers and emission, to see that fuzzing finds them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.fuzz import targets
from benchmarks.fuzz.parsers import PARSERS, Parser
from benchmarks.fuzz.runs import Tally, prepare
from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit
from derive.model.errors import DeriveError
from derive.model.specification import to_toml
from derive.model.tables import ACTIVATIONS

MOST = {"emission": 40}
"""Inputs until a fault has to be found; of the parsers 400."""


def _raising(text: str) -> None:
    if "9" * 41 in text:
        raise KeyError(text)


def _hanging(text: str) -> None:
    if "((((" in text:
        end = time.process_time() + 2.5
        while time.process_time() < end:
            pass


def _showing(text: str) -> None:
    if "\x1b" in text:
        raise DeriveError(f"cannot be read: {text}")


def _leaving(text: str) -> None:
    if "__import__" in text:
        raise SystemExit(0)


def _without_constants(derivation: Any, style: str) -> str:
    """An emission that takes every constant of a user's own activation for 2, whatever the specification says."""
    architecture = derivation.architecture
    functions = [
        replace(f, constants=tuple((key, 2.0) for key, _ in f.constants))
        if f.name not in ACTIVATIONS and not f.trained and f.elementwise
        else f
        for f in architecture.activations
    ]
    changed = replace(architecture, activations=tuple(functions))
    return emit(differentiate(changed), style).replace(to_toml(changed), to_toml(architecture))


def _halved(derivation: Any, style: str) -> str:
    """An emission whose loss and gradient are both half of what they should be: no check of one against the other."""
    text = emit(derivation, style)
    text = text.replace("return float(value)", "return float(value) / 2")
    return text.replace("_explained(value,", "_explained(value / 2,")


def _reaching_out(derivation: Any, style: str) -> str:
    return emit(derivation, style) + "\n_read = open\n"


def _another_specification(derivation: Any, style: str) -> str:
    return emit(derivation, style).replace("dtype = ", "# dtype = ")


FAULTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "a parser that raises": ("expression", _raising),
    "a parser that hangs": ("expression", _hanging),
    "a message that steers the terminal": ("expression", _showing),
    "a parser that ends the process": ("expression", _leaving),
    "an emission that ignores a constant": ("emission", _without_constants),
    "an emission with half the loss": ("emission", _halved),
    "an emission that opens files": ("emission", _reaching_out),
    "an emission with another specification": ("emission", _another_specification),
}


def found(name: str) -> int:
    """After how many inputs the fault is found; 0 if it is not, or if the input is a finding without the fault too."""
    target, fault = FAULTS[name]
    tally = Tally()
    before = dict(PARSERS)
    try:
        if target in targets.SLOW:
            targets.EMITTERS[target] = fault
        else:
            PARSERS[target] = Parser(fault, before[target].seeds)
        for index in range(MOST.get(target, 400)):
            targets.one(0, target, index, tally)
            if tally.findings:
                last = index
                break
        else:
            return 0
    finally:
        PARSERS.update(before)
        targets.EMITTERS.clear()
    without = Tally()
    targets.one(0, target, last, without)
    return 0 if without.findings else last + 1


def check() -> int:
    """Plant every fault, and say after how many inputs it was found; 1 if one was not."""
    prepare()
    missed = 0
    for name in FAULTS:
        after = found(name)
        missed += not after
        print(f"{name:42} {f'found after {after} inputs' if after else 'NOT FOUND'}", flush=True)
    return 1 if missed else 0
