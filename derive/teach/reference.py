"""The derivation's quantities at chosen numbers, to hold somebody's arrays against: in floats and in residues."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import Arithmetic, evaluate
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, size
from derive.algebra.residues import Residues
from derive.codegen.cached import A, from_output
from derive.codegen.elementary import branch_at
from derive.codegen.neurons import Neurons
from derive.codegen.truth import Truth
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.arrays import Arrays
from derive.proof.terms import Term

SLOPE_OF_A = "df of a"
"""The head of a term that is f' as a function of a = f(z), such as 1 - a**2."""


class Floats(Arithmetic):
    """float64 arrays."""

    def number(self, value: sp.Rational) -> Any:
        return np.array(float(value))

    def add(self, left: Any, right: Any) -> Any:
        return left + right

    def multiply(self, left: Any, right: Any) -> Any:
        return left * right

    def power(self, base: Any, exponent: int) -> Any:
        return np.asarray(base, dtype=float) ** exponent

    def total(self, array: Any, axis: int) -> Any:
        return array.sum(axis=axis)

    def matmul(self, left: Any, right: Any) -> Any:
        return left @ right


@dataclass(frozen=True)
class Point(Arrays):
    """An architecture at random parameters and data, with every quantity of its derivation."""

    architecture: Architecture
    samples: int
    values: dict[str, Any]
    known: dict[Term, Any] = field(default_factory=dict, compare=False)

    def number(self, value: Fraction) -> Any:
        return float(value)

    def mean_over(self) -> Any:
        return self.samples

    def applied(self, head: str, layer: int, array: Any) -> Any:
        """f or f' of every entry; f' in terms of a is as it is in z if there is no such form."""
        formula = self.architecture.activations[layer - 1].initial
        if head == "f":
            return _floats(formula, array)
        form = from_output(formula) if head == SLOPE_OF_A else None
        return _floats(formula.diff(Z) if form is None else form.xreplace({A: Z}), array)

    def inverse(self, matrix: Any) -> Any:
        return np.linalg.inv(matrix)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: np.shape(value) for name, value in self.values.items()}


def point(architecture: Architecture, samples: int, seed: int) -> Point:
    """Normally distributed parameters and data, and what follows from them in float64."""
    derivation = differentiate(architecture)
    rng = np.random.default_rng(seed)
    sizes = {N: samples, **{size(k): n for k, n in enumerate(architecture.sizes)}}
    data = {t.name: rng.standard_normal(tuple(sizes[a] for a in t.axes)) for t in derivation.forward.inputs}

    def apply(function: Any, array: Any) -> Any:
        formula = architecture.activations[int(function.activation[1:]) - 1].formula
        return _floats(formula.diff(Z, function.order) if function.order else formula, array)

    values = evaluate(derivation.forward, sizes, data, apply, Floats())
    values = evaluate(derivation.gradient, sizes, values, apply, Floats())
    last = architecture.depth
    values.setdefault(f"da{last}", (values[f"a{last}"] - values["y"]) / samples)
    for label in range(last, 0, -1):  # where f' is 1, the sweep leaves one of the two out
        if label < last:
            values.setdefault(f"da{label}", values[f"delta{label + 1}"] @ values[f"W{label + 1}"])
        values.setdefault(f"delta{label}", values[f"da{label}"])
    return Point(architecture, samples, values)


def exact_gradients(truth: Truth, order: list[str]) -> dict[str, Any]:
    """Every entry of the gradients in residues: the derived equations, evaluated plainly."""
    derivation = differentiate(truth.architecture)
    neurons: Neurons = truth.neurons

    def apply(function: Any, array: Any) -> Any:
        formula = truth.architecture.activations[int(function.activation[1:]) - 1].formula
        wanted = formula.diff(Z, function.order) if function.order else formula
        values = [neurons.function(wanted, int(z)) for z in array.ravel()]
        return np.array(values, dtype=np.int64).reshape(array.shape)

    values = evaluate(derivation.gradient, truth.sizes, dict(truth.values), apply, Residues())
    return {name: values[f"d{name}"] for name in order}


def _floats(formula: sp.Expr, array: Any) -> Any:
    values = [
        float(sp.N(branch_at(formula, sp.Rational(float(z))).subs(Z, sp.Float(float(z), 20)), 17))
        for z in np.ravel(array)
    ]
    return np.array(values).reshape(np.shape(array))
