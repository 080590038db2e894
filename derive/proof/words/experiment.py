"""Experiments in exact numbers: small networks that meet the conditions of a statement, and what happens to them.

A counterexample is a network in small integers at which every condition holds and a conclusion does not, before or
after some steps of training. Conditions about weights and targets are imposed, all others are waited for. Whatever is
found can be repeated with an emitted module.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import filterfalse, product
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation, adjoint_name, differentiate
from derive.algebra.notation import N, size
from derive.algebra.program import Equation, Program, Tensor
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.theorems.refute import CLOSE, DIGITS
from derive.proof.words.settings import Reading, read
from derive.proof.words.statements import EXPECTED, FIXED, Equality, Statement

SMALL = (1, 2, -1, 3, -2)
COUNTS = tuple(product((1, 2), repeat=3))
"""Samples, inputs and outputs of the networks that are tried, in turn."""
TRIES = 40
Pairs = tuple[tuple[str, str], ...]
Arrays = dict[str, Any]


@dataclass
class Experiment:
    """A network of concrete activations with exact parameters and data, that can be trained."""

    derivation: Derivation
    samples: int
    given: Arrays
    """Parameters, a0 and y."""

    @property
    def sizes(self) -> dict[sp.Expr, int]:
        return {N: self.samples, **{size(k): n for k, n in enumerate(self.derivation.architecture.sizes)}}

    def values(self, other: Arrays | None = None) -> Arrays:
        """Every tensor of the forward program and of the gradients; `other` takes the place of what is given."""
        d = self.derivation
        program = Program(d.forward.inputs, (*d.forward.equations, *d.gradient.equations))
        return evaluate(program, self.sizes, {**self.given, **(other or {})}, self.applied)

    def weights(self) -> list[Arrays]:
        """Every W1 whose entries are mu + sigma or mu - sigma; all of them are equally likely."""
        mean, deviation = self.given["mu"].item(), sp.sqrt(self.given["sigma2"].item())
        shape = self.given["W1"].shape
        signs = product((1, -1), repeat=int(np.prod(shape)))
        return [{"W1": np.array([mean + k * deviation for k in each], dtype=object).reshape(shape)} for each in signs]

    def applied(self, function: Any, array: Any) -> Any:
        """An activation, or its derivative, at each entry; any other function as what it is."""
        if not hasattr(function, "activation"):
            return _each(function, array)
        formula = self.derivation.architecture.activations[int(function.activation[1:]) - 1].formula
        slope = derivative(formula, function.order)
        return _each(lambda z: slope.subs(Z, z), array)

    def side(self, expr: sp.Expr, ranges: Mapping[sp.Symbol, sp.Expr], values: Arrays) -> Any:
        """`expr` for every value of its indices; p and q are the first two neurons."""
        if isinstance(expr, EXPECTED):
            weights = self.weights()
            return sum(self.side(expr.args[0], ranges, self.values(each)) for each in weights) / len(weights)
        equation = Equation(Tensor("side", tuple(ranges.values())), tuple(ranges), expr)
        found = evaluate(Program((), (equation,)), self.sizes, values, self.applied)["side"]
        neurons = tuple(FIXED.index(i) if i in FIXED else slice(None) for i in ranges)
        return np.asarray(found[neurons], dtype=object)

    def holds(self, equation: Equality, values: Arrays) -> bool:
        """Whether both sides are the same at these values."""
        left, right = (self.side(side, equation.ranges, values) for side in (equation.left, equation.right))
        return all(_same(a, b) for a, b in zip(np.ravel(left), np.ravel(right), strict=True))

    def step(self) -> None:
        """One step of gradient descent, with learning rate 1."""
        values = self.values()
        for tensor in self.derivation.parameters:
            self.given[tensor.name] = self.given[tensor.name] - values[adjoint_name(tensor.name)]


@cache
def derivative(formula: sp.Expr, order: int) -> sp.Expr:
    """f, f', … of an activation."""
    return formula.diff(Z, order) if order else formula


def _each(function: Any, array: Any) -> Any:
    values = [function(value) for value in np.asarray(array, dtype=object).ravel()]
    return np.array(values, dtype=object).reshape(np.shape(array))


def _same(left: sp.Expr, right: sp.Expr) -> bool:
    difference = sp.sympify(left - right, strict=True)
    if difference.is_Rational:
        return bool(difference == 0)
    return bool(abs(sp.N(difference, DIGITS)) < CLOSE)


@dataclass(frozen=True)
class Found:
    """A counterexample: the network that the experiment began with, and what became of it."""

    architecture: Architecture
    labels: Mapping[str, int]
    given: Mapping[str, Any]
    """Parameters, a0 and y, as arrays of exact numbers."""
    equation: Equality
    left: Any
    right: Any
    steps: int

    @property
    def told(self) -> list[str]:
        """The names of what has to be given to repeat the experiment."""
        if "mu" not in self.given:
            return list(self.given)
        return ["a0", "b1", "mu", "sigma2"]

    @property
    def pairs(self) -> Pairs:
        """The counterexample as a person reads it."""
        sizes = "-".join(map(str, self.architecture.sizes))
        names = ", ".join(f.name for f in self.architecture.activations)
        layers = ", ".join(f"{name} = {value}" for name, value in self.labels.items())
        network: Pairs = (("network", f"{sizes} ({names}), {layers}"),)
        if "mu" in self.given:
            network += (("each weight of W1", "mu + sqrt(sigma2) or mu - sqrt(sigma2), equally likely"),)
        numbers = tuple((name, shown(array)) for name, array in self.given.items() if name in self.told)
        after = f" after {self.steps} step{'s' * (self.steps > 1)}" if self.steps else ""
        left, right = self.equation.text.split(" = ")
        return (*network, *numbers, (f"{left}{after}", shown(self.left)), (right, shown(self.right)))


def shown(array: Any) -> str:
    """An array of exact numbers as nested lists."""
    return str(np.asarray(array, dtype=object).tolist())


def experiments(
    statement: Statement,
    labels: Mapping[str, int],
    activations: Sequence[Activation],
    loss: str,
    steps: int,
) -> Iterator[Found | None]:
    """One small network after the other that meets what is given: a counterexample, or None if all that follows holds.

    With steps of training only activations with rational values are used, so that the numbers stay small.
    """
    if steps:
        activations = [function for function in activations if rational(function)]
    numbers = {name: sp.Integer(value) for name, value in labels.items()}
    derivation: Derivation | None = None
    for architecture, samples, seed in _networks(labels, activations, loss):
        if derivation is None:  # sizes are symbols and activations opaque: it is the same for all of them
            derivation = differentiate(architecture)
            reading = read(statement, {**derivation.forward.tensors, **derivation.gradient.tensors}, numbers)
        derivation = replace(derivation, architecture=architecture)
        widths = {size(k): n for k, n in enumerate(architecture.sizes)}
        if any(widths[high] < 2 for e in (*reading.given, *reading.then) for i, high in e.ranges.items() if i in FIXED):
            continue  # there are no two neurons to speak of
        draw = random.Random(f"words {seed}")
        experiment = Experiment(derivation, samples, drawn(derivation, samples, draw))
        if any(e.left.has(EXPECTED) or e.right.has(EXPECTED) for e in reading.then):
            experiment.given |= {name: _number(draw.choice(SMALL[:2])) for name in ("mu", "sigma2")}
        imposed(experiment, reading.given)
        values = experiment.values()
        if all(experiment.holds(equation, values) for equation in reading.given):
            yield _tried(experiment, reading, labels, steps)


def rational(function: Activation) -> bool:
    """Whether the values of an activation are rational numbers: it has cases, but no exp, tanh, …."""
    return not function.formula.atoms(sp.Function, sp.Pow) - function.formula.atoms(sp.Piecewise)


def _networks(
    labels: Mapping[str, int], activations: Sequence[Activation], loss: str
) -> Iterator[tuple[Architecture, int, int]]:
    """Networks with two neurons a layer, at most, and few samples; the same activation in all hidden layers.

    Those with rational values come first, so that what is found is in small numbers.
    """
    depth = labels["L"]
    groups = list(filter(rational, activations)), list(filterfalse(rational, activations))
    identity = next((f for f in activations if f.formula == Z), activations[0])
    for group, seed in product(groups, range(TRIES)):
        for function in group:
            samples, inputs, outputs = COUNTS[seed % len(COUNTS)]
            widths = (inputs, *(2,) * (depth - 1), 2 if depth == 1 else outputs)
            functions = [*[function] * (depth - 1), identity] if depth > 1 else [function]
            yield Architecture(widths, functions, loss), samples, seed


def drawn(derivation: Derivation, samples: int, draw: random.Random) -> Arrays:
    """Parameters and data in small integers."""
    sizes = {N: samples, **{size(k): n for k, n in enumerate(derivation.architecture.sizes)}}
    arrays = {}
    for tensor in derivation.forward.inputs:
        shape = tuple(sizes[axis] for axis in tensor.axes)
        values = [sp.Integer(draw.choice(SMALL)) for _ in range(int(np.prod(shape)))]
        arrays[tensor.name] = np.array(values, dtype=object).reshape(shape)
    return arrays


def _number(value: int) -> Any:
    return np.array(sp.Integer(value), dtype=object)


def imposed(experiment: Experiment, given: Sequence[Equality]) -> None:
    """Make what is given about parameters and data true, in the order in which it is given."""
    for equation in given:
        if str(equation.left) in experiment.given:  # a scalar: mu or sigma2
            experiment.given[str(equation.left)] = experiment.side(equation.right, {}, experiment.given)
        name = str(equation.left.base.label) if isinstance(equation.left, sp.Indexed) else ""
        if name in experiment.given:
            array = experiment.given[name]
            order = dict.fromkeys((*equation.left.indices, *equation.ranges))  # as the array has its axes
            ranges = {i: equation.ranges[i] for i in order if i in equation.ranges}
            value = experiment.side(equation.right, ranges, experiment.given)
            place = tuple(FIXED.index(i) if i in FIXED else slice(None) for i in equation.left.indices)
            array[place] = value if value.ndim else value.item()


def _tried(experiment: Experiment, reading: Reading, labels: Mapping[str, int], steps: int) -> Found | None:
    start = {name: array.copy() for name, array in experiment.given.items()}
    for _ in range(steps):
        experiment.step()
    values = experiment.values()
    for equation in reading.then:
        if not experiment.holds(equation, values):
            left, right = (experiment.side(side, equation.ranges, values) for side in (equation.left, equation.right))
            return Found(experiment.derivation.architecture, labels, start, equation, left, right, steps)
    return None
