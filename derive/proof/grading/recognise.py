"""What an answer is: right, consistent with one slip, off by a factor, consistent with two slips, or unnamed.

Right or not is decided at distinct widths, by exact values modulo a prime. A name is looked for where all
sizes coincide, so that answers whose shapes do not fit have a value too: the slipped forms of the truth
are evaluated once for each quantity, and an answer is looked up among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from derive.algebra.gradient import Derivation, differentiate
from derive.algebra.notation import named
from derive.algebra.residues import PRIME, inverse
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.proof.formulas.values import Layout
from derive.proof.grading.slip_rules import Setting, distributed
from derive.proof.grading.slips import BY_TAG, SLIPS, Slip
from derive.proof.grading.terms import Term, entrywise, leaf, number
from derive.proof.grading.truth import slippable, truths
from derive.proof.numbers.network_data import COINCIDING, DISTINCT, draw, is_sampled
from derive.proof.numbers.reals import CLOSE, multiple
from derive.proof.numbers.slopes import slope
from derive.proof.numbers.valuation import NoValueError, Residual, SingularError, fraction, key, ratio

LEVELS = 3
"""So many lines above are written out when slips are looked for."""
PAIR_LIMIT = 400


@dataclass(frozen=True)
class Found:
    """What an answer is consistent with."""

    tags: tuple[str, ...] = ()
    factor: Fraction | None = None
    form: Term | None = None
    """The slipped form that has the answer's value."""


NOTHING = Found()


@dataclass
class Bench:
    """The data of one network in one layout, on which answers are evaluated."""

    derivation: Derivation
    setting: Setting
    distinct: tuple[Residual, ...]
    coinciding: tuple[Residual, ...]
    tables: dict[Any, Any] = field(default_factory=dict)

    def truth(self, base: str, layer: int) -> tuple[Term, ...]:
        """The right formulas of a quantity, shortest first."""
        return truths(self.derivation, self.setting.layout, base, layer, LEVELS)

    def changed(self, own: dict[Term, Term]) -> Bench:
        """This bench with some derivatives given by the learner's own earlier lines."""

        def new(residual: Residual) -> Residual:
            values: dict[Term, Any] = {}
            current = residual
            for quantity, term in own.items():
                values[quantity] = current.value(term)
                current = Residual(residual.data.changed(self.derivation, values))
            return current

        return Bench(self.derivation, self.setting, tuple(map(new, self.distinct)), tuple(map(new, self.coinciding)))

    def is_right(self, base: str, layer: int, answer: Term) -> bool:
        """Whether the answer has the right value at distinct widths. Raises NoValueError if it has none."""
        try:
            return all(_equal(r.value(answer), leaf(base, layer), r) for r in self.distinct)
        except NoValueError:
            if self._never_right(base, layer, answer):
                return False
            raise

    def gives(self, base: str, layer: int, answer: Term, plain: Bench) -> bool:
        """Whether an answer, with the learner's own lines in it, has the value that is right altogether."""
        try:
            pairs = list(zip(self.distinct, plain.distinct, strict=True))
            return all(_equal(own.value(answer), leaf(base, layer), right) for own, right in pairs)
        except NoValueError:
            return False

    def _never_right(self, base: str, layer: int, answer: Term) -> bool:
        """Whether an answer without a value at distinct widths is wrong, or has no inverse, where sizes coincide."""
        singular = 0
        for r in self.coinciding:
            try:
                if not _equal(r.value(answer), leaf(base, layer), r):
                    return True
            except SingularError:
                singular += 1
        return singular == len(self.coinciding)

    def key(self, base: str, layer: int, term: Term) -> Any:
        """The values of a term where sizes coincide."""
        shapes = [r.data.values[leaf(base, layer)].shape for r in self.coinciding]
        return key([r.value(term) for r in self.coinciding], shapes)

    def table(self, base: str, layer: int) -> dict[Any, Found]:
        """Value → the slip whose form has it, for every slipped form of the truth."""
        name = ("table", base, layer)
        if name not in self.tables:
            self.tables[name] = self._table(base, layer)
        found: dict[Any, Found] = self.tables[name]
        return found

    def _table(self, base: str, layer: int) -> dict[Any, Found]:
        right = self.key(base, layer, leaf(base, layer))
        table: dict[Any, Found] = {}
        for tag, form in self.singles(base, layer):
            try:
                value = self.key(base, layer, form)
            except NoValueError:
                continue
            if value != right and value not in table:
                table[value] = Found((tag,), None, form)
        return table

    def singles(self, base: str, layer: int, levels: int = LEVELS) -> Iterator[tuple[str, Term]]:
        """Every single slip in the truth; those in the line itself come before those in the lines above it."""
        for forms in slippable(self.derivation, self.setting.layout, base, layer, levels):
            for slip in SLIPS:
                for form in dict.fromkeys(self._slipped(slip, forms, leaf(base, layer))):
                    yield slip.tag, form

    def _slipped(self, slip: Slip, forms: tuple[Term, ...], quantity: Term) -> Iterator[Term]:
        """What the slip makes of the truth, of the truth with each path on its own, and of what it defines."""
        for term in dict.fromkeys((*forms, *map(distributed, forms), quantity)):
            yield from slip.slipped(term, self.setting)

    def pairs(self, base: str, layer: int) -> dict[Any, Found]:
        """Value, up to a factor → the two slips whose form has it, in the line itself; made when first needed."""
        name = ("pairs", base, layer)
        if name not in self.tables:
            table: dict[Any, Found] = {}
            self._enter(table, base, layer, (), leaf(base, layer))
            singles = list(self.singles(base, layer, 0))
            for tag, form in singles:
                self._enter(table, base, layer, (tag,), form)
            for first, form in singles:
                if BY_TAG[first].whole:
                    continue
                for slip in SLIPS:
                    if slip.tag == first or slip.whole or len(table) > PAIR_LIMIT:
                        continue
                    for both in slip.slipped(form, self.setting):
                        self._enter(table, base, layer, (first, slip.tag), both)
            self.tables[name] = table
        found: dict[Any, Found] = self.tables[name]
        return found

    def _enter(self, table: dict[Any, Found], base: str, layer: int, tags: tuple[str, ...], form: Term) -> None:
        try:
            values = [r.value(form) for r in self.coinciding]
        except NoValueError:
            return
        if (direction := _direction(values)) is not None:
            table.setdefault(direction, Found(tags, None, form))

    def factor(self, term: Term, of: Term) -> Found:
        """By which factor `term` is more than `of`; a power of N has names of its own."""
        ratios = [(r.data.samples, ratio(r.value(term), r.value(of))) for r in self.coinciding]
        if any(k is None for _, k in ratios):
            return NOTHING
        ratios += [(r.data.samples, ratio(*values)) for r, values in self.apart(term, of)]
        for power in (0, 1, -1, 2, -2):
            scaled = {
                None if k is None else fraction(k * pow(inverse(n) if power > 0 else n, abs(power), PRIME) % PRIME)
                for n, k in ratios
            }
            if len(scaled) == 1 and (k := scaled.pop()) is not None:
                return Found(_factor_tags(k, power), k)
        number = multiple(self.derivation.architecture, self.setting.layout, term, of)
        return Found(_factor_tags(number, 0)) if number and abs(number - 1) > CLOSE else NOTHING

    def apart(self, term: Term, other: Term) -> Iterator[tuple[Residual, tuple[Any, Any]]]:
        """The values of both at distinct widths, where both have one: there n is told from N."""
        for r in self.distinct:
            try:
                values = r.value(term), r.value(other)
            except NoValueError:
                continue
            if values[0].shape == values[1].shape:
                yield r, values


def _factor_tags(factor: Fraction | float, power: int) -> tuple[str, ...]:
    """The names of a factor k * N**power."""
    tags: tuple[str, ...] = ("sign",) if factor < 0 else ()
    tags += ("missing-mean",) if power > 0 else ("mean-twice",) if power < 0 else ()
    return tags + (("constant-factor",) if abs(factor) != 1 or abs(power) > 1 else ())


def _direction(values: list[Any]) -> Any:
    """The values up to one factor for each draw."""
    parts = []
    for array in values:
        flat = array.ravel()
        nonzero = np.flatnonzero(flat)
        if not len(nonzero):
            return None
        parts.append((array.shape, (array * inverse(int(flat[nonzero[0]])) % PRIME).tobytes()))
    return tuple(parts)


def _equal(given: Any, quantity: Term, at: Residual) -> bool:
    """Whether a value is that of the quantity; a bias may stand or lie, and a number stands for a matrix of it."""
    right, tensor = at.data.values[quantity], at.data.tensors[named(quantity.head, quantity.layer)]
    if not is_sampled(tensor) and len(tensor.axes) == 1 and given.shape[1:] == right.shape[:0:-1]:
        given = given.swapaxes(1, 2)
    try:
        return bool((np.broadcast_to(given, right.shape) == right).all())
    except ValueError:
        return False


def name(bench: Bench, base: str, layer: int, answer: Term) -> Found:
    """What a wrong answer is consistent with: one slip, then a factor, then two slips; NOTHING if there is no name."""
    try:
        value = bench.key(base, layer, answer)
        found = bench.table(base, layer).get(value, NOTHING)
        if found.form and any(ratio(*values) != 1 for _, values in bench.apart(answer, found.form)):
            found = NOTHING
        match found.tags, answer.head:
            case ("outer-product-order",), "T":
                return Found(("transposed-layout",), None, found.form)
            case (_, *_), _:
                return found
        factor = bench.factor(answer, leaf(base, layer))
        if factor.tags:
            return factor
        direction = _direction([r.value(answer) for r in bench.coinciding])
        both = bench.pairs(base, layer).get(direction, NOTHING)
        match both:
            case Found(tags=(tag,), form=Term() as form):
                times_k = bench.factor(answer, form)
                return Found((tag, *times_k.tags), times_k.factor, form) if times_k.tags else NOTHING
        return both
    except NoValueError:
        return NOTHING


@lru_cache(maxsize=16)
def bench(architecture: Architecture, layout: Layout) -> Bench:
    """The bench of a network, made once."""
    return bench_of(differentiate(architecture), layout)


def bench_of(derivation: Derivation, layout: Layout) -> Bench:
    """The bench of a derivation, which need not be that of an architecture."""
    activations = derivation.architecture.activations
    setting = Setting(layout, len(activations), tuple(_slope(f) for f in activations))

    def drawn(sizes: tuple[tuple[int, tuple[int, ...]], ...], first: int) -> tuple[Residual, ...]:
        return tuple(
            Residual(draw(derivation, layout, samples, widths, seed))
            for seed, (samples, widths) in enumerate(sizes, first)
        )

    return Bench(derivation, setting, drawn(DISTINCT, 0), drawn(COINCIDING, 10))


def _slope(activation: Activation) -> Callable[[Term], Term] | None:
    """What f' is of f(z), as a function of terms; None if it is no polynomial, or a constant."""
    found = slope(activation)
    return None if found is None or len(found) < 2 else lambda argument: _polynomial(found, argument)


def _polynomial(coefficients: tuple[Fraction, ...], argument: Term) -> Term:
    parts = [
        entrywise(number(c), Term("**", (argument, number(power)))) if power else number(c)
        for power, c in enumerate(coefficients)
        if c
    ]
    return reduce(lambda x, y: Term("+", (x, y)), parts)
