"""The text of functions that NumPy does not have, or not accurately enough, as an emitted module needs them.

Every polynomial is interpolated anew from the function that it stands for (`codegen.forms.chebyshev`). Each function
takes `out`, as NumPy's own do. An audit takes them for the exact functions that they approximate (`meanings`), and
compares their text with what stands here; how near they come is measured by `make trust`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from derive.codegen.forms.chebyshev import DIGITS, interpolation
from derive.codegen.statements.accurate import KNOWN, NORMAL_CDF, Kernel
from derive.codegen.statements.arrays import written
from derive.codegen.statements.lower import lower_scalar
from derive.model.expression import Z

WIDTH = 100
MIDDLE = 4
"""Phi(-u) is expanded in y = (u - MIDDLE) / (u + MIDDLE), which takes [0, oo) to [-1, 1)."""
LARGEST = 40
"""exp(-u**2/2) is zero beyond it in every dtype."""
NEGLIGIBLE = 1e-17
DEGREES = range(6, 40, 2)
ZERO = -1600
"""An exponent of half of which the exponential is zero in every dtype."""


@dataclass(frozen=True)
class Text:
    """A function of an emitted module: its name, its arguments, the lines of its docstring and of its body."""

    name: str
    arguments: str
    doc: tuple[str, ...]
    lines: tuple[str, ...]
    writes: bool = True
    """Whether it takes `out`."""

    def __str__(self) -> str:
        first, *rest = self.doc
        doc = [f'    """{first}', *(f"    {line}".rstrip() for line in rest), *['    """'] * bool(rest)]
        doc[-1] += '"""' * (not rest)
        head = f"def {self.name}({self.arguments}{', out=None' * self.writes}):"
        return "\n".join([head, *doc, *(f"    {line}" for line in self.lines)])


def used(text: str, dtype: str) -> list[Text]:
    """The functions of this file that the lines in `text` call, and those that these call in turn."""
    found: dict[str, Text] = {}
    waiting = [text]
    while waiting:
        for name in called(waiting.pop()):
            if name not in found:
                found[name] = _text(name, dtype)
                waiting.append("\n".join(found[name].lines))
    return [found[name] for name in sorted(found)]


def called(text: str) -> set[str]:
    """The names of functions of this file that are called in `text`."""
    return {name for name in re.findall(r"\b_\w+(?=\()", text) if name in FIXED or name in KNOWN}


def meanings(names: Iterable[str]) -> dict[str, Callable[..., sp.Expr]]:
    """For every one of the names that stands for a function, that function, exactly."""
    known = {"_normal_cdf": lambda z, x: x * NORMAL_CDF.subs(Z, z), "_erf": sp.erf}
    return {name: known[name] if name in known else _exact(KNOWN[name]) for name in names if name != "_horner"}


def _exact(kind: type[Kernel]) -> Callable[[sp.Expr], sp.Expr]:
    return lambda z: kind.body.subs(Z, z)


@cache
def _text(name: str, dtype: str) -> Text:
    if name in FIXED:
        return FIXED[name](dtype)
    kind = KNOWN[name]
    return _exponential(kind, dtype) if kind.form is None else near_zero(kind.title, kind.body, _far(kind.form))


def _numbers(coefficients: Iterable[Any], opening: str, closing: str) -> Iterator[str]:
    """Numbers as float64 literals, as many in a line as there is room for."""
    line = "   "
    yield opening
    for coefficient in coefficients:
        literal = f" {float(coefficient)!r},"
        if len(line) + len(literal) > WIDTH:
            yield line
            line = "   "
        line += literal
    yield from (line, closing)


def _polynomial(coefficients: list[Any]) -> list[str]:
    """Lines that set P to the polynomial with these coefficients, lowest first, at y."""
    *lower, last = coefficients
    loop = _numbers(reversed(lower[:-1]), "for c in (", "):")
    return [f"P = {float(last)!r} * y", f"P += {float(lower[-1])!r}", *loop, "    P *= y", "    P += c"]


@cache
def tail() -> list[Any]:
    """Coefficients of (u + MIDDLE) * exp(u**2/2) * Phi(-u) in y."""
    import mpmath

    def function(y: Any) -> Any:
        u = MIDDLE * (1 + y) / (1 - y)
        return (u + MIDDLE) * mpmath.exp(u * u / 2) * mpmath.erfc(u / mpmath.sqrt(2)) / 2

    return _enough(function)


def _enough(function: Callable[[Any], Any]) -> list[Any]:
    """The coefficients of the first interpolation whose last terms are negligible."""
    for count in DEGREES:
        coefficients, last = interpolation(function, count)
        if last < NEGLIGIBLE:
            return coefficients
    raise ValueError("no polynomial of moderate degree comes near enough")


def _normal_cdf(dtype: str) -> Text:
    doc = (
        "x * Phi(z) with Phi(z) = (1 + erf(z / sqrt(2))) / 2, accurate in the left tail too.",
        "",
        f"Phi(-u) = exp(-u**2 / 2) * P(y) / (u + {MIDDLE}), where y = (u - {MIDDLE}) / (u + {MIDDLE}). The exponent is",
        "split at a multiple h of 1/16, whose square is exact.",
    )
    lines = (
        f"u = np.minimum(np.abs(z), {LARGEST})",
        f"y = (u - {MIDDLE}) / (u + {MIDDLE})",
        *_polynomial(tail()),
        "h = np.floor(16 * u) / 16",
        f"near = P / (u + {MIDDLE}) * np.exp((h - u) * (h + u) / 2)",
        "far = np.exp(-h * h / 2)",
        "left = np.where(z < 0, x * near, x)",
        "return np.multiply(left, np.where(z < 0, far, 1 - near * far), out=out)",
    )
    return Text("_normal_cdf", "z, x", doc, lines)


def _erf(dtype: str) -> Text:
    root = repr(2**0.5)
    return near_zero("_erf", sp.erf(Z), [f"far = np.copysign(1 - _normal_cdf(-{root} * np.abs(z), 2), z)"])


def _horner(dtype: str) -> Text:
    split = 2.0 ** ((np.finfo(dtype).nmant + 2) // 2) + 1
    doc = (
        "A polynomial at x: its rounded value, and what rounding took from it.",
        "",
        "`coefficients` are pairs of a rounded number and its rest, that of the highest power first. Horner's rule",
        "with the errors of its products (Dekker) and sums (Knuth) carried along.",
    )
    lines = (
        "(high, low), *rest = coefficients",
        "high = high + 0 * x",
        f"t = {split!r} * x",
        "x1 = t - (t - x)",
        "x2 = x - x1",
        "for c, less in rest:",
        "    product = high * x",
        f"    t = {split!r} * high",
        "    high1 = t - (t - high)",
        "    high2 = high - high1",
        "    error = high1 * x1",
        "    error -= product",
        "    error += high1 * x2",
        "    error += high2 * x1",
        "    error += high2 * x2",
        "    high = product",
        "    if c:",
        "        high = product + c",
        "        part = high - product",
        "        error += (product - (high - part)) + (c - part)",
        "    low = low * x + error",
        "    low += less",
        "return high, low",
    )
    return Text("_horner", "x, coefficients", doc, lines, writes=False)


def _exponential(kind: type[Kernel], dtype: str) -> Text:
    """exp of a polynomial of z >= 0 that tends to minus infinity."""
    exponent = sp.Poly(kind.body.args[0], Z)
    pairs = []
    for coefficient in exponent.all_coeffs():
        exact = sp.N(coefficient, DIGITS)
        high = float(np.dtype(dtype).type(float(exact)))
        pairs.append(f"({high!r}, {float(np.dtype(dtype).type(float(exact - sp.Rational(high))))!r})")
    doc = (
        "exp of a polynomial for z >= 0, with the rounding error of the exponent made good:",
        f"{kind.body}.",
    )
    lines = (
        "high, low = _horner(",
        f"    np.minimum(z, {vanishes(exponent)}),",
        "    (",
        *(f"        {pair}," for pair in pairs),
        "    ),",
        ")",
        "return np.multiply(np.exp(high), 1 + low, out=out)",
    )
    return Text(kind.title, "z", doc, lines)


def vanishes(exponent: sp.Poly) -> int:
    """A whole number from which on exp(exponent / 2) is zero in every dtype."""
    polynomials = (exponent.diff(), exponent - ZERO)
    # without repeated roots, at which the search for them does not converge
    roots = [abs(complex(root)) for p in polynomials for root in p.sqf_part().nroots()]
    return int(max([1.0, *roots])) + 1


REACH = sp.S.One
"""How far from 0 a polynomial takes the place of terms that cancel."""


@cache
def near(body: sp.Expr) -> tuple[int, int, list[Any]]:
    """(k, p, coefficients): body = z**k times a polynomial in y for |z| <= REACH.

    p is 2 if body / z**k is even; then y = 2 * (z / REACH)**2 - 1. Otherwise it is 1, and y = z / REACH.
    """
    power = order_at_zero(body)
    even = sp.expand((body - (-1) ** power * body.subs(Z, -Z)).rewrite(sp.exp)) == 0 or body == sp.erf(Z)

    def function(y: Any) -> Any:
        import mpmath

        z = REACH * (mpmath.sqrt((1 + y) / 2) if even else y)
        value = sp.N(body.subs(Z, sp.Float(z, DIGITS)), DIGITS, maxn=400)
        return mpmath.mpf(value._mpf_) / z**power

    return power, 1 + even, _enough(function)


MAX_ORDER = 6


def order_at_zero(expr: sp.Expr) -> int:
    """The order to which a smooth function vanishes at z = 0; 0 if it does not."""
    for order in range(MAX_ORDER):
        if expr.subs(Z, 0) != 0:
            return order
        expr = expr.diff(Z)
    return MAX_ORDER


def near_zero(title: str, body: sp.Expr, far: list[str]) -> Text:
    """A function that vanishes at 0: a polynomial there, and what the lines `far` compute elsewhere."""
    power, step, coefficients = near(body)
    doc = (f"{body}; where its terms would cancel, |z| < {REACH}, z**{power} times a polynomial.",)
    lines = (
        f"x = np.minimum(np.maximum(z, -{REACH}), {REACH})",
        "y = 2 * x * x - 1" if step == 2 else "y = x",
        *_polynomial(coefficients),
        *far,
        f"return np.positive(np.where(np.abs(z) < {REACH}, {' * '.join(['x'] * power)} * P, far), out=out)",
    )
    return Text(title, "z", doc, lines)


def _far(form: sp.Expr) -> list[str]:
    z = sp.Symbol("z", real=True)
    return [f"far = {written(lower_scalar(form.xreplace({Z: z}), {'z': ()}))}"]


FIXED: dict[str, Callable[[str], Text]] = {"_normal_cdf": _normal_cdf, "_erf": _erf, "_horner": _horner}
