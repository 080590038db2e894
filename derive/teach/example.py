"""A small network with numbers that can be followed by hand: the inputs, and the value of every tensor.

The widths are those of the architecture where they are small. A derivation holds for every width, so where
they are not, smaller ones show the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import ROOT, Arithmetic, evaluate
from derive.algebra.forward import concrete, functions
from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, size
from derive.algebra.program import Program
from derive.codegen.forms.stable import stable
from derive.codegen.statements.accurate import meaning
from derive.model.errors import DeriveError

WIDEST, SAMPLES = 4, 2
NUMBERS = (-1.0, -0.5, 0.5, 1.0)
POSITIVE = (0.5, 1.0, 2.0)
SEED = "a small example"


@dataclass(frozen=True)
class Example:
    """N, the widths, and the arrays of all tensors by name."""

    sizes: Mapping[sp.Basic, int]
    inputs: Mapping[str, Any]
    values: Mapping[str, Any]

    @property
    def widths(self) -> tuple[int, ...]:
        """n_0, n_1, …"""
        return tuple(n for axis, n in self.sizes.items() if axis != N)


class Floats(Arithmetic):
    """Object arrays of Python's floats."""

    def number(self, value: sp.Rational) -> Any:
        return np.array(float(value), dtype=object)

    def where_largest(self, array: Any, axis: int) -> Any:
        return np.argmax(np.asarray(array, dtype=float), axis=axis)


def example(derivation: Derivation, samples: int = SAMPLES, widest: int = WIDEST) -> Example:
    """The example of a derivation: always the same numbers, halves and ones."""
    widths = [min(n, widest) for n in derivation.architecture.sizes]
    sizes: dict[sp.Basic, int] = {size(k): n for k, n in enumerate(widths)} | {N: samples}
    draw = random.Random(SEED)
    inputs = {
        t.name: drawn(t.name, tuple(sizes[axis] for axis in t.axes), derivation.architecture.loss.targets, draw)
        for t in derivation.forward.inputs
    }
    return Example(sizes, inputs, evaluated(derivation, sizes, inputs))


def drawn(name: str, shape: tuple[int, ...], targets: str, draw: random.Random) -> Any:
    """Small numbers for a tensor that is given; those of y are targets of the loss."""
    if name == "y":
        classes = [draw.randrange(max(shape[1], 2)) for _ in range(shape[0])]
        low = -1.0 if targets == "sign" else 0.0
        return np.array([[1.0 if i == own else low for i in range(shape[1])] for own in classes])
    numbers = POSITIVE if name == "weights" else (0.0, 2.0) if name.startswith("mask") else NUMBERS
    return np.array([draw.choice(numbers) for _ in range(int(np.prod(shape)))], dtype=float).reshape(shape)


def values_of(derivation: Derivation, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of all tensors, by name, for inputs of any widths: what a notebook compares its lines with."""
    arrays = {tensor.name: np.asarray(inputs[tensor.name], dtype=float) for tensor in derivation.forward.inputs}
    sizes = {
        axis: length
        for tensor in derivation.forward.inputs
        for axis, length in zip(tensor.axes, arrays[tensor.name].shape, strict=True)
    }
    return evaluated(derivation, sizes, arrays)


def evaluated(derivation: Derivation, sizes: Mapping[sp.Basic, int], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of all tensors in floats."""
    known = functions(derivation.architecture)

    def apply(function: Any, *arrays: Any) -> Any:
        if function == ROOT:
            return np.asarray(np.sqrt(np.asarray(arrays[0], dtype=float)), dtype=object)
        if hasattr(function, "activation"):
            formula, symbols = concrete(function, known)
            formula = meaning(stable(formula))
        else:
            symbols = tuple(sp.Dummy(real=True) for _ in arrays)
            formula = function(*symbols)
        spread = np.broadcast_arrays(*(np.asarray(array, dtype=float) for array in arrays))
        values = [
            float(formula.subs(dict(zip(symbols, map(sp.Float, map(float, entry)), strict=True))))
            for entry in zip(*(array.ravel() for array in spread), strict=True)
        ]
        return np.array(values, dtype=object).reshape(spread[0].shape)

    program = Program(derivation.forward.inputs, (*derivation.forward.equations, *derivation.gradient.equations))
    raw = {name: np.asarray(array, dtype=object) for name, array in inputs.items()}
    try:
        found = evaluate(program, dict(sizes), raw, apply, Floats())
    except OverflowError:
        raise DeriveError("the example's numbers, computed from halves and ones, grow beyond every float") from None
    return {name: np.asarray(array, dtype=float) for name, array in found.items()}
