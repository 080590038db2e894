"""What one step of an optimiser does to a parameter, as statements about two parameters p and q.

    given: g[p] = 0, states[p] = 0        then: new theta[p] = theta[p]

`theta`, `g` and `states` (every vector that the optimiser remembers) are those before the step, `new` those after it; a
constant of the optimiser may be given as well. The update equations have no index: each parameter's new value is
computed from its own gradient and states alone. That is what carries a statement from one step to all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product

import sympy as sp

from derive.algebra.update import GRADIENT, RATE, THETA, UpdateProgram, update_program
from derive.model.architecture import Update
from derive.model.errors import DeriveError
from derive.model.tables import OPTIMIZERS
from derive.proof.words.statements import Statement

TERM = re.compile(r"(?:(new) )?(theta|g|states)\[([pq])\]|(0)")
CONSTANT = re.compile(r"([a-z_]\w*) = 0")
SMALL = (1, 2, 3)
Named = dict[sp.Basic, sp.Expr]


@dataclass(frozen=True)
class Judgement:
    """Whether a statement holds for one optimiser, and if not, numbers for which it does not."""

    optimizer: str
    outcome: str
    counterexample: tuple[tuple[str, str], ...] = ()


def judge(statement: Statement, update: Update) -> Judgement:
    """Whether `statement` holds for every parameter, gradient and state under `update`."""
    zeroed = [match[1] for text in statement.given if (match := CONSTANT.fullmatch(text))]
    constants = tuple((key, 0.0 if key in zeroed else value) for key, value in update.constants)
    update = replace(update, constants=constants)
    program = update_program(update)
    if strangers(program):
        return Judgement(update.name, "undecided")
    before = {name: _state(program, name) for name in "pq"}
    given: Named = {}
    for text in statement.given:
        if not CONSTANT.fullmatch(text):
            for left, right in _pairs(text, before, {}, program):
                given[left.xreplace(given)] = right.xreplace(given)
    before = {name: {key: value.xreplace(given) for key, value in own.items()} for name, own in before.items()}
    after = {name: stepped(program, own) for name, own in before.items()}
    outcome = "proved"
    for text in statement.then:
        for left, right in _pairs(text, before, after, program):
            if left != right:
                if numbers := _numbers(left, right):
                    return Judgement(update.name, "refuted", (("optimizer", update.name), *_named(update), *numbers))
                outcome = "undecided"
    return Judgement(update.name, outcome)


def strangers(program: UpdateProgram) -> set[str]:
    """What an update reads besides a parameter's own entries and numbers that all share; has to be empty."""
    known = {str(s) for s in (THETA, GRADIENT, RATE)} | set(program.states)
    return {str(s) for _, value in program.assignments for s in value.free_symbols} - known


def _named(update: Update) -> Iterable[tuple[str, str]]:
    return ((key, f"{value:g}") for key, value in update.constants if value)


def _vectors(program: UpdateProgram) -> list[str]:
    return [name for name in program.states if name not in program.counters]


def _state(program: UpdateProgram, name: str) -> dict[str, sp.Expr]:
    """theta, g and the vectors of parameter `name` before the step; the counters are shared."""
    own = {key: sp.Symbol(f"{key}[{name}]", real=True) for key in ("theta", "g")}
    own |= {key: sp.Symbol(f"{key}[{name}]", real=True) for key in _vectors(program)}
    return own


def stepped(program: UpdateProgram, before: Mapping[str, sp.Expr]) -> dict[str, sp.Expr]:
    """theta and the states after one step."""
    now: Named = {sp.Symbol(name, real=True): value for name, value in before.items()}
    for name, formula in program.assignments:
        now[sp.Symbol(name, real=True)] = formula.xreplace(now)
    return {name: now[sp.Symbol(name, real=True)] for name in ("theta", *_vectors(program))}


def _pairs(
    text: str,
    before: Mapping[str, Mapping[str, sp.Expr]],
    after: Mapping[str, Mapping[str, sp.Expr]],
    program: UpdateProgram,
) -> list[tuple[sp.Expr, sp.Expr]]:
    """The equations that `text` stands for: one, or one for each vector of states."""
    sides = [TERM.fullmatch(part.strip()) for part in text.split("=")]
    if len(sides) != 2 or not all(sides):
        raise DeriveError(f"{text!r} cannot be read; write for example new theta[p] = theta[p], or g[p] = 0")
    many = any(side and side[2] == "states" for side in sides)
    result = []
    for name in _vectors(program) if many else [""]:
        pair = []
        for side in filter(None, sides):
            key = name if side[2] == "states" else side[2]
            pair.append(sp.S.Zero if side[4] else (after if side[1] else before)[side[3]][key])
        result.append((pair[0], pair[1]))
    return result


def _numbers(left: sp.Expr, right: sp.Expr) -> tuple[tuple[str, str], ...]:
    """Small numbers at which the sides differ, or one of them is 0/0."""
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    for values in product(SMALL, repeat=len(symbols)):
        at = dict(zip(symbols, map(sp.Integer, values), strict=True))
        sides = [side.subs(at) for side in (left, right)]
        undefined = any(side.has(sp.nan, sp.zoo) for side in sides)
        if undefined or abs(sp.N(sides[0] - sides[1], 30)) > sp.Rational(1, 10**15):
            shown = tuple((str(symbol), str(value)) for symbol, value in at.items())
            return (*shown, *zip(("left side", "right side"), map(_short, sides), strict=True))
    return ()


def _short(value: sp.Expr) -> str:
    short = value.is_Rational and len(str(value)) < 12
    return str(value) if short or value.has(sp.nan) else str(sp.N(value, 6))


def optimizers(own: Update | None = None) -> tuple[Update, ...]:
    """Every optimiser of the table with its usual constants, and the given one with its own."""
    table = [Update(name) for name in OPTIMIZERS]
    return tuple(dict.fromkeys([*table, *([own] if own else [])]))
