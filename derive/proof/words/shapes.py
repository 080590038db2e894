"""The shape of an activation, from its expression: f(0), where f' = 0, and what f' tends to far out.

    >>> from derive.model.activation import activation
    >>> [str(interval) for interval in shape(activation("relu")).flat]
    ['z <= 0']
    >>> shape(activation("softplus")).limits
    (0, 1)

The line is cut at the kinks; between them the function is one expression. What cannot be decided is None, not a guess.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import sympy as sp

from derive.model.activation import Activation
from derive.model.budget import budget
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.kinks import between, branch, kinks_of
from derive.model.tables import ACTIVATIONS

MAX_OPERATIONS, MAX_NESTING = 120, 3
"""Of an expression whose limit is asked for; beyond them a limit may take for ever, so it is not decided."""


@dataclass(frozen=True)
class Interval:
    """An interval of the real line, with the ends that belong to it."""

    low: sp.Expr
    high: sp.Expr
    low_in: bool
    high_in: bool

    def __str__(self) -> str:
        left = "" if self.low.is_infinite else f"{self.low} {'<=' if self.low_in else '<'} "
        right = "" if self.high.is_infinite else f" {'<=' if self.high_in else '<'} {self.high}"
        if not left and right:
            return f"z{right}"
        if left and not right:
            return f"z {'>=' if self.low_in else '>'} {self.low}"
        return f"{left}z{right}" if left else "every z"


@dataclass(frozen=True)
class Shape:
    """What was found out about an activation."""

    at_zero: sp.Expr
    """f(0)."""
    is_zero: bool | None
    """Whether f(0) = 0."""
    flat: tuple[Interval, ...] | None
    """The intervals on which f' = 0, with the value that f' is given at a kink."""
    limits: tuple[sp.Expr | None, sp.Expr | None]
    """Of f' as z goes to -oo and to +oo."""

    def saturates(self, end: int) -> bool | None:
        """Whether f' tends to 0 at -oo (end 0) or at +oo (end 1)."""
        limit = self.limits[end]
        return None if limit is None else is_zero(limit)


def is_zero(value: sp.Expr) -> bool | None:
    """Whether a number is 0; None if that is not found out."""
    if value.is_zero is not None:
        return bool(value.is_zero)
    if isinstance(value, sp.AccumBounds) or value.is_finite is False:
        return False
    if not value.is_number:
        return None
    return True if sp.simplify(value) == 0 else None


@cache
def shape(activation: Activation) -> Shape:
    """The shape of `activation`, trained constants being as at first; f(0) is 0 if it is for every value of them."""
    formula = activation.initial
    at_zero = sp.simplify(formula.subs(Z, 0))
    always = sp.simplify(activation.formula.subs(Z, 0)) == 0
    zero = True if always else False if is_zero(at_zero) is False else None
    pieces = _pieces(formula.diff(Z))
    own = activation.name not in ACTIVATIONS
    limits = (limit_of(pieces[0].formula, -sp.oo, own), limit_of(pieces[-1].formula, sp.oo, own))
    return Shape(at_zero, zero, _flat(formula.diff(Z), pieces), limits)


class Piece(NamedTuple):
    """The one expression that a formula is between two neighbouring kinks."""

    low: sp.Expr
    high: sp.Expr
    place: sp.Expr
    """A number between them."""
    formula: sp.Expr


def _pieces(formula: sp.Expr) -> list[Piece]:
    kinks = kinks_of(formula)
    ends = pairwise([-sp.oo, *kinks, sp.oo])
    return [
        Piece(low, high, place, branch(formula, place)) for (low, high), place in zip(ends, between(kinks), strict=True)
    ]


def _flat(derivative: sp.Expr, pieces: list[Piece]) -> tuple[Interval, ...] | None:
    found: list[Interval] = []
    for piece in pieces:
        zero = _vanishes(piece)
        if zero is None:
            return None
        if not zero:
            continue
        low_in, high_in = (bool(end.is_finite and derivative.subs(Z, end).is_zero) for end in (piece.low, piece.high))
        interval = Interval(piece.low, piece.high, low_in, high_in)
        last = found[-1] if found else None
        if last and last.high == interval.low and last.high_in and interval.low_in:
            found[-1] = Interval(last.low, interval.high, last.low_in, interval.high_in)
        else:
            found.append(interval)
    return tuple(found)


def _vanishes(piece: Piece) -> bool | None:
    """Whether a piece is 0 throughout; a value that is not 0 shows that it is not."""
    if piece.formula == 0:
        return True
    if any(is_zero(piece.formula.subs(Z, at)) is False for at in (piece.place, piece.place + sp.Rational(1, 97))):
        return False
    return True if sp.simplify(piece.formula) == 0 else None


def outermost(formula: sp.Expr, end: int) -> sp.Expr:
    """The one expression that `formula` is before its first kink (end 0), or after its last (end 1)."""
    return _pieces(formula)[-end].formula


@cache
def limit_of(expr: sp.Expr, end: sp.Expr, own: bool) -> sp.Expr | None:
    """The limit of `expr` as z goes to `end`; None if it is not found, AccumBounds if there is none.

    That of a function of the user's `own` is given up after so many steps; derive's own are known to be found.
    """
    if not expr.has(Z):
        return expr
    if expr.count_ops() > MAX_OPERATIONS or _nesting(expr) > MAX_NESTING:
        return None
    try:
        with budget("the limit", "limit") if own else nullcontext():
            found = sp.limit(expr.rewrite(sp.exp) if expr.has(sp.tanh) else expr, Z, end)  # that is twice as fast
    except (DeriveError, NotImplementedError, ValueError, RecursionError, TypeError, AttributeError):
        return None
    return None if found.has(sp.Limit, sp.nan, Z) else found


def _nesting(expr: sp.Expr) -> int:
    inner = max((_nesting(argument) for argument in expr.args), default=0)
    return inner + isinstance(expr, sp.Function)
