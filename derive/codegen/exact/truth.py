"""What a module should compute, from the specification alone: its forward equations, evaluated plainly.

The derivative along a direction comes from dual numbers. No emitted formula and no step of the reverse sweep is
reused, so this is what a gradient can be held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import ROOT, Arithmetic, evaluate
from derive.algebra.forward import WEIGHTS, concrete, forward, functions, parameter_tensors
from derive.algebra.notation import N, size
from derive.algebra.program import Program
from derive.algebra.residues import PRIME, Dual, Duals, Residues, residue
from derive.codegen.exact.meter import NotUnderstoodError
from derive.codegen.exact.neurons import Local, Neurons, as_written
from derive.codegen.forms.logarithms import Functions, with_logarithms, with_outputs
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
    composed: Functions = field(default_factory=dict)

    @cached_property
    def values(self) -> dict[str, Any]:
        """Every tensor of the forward program."""
        return evaluate(self.program, self.sizes, self.data, self._apply, self._arithmetic)

    def derivative(self, direction: dict[str, Any]) -> int:
        """The derivative of the loss along `direction`, by dual numbers."""
        return int(self.along(direction)["loss"].tangent)

    def along(self, direction: dict[str, Any]) -> dict[str, Any]:
        """Every tensor of the forward program as a dual number, with its derivative along `direction`."""
        duals = {name: Dual(v, direction.get(name, np.zeros_like(v))) for name, v in self.data.items()}
        return evaluate(self.program, self.sizes, duals, self._apply, Duals(self._arithmetic))

    def second_derivative(self, first: dict[str, Any], second: dict[str, Any]) -> int:
        """The derivative of the loss along both directions, by dual numbers over dual numbers."""
        duals = {}
        for name, value in self.data.items():
            zero = np.zeros_like(value)
            duals[name] = Dual(Dual(value, first.get(name, zero)), Dual(second.get(name, zero), zero))
        found = evaluate(self.program, self.sizes, duals, self._apply, Duals(Duals(self._arithmetic)))
        return int(found["loss"].tangent.tangent)

    @cached_property
    def undropped(self) -> Truth:
        """The same without dropout: every mask is 1."""
        data = {name: np.ones_like(v) if name.startswith("mask") else v for name, v in self.data.items()}
        return replace(self, data=data)

    def apply(self, function: Any, *arrays: Any) -> Any:
        """A function of the program, or its derivative, at residues."""
        return self._apply(function, *arrays)

    @property
    def arithmetic(self) -> Arithmetic:
        """Residues, of which those are the largest whose representatives are."""
        return self._arithmetic

    @cached_property
    def _arithmetic(self) -> Arithmetic:
        return _Rows(self.neurons)

    @cached_property
    def _known(self) -> Functions:
        return {**functions(self.architecture), **self.composed}

    def _apply(self, function: Any, *arrays: Any, orders: tuple[int, ...] = ()) -> Any:
        """A function, or its derivative of these orders, of residues or of dual numbers over them."""
        formula, symbols = self._formula(function)
        orders = orders or (0,) * len(symbols)
        if not isinstance(arrays[0], Dual):
            for symbol, order in zip(symbols, orders, strict=True):
                formula = formula.diff(symbol, order) if order else formula
            return self._each(formula, symbols, arrays)
        values = [array.value for array in arrays]
        arithmetic = self._over(values[0])
        tangents = []
        for k, array in enumerate(arrays):
            raised = tuple(order + (k == position) for position, order in enumerate(orders))
            tangents.append(arithmetic.multiply(self._apply(function, *values, orders=raised), array.tangent))
        return Dual(self._apply(function, *values, orders=orders), reduce(arithmetic.add, tangents))

    def _over(self, array: Any) -> Arithmetic:
        """The arithmetic that an array belongs to."""
        return Duals(self._over(array.value)) if isinstance(array, Dual) else self._arithmetic

    def _formula(self, function: Any) -> tuple[sp.Expr, tuple[sp.Symbol, ...]]:
        if hasattr(function, "activation"):
            return concrete(function, self._known)
        return (sp.sqrt if function == ROOT else function)(Z), (Z,)

    def _each(self, formula: sp.Expr, symbols: tuple[sp.Symbol, ...], arrays: Sequence[Any]) -> Any:
        spread = np.broadcast_arrays(*arrays)
        found = [
            self.neurons.function(formula, int(z), {s: int(v) for s, v in zip(symbols[1:], further, strict=True)})
            for z, *further in zip(*(array.ravel() for array in spread), strict=True)
        ]
        return np.array(found, dtype=np.int64).reshape(spread[0].shape)


@dataclass(frozen=True)
class _Rows(Residues):
    """Residues, of which those are the largest whose representatives are."""

    neurons: Neurons

    def where_largest(self, array: Any, axis: int) -> Any:
        return self.neurons.largest(array, axis)


def drawn(architecture: Architecture, samples: int, seed: int, neurons: Neurons) -> Truth:
    """The specification at random parameters and random data."""
    known = functions(architecture)
    program, logarithms = with_logarithms(forward(architecture), known)
    program, further = with_outputs(program, known | logarithms)
    draw = np.random.default_rng(seed).integers
    sizes = {N: samples, **{size(k): n for k, n in enumerate(architecture.sizes)}}
    data = {t.name: draw(1, PRIME, tuple(sizes[a] for a in t.axes)) for t in program.inputs}
    if architecture.loss.targets == "distribution":
        data["y"][:, -1] = (1 - data["y"][:, :-1].sum(axis=1)) % PRIME
    for formula, symbols in {**known, **logarithms, **further}.values():
        neurons.expect(formula, symbols)
    neurons.data |= {int(entry) for name in ("a0", "y", WEIGHTS.name) for entry in np.ravel(data.get(name, []))}
    neurons.trained = {int(data[t.name]): sp.Symbol(t.name, real=True) for t in program.inputs if not t.axes}
    return Truth(architecture, program, sizes, data, neurons, {**logarithms, **further})


def names_of(architecture: Architecture) -> list[str]:
    """W1, b1, W2, b2, …: the order in which theta holds the parameters."""
    return [tensor.name for tensor in parameter_tensors(architecture)]


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
        return residue(as_written(expr))
    if isinstance(expr, sp.Symbol):
        return values[str(expr)]
    if isinstance(expr, sp.Pow) and expr.exp.is_Rational and not expr.exp.is_Integer:
        inside = expression(expr.base, values, neurons)
        return np.array([neurons.function(Z**expr.exp, int(entry)) for entry in inside], dtype=np.int64)
    if isinstance(expr, sp.Pow):
        exponent = int(expr.exp.subs({s: int(values[str(s)]) for s in expr.exp.free_symbols}))
        return Residues().power(np.asarray(expression(expr.base, values, neurons)), exponent)
    arguments = [expression(argument, values, neurons) for argument in expr.args]
    if isinstance(expr, sp.Abs | sp.Max | sp.Min):
        return np.vectorize(partial(_chosen, expr.func, neurons), otypes=[np.int64])(*arguments)
    if isinstance(expr, sp.Add):
        return reduce(lambda u, v: (u + v) % PRIME, arguments)
    if isinstance(expr, sp.Mul):
        return reduce(lambda u, v: u * v % PRIME, arguments)
    raise NotUnderstoodError(f"{expr.func.__name__} in an update")


def _chosen(function: Any, neurons: Neurons, first: int, second: int | None = None) -> int:
    """|u|, the larger or the smaller of two residues, by their representatives."""
    u = int(first)
    if function == sp.Abs:
        return u if neurons.real(u) >= 0 else neurons.number(Local(u, -Z))
    v = int(second or 0)
    return (max if function == sp.Max else min)(u, v, key=neurons.order)
