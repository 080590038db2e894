"""The steps of a derivation: what the reverse sweep did with each equation, written out one rule at a time.

The sweep itself keeps a `Contribution` for each move; its steps, which only lessons read, are written out when they are
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from derive.algebra.notation import is_opaque

PICK = "Kronecker delta picks one term"


@dataclass(frozen=True)
class Step:
    """One move of a derivation: the rule that was applied to find `target`, and what it changed."""

    rule: str
    target: sp.Expr
    before: sp.Expr
    after: sp.Expr

    def __str__(self) -> str:
        return f"{self.target} = {self.after}    [{self.rule}]"


@dataclass(frozen=True)
class Contribution:
    """What an equation t[i] = value contributes to `target`, the adjoint of an entry that the value reads.

    Everything but `result` is in indices of the equation's own, those with a `_`: Sum_i outer * local.
    """

    target: sp.Expr
    entry: sp.Expr
    equation: tuple[sp.Expr, sp.Expr]
    """t[i] and its value."""
    outer: sp.Expr
    """The adjoint of t[i]."""
    local: sp.Expr
    """The derivative of the value by the entry."""
    over: tuple[tuple[sp.Symbol, sp.Expr], ...]
    """The indices of t, and the sizes they run to."""
    readable: tuple[tuple[sp.Symbol, sp.Symbol], ...]
    """Index of its own → the name that it has in the equation."""
    result: sp.Expr

    @property
    def steps(self) -> tuple[Step, ...]:
        """From the derivative of the loss by the entry to `result`."""
        output, value = self.equation
        picked = self.local.has(sp.KroneckerDelta)
        moves = (
            ("chain rule", self._summed(self.outer * sp.Derivative(output, self.entry))),
            ("forward equation", self._summed(self.outer * sp.Derivative(value, self.entry))),
            (_local_rule(value), self._summed(self.outer * self.local)),
            (PICK if picked else "index renamed", self.result),
        )
        before = (sp.Derivative(sp.Symbol("loss"), self.entry), *(after for _, after in moves))
        return tuple(Step(rule, self.target, was, after) for (rule, after), was in zip(moves, before, strict=False))

    def _summed(self, body: sp.Expr) -> sp.Expr:
        limits = [(i, 1, high) for i, high in self.over]
        total = sp.Sum(body, *limits) if limits else body
        return total.xreplace(dict(self.readable))


Trail = tuple[Contribution | Step, ...]
"""What a sweep did, move by move."""


def steps_of(trail: Iterable[Contribution | Step]) -> tuple[Step, ...]:
    """Every step of a sweep, one rule at a time."""
    return tuple(step for move in trail for step in (move.steps if isinstance(move, Contribution) else (move,)))


def _local_rule(value: sp.Expr) -> str:
    """The rule that gives the derivative of one forward equation."""
    if is_opaque(value):
        return "derivative of f"
    return "derivative of a sum" if value.has(sp.Sum) or value.is_Add else "derivative of the equation"
