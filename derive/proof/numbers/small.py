"""A counterexample in small integers: values of what an answer mentions, what it gives, and what is right.

The network is drawn again in exact fractions, f and f' being tables of small integers (f' in terms of f where
that is known, and the function itself where it is made of straight pieces). The targets are chosen so that
dividing by N leaves integers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import Arithmetic, evaluate
from derive.algebra.forward import concrete, formula_in_z
from derive.algebra.forward import functions as meanings
from derive.algebra.gradient import Derivation, differentiate
from derive.algebra.notation import N, named, size
from derive.algebra.program import Program
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.formulas.values import Layout
from derive.proof.grading.terms import ORDERS, Labels, Term, numbered, show
from derive.proof.numbers.functions import is_activation
from derive.proof.numbers.network_data import is_sampled, stacked
from derive.proof.numbers.slopes import slope

SMALL = (1, 2, 3, -1, -2)
SHAPES: dict[Layout, tuple[tuple[int, tuple[int, ...]], ...]] = {
    "rows": ((1, (1,)), (2, (1,)), (1, (2, 1)), (2, (2, 1)), (2, (2, 3, 4, 5))),
    "columns": ((1, (1,)), (1, (2, 1)), (1, (2, 3, 4, 5)), (2, (1,)), (2, (2, 1))),
}
"""N and the widths, from the smallest; the first at which an answer differs is shown."""
COINCIDING: dict[Layout, tuple[tuple[int, tuple[int, ...]], ...]] = {"rows": ((2, (2,)),), "columns": ((1, (2,)),)}
TRIES = 3
MAX_POWER, MAX_BITS = 64, 500


class NoExactValueError(Exception):
    """The formula has no exact value here."""


class Fractions(Arithmetic):
    """Object arrays of Python's fractions."""

    def number(self, value: sp.Rational) -> Any:
        return np.array(_fraction(value), dtype=object)

    def power(self, base: Any, exponent: int) -> Any:
        return np.asarray([Fraction(v) ** exponent for v in np.ravel(base)], dtype=object).reshape(np.shape(base))


def _fraction(value: sp.Rational) -> Fraction:
    value = sp.Rational(value)
    return Fraction(int(value.p), int(value.q))


@dataclass
class SmallFunctions:
    """Activations as tables of small integers, or as what they are where that is exact."""

    activations: tuple[Activation, ...]
    draw: random.Random
    architecture: Architecture | None = None
    known: dict[tuple[Any, int, Fraction], Fraction] = field(default_factory=dict)

    def __call__(self, function: Any, array: Any, *further: Any) -> Any:
        if (is_activation(function) and not any(function.orders[1:])) or self.architecture is None:
            return self.activation(int(function.activation[1:]), function.order, array)
        if further:  # the derivative by a trained constant, which has the value that it starts from
            formula, symbols = concrete(function, meanings(self.architecture))
            start = dict(self.activations[int(function.activation[1:]) - 1].constants)
            fixed = formula.xreplace({s: sp.Rational(str(start[s.name])) for s in symbols if s.name in start})
            values = [self.named(fixed, Fraction(z)) for z in np.ravel(array)]
            return np.array(values, dtype=object).reshape(np.shape(array))
        values = [self.named(formula_in_z(function, self.architecture), Fraction(z)) for z in np.ravel(array)]
        return np.array(values, dtype=object).reshape(np.shape(array))

    def named(self, formula: sp.Expr, z: Fraction) -> Any:
        """A function that is no activation at one number: exactly where that is possible."""
        key = (formula, 0, z)
        if key not in self.known:
            exact = formula.subs(Z, sp.Rational(z.numerator, z.denominator))
            self.known[key] = _fraction(exact) if exact.is_Rational else self.drawn()
        return self.known[key]

    def activation(self, layer: int, order: int, array: Any) -> Any:
        values = [self.at(layer, order, Fraction(z)) for z in np.ravel(array)]
        return np.array(values, dtype=object).reshape(np.shape(array))

    def at(self, layer: int, order: int, z: Fraction) -> Fraction:
        key = (layer, order, z)
        if key not in self.known:
            self.known[key] = self.value(layer, order, z)
        return self.known[key]

    def value(self, layer: int, order: int, z: Fraction) -> Fraction:
        activation = self.activations[layer - 1]
        if not activation.initial.has(sp.exp, sp.tanh, sp.log, sp.Function) or activation.initial.has(sp.Piecewise):
            exact = activation.initial.diff(Z, order).subs(Z, sp.Rational(z.numerator, z.denominator))
            if exact.is_Rational:
                return _fraction(exact)
        coefficients = slope(activation) if order == 1 else None
        if coefficients is not None:
            a = self.at(layer, 0, z)
            return sum((c * a**k for k, c in enumerate(coefficients)), Fraction(0))
        return self.drawn()

    def drawn(self) -> Fraction:
        """A number that is not computed: a parameter, a datum, or the value of an opaque function."""
        return Fraction(self.draw.choice(SMALL))


@dataclass(frozen=True)
class SmallData:
    """Every quantity of a network in small integers, as arrays with three axes."""

    layout: Layout
    samples: int
    sizes: Mapping[sp.Expr, int]
    values: Mapping[Term, Any]
    functions: SmallFunctions

    def value(self, term: Term, own: Mapping[Term, Any]) -> Any:
        """The array of `term`. Raises NoExactValueError where it has none."""
        if term in own:
            return own[term]
        if term in self.values:
            return self.values[term]
        if term.head == "number":
            return np.full((1, 1, 1), term.number, dtype=object)
        if term.head == "N":
            return np.full((1, 1, 1), Fraction(self.samples), dtype=object)
        if term.head == "n":
            return np.full((1, 1, 1), Fraction(self.sizes[size(term.layer)]), dtype=object)
        if not term.parts:
            raise NoExactValueError(term.head)
        parts = [self.value(part, own) for part in term.parts]
        if term.head in ORDERS:
            return self.functions.activation(term.layer, ORDERS[term.head], *parts)
        if term.head == "sum":
            alike = self.samples if self.layout == "columns" and len(parts[0]) == 1 else 1
            return alike * parts[0].sum(axis=1 if self.layout == "rows" else 0, keepdims=True)
        if term.head in ("units", "mean of units"):
            axis = 2 if self.layout == "rows" else 1
            total = parts[0].sum(axis=axis, keepdims=True)
            return total if term.head == "units" else total * Fraction(1, parts[0].shape[axis])
        if term.head == "outer":
            u, v = map(_column, parts)
            return np.matmul(u, v.swapaxes(1, 2))
        if term.head == "diag":
            (column,) = map(_column, parts)
            return column * np.eye(column.shape[1], dtype=int)
        if term.head == "**" and parts[1].size == 1 and abs(parts[1].item()) <= MAX_POWER:
            if Fraction(parts[1].item()).denominator != 1 or _bits(parts[0]) > MAX_BITS:
                raise NoExactValueError
            return Fractions().power(parts[0], int(parts[1].item()))
        if term.head not in EXACT:
            raise NoExactValueError(term.head)
        return EXACT[term.head](*parts)


def _column(vectors: Any) -> Any:
    """Vectors that stand or lie, standing: for each sample one column."""
    return vectors if vectors.shape[2] == 1 else vectors.swapaxes(1, 2)


EXACT: dict[str, Any] = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "@": np.matmul,
    "T": lambda x: x.swapaxes(1, 2),
    "negative": lambda x: -x,
    "sign": lambda x: _truth(x > 0) - _truth(x < 0),
    "abs": np.abs,
    "where": lambda c, x, y: c * x + (1 - c) * y,
    "max": np.maximum,
    "min": np.minimum,
    ">": lambda x, y: _truth(x > y),
    "<": lambda x, y: _truth(x < y),
    ">=": lambda x, y: _truth(x >= y),
    "<=": lambda x, y: _truth(x <= y),
}


def _truth(array: Any) -> Any:
    """1 where it is so, else 0."""
    return np.array([Fraction(int(v)) for v in np.ravel(array)], dtype=object).reshape(np.shape(array))


@lru_cache(maxsize=256)
def small(architecture: Architecture, layout: Layout, samples: int, widths: tuple[int, ...], seed: int) -> SmallData:
    """The network at these sizes, in small integers."""
    functions = SmallFunctions(architecture.activations, random.Random(f"small {seed}"), architecture)
    return drawn_network(architecture, layout, samples, widths, functions)


def drawn_network(
    architecture: Architecture, layout: Layout, samples: int, widths: tuple[int, ...], functions: SmallFunctions
) -> SmallData:
    """The network at these sizes with parameters and inputs that are small integers, and these activations."""
    derivation = differentiate(architecture)
    sizes: dict[sp.Expr, int] = {size(k): widths[k % len(widths)] for k in range(architecture.depth + 1)}
    raws = []
    inputs = _inputs(derivation, {**sizes, N: samples}, functions)
    sizes[N] = samples if layout == "rows" else 1
    of_samples = {t.name for t in derivation.forward.inputs if is_sampled(t)}
    program = Program(derivation.forward.inputs, (*derivation.forward.equations, *derivation.gradient.equations))
    for s in range(1 if layout == "rows" else samples):
        own = {n: v if layout == "rows" or n not in of_samples else v[[s]] for n, v in inputs.items()}
        raws.append(evaluate(program, sizes, own, functions, Fractions()))
    given = frozenset(inputs) - of_samples
    values = stacked(program.tensors, given, layout, raws)
    return SmallData(layout, samples, {**sizes, N: samples}, values, functions)


def _bits(array: Any) -> int:
    return max(max(Fraction(v).numerator.bit_length(), Fraction(v).denominator.bit_length()) for v in np.ravel(array))


def _inputs(derivation: Derivation, sizes: dict[sp.Expr, int], functions: SmallFunctions) -> dict[str, Any]:
    """Small integers; y differs from the output by multiples of N, unless the loss asks for signs."""

    def drawn(shape: tuple[int, ...]) -> Any:
        values = [functions.drawn() for _ in range(int(np.prod(shape)))]
        return np.array(values, dtype=object).reshape(shape)

    inputs = {t.name: drawn(tuple(sizes[x] for x in t.axes)) for t in derivation.forward.inputs}
    if derivation.architecture.loss.targets == "sign":
        inputs["y"] = inputs["y"] / abs(inputs["y"])
        return inputs
    last = derivation.forward.order[named("a", derivation.architecture.depth)]
    layers = tuple(e for e in derivation.forward.equations if derivation.forward.order[e.tensor.name] <= last)
    values = evaluate(Program(derivation.forward.inputs, layers), sizes, inputs, functions, Fractions())
    inputs["y"] = values[named("a", derivation.architecture.depth)] - sizes[N] * inputs["y"]
    return inputs


def counterexample(
    architecture: Architecture,
    layout: Layout,
    quantity: Term,
    answer: Term,
    truth: Term,
    own: Mapping[Term, Term],
    *,
    fits: bool,
    labels: Labels = numbered,
) -> dict[str, Any]:
    """Names and their values in small integers, with what the answer gives and what is right; {} if none is found."""
    for samples, widths in SHAPES[layout] if fits else (*COINCIDING[layout], *SHAPES[layout]):
        for seed in range(TRIES):
            try:
                data = small(architecture, layout, samples, widths, seed)
                earlier: dict[Term, Any] = {}
                for term, line in own.items():
                    earlier[term] = data.value(line, earlier)
                given = data.value(answer, earlier)
                right = data.value(truth, earlier)
                ways = (given, given.swapaxes(1, 2)) if fits else (given,)  # a bias may stand or lie
                if any(way.shape[1:] == right.shape[1:] and bool((way == right).all()) for way in ways):
                    continue
            except (NoExactValueError, ValueError, ArithmeticError):
                continue
            shown = dict(_mentioned(data, earlier, (truth, answer), labels))
            return {"N": samples, **shown, "yours": _plain(given), "right": _plain(right)}
    return {}


def _mentioned(
    data: SmallData, earlier: Mapping[Term, Any], terms: tuple[Term, ...], labels: Labels
) -> Iterator[tuple[str, Any]]:
    seen = dict.fromkeys(part for term in terms for part in term.walk() if part.head in ("f", "df") or not part.parts)
    for part in seen:
        if part.head not in ("number", "N"):
            yield show(part, labels), _plain(data.value(part, earlier))


def _plain(array: Any) -> Any:
    """Nested lists of integers; a fraction as text; without axes of length 1 in front."""
    array = np.asarray(array)
    while array.ndim and array.shape[0] == 1:
        array = array.reshape(array.shape[1:])
    return _listed(array.tolist())


def _listed(value: Any) -> Any:
    if isinstance(value, list):
        return [_listed(entry) for entry in value]
    value = Fraction(value)
    return int(value) if value.denominator == 1 else str(value)
