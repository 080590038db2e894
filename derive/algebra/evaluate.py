"""Evaluating a program at given sizes, in any arithmetic: SymPy symbols, exact numbers, residues, duals.

Deliberately plain: an entry is an array with named axes, a product broadcasts, a sum adds up an
axis. It shares nothing with the code generator or the reverse sweep, so both can be checked by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.notation import Largest, is_opaque
from derive.algebra.program import Program

Axes = tuple[sp.Symbol, ...]
Apply = Callable[..., Any]
"""(function, array, …) → array: what an activation means; the function is SymPy's or an opaque one."""

ROOT: Any = sp.Function("root")
"""The square root, as a function that `evaluate` hands on."""


class Arithmetic:
    """Exact arithmetic on object arrays of Python or SymPy numbers. Subclasses change the numbers."""

    def number(self, value: sp.Rational) -> Any:
        return np.array(sp.Rational(value), dtype=object)

    def add(self, left: Any, right: Any) -> Any:
        return np.asarray(left + right, dtype=object)

    def multiply(self, left: Any, right: Any) -> Any:
        return np.asarray(left * right, dtype=object)

    def power(self, base: Any, exponent: int) -> Any:
        return np.asarray(base**exponent, dtype=object)

    def total(self, array: Any, axis: int) -> Any:
        return np.asarray(array.sum(axis=axis), dtype=object)

    def largest(self, array: Any, axis: int) -> Any:
        return self.taken(array, self.where_largest(array, axis), axis)

    def where_largest(self, array: Any, axis: int) -> Any:
        """The positions of the largest entries along an axis. Exact numbers have no order: any entry will do."""
        return np.zeros(np.delete(np.shape(array), axis), dtype=int)

    def taken(self, array: Any, places: Any, axis: int) -> Any:
        """The entries at the given positions along an axis."""
        return np.take_along_axis(array, np.expand_dims(places, axis), axis).squeeze(axis)

    def matmul(self, left: Any, right: Any) -> Any:
        return np.asarray(left.dot(right), dtype=object)

    def transposed(self, array: Any, order: tuple[int, ...]) -> Any:
        return array.transpose(order)

    def reshaped(self, array: Any, shape: tuple[int, ...]) -> Any:
        return array.reshape(shape)

    def broadcast(self, array: Any, shape: tuple[int, ...]) -> Any:
        return np.broadcast_to(array, shape)

    def shape(self, array: Any) -> tuple[int, ...]:
        return tuple(array.shape)


@dataclass(frozen=True)
class _Evaluator:
    arithmetic: Arithmetic
    sizes: Mapping[sp.Expr, int]
    values: dict[str, Any]
    apply: Apply

    def value(self, expr: sp.Expr) -> tuple[Any, Axes]:
        """The array that `expr` stands for, and the index that runs over each of its axes."""
        if expr.is_Rational:
            return self.arithmetic.number(expr), ()
        if isinstance(expr, sp.Indexed):
            return self.values[str(expr.base.label)], tuple(expr.indices)
        if isinstance(expr, sp.Symbol):
            return (
                (self.arithmetic.number(sp.Integer(self.sizes[expr])), ())
                if expr in self.sizes
                else (self.values[str(expr)], ())
            )
        if isinstance(expr, sp.Sum):
            return self.total(expr)
        if isinstance(expr, Largest):
            array, axes = self.value(expr.function)
            ((over, _, _),) = expr.limits
            return self.arithmetic.largest(array, axes.index(over)), tuple(i for i in axes if i != over)
        if isinstance(expr, sp.Add):
            return self.fold(self.arithmetic.add, expr.args)
        if isinstance(expr, sp.Mul):
            return self.fold(self.arithmetic.multiply, expr.args)
        if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
            base, axes = self.value(expr.base)
            return self.arithmetic.power(base, int(expr.exp)), axes
        if isinstance(expr, sp.Pow) and expr.exp.is_Rational and expr.exp.q == 2:
            base, axes = self.value(expr.base)
            return self.arithmetic.power(self.apply(ROOT, base), int(expr.exp.p)), axes
        if is_opaque(expr) or isinstance(expr, sp.Function):
            return self.applied(expr)
        raise NotImplementedError(f"cannot evaluate {expr.func.__name__}")

    def applied(self, expr: sp.Expr) -> tuple[Any, Axes]:
        """A function of one or several arrays, which are given axes of length 1 where they have none."""
        found = [self.value(argument) for argument in expr.args]
        union = tuple(dict.fromkeys(i for _, axes in found for i in axes))
        if len(found) == 1:
            return self.apply(expr.func, found[0][0]), union
        return self.apply(expr.func, *(self.aligned(array, axes, union) for array, axes in found)), union

    def fold(self, operation: Callable[[Any, Any], Any], parts: tuple[sp.Expr, ...]) -> tuple[Any, Axes]:
        result, axes = self.value(parts[0])
        for part in parts[1:]:
            array, own = self.value(part)
            union = (*axes, *(i for i in own if i not in axes))
            result, axes = operation(self.aligned(result, axes, union), self.aligned(array, own, union)), union
        return result, axes

    def aligned(self, array: Any, axes: Axes, onto: Axes) -> Any:
        """`array` with its axes in the order of `onto`, and axes of length 1 where it has none."""
        order = tuple(axes.index(i) for i in onto if i in axes)
        array = self.arithmetic.transposed(array, order)
        lengths = iter(self.arithmetic.shape(array))
        return self.arithmetic.reshaped(array, tuple(next(lengths) if i in axes else 1 for i in onto))

    def total(self, expr: sp.Sum) -> tuple[Any, Axes]:
        over = [name for name, _, _ in expr.limits]
        factors = [self.value(factor) for factor in sp.Mul.make_args(expr.function)]
        if len(factors) == 2 and len(over) == 1:
            (left, left_axes), (right, right_axes) = factors
            if set(left_axes) & set(right_axes) == set(over) and len(left_axes) == len(right_axes) == 2:
                outer = (*(i for i in left_axes if i != over[0]), *(i for i in right_axes if i != over[0]))
                left = self.aligned(left, left_axes, (outer[0], over[0]))
                right = self.aligned(right, right_axes, (over[0], outer[1]))
                return self.arithmetic.matmul(left, right), outer
        array, axes = self.fold(self.arithmetic.multiply, sp.Mul.make_args(expr.function))
        for name in over:
            array = self.arithmetic.total(array, axes.index(name))
            axes = tuple(i for i in axes if i != name)
        return array, axes


def evaluate(
    program: Program,
    sizes: Mapping[sp.Expr, int],
    inputs: Mapping[str, Any],
    apply: Apply,
    arithmetic: Arithmetic | None = None,
) -> dict[str, Any]:
    """Every tensor of `program` by its name, from the `inputs` at the given `sizes`.

    `inputs` are arrays of the chosen arithmetic with the shapes that the program declares.
    """
    evaluator = _Evaluator(arithmetic or Arithmetic(), sizes, dict(inputs), apply)
    for equation in program.equations:
        array, axes = evaluator.value(equation.value)
        shape = tuple(sizes[axis] for axis in equation.tensor.axes)
        aligned = evaluator.aligned(array, axes, equation.indices)
        evaluator.values[equation.tensor.name] = evaluator.arithmetic.broadcast(aligned, shape)
    return evaluator.values
