"""Scalar expressions such as `z / (1 + exp(-beta*z))`, read into SymPy over a whitelist.

    >>> read_expression("z / (1 + exp(-beta*z))", {"z": Z, "beta": 1})
    z/(1 + exp(-z))

Decimal numbers are read exactly (0.01 is 1/100), so that every later step can be exact. A kink is
written with `where`, and *the branch that a point falls into gives its derivative there*: the
convention at a kink is part of the forward expression. `where(z > 0, z, 0)` says f'(0) = 0, as
PyTorch and JAX do. `max`, `min` and `abs` are short for such a `where` (see `FUNCTIONS`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sympy as sp

from derive.model.errors import FormulaError, shorten, unknown
from derive.model.limits import LIMITS
from derive.model.reader import MAX_EXPONENT, Reader, parse

MAX_LOGARITHM = 700  # of a constant power, so that it stays a float64

Z = sp.Symbol("z", real=True)
"""The argument of every activation function: the input of a neuron, a real number."""

CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E}


def _where(condition: Any, inside: sp.Expr, outside: sp.Expr) -> sp.Expr:
    return sp.Piecewise((inside, condition), (outside, True))


def _choice(larger: bool, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """max or min of a and b; at a tie the constant one gives the derivative, so max(0, z)' = 0 at 0."""
    constant, other = (b, a) if b.is_number else (a, b)
    if isinstance(other, sp.Piecewise):  # branch by branch, so that conditions stay comparisons of z
        return sp.Piecewise(*((_choice(larger, constant, value), condition) for value, condition in other.args))
    if not other.free_symbols:
        return max(a, b) if larger else min(a, b)
    return _where(other > constant if larger else other < constant, other, constant)


def _absolute(a: sp.Expr) -> sp.Expr:
    """|a|, with derivative 0 where a = 0."""
    return sp.Piecewise((a, a > 0), (-a, a < 0), (sp.S.Zero, True))


FUNCTIONS: dict[str, tuple[int, Callable[..., sp.Expr]]] = {
    "exp": (1, sp.exp),
    "log": (1, sp.log),
    "log1p": (1, lambda u: sp.log(1 + u)),
    "expm1": (1, lambda u: sp.exp(u) - 1),
    "sqrt": (1, sp.sqrt),
    "tanh": (1, sp.tanh),
    "sinh": (1, sp.sinh),
    "cosh": (1, sp.cosh),
    "sin": (1, sp.sin),
    "cos": (1, sp.cos),
    "atan": (1, sp.atan),
    "asinh": (1, sp.asinh),
    "erf": (1, sp.erf),
    "abs": (1, _absolute),
    "max": (2, partial(_choice, True)),
    "min": (2, partial(_choice, False)),
    "where": (3, _where),
}
"""Name → (number of arguments, meaning). What is not here is refused."""

CASES = ("where", "abs", "max", "min")
"""Functions that are told apart by a comparison."""

NOT_DIFFERENTIABLE = {
    name: f"{name} is constant between its jumps, so its derivative teaches nothing"
    for name in ("floor", "ceil", "round", "sign", "sgn", "step", "heaviside", "trunc")
}

GROWING = ("exp", "expm1", "sinh", "cosh")
"""Functions whose value at a number has as many digits as the number is large."""
LOGARITHMS = ("log", "log1p")
"""Functions that SymPy, asked for few digits, takes for 0 next to 1, and divides by that where it compares."""


class ScalarReader(Reader):
    """Reads a scalar expression whose names stand for the given SymPy values."""

    def __init__(self, names: Mapping[str, sp.Expr]) -> None:
        self.names = {**CONSTANTS, **names}

    def number(self, value: float, node: ast.AST) -> sp.Expr:
        return sp.Rational(str(value))

    def name(self, name: str, node: ast.AST) -> sp.Expr:
        if name in self.names:
            return self.names[name]
        if name in FUNCTIONS:
            self.fail(node, f"{name} is a function; write {name}(...)")
        self.fail(node, str(unknown("name", name, self.names)))

    def negative(self, value: sp.Expr, node: ast.AST) -> sp.Expr:
        self.check_numbers(node, value)
        return -value

    def check_numbers(self, node: ast.AST, *values: sp.Basic) -> None:
        """Refuse a comparison where a number has to be; a quantity of a text may be neither, and is left alone."""
        if any(isinstance(value, sp.Basic) and not isinstance(value, sp.Expr) for value in values):
            self.fail(node, "a comparison belongs into where(condition, ..., ...)")

    def binary(self, operator: str, left: sp.Expr, right: sp.Expr, node: ast.AST) -> sp.Expr:
        self.check_numbers(node, left, right)
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                if right == 0:
                    self.fail(node, "division by zero")
                return left / right
            case "**":
                return self.power(left, right, node)
        self.fail(node, f"the operator {operator} has no place between numbers")

    def power(self, base: sp.Expr, exponent: sp.Expr, node: ast.AST) -> sp.Expr:
        """base ** exponent, for constant exponents up to a limit or constant positive bases."""
        if exponent.is_Rational and abs(exponent) <= MAX_EXPONENT and exponent.q <= 4:
            if base == 0 and exponent < 0:
                self.fail(node, "division by zero")
            if base.is_number and abs(sp.N(sp.log(abs(base) + 1)) * exponent) > MAX_LOGARITHM:
                self.fail(node, "the number is too large")
            self.check_exponents(node, exponent, (power.exp for power in base.atoms(sp.Pow)))
            return base**exponent
        if not exponent.is_number and base.is_number and base.is_positive:
            return sp.exp(exponent * sp.log(base))
        self.fail(
            node,
            f"the exponent has to be a number of size at most {MAX_EXPONENT} (whole, half, third or quarter)",
        )

    def compare(self, operator: str, left: sp.Expr, right: sp.Expr, node: ast.AST) -> Any:
        self.check_numbers(node, left, right)
        for side in (left, right):
            if side.has(sp.I, sp.zoo, sp.nan, sp.oo):
                self.fail(node, "a side of the comparison is not real")
        relation = {">": sp.Gt, ">=": sp.Ge, "<": sp.Lt, "<=": sp.Le}[operator](left, right)
        if relation in (sp.true, sp.false):
            self.fail(node, "the comparison never changes")
        return relation

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> sp.Expr:
        if name in NOT_DIFFERENTIABLE:
            self.fail(node, NOT_DIFFERENTIABLE[name])
        if name not in FUNCTIONS:
            self.fail(node, str(unknown("function", name, FUNCTIONS)))
        count, function = FUNCTIONS[name]
        if len(arguments) != count:
            self.fail(node, f"{name} takes {count} argument{'s' * (count > 1)}, not {len(arguments)}")
        values = [self.visit(argument) for argument in arguments]
        relational = [isinstance(value, sp.core.relational.Relational) for value in values]
        if relational != [name == "where", *[False] * (count - 1)]:
            self.fail(node, "where needs a comparison first, as in where(z > 0, z, 0), and nothing else does")
        try:
            if beyond_floats(name, values[0]):
                self.fail(node, "the number is too large")
            value = function(*values)
        except TypeError:  # SymPy's, where it has to compare what has no order: 1/0, or the root of a negative number
            self.fail(node, f"{name} is taken of something that is not real everywhere")
        if name in LOGARITHMS and value.is_number and value != 0 and sp.N(value, 2) == 0:
            self.fail(node, f"{self.source(node)} is a number so near to 0 that SymPy takes it for 0")
        return value


def beyond_floats(name: str, argument: sp.Basic) -> bool:
    """Whether a function of a number is so large that SymPy could not say its sign in time, or at all."""
    return name in GROWING and bool(argument.is_number) and not abs(sp.N(argument, 5)) <= MAX_LOGARITHM


def _check_limits(text: str) -> None:
    """Refuse an expression that is longer, or has more in it, than any function that is trained with."""
    if len(text) > LIMITS["expression"].most:
        raise FormulaError(LIMITS["expression"].exceeded(len(text)))
    tree = parse(text)
    for name, count in (("functions", _functions), ("nested", _nested), ("cases", _cases)):
        if (found := count(tree)) > LIMITS[name].most:
            raise FormulaError(f"the expression {shorten(text)}: {LIMITS[name].exceeded(found)}")


def _functions(tree: ast.AST) -> int:
    return sum(isinstance(node, ast.Call) for node in ast.walk(tree))


def _nested(node: ast.AST) -> int:
    """How many functions other than cases stand within one another."""
    inner = max(map(_nested, ast.iter_child_nodes(node)), default=0)
    return inner + (isinstance(node, ast.Call) and getattr(node.func, "id", "") not in CASES)


def _cases(node: ast.AST) -> int:
    """How many cases are told apart by the value of other cases, one within another."""
    inner = [_cases(child) for child in ast.iter_child_nodes(node)]  # of a call: first its name, then its arguments
    name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
    if name == "where":
        _, *arguments = inner
        return max([1 + arguments[0], *arguments[1:]]) if arguments else 0
    return max(inner, default=0) + (name in CASES)


def read_expression(text: str, names: Mapping[str, sp.Expr | int | float]) -> sp.Expr:
    """The SymPy expression that `text` writes, with `names` given their values.

    Raises FormulaError, with the place, for anything outside the grammar, and beyond its limits.
    """
    _check_limits(text)
    values = {name: sp.Rational(str(v)) if isinstance(v, int | float) else v for name, v in names.items()}
    value = ScalarReader(values).read(text)
    if not isinstance(value, sp.Expr):
        raise FormulaError(f"the expression {text!r} is a comparison, not a number; use where(...)")
    if value.has(sp.zoo, sp.nan, sp.oo, sp.I):
        raise FormulaError(f"the expression {text!r} has no finite real value")
    return value
