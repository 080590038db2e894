"""Exact numbers for auditing a module: residues, and what a neuron computes from its input.

Matrix products are exact modulo a prime. Between them a module applies elementary functions to single
numbers; there a number is kept as a `Local`: an expression in z with the residue that z stands for. As
soon as such numbers are mixed, each becomes a residue: every function that is algebraically independent
of the others (exp(z), a logarithm, …) is given a random value, the same wherever it occurs.

A residue has no sign, so each z is also given a real representative, which decides comparisons. An
audit runs with several sets of representatives, so that every branch is seen, and the kinks too.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, reduce
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.residues import PRIME, inverse, residue, square_root
from derive.codegen.forms.branches import branch_at
from derive.codegen.forms.elementary import UndecidedError, normal, rational
from derive.model.expression import Z

SIMPLE = 10**8
ROOT = 10**12 * 720720**2
"""exp(u*m) is the (u*ROOT)-th power of a random number, so that exp(z/2)**2 is exp(z)."""


@dataclass(frozen=True)
class Local:
    """The number `expr`, where z stands for the residue `zeta`; a constant has no zeta."""

    zeta: int | None
    expr: sp.Expr


@dataclass
class Neurons:
    """One random choice of everything that an audit leaves open.

    `points` are the real representatives to draw from; `seed` makes the choice repeatable.
    """

    seed: int
    points: Sequence[sp.Rational]
    locals: list[Local] = field(default_factory=list)
    data: set[int] = field(default_factory=set)
    """Entries that are data. They are no neuron's z: what is computed from one is a number of its own."""
    trained: dict[int, sp.Symbol] = field(default_factory=dict)
    """The residues of trained constants, and the symbols that stand for them in expressions."""
    meant: dict[sp.Rational, sp.Rational] = field(default_factory=dict)
    """Numbers as a module has to write them, rounded → the specification's own, of which they are nearest."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._handles: dict[Local, int] = {}
        self._points: dict[int, sp.Rational] = {0: sp.S.Zero}
        self._pinned: dict[int, sp.Rational] = {0: sp.S.Zero}
        self._kernels: dict[tuple[Any, ...], int] = {}
        self._resolved: dict[Local, int] = {}

    def draw(self) -> int:
        """A random residue."""
        return self.random.randrange(1, PRIME)

    def expect(self, formula: sp.Expr, symbols: tuple[sp.Symbol, ...]) -> None:
        """Let decimals stand for the numbers in this function and its derivatives that no decimal writes exactly."""
        self.meant |= _rounded(formula, symbols, tuple(self.points))

    def rational(self, number: sp.Rational) -> sp.Rational:
        """The number that is meant by a float in a module."""
        written = as_written(number)
        return self.meant.get(written, written)

    def handle(self, local: Local) -> int:
        """A negative number that stands for `local` in an array of residues."""
        if local not in self._handles:
            self.locals.append(local)
            self._handles[local] = -len(self.locals)
        return self._handles[local]

    def number(self, local: Local) -> int:
        """The residue of `local` as an entry of its own, with the representative of `local`."""
        handle = self.handle(local)
        value = self.resolve(handle)
        self._points.setdefault(value, self.real(handle))
        return self.handle(Local(value, Z)) if value in self.data else value

    def local(self, value: int) -> Local:
        """What an entry of an array stands for; a residue is z itself, if it is no trained constant."""
        if value < 0:
            return self.locals[-value - 1]
        return Local(None, self.trained[value]) if value in self.trained else Local(value, Z)

    def constant(self, value: sp.Expr) -> int:
        """The entry for a number: a residue, or a handle where it is irrational."""
        return residue(value) if value.is_Rational else self.handle(Local(None, value))

    def point(self, zeta: int) -> sp.Rational:
        """The real number that represents the residue `zeta` in comparisons."""
        if zeta not in self._points:
            self._points[zeta] = self.random.choice(self.points)
        return self._points[zeta]

    def represent(self, zeta: int, number: sp.Rational) -> None:
        """Let the residue `zeta` stand for this real number in comparisons, though not in arithmetic."""
        self._points[zeta] = number

    def pin(self, number: sp.Rational) -> int:
        """Make the residue of `number` stand for exactly this number: for a z that is put on a kink."""
        zeta = residue(number)
        self._points[zeta] = self._pinned[zeta] = number
        return zeta

    def real(self, value: int) -> sp.Expr:
        """The real number that represents an entry."""
        local = self.local(value)
        points = {symbol: self.point(zeta) for zeta, symbol in self.trained.items()}
        expr = local.expr.xreplace(points) if points else local.expr
        return expr if local.zeta is None else _at(expr, self.point(local.zeta))

    def order(self, value: int) -> tuple[sp.Expr, int]:
        """What tells which of two entries is larger, also where their representatives are the same."""
        return self.real(value), self.resolve(value)

    def resolve(self, value: int) -> int:
        """The residue of an entry."""
        if value >= 0:
            return value
        local = self.locals[-value - 1]
        if local not in self._resolved:
            self._resolved[local] = self._evaluate(local)
        return self._resolved[local]

    def function(self, expr: sp.Expr, zeta: int, further: Mapping[sp.Symbol, int] | None = None) -> int:
        """The residue of f(z) for a function with branches, at the branch of z's representative.

        `further` are the residues of the other symbols in it: of the constants that are trained.
        """
        branch = _branch_at(expr, self.point(zeta))
        if not further:
            return self.resolve(self.handle(Local(zeta, branch)))
        return self._value(self._settled(branch, zeta), {Z: zeta, **further})

    def largest(self, array: Any, axis: int) -> Any:
        """Along the axis, the positions of the entries with the largest representatives."""
        reals = [(self.real(int(entry)), int(entry)) for entry in array.ravel()]
        ranks = {entry: rank for rank, entry in enumerate(sorted(set(reals)))}
        return np.array([ranks[entry] for entry in reals]).reshape(array.shape).argmax(axis=axis)

    def _evaluate(self, local: Local) -> int:
        known = {symbol: zeta for zeta, symbol in self.trained.items()}
        if local.zeta is None:
            return self._value(local.expr, known)
        return self._value(self._settled(local.expr, local.zeta), {Z: local.zeta, **known})

    def _settled(self, expr: sp.Expr, zeta: int) -> sp.Expr:
        """`expr` with the number that z was put on; not if a root of a number comes of it.

        SymPy writes 1/sqrt(2) as sqrt(2)/2, and what stands for a root here is none where the prime has none.
        """
        if zeta not in self._pinned:
            return expr
        settled = expr.subs(Z, self._pinned[zeta])
        rooted = any(power.base.is_Rational and not power.exp.is_Integer for power in settled.atoms(sp.Pow))
        return expr if rooted else settled

    def _value(self, expr: sp.Expr, known: Mapping[sp.Symbol, int]) -> int:
        """The residue of a branch-free expression whose symbols have known residues."""
        if expr in known:
            return known[expr]
        try:
            numerator, denominator, symbols, kernels = _compiled(expr)
        except UndecidedError:
            form = rational(expr)
            return _worth(form.value, {**known, **{k: self._kernel(meaning, known) for k, meaning in form.kernels}})
        values = [self._kernel(kernels[s], known) if s in kernels else known.get(s, 0) for s in symbols]
        return _polynomial(numerator, values) * inverse(_polynomial(denominator, values)) % PRIME

    def _kernel(self, meaning: sp.Expr, known: Mapping[sp.Symbol, int]) -> int:
        """A function that is algebraically independent of the others: random, but the same for the same arguments."""
        if isinstance(meaning, sp.exp) or meaning == sp.E:  # e is exp(1), or exp(2) would be no square of it
            number, monomial = meaning.as_base_exp()[1].as_coeff_Mul()
            if number.is_Rational and (ROOT * number).is_Integer:
                return pow(self._drawn("exp", self._value(monomial, known)), int(ROOT * number), PRIME)
        if isinstance(meaning, sp.Pow) and meaning.base.is_Rational and meaning.exp == sp.S.Half:
            root = square_root(residue(meaning.base))
            if root is not None:  # SymPy knows that sqrt(3)**2 is 3
                return root
        if not meaning.args:
            return self._drawn(meaning)
        return self._drawn(meaning.func, *(self._value(argument, known) for argument in meaning.args))

    def _drawn(self, *key: Any) -> int:
        if key not in self._kernels:
            self._kernels[key] = self.draw()
        return self._kernels[key]


def as_written(number: sp.Rational) -> sp.Rational:
    """The number that stands in a module where `number` is meant: itself, or what its nearest float64 is read as.

    A float is read as the decimal that it prints as or, if that is long, as the simplest fraction that
    rounds to it; fractions with denominators below 10**8 come back as they were.
    """
    if number.q < SIMPLE:
        return number
    value = float(number)
    text = repr(value)
    if len(text.lstrip("-0.").replace(".", "").split("e")[0]) < 16:
        return sp.Rational(text)
    simple = Fraction(value).limit_denominator(SIMPLE)
    return sp.Rational(simple if float(simple) == value else Fraction(value))


Terms = tuple[tuple[tuple[int, ...], int], ...]


@cache
def _compiled(expr: sp.Expr) -> tuple[Terms, Terms, tuple[sp.Symbol, ...], dict[sp.Symbol, sp.Expr]]:
    """Numerator and denominator as terms (powers, residue), the symbols of the powers, and which are kernels."""
    form = normal(expr)
    kernels = dict(form.kernels)
    symbols = (*kernels, *sorted(form.value.free_symbols - set(kernels), key=str))
    symbols = symbols or (Z,)  # a number is a polynomial of degree 0
    parts = [sp.Poly(part, *symbols, domain="QQ") for part in sp.fraction(form.value)]
    top, bottom = (tuple((powers, residue(c)) for powers, c in part.terms()) for part in parts)
    return top, bottom, symbols, kernels


def _worth(expr: sp.Expr, values: Mapping[sp.Symbol, int]) -> int:
    """The residue of a rational expression, computed as it stands."""
    match expr:
        case sp.Add():
            return sum(_worth(part, values) for part in expr.args) % PRIME
        case sp.Mul():
            return reduce(lambda product, part: product * _worth(part, values) % PRIME, expr.args, 1)
        case sp.Pow(base=base, exp=sp.Integer() as power):
            return pow(_worth(base, values), int(power), PRIME)
    return values[expr] if expr in values else residue(expr)


def _polynomial(terms: Terms, values: Sequence[int]) -> int:
    total = 0
    for powers, coefficient in terms:
        for value, power in zip(values, powers, strict=False):
            if power:
                coefficient = coefficient * pow(value, power, PRIME) % PRIME
        total += coefficient
    return total % PRIME


_branch_at = cache(branch_at)


@cache
def _rounded(
    formula: sp.Expr, symbols: tuple[sp.Symbol, ...], points: tuple[sp.Rational, ...]
) -> dict[sp.Rational, sp.Rational]:
    """The numbers in the branches of f and its first two derivatives that a float rounds, by what it is read as."""
    first = [formula.diff(symbol) for symbol in symbols]
    second = [derivative.diff(symbol) for derivative in first for symbol in symbols]
    branches = {_branch_at(expr, point) for expr in (formula, *first, *second) for point in points}
    numbers = {number for branch in branches for number in branch.atoms(sp.Rational)}
    return {as_written(number): number for number in numbers if as_written(number) != number}


@cache
def _at(expr: sp.Expr, point: sp.Rational) -> sp.Expr:
    return sp.N(expr.subs(Z, point), 20) if not expr.is_rational_function(Z) else expr.subs(Z, point)


@cache
def combined(operation: Callable[..., sp.Expr], *exprs: sp.Expr) -> Any:
    """`operation` on expressions in one z, computed once for all neurons that need it."""
    return operation(*exprs)
