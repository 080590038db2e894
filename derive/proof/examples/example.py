"""A worked example: a small network at exact random numbers, and formulas evaluated on it as NumPy would.

Shapes follow NumPy's rules, so a wrong formula may fit by chance, or be repeated along an axis. The numbers are
integers and fractions. An activation without exponentials is evaluated as it is; of any other only what is known of
it is used, f' = g(f), its values being drawn when they are first needed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from derive.model.activation import Activation
from derive.model.expression import Z
from derive.proof.grading.terms import ORDERS, Term
from derive.proof.grading.truth import line
from derive.proof.numbers.arrays import Arrays
from derive.proof.theorems.relations import A, relation

WEIGHTS, VALUES = 9, 99
"""The largest weight or datum, and the largest value of an opaque activation."""


@cache
def _rational(function: Activation, order: int) -> sp.Expr | None:
    """f or f', if it is made of sums, products and cases only; None if it is not."""
    formula = function.initial
    if not all(isinstance(part, sp.Piecewise) for part in formula.atoms(sp.Function)):
        return None
    return formula.diff(Z) if order else formula


@cache
def _coefficients(function: Activation) -> tuple[Fraction, ...] | None:
    """Those of the polynomial g in f' = g(f), the highest first; None if there is none."""
    g = relation(function)
    if g is None:
        return None
    return tuple(Fraction(int(x.p), int(x.q)) for x in sp.Poly(g, A).all_coeffs())


@dataclass
class Neuron:
    """An activation at exact numbers; None is one about which nothing is known."""

    activation: Activation | None
    draw: random.Random
    known: dict[tuple[int, Any], Any] = field(default_factory=dict)

    def __call__(self, order: int, z: Any) -> Any:
        """f(z), or f'(z) for order 1."""
        if (order, z) not in self.known:
            self.known[order, z] = self._value(order, z)
        return self.known[order, z]

    def _value(self, order: int, z: Any) -> Any:
        if self.activation is None:
            return self._drawn()
        if (formula := _rational(self.activation, order)) is not None:
            exact = formula.xreplace({Z: sp.Rational(z.numerator, z.denominator)})
            if exact.is_Rational:
                return Fraction(int(exact.p), int(exact.q))
        coefficients = _coefficients(self.activation) if order else None
        if coefficients is None:
            return self._drawn()
        value, result = self(0, z), Fraction(0)
        for coefficient in coefficients:
            result = result * value + coefficient
        return result

    def _drawn(self) -> Fraction:
        return Fraction(self.draw.choice((-1, 1)) * self.draw.randint(2, VALUES))


@dataclass
class Example(Arrays):
    """The numbers of one example, and the formulas on them."""

    sizes: tuple[int, ...]
    samples: int
    activations: tuple[Activation | None, ...]
    seed: int
    mean: int = 0
    """What N stands for, if it is not the number of rows."""
    around: tuple[int, ...] = ()
    """For each layer around how many layers its residual connection goes; () if there is none."""

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.sizes} {self.samples} {self.seed}")
        self.depth = len(self.activations)
        self.known: dict[Term, Any] = {}
        self.neurons = {f: Neuron(f, self.draw) for f in self.activations}
        self.values: dict[str, Any] = {"y": self._random(self.samples, self.sizes[-1])}
        self.values["a0"] = self._random(self.samples, self.sizes[0])
        for k in range(1, self.depth + 1):
            self.values[f"W{k}"] = self._random(self.sizes[k], self.sizes[k - 1])
            self.values[f"b{k}"] = self._random(1, self.sizes[k])
            self.values[f"z{k}"] = self.values[f"a{k - 1}"] @ self.values[f"W{k}"].T + self.values[f"b{k}"]
            self.values[f"a{k}"] = self.applied("f", k, self.values[f"z{k}"])
            if self.around and (own := self.around[k - 1]):
                self.values[f"a{k}"] = self.values[f"a{k}"] + self.values[f"a{k - own}"]
        for k in range(self.depth, 0, -1):
            for base in ("da", "delta", "dW", "db") if self.around else ("delta", "dW", "db"):
                self.values[f"{base}{k}"] = self.value(line(base, k, self.depth, self.around))

    def _random(self, rows: int, columns: int) -> Any:
        entries = [Fraction(self.draw.choice((-1, 1)) * self.draw.randint(1, WEIGHTS)) for _ in range(rows * columns)]
        return np.array(entries, dtype=object).reshape(rows, columns)

    def number(self, value: Fraction) -> Any:
        return value

    def mean_over(self) -> Any:
        return Fraction(self.mean or self.samples)

    def applied(self, head: str, layer: int, array: Any) -> Any:
        neuron = self.neurons[self.activations[layer - 1]]
        return np.array([neuron(ORDERS[head], z) for z in array.ravel()], dtype=object).reshape(array.shape)

    def inverse(self, matrix: Any) -> Any:
        inverse = sp.Matrix(matrix.tolist()).inv()
        return np.array([Fraction(int(x.p), int(x.q)) for x in inverse], dtype=object).reshape(matrix.shape)
