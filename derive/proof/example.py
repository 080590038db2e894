"""A worked example: a small network at exact random numbers, and formulas evaluated on it as NumPy would.

Shapes follow NumPy's rules, so a wrong formula may fit by chance, or be repeated along an axis. The numbers are
integers and fractions. An activation without exponentials is evaluated as it is; of any other only what is known of
it is used, f' = g(f), its values being drawn when they are first needed.
"""

from __future__ import annotations

import ast
import random
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from derive.model.activation import Activation
from derive.model.expression import Z
from derive.model.reader import Reader, parse
from derive.proof.matrices import LabelReader, with_df
from derive.proof.relations import A, relation
from derive.proof.slipped import FORMS

WEIGHTS, VALUES = 9, 99
"""The largest weight or datum, and the largest value of an opaque activation."""


class UnfitError(Exception):
    """Shapes that NumPy refuses, or a matrix without an inverse."""


@cache
def _rational(function: Activation, order: int) -> sp.Expr | None:
    """f or f', if it is made of sums, products and cases only; None if it is not."""
    formula = function.formula
    if formula.atoms(sp.Function) - formula.atoms(sp.Piecewise):
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
class Example(Reader):
    """The numbers of one example, and the formulas on them."""

    sizes: tuple[int, ...]
    samples: int
    activations: tuple[Activation | None, ...]
    seed: int
    mean: int = 0
    """What N stands for, if it is not the number of rows."""
    what = "formula"

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.sizes} {self.samples} {self.seed}")
        self.depth = len(self.activations)
        self.labels = {"L": self.depth}
        self.neurons = {f: Neuron(f, self.draw) for f in self.activations}
        self.values: dict[str, Any] = {"y": self._random(self.samples, self.sizes[-1])}
        self.values["a0"] = self._random(self.samples, self.sizes[0])
        for k in range(1, self.depth + 1):
            self.values[f"W{k}"] = self._random(self.sizes[k], self.sizes[k - 1])
            self.values[f"b{k}"] = self._random(1, self.sizes[k])
            self.values[f"z{k}"] = self.values[f"a{k - 1}"] @ self.values[f"W{k}"].T + self.values[f"b{k}"]
            self.values[f"a{k}"] = self._applied(k, 0, self.values[f"z{k}"])
        for k in range(self.depth, 0, -1):
            delta = "output" if k == self.depth else "step"
            for name, form in ((f"delta{k}", delta), (f"dW{k}", "dW"), (f"db{k}", "db")):
                self.values[name] = self.at(FORMS[form].formula, k)

    def at(self, formula: str, layer: int) -> Any:
        """The value of `formula` for l = `layer`. Raises UnfitError where NumPy would refuse it."""
        self.labels = {"L": self.depth, "l": layer}
        self.text = formula
        try:
            return self.visit(parse(with_df(formula), "formula"))
        except ValueError as error:
            raise UnfitError(str(error)) from None

    def _random(self, rows: int, columns: int) -> Any:
        entries = [Fraction(self.draw.choice((-1, 1)) * self.draw.randint(1, WEIGHTS)) for _ in range(rows * columns)]
        return np.array(entries, dtype=object).reshape(rows, columns)

    def _applied(self, layer: int, order: int, array: Any) -> Any:
        neuron = self.neurons[self.activations[layer - 1]]
        return np.array([neuron(order, z) for z in array.ravel()], dtype=object).reshape(array.shape)

    # What the grammar means on numbers.

    def number(self, value: float, node: ast.AST) -> Any:
        return Fraction(str(value))

    def name(self, name: str, node: ast.AST) -> Any:
        return Fraction(self.mean or self.samples) if name == "N" else self.values[name]

    def subscript(self, base: ast.expr, index: ast.expr, node: ast.AST) -> Any:
        return self.values[f"{ast.unparse(base)}{self._layer(index)}"]

    def _layer(self, node: ast.expr) -> int:
        return int(LabelReader({k: sp.Integer(v) for k, v in self.labels.items()}).read(ast.unparse(node)))

    def attribute(self, value: Any, attribute: str, node: ast.AST) -> Any:
        return value.T

    def negative(self, value: Any, node: ast.AST) -> Any:
        return -value

    def binary(self, operator: str, left: Any, right: Any, node: ast.AST) -> Any:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "@":
                return left @ right
        self.fail(node, f"the operator {operator} has no place here")

    def call(self, name: str, arguments: list[ast.expr], node: ast.AST) -> Any:
        (argument,) = arguments
        match name:
            case "sum":
                return self.visit(argument).sum(axis=0, keepdims=True)
            case "inv":
                return _inverse(self.visit(argument))
            case "df":
                assert isinstance(argument, ast.Subscript)
                return self._applied(self._layer(argument.slice), 1, self.visit(argument))
        self.fail(node, f"unknown function {name!r}")


def _inverse(matrix: Any) -> Any:
    if matrix.shape[0] != matrix.shape[1]:
        raise UnfitError("inv needs a square matrix")
    try:
        inverse = sp.Matrix(matrix.tolist()).inv()
    except ValueError:
        raise UnfitError("the matrix has no inverse") from None
    return np.array([Fraction(int(x.p), int(x.q)) for x in inverse], dtype=object).reshape(matrix.shape)
