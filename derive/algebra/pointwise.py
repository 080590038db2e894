"""A formula at numbers of any kind: floats, balls. What a function does to them stands in a table.

Where a formula has branches, the sign of a difference decides. Numbers that may have either sign, such as a ball that
reaches over a kink, have no branch: that is a `KinkError`, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np
import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p


class KinkError(ArithmeticError):
    """A number may lie on either side of a kink, so that it has no branch; `index` says which entry it is."""

    def __init__(self, condition: str, index: tuple[int, ...] = ()) -> None:
        super().__init__(condition)
        self.condition = condition
        self.index = index


@dataclass(frozen=True)
class Numbers:
    """A kind of numbers: SymPy's function → what it does to them; constants; signs -1, 0, 1; q-th roots."""

    functions: Mapping[Any, Callable[..., Any]]
    constant: Callable[[sp.Expr], Any]
    sign: Callable[[Any], int]
    root: Callable[[Any, int], Any]


RELATIONS: dict[Any, frozenset[int]] = {
    sp.Gt: frozenset({1}),
    sp.Ge: frozenset({0, 1}),
    sp.Lt: frozenset({-1}),
    sp.Le: frozenset({-1, 0}),
    sp.Eq: frozenset({0}),
    sp.Ne: frozenset({-1, 1}),
}
"""Relation → the signs of left minus right with which it holds."""


def at(formula: sp.Expr, numbers: Numbers, values: Mapping[str, Any]) -> Any:
    """The number that `formula` is where each symbol has the value of its name. Raises KinkError."""
    if formula.is_Symbol:
        return values[str(formula)]
    if isinstance(formula, sp.Piecewise):
        chosen = next(value for value, condition in formula.args if _holds(condition, numbers, values))
        return at(chosen, numbers, values)
    if not formula.args:
        return numbers.constant(formula)
    if isinstance(formula, sp.Pow):
        return _power(formula, numbers, values)
    arguments = [at(argument, numbers, values) for argument in formula.args]
    if isinstance(formula, sp.Add | sp.Mul):
        return reduce(add if formula.is_Add else mul, arguments)
    if formula.func in numbers.functions:
        return numbers.functions[formula.func](*arguments)
    raise NotImplementedError(f"{formula.func.__name__} of numbers")


def _power(formula: sp.Pow, numbers: Numbers, values: Mapping[str, Any]) -> Any:
    base, exponent = formula.args
    number = at(base, numbers, values)
    if exponent.is_Integer:
        return number ** int(exponent)
    if exponent.is_Rational:
        return numbers.root(number, int(exponent.q)) ** int(exponent.p)
    exp, log = (numbers.functions[function] for function in (sp.exp, sp.log))
    return exp(log(number) * at(exponent, numbers, values))


def _holds(condition: Any, numbers: Numbers, values: Mapping[str, Any]) -> bool:
    """Whether a condition holds; KinkError if that depends on what the numbers really are."""
    if condition in (sp.true, sp.false):
        return bool(condition)
    if isinstance(condition, sp.And | sp.Or):
        every = all if isinstance(condition, sp.And) else any
        return every(_holds(part, numbers, values) for part in condition.args)
    left, right = (at(side, numbers, values) for side in condition.args)
    try:
        return numbers.sign(left - right) in RELATIONS[condition.func]
    except KinkError:
        raise KinkError(f"{condition} cannot be decided") from None


def each(formula: sp.Expr, numbers: Numbers, arrays: Mapping[str, Any]) -> Any:
    """The formula at every entry of the arrays, after broadcasting, as an object array. KinkError says at which."""
    spread = dict(zip(arrays, np.broadcast_arrays(*arrays.values()), strict=True))
    result = np.empty(next(iter(spread.values())).shape, dtype=object)
    for index in np.ndindex(result.shape):
        try:
            result[index] = at(formula, numbers, {name: array[index] for name, array in spread.items()})
        except KinkError as error:
            raise KinkError(error.condition, index) from None
    return result


def applied(function: Any, numbers: Numbers, *arrays: Any) -> Any:
    """SymPy's function at every entry of the arrays, one for each of its arguments."""
    symbols = [sp.Symbol(f"u{k}", real=True) for k in range(len(arrays))]
    return each(function(*symbols), numbers, dict(zip(map(str, symbols), arrays, strict=True)))


def _total(function: Callable[..., float]) -> Callable[..., float]:
    """The function with what floats have for an overflow and for no value at all."""

    def total(*arguments: float) -> float:
        try:
            return function(*arguments)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return total


def _float_sign(value: float) -> int:
    return int(value > 0) - int(value < 0)


FLOATS = Numbers(
    {
        sp.exp: _total(math.exp),
        expm1: _total(math.expm1),
        sp.log: _total(math.log),
        log1p: _total(math.log1p),
        sp.tanh: math.tanh,
        sp.sinh: _total(math.sinh),
        sp.cosh: _total(math.cosh),
        sp.sin: _total(math.sin),
        sp.cos: _total(math.cos),
        sp.tan: _total(math.tan),
        sp.atan: math.atan,
        sp.asinh: math.asinh,
        sp.erf: math.erf,
        sp.erfc: math.erfc,
        sp.Abs: abs,
        sp.Max: max,
        sp.Min: min,
        sp.sign: _float_sign,
        sp.Heaviside: lambda u, at_zero: (at_zero, 1.0, 0.0)[_float_sign(u)],
    },
    float,
    _float_sign,
    lambda value, degree: value ** (1 / degree) if value >= 0 else math.nan,
)
"""Python's floats; rounding is not accounted for."""
