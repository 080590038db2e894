"""Ball arithmetic: every number is a midpoint and a radius, and the exact result always lies inside.

An `Arithmetic` for `algebra.evaluate` on object arrays of Arb's real balls (python-flint). What a function does to a
ball stands in the table `BALLS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from derive.algebra.evaluate import Arithmetic
from derive.algebra.pointwise import KinkError, Numbers
from derive.model.errors import DeriveError

INSTALL = "pip install 'derive[rigor]'"


def flint() -> Any:
    """The package python-flint. Raises DeriveError, which says how to install it."""
    try:
        return import_module("flint")
    except ImportError:
        raise DeriveError(f"ball arithmetic needs python-flint, which is not installed; {INSTALL}") from None


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Compute with this many bits inside the `with`."""
    context = flint().ctx
    before = context.prec
    context.prec = bits
    try:
        yield
    finally:
        context.prec = before


class Balls(Arithmetic):
    """Object arrays of balls. Sums and products are Arb's; matrix products are its block products."""

    def number(self, value: sp.Rational) -> Any:
        return np.array(constant(sp.Rational(value)), dtype=object)

    def matmul(self, left: Any, right: Any) -> Any:
        matrix = flint().arb_mat
        product = matrix(left.tolist()) * matrix(right.tolist())
        return np.array(product.tolist(), dtype=object).reshape(len(left), right.shape[1])


def balls(array: Any) -> Any:
    """An array of floats as balls of radius 0: exactly these numbers."""
    ball = flint().arb
    values = np.asarray(array, dtype=np.float64)
    return _filled([ball(value) for value in values.ravel().tolist()], values.shape)


def _filled(values: list[Any], shape: tuple[int, ...]) -> Any:
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result.reshape(shape)


def constant(value: sp.Expr) -> Any:
    """A ball around a number: a rational one, pi or e."""
    if value.is_Rational:
        package = flint()
        return package.arb(package.fmpq(int(value.p), int(value.q)))
    if value in CONSTANTS:
        return getattr(flint().arb, CONSTANTS[value])()
    raise NotImplementedError(f"{value} as a ball")


def _sign(u: Any) -> int:
    """-1, 0 or 1, which every number in the ball has."""
    if u > 0:
        return 1
    if u < 0:
        return -1
    if u.is_exact() and u == 0:
        return 0
    raise KinkError(f"{u.str(5)} may have either sign")


def _method(name: str) -> Callable[..., Any]:
    return lambda u, *rest: getattr(u, name)(*rest)


CONSTANTS: dict[Any, str] = {sp.pi: "pi", sp.E: "const_e"}

BALLS: dict[Any, Callable[..., Any]] = {
    sp.exp: _method("exp"),
    expm1: _method("expm1"),
    sp.log: _method("log"),
    log1p: _method("log1p"),
    sp.tanh: _method("tanh"),
    sp.sinh: _method("sinh"),
    sp.cosh: _method("cosh"),
    sp.sin: _method("sin"),
    sp.cos: _method("cos"),
    sp.tan: _method("tan"),
    sp.atan: _method("atan"),
    sp.asinh: _method("asinh"),
    sp.erf: _method("erf"),
    sp.erfc: _method("erfc"),
    # Continuous at their kinks, so that a ball is enough; where their slope is asked for, a sign decides.
    sp.Abs: abs,
    sp.Max: lambda u, *rest: u if not rest else BALLS[sp.Max](u.max(rest[0]), *rest[1:]),
    sp.Min: lambda u, *rest: u if not rest else BALLS[sp.Min](u.min(rest[0]), *rest[1:]),
    sp.sign: lambda u: flint().arb(_sign(u)),
    sp.Heaviside: lambda u, at_zero: (at_zero, flint().arb(1), flint().arb(0))[_sign(u)],
}
"""SymPy's function → what it makes of balls."""

NUMBERS = Numbers(BALLS, constant, _sign, lambda ball, degree: ball.root(degree))
"""Balls as numbers that a formula can be evaluated at."""
