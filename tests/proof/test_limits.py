"""Limits: what just keeps to one is answered, what is one beyond it is not."""

from fractions import Fraction

import pytest
import sympy as sp

from derive import Architecture
from derive.model.errors import DeriveError, FormulaError
from derive.model.expression import Z
from derive.proof.examples import blindspots
from derive.proof.formulas.grammar import FormulaReader
from derive.proof.formulas.scope import Scope
from derive.proof.grading.answers import MAX_LENGTH, ask, read_line
from derive.proof.grading.terms import Term, leaf
from derive.proof.numbers.small import MAX_BITS, MAX_POWER, NoExactValueError, small
from derive.proof.theorems import canonical
from derive.proof.words.shapes import MAX_NESTING, _nesting, limit_of

A0 = leaf("a", 0)


def refused(function, *arguments) -> bool:
    try:
        function(*arguments)
    except (DeriveError, FormulaError, NoExactValueError, canonical.SwellError):
        return True
    return False


def test_the_largest_example(monkeypatch):
    monkeypatch.setattr(blindspots, "findings_of", lambda setting: ())
    networks = {depth: Architecture((1,) * (depth + 1), ["tanh"] * depth) for depth in (1, 20, 21)}
    for depth, samples, beyond in ((1, 10**9, False), (1, 10**9 + 1, True), (1, 1, False), (1, 0, True), (21, 1, True)):
        assert refused(blindspots.blindspots, networks[depth], samples) == beyond


def test_the_longest_answer():
    for length in (MAX_LENGTH, MAX_LENGTH + 1):
        assert refused(read_line, ask("delta1", 2), "a1".ljust(length), 2, "rows") == (length > MAX_LENGTH)


@pytest.mark.parametrize(("base", "beyond"), [(2**64 - 1, False), (2**64, True)])
def test_the_largest_power_of_a_number(base, beyond):
    reader = FormulaReader(Scope("columns", least=3))
    assert refused(reader.read, f"{base} ** 64") == beyond
    assert refused(reader.read, f"(1 / {base}) ** 64") == beyond
    assert refused(reader.read, f"{base} ** -64") == beyond


def test_the_largest_powers_of_small_numbers():
    data = small(Architecture((2, 1), ("identity",)), "rows", 1, (2, 1), 0)

    def number(value):
        return Term("number", (), number=Fraction(value))

    def power(exponent, base=A0):
        return data.value(Term("**", (base, number(exponent))), {})

    assert not refused(power, MAX_POWER)
    assert not refused(power, -MAX_POWER)
    assert refused(power, MAX_POWER + 1)
    assert refused(power, -MAX_POWER - 1)
    assert refused(power, Fraction(1, 2))
    with pytest.raises(NoExactValueError, match=r"\*\*"):  # not a ValueError by chance
        data.value(Term("**", (A0, A0)), {})
    assert not refused(power, 2, number(2**MAX_BITS - 1))
    assert refused(power, 2, number(2**MAX_BITS))


def test_the_longest_canonical_form(monkeypatch):
    monkeypatch.setattr(canonical, "MAX_TERMS", 6)
    a, b, c, d, e, f, g = sp.symbols("a:g")
    assert not refused(canonical.canonical, (a + b) * (c + d + e))
    assert refused(canonical.canonical, (a + b) * (c + d + e + f))
    assert not refused(canonical.canonical, a + b + c + d + e + f)
    assert refused(canonical.canonical, a + b + c + d + e + f + g)


def test_the_deepest_limit():
    formula = Z
    for depth in range(1, MAX_NESTING + 2):
        formula = sp.atan(formula)
        assert _nesting(formula) == depth
        assert (limit_of(formula, sp.oo, True) is None) == (depth > MAX_NESTING)
