"""What a run in exact arithmetic may compute in all: counted, not timed, so that it is the same on every machine.

A step is about what a call of a function takes. The entries of arrays, which NumPy computes together, count less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from derive.model.architecture import Architecture
from derive.model.errors import shorten
from derive.model.limits import LIMITS

TOGETHER = 64
"""Entries that are computed together in the time of one step."""
SINGLY = 10
"""Steps for an entry that is computed on its own, as an expression."""
ENORMOUS = sp.Integer(10) ** 308
EXPRESSION = 1000
"""Steps for an expression that has not been met before: SymPy simplifies it, differentiates it, expands it."""


class NotUnderstoodError(Exception):
    """The module does something that the stand-in has no exact meaning for, or more than it may."""


@dataclass
class Meter:
    """Steps that were taken, of at most so many."""

    most: float = math.inf
    taken: float = 0.0

    def spend(self, steps: float) -> None:
        self.taken += steps
        if self.taken > self.most:
            raise NotUnderstoodError(f"too many {LIMITS['run'].of}; at most {int(self.most)}")

    def together(self, *arrays: Any) -> None:
        """Room and time for what is computed entry by entry of arrays that are spread over each other."""
        shapes = {array.shape for array in arrays if isinstance(array, np.ndarray)} - {()}
        shape = np.broadcast_shapes(*shapes) if len(shapes) > 1 else next(iter(shapes), ())
        self.spend(1 + math.prod(shape) / TOGETHER)

    def shape(self, shape: Any) -> None:
        """Room for a new array."""
        lengths = shape if isinstance(shape, tuple | list) else (shape,)
        if not all(isinstance(n, int | np.integer) for n in lengths):
            raise NotUnderstoodError("a shape that is not made of whole numbers")
        self.spend(1 + math.prod(map(int, lengths)) / TOGETHER)

    def expression(self, expr: sp.Expr) -> None:
        """An expression in one z, made from others: refused if it is large."""
        size = weight(expr)
        if size > LIMITS["weight"].most:
            raise NotUnderstoodError(LIMITS["weight"].exceeded(size))
        levels = nesting(expr)
        if levels > LIMITS["levels"].most:
            raise NotUnderstoodError(LIMITS["levels"].exceeded(levels))
        self.spend(EXPRESSION)

    def power(self, base: sp.Expr, exponent: sp.Expr) -> None:
        """base**exponent, before it is computed: SymPy multiplies out the powers of numbers."""
        most = LIMITS["power"].most
        if not exponent.is_Rational or max(abs(exponent.p), exponent.q) > most:
            raise NotUnderstoodError(f"{LIMITS['power'].exceeded(shorten(exponent))}")
        if weight(base) * abs(exponent) > LIMITS["weight"].most:
            raise NotUnderstoodError(LIMITS["weight"].exceeded())

    def grown(self, argument: sp.Expr) -> None:
        """The number that exp or another function that grows as fast is applied to: refused if it is enormous."""
        if abs(sp.N(argument, 15)) > ENORMOUS:
            raise NotUnderstoodError("functions of numbers beyond every float")


def allowed(architecture: Architecture, samples: int) -> int:
    """The steps of one round of an audit: what the limit says, and several times what derive's own modules take."""
    outputs, units = architecture.sizes[-1], sum(architecture.sizes)
    entries = samples * (architecture.parameter_count + units) * (outputs + ROUNDS)
    return LIMITS["run"].most + int(SINGLY * entries)


ROUNDS = 100
"""As often as that a round goes through all parameters for every sample, besides once for every output."""


@cache
def weight(expr: sp.Expr) -> int:
    """How large an expression becomes when its powers are multiplied out, roughly; long numbers count by length."""
    if isinstance(expr, sp.Rational):
        return 1 + (int(expr.p).bit_length() + int(expr.q).bit_length()) // 64
    if isinstance(expr, sp.Pow) and isinstance(expr.exp, sp.Integer):
        return 1 + weight(expr.base) * abs(int(expr.exp))
    return 1 + sum(map(weight, expr.args))


@cache
def nesting(expr: sp.Expr) -> int:
    """How many functions stand within one another."""
    return int(isinstance(expr, sp.Function)) + max(map(nesting, expr.args), default=0)
