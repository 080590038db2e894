"""Index notation as boxes: an equation or a step of the derivation with its sums, indices and Kronecker deltas.

A Kronecker delta is set as [i = k], which is 1 where both agree and 0 elsewhere, so that it is not taken for
the error δ. `Plugged` sets the same expression with numbers in the place of every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

import sympy as sp

from derive.algebra.notation import Largest, is_opaque
from derive.teach.setting.boxes import (
    Box,
    cases,
    fenced,
    fraction,
    name,
    number,
    operator,
    power,
    root,
    row,
    scripts,
    total,
    word,
)
from derive.teach.setting.letters import Letters, index, split

Placed: TypeAlias = tuple[Box, int]
"""A box, and how tightly its outermost operation binds."""

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
CONSTANTS = {sp.pi: "π", sp.E: "e"}
RELATIONS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}


@dataclass(frozen=True)
class IndexView:
    """Sets SymPy expressions of index notation."""

    letters: Letters

    def set(self, expr: sp.Basic) -> Box:
        """The box of `expr`."""
        return self.placed(expr)[0]

    def placed(self, expr: sp.Basic) -> Placed:
        for kind, method in KINDS:
            if isinstance(expr, kind):
                return method(self, expr)
        if is_opaque(expr):
            return self.activation(expr)
        arguments = [self.set(argument) for argument in expr.args]
        commas = [part for argument in arguments for part in (operator(","), argument)][1:]
        return row(word(type(expr).__name__.lower()), fenced(row(*commas))), ATOM

    def within(self, expr: sp.Basic, least: int) -> Box:
        """`expr`, in brackets if it binds less than it has to."""
        box, strength = self.placed(expr)
        return box if strength >= least else fenced(box)

    def symbol(self, expr: sp.Symbol) -> Placed:
        letters, layer = split(str(expr))
        if letters == "n" and layer:
            return scripts(name("n"), number(layer)), ATOM
        known = str(expr) in self.letters.of.values() or str(expr) in self.letters.of
        return (self.letters.symbol(str(expr)) if known else index(expr)), ATOM

    def number(self, expr: sp.Rational) -> Placed:
        if expr < 0:
            return row(operator("−"), self.set(-expr)), SUM
        return (number(expr), ATOM) if expr.q == 1 else (fraction(number(expr.p), number(expr.q)), PRODUCT)

    def constant(self, expr: sp.NumberSymbol) -> Placed:
        return name(CONSTANTS.get(expr, str(expr))), ATOM

    def entry(self, expr: sp.Indexed) -> Placed:
        return self.letters.entry(str(expr.base.label), expr.indices), ATOM

    def activation(self, expr: sp.Basic) -> Placed:
        """A function of a layer: f′ for its derivative by the first argument, ∂₂f for that by the second."""
        letters, layer = split(type(expr).activation)
        first, *further = type(expr).orders
        base = name(letters + "′" * first)
        by = [scripts(operator("∂"), number(k)) for k, order in enumerate(further, 2) for _ in range(order)]
        commas = [part for a in expr.args for part in (operator(","), self.set(a))][1:]
        return row(*by, scripts(base, number(layer)) if layer else base, fenced(row(*commas))), ATOM

    def largest(self, expr: Largest) -> Placed:
        """The largest value over an index."""
        below = [part for i, _, _ in expr.limits for part in (operator(","), index(i))][1:]
        return row(scripts(word("max"), row(*below)), self.within(expr.function, ATOM)), PRODUCT

    def delta(self, expr: sp.KroneckerDelta) -> Placed:
        one, other = sorted(expr.args, key=str)
        return fenced(row(self.set(one), operator("="), self.set(other)), "[]"), ATOM

    def derivative(self, expr: sp.Derivative) -> Placed:
        by = expr.variables[0]
        what, strength = self.placed(expr.expr)
        below = row(operator("∂"), self.set(by))
        if isinstance(expr.expr, sp.Indexed | sp.Symbol):
            return fraction(row(operator("∂"), what), below), ATOM
        inner = what if isinstance(expr.expr, sp.Sum) and strength >= PRODUCT else fenced(what)
        return row(fraction(operator("∂"), below), inner), PRODUCT

    def sum(self, expr: sp.Sum) -> Placed:
        ranges = tuple((row(index(i), operator("="), number(low)), self.set(high)) for i, low, high in expr.limits)
        return total(ranges, self.within(expr.function, PRODUCT)), PRODUCT

    def add(self, expr: sp.Add) -> Placed:
        terms = sorted(expr.args, key=lambda t: (t.could_extract_minus_sign(), not t.has(sp.Sum), str(t)))
        parts = [self.within(terms[0], SUM)]
        for term in terms[1:]:
            minus = term.could_extract_minus_sign()
            parts += [operator("−" if minus else "+"), self.within(-term if minus else term, PRODUCT)]
        return row(*parts), SUM

    def product(self, expr: sp.Mul) -> Placed:
        if expr.as_coeff_Mul()[0].is_negative:
            return row(operator("−"), self.within(-expr, PRODUCT)), SUM
        top, bottom = sp.fraction(expr)
        factors = sorted(sp.Mul.make_args(top), key=_reading_order)
        if bottom == 1:
            return self.factors(factors), PRODUCT
        if top.has(sp.Sum, sp.Derivative) or len(factors) > 2:
            front = fraction(number(1), self.set(bottom))
            return self.joined(
                [front, *(self.within(f, POWER) if f.is_Add else self.within(f, PRODUCT) for f in factors if f != 1)]
            ), PRODUCT
        return fraction(self.set(top), self.set(bottom)), PRODUCT

    def factors(self, factors: list[sp.Expr]) -> Box:
        return self.joined([self.within(factor, POWER if factor.is_Add else PRODUCT) for factor in factors])

    def joined(self, parts: list[Box]) -> Box:
        """Factors side by side."""
        return row(*parts)

    def power(self, expr: sp.Pow) -> Placed:
        if expr.exp.is_Rational and expr.exp.is_negative:
            return fraction(number(1), self.set(expr.base**-expr.exp)), PRODUCT
        if expr.exp == sp.Rational(1, 2):
            return root(self.set(expr.base)), ATOM
        return power(self.within(expr.base, ATOM), self.set(expr.exp)), POWER

    def exponential(self, expr: sp.exp) -> Placed:
        return scripts(name("e"), above=self.set(expr.args[0])), POWER

    def choice(self, expr: sp.Piecewise) -> Placed:
        branches = [
            (self.set(value), word("otherwise") if condition == sp.true else self.set(condition))
            for value, condition in expr.args
        ]
        return cases(*branches), PRODUCT

    def relation(self, expr: Any) -> Placed:
        return row(self.set(expr.lhs), operator(RELATIONS[expr.rel_op]), self.set(expr.rhs)), SUM


Setter: TypeAlias = Callable[[Any, Any], Placed]

KINDS: tuple[tuple[Any, Setter], ...] = (
    (sp.Rational, lambda view, expr: view.number(expr)),
    (sp.NumberSymbol, lambda view, expr: view.constant(expr)),
    (sp.Indexed, lambda view, expr: view.entry(expr)),
    (sp.Symbol, lambda view, expr: view.symbol(expr)),
    (sp.KroneckerDelta, lambda view, expr: view.delta(expr)),
    (sp.Derivative, lambda view, expr: view.derivative(expr)),
    (sp.Sum, lambda view, expr: view.sum(expr)),
    (Largest, lambda view, expr: view.largest(expr)),
    (sp.Add, lambda view, expr: view.add(expr)),
    (sp.Mul, lambda view, expr: view.product(expr)),
    (sp.Pow, lambda view, expr: view.power(expr)),
    (sp.exp, lambda view, expr: view.exponential(expr)),
    (sp.Piecewise, lambda view, expr: view.choice(expr)),
    (sp.core.relational.Relational, lambda view, expr: view.relation(expr)),
)
"""Each kind of expression and how it is set; what is not here is a function with its name."""


def _reading_order(factor: sp.Expr) -> tuple[int, str]:
    """Numbers, then errors that are handed back, other entries, functions, derivatives, deltas, and sums last."""
    kinds: tuple[tuple[Any, int], ...] = (
        (sp.Rational, 0), (sp.NumberSymbol, 1), (sp.Symbol, 1), (sp.Indexed, 3), (sp.Add, 4), (sp.Derivative, 6),
        (sp.KroneckerDelta, 7), (sp.Sum, 8),
    )  # fmt: skip
    rank = next((rank for kind, rank in kinds if isinstance(factor, kind)), 5)
    return (2 if rank == 3 and str(factor).startswith("d") else rank), str(factor)


@dataclass(frozen=True)
class Plugged(IndexView):
    """Sets an expression with numbers for its entries, and its sums written out."""

    values: Mapping[str, Any]
    """Arrays by the names of tensors."""
    sizes: Mapping[sp.Basic, int]
    at: Mapping[sp.Basic, int]
    """The value of each index, counted from 1."""

    def moved(self, at: Mapping[sp.Basic, int]) -> Plugged:
        return Plugged(self.letters, self.values, self.sizes, {**self.at, **at})

    def entry(self, expr: sp.Indexed) -> Placed:
        place = tuple(self.at[i] - 1 for i in expr.indices)
        return decimal(float(self.values[str(expr.base.label)][place]))

    def symbol(self, expr: sp.Symbol) -> Placed:
        value = self.sizes.get(expr, self.at.get(expr))
        return decimal(float(self.values[str(expr)]) if value is None else value)

    def sum(self, expr: sp.Sum) -> Placed:
        terms = shortened(self.terms(expr, PRODUCT))
        parts = reduce(lambda before, term: [*before, operator("+"), term], terms[1:], [terms[0]])
        return row(*parts), SUM if len(terms) > 1 else PRODUCT

    def terms(self, expr: sp.Sum | Largest, least: int) -> list[Box]:
        """What is added up, or compared, written out."""
        ranges = [range(1, self.sizes[high] + 1) for _, _, high in expr.limits]
        names = [i for i, _, _ in expr.limits]
        places = [dict(zip(names, place, strict=True)) for place in product(*ranges)]
        return [self.moved(place).within(expr.function, least) for place in places]

    def largest(self, expr: Largest) -> Placed:
        parts = [part for term in shortened(self.terms(expr, SUM)) for part in (operator(","), term)][1:]
        return row(word("max"), fenced(row(*parts))), ATOM

    def joined(self, parts: list[Box]) -> Box:
        return row(*[part for factor in parts for part in (operator("·"), factor)][1:])

    def factors(self, factors: list[sp.Expr]) -> Box:
        return self.joined([self.within(factor, PRODUCT) for factor in factors])


DIGITS = 4
MOST_TERMS = 6
"""A sum of more terms is shown without those in the middle."""


def shortened(terms: list[Box]) -> list[Box]:
    """The terms, or the first and the last of them."""
    return terms if len(terms) <= MOST_TERMS else [*terms[: MOST_TERMS - 2], operator("⋯"), terms[-1]]


def decimal(value: float) -> Placed:
    """A number with few digits; negative ones bind like a sum, so that they get brackets in products."""
    text = f"{abs(value):.{DIGITS}g}"
    return (row(operator("−"), number(text)), SUM) if value < 0 and float(text) != 0 else (number(text), ATOM)
