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

from derive.algebra.evaluate import Arithmetic, evaluate
from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, size
from derive.algebra.program import Program
from derive.codegen.specialize import functions
from derive.codegen.stable import stable
from derive.model.expression import Z

WIDEST, SAMPLES = 4, 2
NUMBERS = (-1.0, -0.5, 0.5, 1.0)
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


def example(derivation: Derivation, samples: int = SAMPLES, widest: int = WIDEST) -> Example:
    """The example of a derivation: always the same numbers, halves and ones."""
    widths = [min(n, widest) for n in derivation.architecture.sizes]
    sizes: dict[sp.Basic, int] = {size(k): n for k, n in enumerate(widths)} | {N: samples}
    draw = random.Random(SEED)
    inputs = {t.name: _drawn(t.name, tuple(sizes[axis] for axis in t.axes), draw) for t in derivation.forward.inputs}
    return Example(sizes, inputs, evaluated(derivation, sizes, inputs))


def _drawn(name: str, shape: tuple[int, ...], draw: random.Random) -> Any:
    if name == "y":  # one class of several, or yes and no
        classes = [draw.randrange(max(shape[1], 2)) for _ in range(shape[0])]
        return np.array([[float(i == own) for i in range(shape[1])] for own in classes])
    return np.array([draw.choice(NUMBERS) for _ in range(int(np.prod(shape)))], dtype=float).reshape(shape)


def evaluated(derivation: Derivation, sizes: Mapping[sp.Basic, int], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of all tensors in floats."""
    meaning = functions(derivation)

    def apply(function: Any, array: Any) -> Any:
        own = meaning.get(getattr(function, "activation", ""))
        form = stable(own.formula.diff(Z, function.order)) if own else function(Z)
        values = [float(form.subs(Z, sp.Float(float(value)))) for value in np.ravel(array)]
        return np.array(values, dtype=object).reshape(np.shape(array))

    program = Program(derivation.forward.inputs, (*derivation.forward.equations, *derivation.gradient.equations))
    raw = {name: np.asarray(array, dtype=object) for name, array in inputs.items()}
    found = evaluate(program, dict(sizes), raw, apply, Floats())
    return {name: np.asarray(array, dtype=float) for name, array in found.items()}
