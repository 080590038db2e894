"""Counterexamples: values in small integers at which the two sides of a formula differ.

An opaque activation is a table of independent integers, the same argument always giving the same value,
and so is its derivative. Whether a difference exists at all is asked first at random residues modulo a
prime; what is reported is found and evaluated in plain exact arithmetic, where a difference is a fact.
Nothing found means undecided.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import ROOT, Arithmetic, evaluate
from derive.algebra.notation import N, is_opaque
from derive.algebra.program import Equation, Program, Tensor
from derive.algebra.residues import PRIME, Residues, residue
from derive.proof.formulas.counting import count_counterexample
from derive.proof.formulas.scope import ALL_WIDTHS
from derive.proof.formulas.sides import Sides
from derive.proof.formulas.values import COLUMN, ROW
from derive.proof.theorems.relations import A, Relations

SMALL = (1, 2, 3, -1, -2)
TRIES = 6
DIGITS, CLOSE = 40, sp.Float("1e-20")
"""Irrational numbers are compared to so many digits, and are taken for the same if they are so close."""
LARGEST_LAYERS = 6
"""Chains deeper than this are not evaluated at distinct widths, to keep the numbers small."""

Pairs = tuple[tuple[str, str], ...]


class InexactError(Exception):
    """The formula has no exact value here: a root, an exponential, a singular matrix."""


@dataclass
class Table:
    """Opaque functions with values drawn when they are first needed, and then kept."""

    draw: random.Random
    modular: bool = False
    relations: Relations = field(default_factory=dict)
    """What is known of f' and f, such as f' = 1 - f**2."""
    known: dict[tuple[str, int], Any] = field(default_factory=dict)

    def __call__(self, function: Any, array: Any) -> Any:
        if not hasattr(function, "activation"):
            if self.modular:
                raise InexactError
            return _elementwise(lambda value: _real(function, value), array)
        values = [self.value(function.__name__, value) for value in np.asarray(array).ravel()]
        return np.array(values, dtype=np.int64 if self.modular else object).reshape(np.shape(array))

    def value(self, name: str, argument: Any) -> Any:
        key = (name, argument)
        if name.rstrip("'") in self.relations:
            g, identity = self.relations[name.rstrip("'")]
            if name.endswith("'"):
                if key not in self.known:
                    self.known[key] = self._number(g.subs(A, self.value(name[:-1], argument)))
                return self.known[key]
            if identity:
                return argument
        if key not in self.known:
            self.known[key] = self.draw.randrange(1, PRIME) if self.modular else sp.Integer(self.draw.choice(SMALL))
        return self.known[key]

    def _number(self, value: sp.Rational) -> Any:
        return residue(value) if self.modular else value


@dataclass(frozen=True)
class Instance:
    """Both sides evaluated at given sizes."""

    sizes: Mapping[sp.Symbol, int]
    values: Mapping[str, Any]
    table: Table
    left: Any
    right: Any

    @property
    def differ(self) -> bool:
        """Whether some entries differ; roots and exponentials are compared to many digits."""
        return any(_unequal(a, b) for a, b in zip(np.ravel(self.left), np.ravel(self.right), strict=True))


def _unequal(left: Any, right: Any) -> bool:
    difference = left - right
    if not isinstance(difference, sp.Expr) or difference.is_Rational:
        return bool(difference)
    if difference.has(sp.zoo, sp.nan, sp.oo):
        raise ZeroDivisionError
    return bool(abs(sp.N(difference, DIGITS)) > CLOSE)


def _real(function: Any, value: Any) -> sp.Expr:
    result = sp.sqrt(value) if function == ROOT else function(value)
    if not result.is_extended_real or not result.is_finite:
        raise ZeroDivisionError
    return result


def _elementwise(function: Any, array: Any) -> Any:
    values = [function(value) for value in np.asarray(array).ravel()]
    return np.array(values, dtype=object).reshape(np.shape(array))


def counterexample(sides: Sides, program: Program, relations: Relations | None = None) -> Pairs:
    """Values at which the sides differ, as pairs of a name and what it stands for; () if none is found."""
    known = relations or {}
    if sides.counts:
        return tuple(
            (f"{name}, {sides.left_text}" if name == "left side" else name, value)
            for name, value in count_counterexample(sides.left.expr, sides.right.expr)
        )
    try:
        if not _inexact(sides) and not _differ_modulo_prime(sides, program, known):
            return ()
        for sizes in _sizes(sides, program):
            for attempt in range(TRIES):
                try:
                    instance = evaluate_sides(sides, program, sizes, Table(random.Random(attempt), relations=known))
                    if instance.differ:
                        return _shown(sides, instance)
                except ZeroDivisionError:
                    continue
    except (InexactError, NotImplementedError):
        return ()
    return ()


def _inexact(sides: Sides) -> bool:
    """Whether residues have no meaning for the formula: an inverse matrix, a root, a concrete function."""
    parts = [*sides.left.expr.atoms(sp.Function, sp.Pow), *sides.right.expr.atoms(sp.Function, sp.Pow)]
    return bool(sides.inverses) or any(
        not part.exp.is_Integer if isinstance(part, sp.Pow) else not is_opaque(part)
        for part in parts
        if not isinstance(part, sp.KroneckerDelta)
    )


def _differ_modulo_prime(sides: Sides, program: Program, known: Relations) -> bool:
    *_, largest = _sizes(sides, program)
    for attempt in range(2):
        table = Table(random.Random(f"residues {attempt}"), True, known)
        try:
            if evaluate_sides(sides, program, largest, table, Residues()).differ:
                return True
        except ValueError:  # a residue without an inverse: exact numbers will tell
            return True
    return False


def _sizes(sides: Sides, program: Program) -> Iterator[dict[sp.Symbol, int]]:
    """Assignments of the sizes, the smallest first; the last one has distinct sizes where that is possible."""
    symbols = {axis for tensor in program.tensors.values() for axis in tensor.axes} | {ALL_WIDTHS}
    for side in (sides.left, sides.right):
        symbols |= {s for s in (*side.shape, *side.expr.atoms(sp.Symbol)) if str(s).startswith("n") and s.is_integer}
    widths = sorted((s for s in symbols if s.is_Symbol and s != N), key=sp.default_sort_key)
    if not sides.scope.coincide:
        yield dict.fromkeys([*widths, N], 1)
        yield {**dict.fromkeys(widths, 1), N: 2}
        few = len(widths) <= LARGEST_LAYERS
        yield {**{s: 2 + (k if few else k % 3) for k, s in enumerate(widths)}, N: 2}
    else:
        yield dict.fromkeys([*widths, N], 1)
        yield {**dict.fromkeys(widths, 2), N: 2 if sides.scope.coincide == "all" else 1}
        yield dict.fromkeys([*widths, N], 2)


def evaluate_sides(
    sides: Sides,
    program: Program,
    sizes: Mapping[sp.Symbol, int],
    table: Table,
    arithmetic: Arithmetic | None = None,
) -> Instance:
    """Both sides of a formula at random values of everything that `program` takes as given."""
    inputs = {t.name: _random(tuple(sizes[x] for x in t.axes), table) for t in program.inputs}
    values = evaluate(program, sizes, inputs, table, arithmetic)
    for name, operand in sides.inverses.items():
        alone = replace(sides, left=operand, right=operand, components={})
        matrix = _one(operand.expr, operand.shape, alone, sizes, values, table, arithmetic)
        inverse = sp.Matrix(matrix.tolist())
        if inverse.det() == 0:
            raise ZeroDivisionError
        values[name] = np.array(inverse.inv().tolist(), dtype=object)
    left, right = (
        _one(side.expr, sides.shape, sides, sizes, values, table, arithmetic) for side in (sides.left, sides.right)
    )
    return Instance(dict(sizes), values, table, left, right)


def _one(
    expr: sp.Expr,
    shape: tuple[sp.Expr, ...],
    sides: Sides,
    sizes: Mapping[sp.Symbol, int],
    values: Mapping[str, Any],
    table: Table,
    arithmetic: Arithmetic | None,
) -> Any:
    """One expression as an array: samples (if it has them), components, rows, columns."""
    axes = {i: n for i, n in sides.free.items() if i not in (ROW, COLUMN)}
    axes |= {i: n for i, n in zip((ROW, COLUMN), shape, strict=True) if n != 1}
    ranges = {**axes, **{i: high for total in expr.atoms(sp.Sum) for i, _, high in total.limits}}
    expr, identities = _evaluable(expr, ranges)
    ones = {name: np.eye(sizes[size], dtype=np.int64) for name, size in identities.items()}
    equation = Equation(Tensor("side", tuple(axes.values())), tuple(axes), expr)
    return evaluate(Program((), (equation,)), sizes, {**values, **ones}, table, arithmetic)["side"]


def _evaluable(expr: sp.Expr, ranges: Mapping[sp.Symbol, sp.Expr]) -> tuple[sp.Expr, dict[str, sp.Expr]]:
    """`expr` with Kronecker deltas as identity matrices, and sums of constants as products."""
    identities = {}
    replaced: dict[sp.Basic, sp.Basic] = {}
    for delta in expr.atoms(sp.KroneckerDelta):
        size = ranges[next(i for i in delta.args if i in ranges)]
        identities[f"identity {size}"] = size
        replaced[delta] = sp.IndexedBase(f"identity {size}")[delta.args]
    return _constant_sums(expr.xreplace(replaced)), identities


def _constant_sums(expr: sp.Expr) -> sp.Expr:
    if isinstance(expr, sp.Sum):
        body = _constant_sums(expr.function)
        used = [limit for limit in expr.limits if limit[0] in body.free_symbols]
        unused = [high for i, _, high in expr.limits if i not in body.free_symbols]
        return sp.Mul(*unused, sp.Sum(body, *used) if used else body)
    if expr.has(sp.Sum):
        return expr.func(*(_constant_sums(argument) for argument in expr.args))
    return expr


def _random(shape: tuple[int, ...], table: Table) -> Any:
    count = int(np.prod(shape))
    if table.modular:
        return np.array([table.draw.randrange(PRIME) for _ in range(count)], dtype=np.int64).reshape(shape)
    return np.array([sp.Integer(table.draw.choice(SMALL)) for _ in range(count)], dtype=object).reshape(shape)


def _shown(sides: Sides, instance: Instance) -> Pairs:
    """The counterexample as a person reads it: sizes, values, and what either side comes to."""
    names = [name for name in sides.names if name in instance.values]
    sizes = {str(s): n for s, n in instance.sizes.items()}
    used = {str(s) for side in (sides.left, sides.right) for s in {N, *side.expr.free_symbols, *side.shape}}
    pairs = [(name, str(n)) for name, n in sizes.items() if name in used]
    pairs += [(sides.shown_name(name), _number(instance.values[name])) for name in names]
    functions = {str(call.func) for side in (sides.left, sides.right) for call in side.expr.atoms(sp.Function)}
    pairs += [(f"{name}({at})", str(v)) for (name, at), v in instance.table.known.items() if name in functions]
    return (*pairs, (f"left side, {sides.left_text}", _number(instance.left)), ("right side", _number(instance.right)))


def _number(array: Any) -> str:
    array = np.asarray(array)
    while array.ndim and array.shape[0] == 1:
        array = array.reshape(array.shape[1:])
    return str(array.tolist())
