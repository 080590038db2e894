"""What a module should compute, from the specification alone: its forward equations, evaluated plainly.

The derivative along a direction comes from dual numbers. No emitted formula and no step of the reverse sweep is
reused, so this is what a gradient can be held against.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import Arithmetic, evaluate
from derive.algebra.forward import forward, parameters
from derive.algebra.notation import N, size
from derive.algebra.program import Program
from derive.algebra.residues import PRIME, Dual, Duals, Residues, residue
from derive.codegen.neurons import Neurons
from derive.model.architecture import Architecture
from derive.model.expression import Z


@dataclass(frozen=True)
class Truth:
    """The specification's loss at given residues: its value, and its derivative along a direction."""

    architecture: Architecture
    program: Program
    sizes: dict[Any, int]
    data: dict[str, Any]
    neurons: Neurons

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every tensor of the forward program."""
        return evaluate(self.program, self.sizes, self.data, self._apply, Residues())

    def derivative(self, direction: dict[str, Any]) -> int:
        """The derivative of the loss along `direction`, by dual numbers."""
        return int(self.along(direction)["loss"].tangent)

    def along(self, direction: dict[str, Any]) -> dict[str, Any]:
        """Every tensor of the forward program as a dual number, with its derivative along `direction`."""
        duals = {name: Dual(v, direction.get(name, np.zeros_like(v))) for name, v in self.data.items()}
        return evaluate(self.program, self.sizes, duals, self._apply, Duals(Residues()))

    def second_derivative(self, first: dict[str, Any], second: dict[str, Any]) -> int:
        """The derivative of the loss along both directions, by dual numbers over dual numbers."""
        duals = {}
        for name, value in self.data.items():
            zero = np.zeros_like(value)
            duals[name] = Dual(Dual(value, first.get(name, zero)), Dual(second.get(name, zero), zero))
        return int(
            evaluate(self.program, self.sizes, duals, self._apply, Duals(Duals(Residues())))["loss"].tangent.tangent
        )

    def _formula(self, function: Any) -> sp.Expr:
        return self.architecture.activations[int(function.activation[1:]) - 1].formula

    def _apply(self, function: Any, array: Any, order: int = 0) -> Any:
        """f, or its derivative of that order, of residues or of dual numbers over them."""
        if isinstance(array, Dual):
            value, slope = (self._apply(function, array.value, order + further) for further in (0, 1))
            return Dual(value, _arithmetic(slope).multiply(slope, array.tangent))
        return self._each(self._formula(function).diff(Z, order), array)

    def _each(self, formula: sp.Expr, array: Any) -> Any:
        values = [self.neurons.function(formula, int(z)) for z in array.ravel()]
        return np.array(values, dtype=np.int64).reshape(array.shape)


def _arithmetic(array: Any) -> Arithmetic:
    return Duals(_arithmetic(array.value)) if isinstance(array, Dual) else Residues()


def drawn(architecture: Architecture, samples: int, seed: int, neurons: Neurons) -> Truth:
    """The specification at random parameters and random data."""
    program = forward(architecture)
    draw = np.random.default_rng(seed).integers
    sizes = {N: samples, **{size(k): n for k, n in enumerate(architecture.sizes)}}
    data = {t.name: draw(1, PRIME, tuple(sizes[a] for a in t.axes)) for t in program.inputs}
    return Truth(architecture, program, sizes, data, neurons)


def names_of(architecture: Architecture) -> list[str]:
    """W1, b1, W2, b2, …: the order in which theta holds the parameters."""
    return [t.name for label in range(1, architecture.depth + 1) for t in parameters(label)]


def parts(order: list[str], data: dict[str, Any]) -> dict[str, slice]:
    """Where each parameter lies in theta."""
    ends = np.cumsum([data[name].size for name in order])
    return {name: slice(int(end) - data[name].size, int(end)) for name, end in zip(order, ends, strict=True)}


def split(vector: Any, order: list[str], data: dict[str, Any]) -> dict[str, Any]:
    """A vector like theta as one array for each parameter."""
    return {name: vector[part].reshape(data[name].shape) for name, part in parts(order, data).items()}


def expression(expr: sp.Expr, values: dict[str, Any], neurons: Neurons) -> Any:
    """An update's expression modulo the prime: numbers, vectors of residues, and counters as they are."""
    if expr.is_Rational:
        return residue(expr)
    if isinstance(expr, sp.Symbol):
        return values[str(expr)]
    if isinstance(expr, sp.Pow) and expr.exp == sp.Rational(1, 2):
        inside = expression(expr.base, values, neurons)
        return np.array([neurons.function(sp.sqrt(Z), int(entry)) for entry in inside], dtype=np.int64)
    if isinstance(expr, sp.Pow):
        exponent = int(expr.exp.subs({s: int(values[str(s)]) for s in expr.exp.free_symbols}))
        return Residues().power(np.asarray(expression(expr.base, values, neurons)), exponent)
    arguments = [expression(argument, values, neurons) for argument in expr.args]
    if isinstance(expr, sp.Add):
        return reduce(lambda u, v: (u + v) % PRIME, arguments)
    if isinstance(expr, sp.Mul):
        return reduce(lambda u, v: u * v % PRIME, arguments)
    raise NotImplementedError(f"{expr.func.__name__} in an update")
