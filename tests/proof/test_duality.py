"""Adjoints proved by the identity that defines them, and refuted where a term is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from derive import Architecture, differentiate, prove
from derive.algebra.gradient import Derivation
from derive.proof.theorems.duality import duality

NORMED = Architecture(
    [4, 3, 3, 2],
    ["prelu", "swish", "softmax"],
    "cross_entropy",
    layers=[{"normalization": "layer_norm"}, {"residual": True, "dropout": 0.5, "normalization": "rms_norm"}, {}],
    penalty={"l2": 0.5, "l1": 0.25},
    sample_weights=True,
)


def test_every_equation_of_a_network_beyond_the_text_is_proved() -> None:
    derivation = differentiate(NORMED)
    verdicts = duality(derivation)
    assert [v.label for v in verdicts if not v.holds] == []
    assert len(verdicts) == len(derivation.gradient.equations)
    assert any(v.label == "Shift, m3" for v in verdicts)


def altered(derivation: Derivation, name: str, change: sp.Expr) -> Derivation:
    gradient = derivation.gradient
    equations = tuple(replace(e, value=e.value * change) if e.tensor.name == name else e for e in gradient.equations)
    return replace(derivation, gradient=replace(gradient, equations=equations))


@pytest.mark.parametrize(
    "name", [e.tensor.name for e in differentiate(NORMED).gradient.equations if e.tensor.name != "dm3"]
)
def test_a_wrong_factor_is_refuted(name: str) -> None:
    verdicts = {v.label: v.verdict for v in duality(altered(differentiate(NORMED), name, sp.Rational(1, 2)))}
    assert verdicts[f"Adjoint, {name}"] == "refuted"


def test_a_maximum_that_something_depends_on_is_not_proved_to_be_a_shift() -> None:
    wrong = altered(differentiate(NORMED), "dq3", sp.Integer(2))
    assert {v.label: v.verdict for v in duality(wrong)}["Shift, m3"] == "undecided"


def test_prove_covers_all_of_it() -> None:
    network = Architecture([3, 2], ["softmax"], "cross_entropy", layers=[{"normalization": "rms_norm"}])
    certificate = prove(differentiate(network))
    assert certificate.holds
    assert certificate.count("undecided") == 0
