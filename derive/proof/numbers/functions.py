"""Activations on residues: functions about which only what is really true of them is known.

The value of exp at a residue is drawn when it is first asked for, and its powers follow: exp(2u) = exp(u)**2.
tanh and sigmoid are made from it, so f' = 1 - a**2 holds without being stated. The sign of a residue is
drawn as well, sign(-u) = -sign(u); relu' is then 0 or 1. All other functions are plain tables.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.forward import concrete, formula_in_z
from derive.algebra.forward import functions as meanings
from derive.algebra.notation import named
from derive.algebra.residues import PRIME, inverse, residue, square_root
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.model.kinks import gaps

SMALL = 1000
"""Residues up to this one, and their opposites, have the sign that they look to have."""
PARTS = 12
MULTIPLES = [sign * m for m in (1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36, 48) for sign in (1, -1)]
"""exp at m/12 of a known argument is known too."""
WHOLE = [m // PARTS for m in MULTIPLES if m % PARTS == 0]


def is_activation(function: Any) -> bool:
    """Whether a function of a program is a layer's activation, f1, f2, …, or its derivative."""
    return getattr(function, "activation", "")[:1] == "f"


@cache
def keeps_sign(activation: Activation) -> bool:
    """Whether f is made of cases, f(0) = 0 and f' >= 0 everywhere, so that a = f(z) has the sign of z or is 0."""
    if not activation.elementwise or activation.trained or not activation.formula.has(sp.Piecewise):
        return False
    formula, t = activation.formula, sp.Dummy("t", positive=True)
    if formula.subs(Z, 0) != 0:
        return False
    slope = formula.diff(Z)
    return all(slope.subs(Z, z).is_nonnegative for z in (t, -t))


class NoResidueError(Exception):
    """The value has no meaning modulo the prime."""


def gaps_of(activations: tuple[Activation, ...], architecture: Architecture | None = None) -> tuple[sp.Rational, ...]:
    """How far apart the kinks of a function of a network are, for all of them."""
    parts = architecture.loss.parts if architecture else ()
    formulas = {f.formula for f in activations if f.elementwise} | {part.h for part in parts}
    return tuple(sorted(set().union(*map(gaps, formulas))))


@dataclass
class ResidueFunctions:
    """Functions of residues; equal arguments have equal values."""

    activations: tuple[Activation, ...]
    draw: random.Random
    architecture: Architecture | None = None
    known: dict[tuple[Any, int], int] = field(default_factory=dict)
    formulas: dict[tuple[int, int], sp.Expr] = field(default_factory=dict)
    constants: dict[int, dict[sp.Basic, sp.Basic]] = field(default_factory=dict)
    """For each layer the residues of its activation's trained constants."""
    roots: set[int] = field(default_factory=set)
    """Residues that are square roots of others, as far as one was taken."""

    @cached_property
    def gaps(self) -> tuple[int, ...]:
        """Distances over which signs keep their order: what lies above a positive number is positive."""
        return tuple(map(residue, gaps_of(self.activations, self.architecture)))

    def __call__(self, function: Any, array: Any, *further: Any) -> Any:
        """For `evaluate`: a function of one number, and of trained constants, applied to each entry."""
        if is_activation(function) and not further:
            return self.activation(int(function.activation[1:]), function.order, array)
        if self.architecture is None:
            raise NoResidueError(str(function))
        if further:
            formula, _ = concrete(function, meanings(self.architecture))
            return self.each(formula.xreplace(self.constants[int(function.activation[1:])]), array)
        return self.each(formula_in_z(function, self.architecture), array)

    def settle(self, drawn: Mapping[str, int]) -> None:
        """Fix the trained constants of the activations at the residues that were drawn, by names such as beta2."""
        for layer, activation in enumerate(self.activations, 1):
            own = {s: sp.Integer(drawn[named(name, layer)]) for name, s in activation.symbols.items()}
            self.constants[layer] = own

    def activation(self, layer: int, order: int, array: Any) -> Any:
        """f of a layer, or its derivative, at each entry."""
        key = (layer, order)
        if key not in self.formulas:
            formula = self.activations[layer - 1].formula.xreplace(self.constants.get(layer, {}))
            self.formulas[key] = formula.diff(Z, order) if order else formula
        values = self.each(self.formulas[key], array)
        if order == 0 and keeps_sign(self.activations[layer - 1]):
            for z, a in zip(array.ravel(), values.ravel(), strict=True):
                self.know_sign(int(a), self.sign(int(z)))
        return values

    def each(self, formula: sp.Expr, array: Any) -> Any:
        """A formula in Z at each entry."""
        if formula == Z:
            return array
        values = [self.at(formula, int(z)) for z in array.ravel()]
        return np.array(values, dtype=np.int64).reshape(array.shape)

    def at(self, formula: sp.Expr, z: int) -> int:
        key = (formula, z)
        if key not in self.known:
            self.known[key] = self.value(formula, z) % PRIME
        return self.known[key]

    def value(self, expr: sp.Expr, z: int) -> int:
        if expr == Z:
            return z
        if expr.is_Rational:
            return residue(expr)
        match expr:
            case sp.Add():
                return sum(self.value(part, z) for part in expr.args)
            case sp.Mul():
                product = 1
                for part in expr.args:
                    product = product * self.value(part, z) % PRIME
                return product
            case sp.Pow(base=base, exp=power) if power.is_Integer:
                return pow(self.value(base, z), int(power), PRIME)
            case sp.Pow(base=base, exp=power) if power.is_Rational and power.q == 2:
                return pow(self.root(self.value(base, z) % PRIME), int(power.p), PRIME)
            case sp.exp():
                return self.exponential(self.value(expr.args[0], z) % PRIME)
            case sp.log() if expr.has(Z):
                return self.logarithm(self.value(expr.args[0], z) % PRIME)
            case sp.tanh():
                square = self.exponential(2 * self.value(expr.args[0], z) % PRIME)
                return (square - 1) * inverse(square + 1)
            case sp.sinh() | sp.cosh():
                up = self.exponential(self.value(expr.args[0], z) % PRIME)
                down = inverse(up)
                return (up + (down if isinstance(expr, sp.cosh) else -down)) * inverse(2)
            case sp.pi:
                return self.drawn(("root", expr)) ** 2
            case sp.E:
                return self.exponential(1)
            case sp.Piecewise():
                for branch, condition in expr.args:
                    if self.holds(condition, z):
                        return self.value(branch, z)
        if expr.is_number and not expr.is_real:
            raise NoResidueError(f"{expr} is no real number")
        if expr.is_number or isinstance(expr, sp.Function | sp.Pow):
            arguments = tuple(self.value(part, z) % PRIME for part in expr.args if part.has(Z))
            fixed = tuple(part for part in expr.args if not part.has(Z))
            return self.drawn((expr.func, expr if expr.is_number else fixed, arguments))
        raise NoResidueError(str(expr))

    def holds(self, condition: Any, z: int) -> bool:
        if condition in (sp.true, sp.false):
            return bool(condition)
        if not isinstance(condition, sp.core.relational.Relational):
            raise NoResidueError(str(condition))
        sign = self.sign(self.value(condition.lhs - condition.rhs, z) % PRIME)
        return bool(condition.func(sp.Integer(sign), 0))

    def sign(self, value: int) -> int:
        if value == 0:
            return 0
        smaller = min(value, PRIME - value)
        if not self.seen(smaller):
            bounds = ((gap, self.seen((smaller + gap) % PRIME)) for own in self.gaps for gap in (own, -own))
            self.know_sign(smaller, next((sign for gap, sign in bounds if sign * gap < 0), 0))
            self.drawn(("sign", smaller))
        return self.seen(value)

    def seen(self, value: int) -> int:
        """The sign of a value as far as it is known; 0 if it is not."""
        smaller = min(value, PRIME - value)
        drawn = 1 if 0 < smaller <= SMALL else self.known.get((("sign", smaller), 0), 0)
        sign = drawn and (1 if drawn % 2 else -1)
        return sign if smaller == value else -sign

    def know_sign(self, value: int, sign: int) -> None:
        """From now on `value` has this sign, unless it has one already."""
        smaller = min(value, PRIME - value)
        if value and sign:
            self.known.setdefault((("sign", smaller), 0), 1 if (sign > 0) == (smaller == value) else 2)

    def root(self, value: int) -> int:
        """The square root; a table for what has none."""
        found = square_root(value)
        if found is None:
            return self.drawn(("root", value))
        self.roots.add(found)
        return found

    def exponential(self, value: int) -> int:
        if value == 0:
            return 1
        if ("exp", value) not in self.known:
            root, part = self.draw.randrange(2, PRIME - 1), value * inverse(PARTS) % PRIME
            self.know_exponentials(part, root, MULTIPLES)
        return self.known[("exp", value)]

    def logarithm(self, value: int) -> int:
        """The logarithm, of which the exponential is known, and that of its multiples."""
        found = self.drawn(("log", value))
        if value:
            self.know_exponentials(found, value, WHOLE)
        return found

    def know_exponentials(self, at: int, base: int, multiples: list[int]) -> None:
        """exp(m * at) = base**m for these m, unless another value was drawn already."""
        for m in multiples:
            self.known.setdefault(("exp", at * m % PRIME), pow(base, m, PRIME))

    def drawn(self, key: tuple[Any, ...]) -> int:
        where = (key, 0)
        if where not in self.known:
            self.known[where] = self.draw.randrange(1, PRIME)
        return self.known[where]
