"""SymPy's diff of the written-out loss agrees with the three programs, and with no corrupted one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.algebra.sensitivities import Sensitivity
from derive.model.architecture import Architecture
from derive.proof.prove import prove
from derive.proof.theorems.sensitivities import CLAIMS, LENGTH, decided, same, sensitivities

NETWORK = differentiate(Architecture((4, 3, 2), ("tanh", "sigmoid")))


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_all_three_are_proved(depth: int) -> None:
    verdicts = sensitivities(differentiate(Architecture(range(2, 3 + depth), ["tanh"] * depth)))
    assert [v.verdict for v in verdicts] == ["proved"] * 3
    assert all(("3 of the 5 layers" in v.validity) == (depth == 5) for v in verdicts)


CHANGES = (
    lambda e: -e.value,
    lambda e: e.value * sp.Rational(1000001, 1000000),
    lambda e: e.value.args[0] if e.value.is_Add else sp.S.Zero,
)
"""Sign, factor, dropped term: one of them for each equation, in turn."""


@pytest.mark.parametrize(
    "claim", [pytest.param(c, id=c.label, marks=[pytest.mark.slow] * (c.label == "H v")) for c in CLAIMS]
)
def test_every_corrupted_equation_is_refuted(claim) -> None:
    made = claim.made(NETWORK)
    for position, equation in enumerate(made.program.equations):
        if equation.tensor.name in NETWORK.forward.definitions:
            continue
        wrong = list(made.program.equations)
        wrong[position] = replace(equation, value=CHANGES[position % 3](equation))
        bad = Sensitivity(replace(made.program, equations=tuple(wrong)), made.results)
        verdict = decided(claim, NETWORK, bad)
        assert verdict.verdict == "refuted", equation
        assert all(value and len(value) <= LENGTH + 1 for _, value in verdict.counterexample)


def test_they_stand_in_the_certificate_and_fall_with_the_gradient() -> None:
    assert sum(v.label.startswith("SymPy's diff: ") for v in prove(NETWORK).verdicts) == 3
    doubled = tuple(replace(e, value=2 * e.value) if e.tensor.name == "da1" else e for e in NETWORK.gradient.equations)
    bad = replace(NETWORK, gradient=replace(NETWORK.gradient, equations=doubled))
    assert {v.verdict for v in sensitivities(bad)} == {"refuted"}


def test_an_unknown_function_has_one_value_at_each_number() -> None:
    f = sp.Function("f")
    a, b = sp.Integer(2), sp.Integer(5)
    assert same(f(a) * (1 + f(b)), f(a) + f(b) * f(sp.Integer(3) - 1))
    assert not same(f(a), f(b))
    assert not same(f(a), sp.Function("g")(a))
