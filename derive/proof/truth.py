"""What is right, as a matrix formula: the derived equations in index notation, written with @ and .T.

Nothing is typed here. `delta2[s, i] = f2'(z2[s, i]) * Sum(W3[k, i]*delta3[s, k], k)` becomes
`(delta3 @ W3) * f'(z2)` in rows; in columns, for one sample, `(W3.T @ delta3) * f'(z2)`. The mean loss of
one sample is its c, so columns are rows with N = 1 and without the samples' index.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any, TypeAlias

import sympy as sp

from derive.algebra.gradient import Derivation, differentiate
from derive.algebra.notation import N, is_opaque, named
from derive.algebra.program import Equation, Tensor
from derive.algebra.simplify import simplified
from derive.model.architecture import Architecture
from derive.proof.terms import DERIVATIVES, LEAVES, Term, expanded, leaf, number, times, transposed
from derive.proof.values import Layout

Place: TypeAlias = Any
"""The index that runs along the rows or the columns; None for an axis of length 1."""


class NoMatrixFormError(Exception):
    """An equation that has no form with matrix products."""


def split_name(name: str) -> tuple[str, int]:
    """("delta", 3) for delta3."""
    base = name.rstrip("0123456789")
    return base, int(name[len(base) :]) if len(base) < len(name) else -1


@dataclass(frozen=True)
class _Writer:
    tensors: dict[str, Tensor]
    layout: Layout
    samples: frozenset[sp.Symbol]
    """The indices that run over the samples."""

    def write(self, expr: sp.Expr, row: Place, column: Place) -> Term:
        """The matrix whose entry at (row, column) is `expr`."""
        if expr.is_Rational:
            return number(Fraction(int(expr.p), int(expr.q)))
        if expr == N:
            return Term("N") if self.layout == "rows" else number(1)
        if isinstance(expr, sp.Indexed):
            return self.entry(expr, row, column)
        if is_opaque(expr):
            _, label = split_name(type(expr).activation)
            return Term("df" if type(expr).order else "f", (self.write(expr.args[0], row, column),), label)
        if isinstance(expr, sp.Add):
            return self.sum_of(expr, row, column)
        if isinstance(expr, sp.Sum):
            return self.contraction(expr, row, column)
        if isinstance(expr, sp.Mul):
            return self.product(sp.Mul.make_args(expr), row, column)
        if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
            base = self.write(expr.base, row, column)
            if expr.exp == -1:
                return base if base == number(1) else Term("/", (number(1), base))
            return Term("**", (base, number(int(expr.exp))))
        raise NoMatrixFormError(str(expr))

    def entry(self, expr: sp.Indexed, row: Place, column: Place) -> Term:
        base, label = split_name(str(expr.base.label))
        if base not in LEAVES and base != "y":
            raise NoMatrixFormError(str(expr))
        indices = [i for i in expr.indices if self.layout == "rows" or i not in self.samples]
        own = (indices[0], indices[1]) if len(indices) == 2 else self.vector(indices)
        if own == (row, column):
            return leaf(base, label)
        if own == (column, row):
            return transposed(leaf(base, label))
        if all(mine is None or mine == wanted for mine, wanted in zip(own, (row, column), strict=True)):
            return leaf(base, label)  # repeated along the other axis
        raise NoMatrixFormError(str(expr))

    def vector(self, indices: list[sp.Symbol]) -> tuple[Place, Place]:
        return (None, indices[0]) if self.layout == "rows" else (indices[0], None)

    def sum_of(self, expr: sp.Add, row: Place, column: Place) -> Term:
        positive = [part for part in expr.args if not part.could_extract_minus_sign()]
        negative = [-part for part in expr.args if part.could_extract_minus_sign()]
        positive.sort(key=lambda part: not part.has(sp.Sum))
        if not positive:
            raise NoMatrixFormError(str(expr))
        start = reduce(lambda x, y: Term("+", (x, y)), (self.write(part, row, column) for part in positive))
        return reduce(lambda x, y: Term("-", (x, y)), (self.write(part, row, column) for part in negative), start)

    def contraction(self, expr: sp.Sum, row: Place, column: Place) -> Term:
        (over, _, high), *others = expr.limits
        if others:
            raise NoMatrixFormError(str(expr))
        factors = sp.Mul.make_args(expr.function)
        if high == N and self.layout == "columns":
            return self.product(factors, row, column)
        if high == N and row is None:
            return Term("sum", (self.product(factors, over, column),))
        sides = {row, column, over}
        alone = {row, over} if column is not None else {over}  # a vector multiplies from the right
        left = [f for f in factors if self.free(f, sides) <= {row, over} and self.free(f, sides) | alone != {over}]
        right = [f for f in factors if f not in left and self.free(f, sides) <= {over, column}]
        if len(left) + len(right) != len(factors) or not left or not right:
            raise NoMatrixFormError(str(expr))
        return times(self.product(tuple(left), row, over), self.product(tuple(right), over, column))

    def free(self, expr: sp.Expr, among: set[Place]) -> set[Place]:
        """The indices of `expr` among those, its samples left out where there is only one."""
        dropped = self.samples if self.layout == "columns" else frozenset()
        return {i for i in expr.free_symbols if i in among and i not in dropped}

    def product(self, factors: tuple[sp.Expr, ...], row: Place, column: Place) -> Term:
        """A product entry by entry, or of a column with a row; 1/N last, f' before it."""
        over = [f for f in factors if f == 1 / N]
        rest = [f for f in factors if f != 1 / N]
        if row is not None and column is not None:
            first = [f for f in rest if self.free(f, {row, column}) <= {row}]
            second = [f for f in rest if self.free(f, {row, column}) == {column}]
            if first and second and len(first) + len(second) == len(rest):
                outer = times(self.product(tuple(first), row, None), self.product(tuple(second), None, column))
                return self.over_samples(outer, over)
        rest.sort(key=lambda f: (is_opaque(f), not f.has(sp.Sum), sp.default_sort_key(f)))
        terms = [self.write(f, row, column) for f in rest] or [number(1)]
        return self.over_samples(reduce(lambda x, y: Term("*", (x, y)), terms), over)

    def over_samples(self, term: Term, over: list[sp.Expr]) -> Term:
        return Term("/", (term, Term("N"))) if over and self.layout == "rows" else term


def matrix_form(equation: Equation, tensors: dict[str, Tensor], layout: Layout) -> Term:
    """The right side of `equation` with matrix products. Raises NoMatrixFormError if there is none."""
    samples = frozenset(
        i
        for entry in {equation.target, *equation.value.atoms(sp.Indexed)}
        if isinstance(entry, sp.Indexed)
        for i, axis in zip(entry.indices, tensors[str(entry.base.label)].axes, strict=True)
        if axis == N
    )
    writer = _Writer(tensors, layout, samples)
    indices = [i for i in equation.indices if layout == "rows" or i not in samples]
    row, column = (indices[0], indices[1]) if len(indices) == 2 else writer.vector(indices)
    return writer.write(equation.value, row, column)


@lru_cache(maxsize=256)
def _definition(derivation: Derivation, layout: Layout, name: str) -> Term | None:
    architecture = derivation.architecture
    gradient = simplified(derivation.gradient, derivation.forward, architecture.loss.targets)
    equation = gradient.definitions.get(name) or derivation.forward.definitions.get(name)
    if equation is None:
        return None
    tensors = {**derivation.forward.tensors, **derivation.gradient.tensors}
    try:
        return matrix_form(equation, tensors, layout)
    except NoMatrixFormError:
        return None


def truths(derivation: Derivation, layout: Layout, base: str, layer: int, levels: int) -> tuple[Term, ...]:
    """The right formula of a quantity: by the line above, then with more and more lines above written out."""

    def definition(letters: tuple[str, ...], term: Term) -> Term | None:
        return _definition(derivation, layout, named(term.head, term.layer)) if term.head in letters else None

    start = definition((*DERIVATIVES, "z", "a"), leaf(base, layer))
    if start is None:
        return ()
    found = [expanded(start, lambda t: definition(("da",), t))]
    for _ in range(levels):
        deeper = expanded(found[-1], lambda t: definition(("delta",), t))
        deeper = expanded(deeper, lambda t: definition(("da",), t))
        if deeper == found[-1]:
            break
        found.append(deeper)
    return tuple(found)


@lru_cache(maxsize=256)
def line(base: str, layer: int, depth: int) -> Term:
    """The right formula of a derivative in rows, by the line above, in a network of any widths and activations."""
    derivation = differentiate(Architecture((2,) * (depth + 1), ("tanh",) * depth))
    return truths(derivation, "rows", base, layer, 0)[0]
