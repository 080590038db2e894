"""The update equations of an optimiser, with its constants put in and what they make superfluous removed."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from derive.model.architecture import Update
from derive.model.expression import read_expression
from derive.model.tables import OPTIMIZERS

THETA, GRADIENT, RATE = sp.symbols("theta g learning_rate", real=True)


@dataclass(frozen=True)
class UpdateProgram:
    """Assignments to whole vectors, in order; `states` are those that are kept from step to step."""

    states: tuple[str, ...]
    assignments: tuple[tuple[str, sp.Expr], ...]


def update_program(update: Update) -> UpdateProgram:
    """What one step of the optimiser does to theta, given the gradient g.

    >>> update_program(Update("sgd")).assignments
    (('theta', -g*learning_rate + theta),)
    """
    equations = [text.partition("=") for text in OPTIMIZERS[update.name].equations]
    targets = [left.strip() for left, _, _ in equations]
    symbols = {str(s): s for s in (THETA, GRADIENT, RATE)} | {
        name: sp.Symbol(name, real=True) for name in targets if name != "theta"
    }
    known: dict[sp.Symbol, sp.Expr] = {}
    assignments: list[tuple[str, sp.Expr]] = []
    read_before: set[str] = set()
    for target, (_, _, right) in zip(targets, equations, strict=True):
        value = read_expression(right, {**symbols, **dict(update.constants)}).xreplace(known)
        assigned = {name for name, _ in assignments}
        read_before |= {str(s) for s in value.free_symbols} - assigned
        if target != "theta" and symbols[target] not in value.free_symbols:
            known[symbols[target]] = value  # it does not remember anything: write it where it is used
        else:
            assignments.append((target, value))
    states = tuple(name for name in dict.fromkeys(targets) if name != "theta" and name in read_before)
    return UpdateProgram(states, tuple(assignments))
