"""One canonical form for polynomial index expressions, so that equal ones are the same text.

Products are multiplied out, sums are flattened and ordered, and summation indices are numbered by the
numbering that comes first in the order of texts (the minimum over all permutations within one range).
An activation is an atom f(argument), with its argument in canonical form. Sizes stay symbols, so that
an equality found here holds for all of them. Nothing is shared with the contraction of the reverse sweep.

    >>> i, j, k = sp.symbols("i j k", integer=True, positive=True)
    >>> a, n = sp.IndexedBase("a"), sp.Symbol("n")
    >>> canonical(sp.Sum(a[j] * (a[j] + 1), (j, 1, n)))
    '1*a[n#0] sum(n#0) + 1*a[n#0]^2 sum(n#0)'
    >>> equal(sp.Sum(a[j] ** 2, (j, 1, n)), sp.Sum(a[k] * a[i] * sp.KroneckerDelta(i, k), (i, 1, n), (k, 1, n)))
    True
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, permutations, product
from math import factorial, prod

import sympy as sp

from derive.algebra.program import Equation

MAX_TERMS = 5000
MAX_NUMBERINGS = 5040
MAX_ATOMS = 20_000
"""Atoms that are written for one canonical form, over all numberings of all terms; proofs need some hundreds."""

Range = tuple[sp.Symbol, sp.Expr]
Names = Mapping[sp.Basic, str]


class SwellError(Exception):
    """The canonical form would grow beyond its limits, so nothing is decided by it."""


class Effort:
    """What one canonical form may cost."""

    def __init__(self) -> None:
        self.atoms = 0

    def spend(self) -> None:
        self.atoms += 1
        if self.atoms > MAX_ATOMS:
            raise SwellError


@dataclass(frozen=True)
class Term:
    """coefficient * product of base**exponent, summed over the ranges."""

    coefficient: sp.Rational
    factors: tuple[tuple[sp.Expr, sp.Rational], ...] = ()
    ranges: tuple[Range, ...] = ()

    def __mul__(self, other: Term) -> Term:
        return Term(self.coefficient * other.coefficient, self.factors + other.factors, self.ranges + other.ranges)


def equal(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether both have one canonical form: they are then equal for all sizes, all values and every f."""
    return canonical(left) == canonical(right)


def canonical(expr: sp.Expr, names: Names | None = None, effort: Effort | None = None) -> str:
    """The canonical form of `expr` as text; `names` are those of the indices that are bound outside.

    Raises SwellError where multiplying out or renumbering would cost too much.
    """
    names, effort = names or {}, effort or Effort()
    total: dict[str, sp.Rational] = {}
    for term in _terms(sp.sympify(expr, strict=True)):
        key, coefficient = _monomial(_without_deltas(term), names, effort)
        total[key] = total.get(key, sp.S.Zero) + coefficient
    return " + ".join(f"{c}*{key}" for key, c in sorted(total.items()) if c) or "0"


def _terms(expr: sp.Expr) -> list[Term]:
    """`expr` multiplied out; every summation index is a new one."""
    if expr.is_Rational:
        return [Term(expr)]
    if isinstance(expr, sp.Add):
        return _limited(term for part in expr.args for term in _terms(part))
    if isinstance(expr, sp.Mul):
        return _product([_terms(part) for part in expr.args])
    if isinstance(expr, sp.Sum):
        renamed = {name: sp.Dummy(integer=True, positive=True) for name, _, _ in expr.limits}
        ranges = tuple((renamed[name], high) for name, _, high in expr.limits)
        return [Term(t.coefficient, t.factors, t.ranges + ranges) for t in _terms(expr.function.xreplace(renamed))]
    if isinstance(expr, sp.Pow):
        return _power(expr.base, expr.exp)
    return [Term(sp.S.One, ((expr, sp.S.One),))]


def _power(base: sp.Expr, exponent: sp.Expr) -> list[Term]:
    if exponent.is_Integer and exponent > 0 and isinstance(base, sp.Add | sp.Sum):  # powers of products are products
        return _product([_terms(base) for _ in range(int(exponent))])
    if not exponent.is_Rational:
        return [Term(sp.S.One, ((base**exponent, sp.S.One),))]
    return [Term(sp.S.One, ((base, exponent),))]


def _product(parts: list[list[Term]]) -> list[Term]:
    if prod(len(part) for part in parts) > MAX_TERMS:
        raise SwellError
    return [prod(choice, start=Term(sp.S.One)) for choice in product(*parts)]


def _limited(terms: Iterator[Term]) -> list[Term]:
    result = []
    for term in terms:
        result.append(term)
        if len(result) > MAX_TERMS:
            raise SwellError
    return result


def _without_deltas(term: Term) -> Term:
    """Each Kronecker delta picks one value of a summed index; one between free indices stays."""
    factors, ranges = term.factors, dict(term.ranges)
    while delta := next((b for b, e in factors if _picks(b, ranges) and e.is_positive), None):
        gone = next(i for i in delta.args if i in ranges)
        (stays,) = {*delta.args} - {gone}
        if stays in ranges and ranges[stays] != ranges[gone]:
            raise SwellError  # a delta between two different ranges has no place in a typed formula
        del ranges[gone]
        factors = tuple((b.xreplace({gone: stays}), e) for b, e in factors)  # where it stood is a 1
    return Term(term.coefficient, factors, tuple(ranges.items()))


def _picks(base: sp.Expr, ranges: Mapping[sp.Symbol, sp.Expr]) -> bool:
    return isinstance(base, sp.KroneckerDelta) and any(i in ranges for i in base.args)


def _monomial(term: Term, names: Names, effort: Effort) -> tuple[str, sp.Rational]:
    """The text of a term under the numbering of its indices that gives the smallest text."""
    used = set().union(*(base.free_symbols for base, _ in term.factors)) if term.factors else set()
    factors = list(term.factors)
    for name, high in term.ranges:
        if name not in used:
            factors += [(high, sp.S.One)]  # the sum of n equal terms
    coefficient = term.coefficient * prod((b**e for b, e in factors if b.is_Rational), start=sp.S.One)
    factors = [(b, e) for b, e in factors if not b.is_Rational]
    ranges = sorted(((str(high), name) for name, high in term.ranges if name in used), key=lambda r: r[0])
    groups = [(size, [name for _, name in group]) for size, group in groupby(ranges, key=lambda r: r[0])]
    if prod(factorial(len(group)) for _, group in groups) > MAX_NUMBERINGS:
        raise SwellError
    texts = []
    for choice in product(*(permutations(group) for _, group in groups)):
        order = [name for group in choice for name in group]
        sizes = enumerate((size for size, _ in ranges), len(names))
        own = {name: f"{size}#{k}" for name, (k, size) in zip(order, sizes, strict=True)}
        texts.append(_written(factors, {**names, **own}, list(own.values()), effort))
    return min(texts), coefficient


def _written(factors: list[tuple[sp.Expr, sp.Rational]], names: Names, summed: list[str], effort: Effort) -> str:
    powers: dict[str, sp.Rational] = {}
    for base, exponent in factors:
        text = _atom(base, names, effort)
        powers[text] = powers.get(text, sp.S.Zero) + exponent
    parts = [text if e == 1 else f"{text}^{e}" for text, e in sorted(powers.items()) if e]
    return "*".join(parts or ["1"]) + (f" sum({','.join(summed)})" if summed else "")


def _atom(base: sp.Expr, names: Names, effort: Effort) -> str:
    effort.spend()
    if isinstance(base, sp.Indexed):
        return f"{base.base.label}[{','.join(_index(i, names, effort) for i in base.indices)}]"
    if isinstance(base, sp.KroneckerDelta):
        return f"delta({','.join(sorted(_index(i, names, effort) for i in base.args))})"
    if isinstance(base, sp.Function):
        return f"{base.func.__name__}({','.join(canonical(argument, names, effort) for argument in base.args)})"
    if isinstance(base, sp.Symbol) or not base.args:
        return names.get(base, str(base))
    if isinstance(base, sp.Pow):
        return f"({canonical(base.base, names, effort)})^({canonical(base.exp, names, effort)})"
    named = {old: sp.Symbol(new) for old, new in names.items() if old in base.free_symbols}
    return f"<{base.xreplace(named)}>"


def _index(i: sp.Expr, names: Names, effort: Effort) -> str:
    """An index, which is a symbol, or a layer's label such as l - 1."""
    if isinstance(i, sp.Symbol):
        return names.get(i, str(i))
    return canonical(i, names, effort)


def unfold(expr: sp.Expr, definitions: Mapping[str, Equation]) -> sp.Expr:
    """`expr` with every tensor that `definitions` define replaced by its definition, again and again."""
    while hits := _defined(expr, definitions):
        expr = expr.xreplace({entry: _instance(equation, entry) for entry, equation in hits.items()})
    return expr


def unfold_once(expr: sp.Expr, definitions: Mapping[str, Equation]) -> sp.Expr:
    """`expr`, if it is one entry of a defined tensor, replaced by that definition; otherwise `expr`."""
    return _instance(_defined(expr, definitions)[expr], expr) if expr in _defined(expr, definitions) else expr


def _defined(expr: sp.Expr, definitions: Mapping[str, Equation]) -> dict[sp.Expr, Equation]:
    hits: dict[sp.Expr, Equation] = {}
    for entry in expr.atoms(sp.Indexed):
        if equation := definitions.get(str(entry.base.label)):
            hits[entry] = equation
    for symbol in expr.atoms(sp.Symbol):
        equation = definitions.get(str(symbol))
        if equation and not equation.indices:
            hits[symbol] = equation
    return hits


def _instance(equation: Equation, entry: sp.Expr) -> sp.Expr:
    """The value of `equation` at the indices of `entry`, with summation indices of its own."""
    bound = {name for total in equation.value.atoms(sp.Sum) for name, _, _ in total.limits}
    rename: dict[sp.Basic, sp.Basic] = {name: sp.Dummy(integer=True, positive=True) for name in bound}
    if isinstance(entry, sp.Indexed):
        rename |= dict(zip(equation.indices, entry.indices, strict=True))
    return equation.value.xreplace(rename)
