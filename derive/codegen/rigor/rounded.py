"""A stand-in for NumPy under which a module's text gives balls that hold whatever floating point may make of it.

Every operation returns the ball of its exact result, widened by what one rounding may do; a sum or a dot product by
what rounding may do in whatever order it is added up, fused or not (Higham 2002, section 3.1). What that takes for
granted about the machine is in `TAKEN`. A comparison that rounding may turn over has no result: `KinkError`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.balls import BALLS, NUMBERS, Balls, constant, flint
from derive.algebra.pointwise import each
from derive.codegen.exact.frame import changed, exact_functions
from derive.codegen.exact.meter import NotUnderstoodError
from derive.codegen.exact.namespace import run
from derive.codegen.exact.stand_in import StandIn
from derive.model.architecture import Architecture
from derive.model.expression import Z

ULPS, OWN_ULPS = 4, 8
TAKEN = (
    "IEEE arithmetic, rounding to nearest, with gradual underflow",
    f"NumPy's exp, tanh and other elementary functions, that they are within {ULPS} units in the last place",
    "BLAS, that it adds up products, in any order",
    f"functions of the module's own such as _normal_cdf, if their text is derive's, that they are within {OWN_ULPS} "
    "units of what they stand for (docs/numerical-trust.md)",
)
Balled = Callable[..., Any]

EXACT: dict[str, Balled] = {
    "negative": lambda u: -u,
    "positive": lambda u: u,
    "absolute": abs,
    "maximum": BALLS[sp.Max],
    "minimum": BALLS[sp.Min],
}
"""What never rounds."""
ONCE: dict[str, Balled] = {
    "add": lambda u, v: u + v,
    "subtract": lambda u, v: u - v,
    "multiply": lambda u, v: u * v,
    "divide": lambda u, v: u / v,
    "square": lambda u: u * u,
    "reciprocal": lambda u: 1 / u,
    "sqrt": lambda u: u.sqrt(),
}
"""What IEEE 754 rounds once."""
ELEMENTARY: dict[str, Balled] = {
    **{function.__name__: BALLS[function] for function in BALLS if function.__name__ not in ("Abs", "Max", "Min")},
    "arctan": BALLS[sp.atan],
    "arcsinh": BALLS[sp.asinh],
    "power": lambda u, v: u ** int(v.unique_fmpz()) if v.unique_fmpz() is not None else u**v,
}
"""What NumPy computes to a few units in the last place."""


class Rounded(StandIn):
    """The object that a module gets for `import numpy`: object arrays of balls that claim the module's dtype."""

    def __init__(self, dtype: str) -> None:
        constants: Any = SimpleNamespace(constant=lambda value: self.inexact(constant(value)))
        super().__init__(constants, 0, dtype)
        info: Any = np.finfo(np.dtype(dtype))
        self.kind = np.dtype(dtype).type
        self.unit = flint().arb(float(info.eps)) / 2
        self.tiny = flint().arb(float(info.smallest_subnormal))

    def widened(self, ball: Any, roundings: int = 1) -> Any:
        """The ball with all that rounding may make of it, `roundings` half units in the last place away."""
        if ball.is_exact() and ball == 0:
            return ball
        return ball + flint().arb(0, (ball.abs_upper() * self.unit + self.tiny) * roundings)

    def inexact(self, ball: Any) -> Any:
        """A constant as the module's floats hold it, perhaps by way of a float64."""
        return self.widened(ball, 2)

    def any_order(self, ball: Any, magnitude: Any, terms: int) -> Any:
        """A sum of so many terms, whose absolute values add up to `magnitude`, in whatever order it is added up."""
        most = magnitude.abs_upper()
        if most == 0:
            return ball
        share = self.unit * terms
        return ball + flint().arb(0, (share / (1 - share) * most + self.tiny * terms).abs_upper())

    # What StandIn does with residues.

    def array(self, entries: Any) -> Any:
        return np.asarray(entries, dtype=object).view(self.exact)

    def entries(self, value: Any) -> Any:
        if isinstance(value, self.exact):
            return value.view(np.ndarray)
        if isinstance(value, np.ndarray) and value.dtype == bool:
            return _each(lambda entry: flint().arb(int(entry)), value)
        if isinstance(value, np.ndarray) and value.ndim:
            raise NotUnderstoodError("numbers that come from neither the data nor the parameters")
        return self.number(value)

    def number(self, value: Any) -> Any:
        """A literal or a Python number."""
        number = value.item() if isinstance(value, np.generic | np.ndarray) else value
        rational = sp.Rational(number)
        exact = sp.Rational(float(self.kind(float(rational)))) == rational
        ball = constant(rational)
        return np.array(ball if exact else self.inexact(ball), dtype=object)

    def empty(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        if dtype is bool or dtype == np.dtype(bool):
            return np.zeros(shape, bool)
        return self.array(np.full(shape, flint().arb.nan(), dtype=object))

    def zeros(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        return self.array(np.full(shape, flint().arb(0), dtype=object))

    def ones(self, shape: Any, dtype: Any = None, **_: Any) -> Any:
        return self.array(np.full(shape, flint().arb(1), dtype=object))

    def compute(self, name: str, inputs: tuple[Any, ...]) -> Any:
        arrays = [self.entries(value) for value in inputs]
        if name in EXACT:
            return _each(EXACT[name], *arrays)
        if name in ONCE:
            return _each(lambda *balls: self.widened(ONCE[name](*balls)), *arrays)
        if name in ELEMENTARY:
            return _each(lambda *balls: self.widened(ELEMENTARY[name](*balls), 2 * ULPS), *arrays)
        raise NotUnderstoodError(f"np.{name}")

    def known(self, function: Callable[..., sp.Expr]) -> Callable[..., Any]:
        """In place of a function of the module: what it stands for, a `function` of z and perhaps of factors."""

        def called(z: Any, *factors: Any, out: Any = None) -> Any:
            names = (Z, *sp.symbols(f"x:{len(factors)}", real=True))
            arrays = {str(name): self.entries(array) for name, array in zip(names, (z, *factors), strict=True)}
            exact = each(function(*names), NUMBERS, arrays)
            return self.written(_each(lambda ball: self.widened(ball, 2 * OWN_ULPS), exact), out)

        return called

    def compare(self, relation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        balls = [self.entries(side) for side in (left, right)]
        return _each(lambda u, v: bool(relation(NUMBERS.sign(u - v), 0)), *balls).astype(bool)

    def product(self, left: Any, right: Any, out: Any = None) -> Any:
        u, v = self.entries(left), self.entries(right)
        if not 1 <= u.ndim <= 2 or not 1 <= v.ndim <= 2:
            raise NotUnderstoodError("a product of anything but vectors and matrices")
        shape = (*u.shape[:-1], *v.shape[1:])
        u, v = u.reshape(-1, u.shape[-1]), v.reshape(len(v), -1)
        magnitudes = (_each(lambda ball: ball.abs_upper(), side) for side in (u, v))

        def summed(ball: Any, magnitude: Any) -> Any:
            return self.any_order(ball, magnitude, u.shape[1])

        return self.written(_each(summed, Balls().matmul(u, v), Balls().matmul(*magnitudes)).reshape(shape), out)

    def total(self, array: Any, axis: Any, keepdims: bool, out: Any) -> Any:
        balls = self.entries(array)
        total = np.asarray(balls.sum(axis=axis, keepdims=keepdims), dtype=object)
        magnitude = np.asarray(_each(abs, balls).sum(axis=axis, keepdims=keepdims), dtype=object)
        terms = balls.size // max(total.size, 1)
        return self.written(_each(lambda ball, m: self.any_order(ball, m, terms), total, magnitude), out)

    def largest(self, array: Any, axis: Any, keepdims: bool, out: Any) -> Any:
        most = np.frompyfunc(BALLS[sp.Max], 2, 1).reduce(self.entries(array), axis=axis, keepdims=keepdims)
        return self.written(np.asarray(most, dtype=object), out)

    def mean(self, array: Any, axis: Any = None, keepdims: Any = False) -> Any:
        raise NotUnderstoodError("np.mean")

    def einsum(self, subscripts: str, *operands: Any) -> Any:
        raise NotUnderstoodError("np.einsum")

    def resolved(self, array: Any) -> Any:
        return self.entries(array)


def any_order(text: str, architecture: Architecture, theta: Any, X: Any, Y: Any) -> tuple[Any, Any]:
    """Balls for the loss and the gradient as the module may compute them; theta, X and Y are arrays of balls.

    Raises NotUnderstoodError, KinkError, or whatever the module raises.
    """
    stand_in = Rounded(architecture.dtype)
    module = run(text, stand_in, "rounded")
    known = {name: function for name, function in exact_functions(text, architecture).items() if name in module}
    if not set(known) & set(changed(text, architecture)):
        module |= {name: stand_in.known(function) for name, function in known.items()}
    module["_targets"] = lambda Y: None  # the data have passed the door already
    value, gradient = module["loss_and_gradient"](*map(stand_in.array, (theta, X, Y)))
    return stand_in.entries(value), stand_in.entries(gradient)


def _each(function: Balled, *arrays: Any) -> Any:
    """The function at every entry, after broadcasting, as an object array."""
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), dtype=object)
