"""The update equations of an optimiser, with its constants put in and what they make superfluous removed."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import sympy as sp

from derive.model.architecture import Update
from derive.model.expression import ScalarReader
from derive.model.tables import OPTIMIZERS

THETA, GRADIENT, RATE = sp.symbols("theta g learning_rate", real=True)


@dataclass(frozen=True)
class UpdateProgram:
    """Assignments in order; `states` are kept from step to step: numbers if in `counters`, otherwise vectors."""

    states: tuple[str, ...]
    counters: tuple[str, ...]
    assignments: tuple[tuple[str, sp.Expr], ...]


CHOICES = {"abs": sp.Abs, "max": sp.Max, "min": sp.Min}


class UpdateReader(ScalarReader):
    """Reads update equations, in which a number may have a counter in its exponent: beta1**t, 0**(t - 1).

    Nothing is differentiated, so |u|, max and min stay what they are.
    """

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> sp.Expr:
        read = super().call(name, arguments, node)
        return CHOICES[name](*(self.visit(argument) for argument in arguments)) if name in CHOICES else read

    def power(self, base: sp.Expr, exponent: sp.Expr, node: ast.AST) -> sp.Expr:
        if base.is_number and isinstance(exponent.as_coeff_Add()[1], sp.Symbol):
            return sp.Pow(base, exponent)
        return super().power(base, exponent, node)


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
    constants = {name: sp.Rational(str(value)) for name, value in update.constants}
    known: dict[sp.Symbol, sp.Expr] = {}
    assignments: list[tuple[str, sp.Expr]] = []
    counters: list[str] = []
    for target, (_, _, right) in zip(targets, equations, strict=True):
        value = UpdateReader({**symbols, **constants}).read(right).xreplace(known)
        value = value.xreplace({sp.Pow(0, symbols[counter]): sp.S.Zero for counter in counters})  # which is 1 or more
        if target != "theta" and symbols[target] not in value.free_symbols:
            known[symbols[target]] = value  # it does not remember anything: write it where it is used
            continue
        assignments.append((target, value))
        if target != "theta" and all(str(s) in (target, *counters) for s in value.free_symbols):
            counters.append(target)
    used = {str(s) for name, value in assignments for s in value.free_symbols if str(s) != name}
    kept = [(name, value) for name, value in assignments if name == "theta" or name in used]
    states = tuple(name for name in dict.fromkeys(targets) if name != "theta" and name in dict(kept))
    return UpdateProgram(states, tuple(c for c in counters if c in states), tuple(kept))
