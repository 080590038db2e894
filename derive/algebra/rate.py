"""The learning rate of an epoch, and the scale of initial weights, as SymPy expressions of their tables' rows."""

from __future__ import annotations

import ast

import sympy as sp

from derive.model.expression import ScalarReader
from derive.model.tables import WARM_UP
from derive.model.training import Pace, Start

EPOCH = sp.Symbol("epoch", nonnegative=True)
RATE, EPOCHS, FAN_IN, FAN_OUT, GAIN = sp.symbols("learning_rate epochs fan_in fan_out gain", positive=True)


class RateReader(ScalarReader):
    """Reads expressions of positive numbers: with any exponent, `floor`, and `min` of two of them."""

    def power(self, base: sp.Expr, exponent: sp.Expr, node: ast.AST) -> sp.Expr:
        return base**exponent

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> sp.Expr:
        if name == "floor" and len(arguments) == 1:
            return sp.floor(self.visit(arguments[0]))
        if name == "min" and len(arguments) == 2:
            return sp.Min(*map(self.visit, arguments))
        return super().call(name, arguments, node)


def rate(pace: Pace) -> sp.Expr:
    """The learning rate in `epoch`, of `epochs`, before any warm-up; constants other than 0 stay symbols.

    >>> rate(Pace("exponential"))
    factor**epoch*learning_rate
    """
    return RateReader(_names(pace)).read(pace.row.rate)


def warm_up(pace: Pace) -> sp.Expr:
    """What warming up multiplies the learning rate in `epoch` by; 1 if there is none.

    >>> warm_up(Pace.of({"name": "exponential", "warm_up": 5}))
    Min(1, (epoch + 1)/warm_up)
    """
    names = _names(pace)
    return RateReader(names).read(WARM_UP) if names["warm_up"] else sp.S.One


def _names(pace: Pace) -> dict[str, sp.Expr]:
    names = {str(symbol): symbol for symbol in (RATE, EPOCH, EPOCHS)}
    return names | {key: sp.Symbol(key, positive=True) if value else sp.S.Zero for key, value in pace.constants}


def scale(start: Start, fan_in: sp.Expr = FAN_IN, fan_out: sp.Expr = FAN_OUT, gain: sp.Expr = GAIN) -> sp.Expr:
    """The scale of a layer's initial weights, of positive `fan_in`, `fan_out` and `gain`.

    >>> scale(Start("glorot_normal"))
    sqrt(2)/sqrt(fan_in + fan_out)
    """
    constants = {key: sp.Rational(str(value)) for key, value in start.constants}
    names = {"fan_in": fan_in, "fan_out": fan_out, "gain": gain, **constants}
    return RateReader(names).read(start.row.scale)
