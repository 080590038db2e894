"""The derivation's quantities at chosen numbers, to hold somebody's arrays against: in floats and in residues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import ROOT, Arithmetic, evaluate
from derive.algebra.forward import concrete, functions, parameter_tensors
from derive.algebra.gradient import differentiate
from derive.algebra.notation import Largest, N, size
from derive.algebra.pointwise import FLOATS, applied, each
from derive.algebra.program import Program
from derive.algebra.residues import residue
from derive.codegen.exact.truth import Truth
from derive.codegen.forms.cached import A, from_output
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.grading.terms import Term
from derive.proof.numbers.arrays import Arrays

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
    slipped: list[tuple[Any, str, Any]] = field(default_factory=list, compare=False)
    """What slips make of the quantities, once that was asked for."""

    def quantity(self, name: str) -> Any:
        value = super().quantity(name)
        sampled = value.ndim == 1 and name not in self.parameters
        return value[:, None] if sampled and len(value) == self.samples else value

    @property
    def parameters(self) -> frozenset[str]:
        """Vectors that are no quantities of samples: parameters, and the derivatives by them."""
        names = [tensor.name for tensor in parameter_tensors(self.architecture)]
        return frozenset([*names, *(f"d{name}" for name in names)])

    def width(self, layer: int) -> Any:
        return self.architecture.sizes[layer]

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


@dataclass(frozen=True)
class AtKink:
    """Every unit of layer `layer` has the input `kink`; f' is `slope` there or, if that is None, as the table says."""

    layer: int
    kink: sp.Rational
    slope: int | None = None

    def put(self, data: dict[str, Any], value: Any) -> None:
        """Make z of the layer `value`, whatever comes in."""
        data[f"W{self.layer}"][...] = 0
        data[f"b{self.layer}"][...] = value

    def replaces(self, function: Any) -> bool:
        """Whether the function is the f' of the layer, and gives `slope`."""
        return self.slope is not None and function.activation == f"f{self.layer}" and function.order == 1


OF_TARGETS: dict[str, Callable[[Any], Any]] = {
    "distribution": lambda y: np.exp(y) / np.exp(y).sum(axis=1, keepdims=True),
    "unit": lambda y: 1 / (1 + np.exp(-y)),
    "sign": lambda y: np.where(y > 0, 1.0, -1.0),
    "count": lambda y: np.floor(np.abs(3 * y)),
}
"""Normally distributed numbers → such as the targets of a loss have to be, by its key in TARGETS."""


def point(
    architecture: Architecture, samples: int, seed: int, kink: AtKink | None = None, spread: float = 1.0
) -> Point:
    """Normally distributed parameters and data, weights by sqrt(n_(l-1)), and what follows from them in float64.

    `spread` multiplies the data, the weights and the biases.
    """
    derivation = differentiate(architecture)
    rng = np.random.default_rng(seed)
    sizes = {N: samples, **{size(k): n for k, n in enumerate(architecture.sizes)}}
    data = {t.name: rng.standard_normal(tuple(sizes[a] for a in t.axes)) for t in derivation.forward.inputs}
    data["y"] = OF_TARGETS.get(architecture.loss.targets, np.asarray)(data["y"])
    for name in data:
        if name[0] == "W":
            data[name] /= np.sqrt(data[name].shape[1])
        if name == "a0" or name[0] in "Wb":
            data[name] *= spread
    known = functions(architecture)
    if kink:
        kink.put(data, float(kink.kink))

    def apply(function: Any, *arrays: Any) -> Any:
        if function == ROOT:
            return np.sqrt(arrays[0])
        if not hasattr(function, "activation"):
            return applied(function, FLOATS, *arrays).astype(float)
        if kink and kink.replaces(function):
            return np.full(np.shape(arrays[0]), float(kink.slope or 0))
        formula, symbols = concrete(function, known)
        return each(formula, FLOATS, dict(zip(map(str, symbols), arrays, strict=True))).astype(float)

    values = evaluate(derivation.forward, sizes, data, apply, Floats())
    values = evaluate(derivation.gradient, sizes, values, apply, Floats())
    last = architecture.depth
    values.setdefault(f"da{last}", (values[f"a{last}"] - values["y"]) / samples)
    for label in range(last, 0, -1):  # where f' is 1, the sweep leaves one of the two out
        if label < last:
            values.setdefault(f"da{label}", values[f"delta{label + 1}"] @ values[f"W{label + 1}"])
        values.setdefault(f"delta{label}", values[f"da{label}"])
    return Point(architecture, samples, values)


def exact_gradients(truth: Truth, order: list[str], kink: AtKink | None = None, shift: bool = True) -> dict[str, Any]:
    """Every entry of the gradients in residues: the derived equations, evaluated plainly.

    Without `shift` exponentials are taken as they are, and not of what is left after the largest is subtracted.
    """
    derivation = differentiate(truth.architecture)

    def apply(function: Any, *arrays: Any) -> Any:
        if kink and hasattr(function, "activation") and kink.replaces(function):
            return np.full(arrays[0].shape, residue(sp.Integer(kink.slope)), dtype=np.int64)
        return truth.apply(function, *arrays)

    forward = tuple(
        e if shift or not isinstance(e.value, Largest) else replace(e, value=sp.S.Zero)
        for e in derivation.forward.equations
        if e.tensor.name != "loss" and e.tensor.name != "c"
    )
    program = Program((), (*forward, *derivation.gradient.equations))
    values = evaluate(program, truth.sizes, dict(truth.data), apply, truth.arithmetic)
    return {name: values[f"d{name}"] for name in order}


def _floats(formula: sp.Expr, array: Any) -> Any:
    return each(formula, FLOATS, {str(Z): np.asarray(array)}).astype(float)
