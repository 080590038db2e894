"""What is right, as a matrix formula: the derived equations in index notation, written with @ and .T.

Nothing is typed here. `delta2[s, i] = f2'(z2[s, i]) * Sum(W3[k, i]*delta3[s, k], k)` becomes
`(delta3 @ W3) * f'(z2)` in rows; in columns, for one sample, `(W3.T @ delta3) * f'(z2)`. The mean loss of
one sample is its c, so columns are rows with N = 1 and without the samples' index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import zip_longest
from typing import Any, TypeAlias

import sympy as sp

from derive.algebra.gradient import Derivation, differentiate
from derive.algebra.notation import N, is_opaque, named
from derive.algebra.program import Equation, Tensor
from derive.model.architecture import Architecture
from derive.proof.formulas.values import CONSTANTS, Layout
from derive.proof.grading.terms import Term, expanded, leaf, number, split_name, times, transposed
from derive.proof.grading.written import written

FUNCTIONS = {
    sp.exp: "exp",
    sp.log: "log",
    sp.tanh: "tanh",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.sin: "sin",
    sp.cos: "cos",
}
"""SymPy's functions by their names in formulas."""
Place: TypeAlias = Any
"""The index that runs along the rows or the columns; None for an axis of length 1."""


class NoMatrixFormError(Exception):
    """An equation that has no form with matrix products."""


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
        if expr in CONSTANTS.values():
            return leaf(str(expr))
        if expr == N:
            return Term("N") if self.layout == "rows" else number(1)
        if isinstance(expr, sp.Indexed):
            return self.entry(expr, row, column)
        if isinstance(expr, sp.Symbol):
            return leaf(*split_name(str(expr)))
        if is_opaque(expr):
            return self.applied(expr, row, column)
        if isinstance(expr, sp.Piecewise):
            return self.cases(expr, row, column)
        if type(expr) in FUNCTIONS:
            return Term(FUNCTIONS[type(expr)], (self.write(expr.args[0], row, column),))
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
        if isinstance(expr, sp.Pow) and expr.exp == sp.S.Half:
            return Term("sqrt", (self.write(expr.base, row, column),))
        raise NoMatrixFormError(str(expr))

    def entry(self, expr: sp.Indexed, row: Place, column: Place) -> Term:
        base, label = split_name(str(expr.base.label))
        own = self.placed(expr.indices)
        if own == (row, column):
            return leaf(base, label)
        if own == (column, row):
            return transposed(leaf(base, label))
        if all(mine is None or mine == wanted for mine, wanted in zip(own, (row, column), strict=True)):
            return leaf(base, label)  # repeated along the other axis
        raise NoMatrixFormError(str(expr))

    def placed(self, indices: Sequence[sp.Symbol]) -> tuple[Place, Place]:
        """The indices that run along the rows and the columns of a tensor."""
        own = [i for i in indices if self.layout == "rows" or i not in self.samples]
        match own:
            case []:
                return None, None
            case [one]:
                return (one, None) if self.layout == "columns" or one in self.samples else (None, one)
            case [row, column]:
                return row, column
        raise NoMatrixFormError(str(indices))

    def applied(self, expr: sp.Expr, row: Place, column: Place) -> Term:
        """f or f' of what it is taken of; of trained constants only the values are f's arguments."""
        kind = type(expr)
        if kind.activation[0] != "f" or any(kind.orders[1:]):
            raise NoMatrixFormError(str(expr))
        _, label = split_name(kind.activation)
        return Term("df" if kind.order else "f", (self.write(expr.args[0], row, column),), label)

    def cases(self, expr: sp.Piecewise, row: Place, column: Place) -> Term:
        """where(condition, x, y); the sign, where that is what the cases say."""
        x = expr.args[0].cond.lhs - expr.args[0].cond.rhs
        if expr == sp.Piecewise((1, x > 0), (-1, x < 0), (0, True)):
            return Term("sign", (self.write(x, row, column),))
        result: Term | None = None
        for value, condition in reversed(expr.args):
            own = self.write(value, row, column)
            if result is None:
                result = own
            else:
                sides = (self.write(side, row, column) for side in (condition.lhs, condition.rhs))
                result = Term("where", (Term(condition.rel_op, tuple(sides)), own, result))
        if result is None:
            raise NoMatrixFormError(str(expr))
        return result

    def sum_of(self, expr: sp.Add, row: Place, column: Place) -> Term:
        positive = [part for part in expr.args if not part.could_extract_minus_sign()]
        negative = [-part for part in expr.args if part.could_extract_minus_sign()]
        positive.sort(key=lambda part: not part.has(sp.Sum))
        if not positive:
            return Term("negative", (self.write(-expr, row, column),))
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
        if not (left and right) and high != N and all(self.free(f, sides) - self.samples <= {over} for f in factors):
            return Term("units", (self.product(factors, *self.along(row, over)),))
        if len(left) + len(right) != len(factors) or not left or not right:
            raise NoMatrixFormError(str(expr))
        return times(self.product(tuple(left), row, over), self.product(tuple(right), over, column))

    def along(self, row: Place, over: Place) -> tuple[Place, Place]:
        """Where a sum over units finds them: along a row, or in a column of one sample."""
        return (row, over) if self.layout == "rows" else (over, None)

    def free(self, expr: sp.Expr, among: set[Place]) -> set[Place]:
        """The indices of `expr` among those, its samples left out where there is only one."""
        dropped = self.samples if self.layout == "columns" else frozenset()
        return {i for i in expr.free_symbols if i in among and i not in dropped}

    def product(self, factors: tuple[sp.Expr, ...], row: Place, column: Place) -> Term:
        """A product entry by entry, or of a column with a row; 1/N last, f' before it, a minus sign in front."""
        positive = tuple(f for f in factors if f != -1)
        if positive and positive != factors:
            return Term("negative", (self.product(positive, row, column),))
        under = tuple(
            1 / f for f in factors if isinstance(f, sp.Pow) and f.exp.could_extract_minus_sign() and f != 1 / N
        )
        if under and not (self.layout == "columns" and N in under):
            above = tuple(f for f in factors if 1 / f not in under)
            top = self.product(above, row, column)
            return reduce(lambda x, y: Term("/", (x, y)), (self.write(f, row, column) for f in under), top)
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
    row, column = writer.placed(equation.indices)
    return writer.write(equation.value, row, column)


@lru_cache(maxsize=256)
def _definition(derivation: Derivation, layout: Layout, name: str, sloped: bool = False) -> Term | None:
    """The shortest of the forms in which a quantity's equation can be written; None if there is none.

    If `sloped`, the shortest with f', where one has it: of a - y for the identity, (a - y) * f'(z).
    """
    tensors = {**derivation.forward.tensors, **derivation.gradient.tensors}
    found = []
    for equation in written(derivation, name):
        try:
            found.append(matrix_form(equation, tensors, layout))
        except NoMatrixFormError:
            continue
    forms = [expanded(term, lambda t: _outputs(derivation, layout, t)) for term in found]
    if sloped:
        forms = [term for term in forms if any(part.head == "df" for part in term.walk())] or forms
    return min(forms, key=lambda term: sum(1 for _ in term.walk()), default=None)


def _outputs(derivation: Derivation, layout: Layout, term: Term) -> Term | None:
    """What da^L is, so that forms of delta^L with and without it are compared as they are shown."""
    last = derivation.architecture.depth
    return _definition(derivation, layout, named("da", last)) if term == leaf("da", last) else None


def truths(
    derivation: Derivation, layout: Layout, base: str, layer: int, levels: int, sloped: bool = False
) -> tuple[Term, ...]:
    """The right formula of a quantity: by the line above, then with more and more lines above written out.

    Each is as short as it gets; if `sloped`, as short as with f' in it.
    """
    inner = {split_name(e.tensor.name)[0] for e in derivation.gradient.equations} - {"dW", "db"}

    def definition(letters: Collection[str], term: Term) -> Term | None:
        own = named(term.head, term.layer)
        return _definition(derivation, layout, own, sloped) if term.head in letters else None

    start = _definition(derivation, layout, named(base, layer), sloped)
    if start is None:
        return ()
    found = [expanded(start, lambda t: definition(("da",), t))]
    for _ in range(levels):
        deeper = expanded(found[-1], lambda t: definition(inner - {"da"}, t))
        deeper = expanded(deeper, lambda t: definition(("da",), t))
        if deeper == found[-1]:
            break
        found.append(deeper)
    return tuple(found)


def slippable(derivation: Derivation, layout: Layout, base: str, layer: int, levels: int) -> Iterator[tuple[Term, ...]]:
    """The truths, each as short as it gets and with f': slips may be made in either."""
    short, sloped = (truths(derivation, layout, base, layer, levels, sloped) for sloped in (False, True))
    for pair in zip_longest(short, sloped):
        yield tuple(dict.fromkeys(form for form in pair if form is not None))


@lru_cache(maxsize=256)
def line(base: str, layer: int, depth: int, around: tuple[int, ...] = ()) -> Term:
    """The right formula of a derivative in rows, by the line above, in a network of any widths and activations.

    `around` says for each layer around how many layers its residual connection goes; () that there is none.
    """
    layers = [{"residual": own} for own in around or (0,) * depth]
    derivation = differentiate(Architecture((2,) * (depth + 1), ("tanh",) * depth, layers=layers))
    return truths(derivation, "rows", base, layer, 0)[0]
