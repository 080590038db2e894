"""What NumPy's functions do to the entries of arrays: to expressions in one z, and to residues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from derive.algebra.residues import PRIME

UNARY: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "negative": lambda u: -u,
    "positive": lambda u: u,
    "square": lambda u: u**2,
    "reciprocal": lambda u: 1 / u,
    "exp": sp.exp,
    "expm1": lambda u: sp.exp(u) - 1,
    "log": sp.log,
    "log1p": lambda u: sp.log(1 + u),
    "sqrt": sp.sqrt,
    "tanh": sp.tanh,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "sin": sp.sin,
    "cos": sp.cos,
    "arctan": sp.atan,
    "arcsinh": sp.asinh,
}
GROWING = ("exp", "expm1", "sinh", "cosh")
"""Functions that make of a number one with as many digits."""
BINARY: dict[str, Callable[[sp.Expr, sp.Expr], sp.Expr]] = {
    "add": lambda u, v: u + v,
    "subtract": lambda u, v: u - v,
    "multiply": lambda u, v: u * v,
    "divide": lambda u, v: u / v,
    "power": lambda u, v: u**v,
}
RESIDUES: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda u, v: (u + v) % PRIME,
    "subtract": lambda u, v: (u - v) % PRIME,
    "multiply": lambda u, v: u * v % PRIME,
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "less": lambda u, v: u < v,
    "less_equal": lambda u, v: u <= v,
    "greater": lambda u, v: u > v,
    "greater_equal": lambda u, v: u >= v,
    "equal": lambda u, v: u == v,
    "not_equal": lambda u, v: u != v,
}
CHOICES: dict[str, Callable[[Any, Any], bool]] = {
    "maximum": lambda u, v: bool(u >= v),
    "minimum": lambda u, v: bool(u <= v),
}
