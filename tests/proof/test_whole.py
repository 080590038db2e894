"""Nothing is left out: the equations that a certificate names, the conventions that are tried, errata."""

from dataclasses import replace

import pytest

from derive import Architecture, differentiate
from derive.proof.formulas.claims import Claim, source_text
from derive.proof.formulas.conventions import CHOICES, Conventions, contradiction, usual
from derive.proof.theorems.alternatives import others
from derive.proof.theorems.instances import instances
from derive.proof.theorems.texts import claim_verdicts


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_equation_of_every_layer_has_its_verdict(depth):
    derivation = differentiate(Architecture((2,) * (depth + 1), ("tanh",) * depth))
    names = [verdict.label.rpartition(", ")[2] for verdict in instances(derivation, source_text())]
    forward = [f"{name}{k}" for k in range(1, depth + 1) for name in ("z", "a")]
    backward = [f"{name}{k}" for k in range(depth, 0, -1) for name in ("delta", "dW", "db")]
    assert names == [*forward, "c", "loss", f"da{depth}", *backward]


@pytest.mark.parametrize("start", [usual("rows"), usual("columns"), Conventions("rows", "mean", mean_in="gradients")])
def test_other_conventions_differ_in_one_choice_and_what_goes_with_it(start):
    found = list(others(start))
    along = {"layout": lambda value: usual(value).cost, "mean_in": lambda value: "mean"}
    expected = []
    for key in ("factor", "input_layer", "parameters", "cost", "mean_in", "layout"):
        for value in CHOICES[key].values():
            changed = replace(start, **{key: value})
            if key in along:
                changed = replace(changed, cost=along[key](value))
            if key in ("layout", "cost"):
                changed = replace(changed, mean_in="delta")
            if value != getattr(start, key) and not contradiction(changed):
                expected.append(changed)
    assert found == expected
    assert len({str(c) for c in found}) == len(found) > 5


def test_an_erratum_is_not_excused_by_a_convention():
    claim = Claim("t", "dW[l] = delta[l].T @ a[l-1] / N", "rows", "l = 1..L")
    (found,) = claim_verdicts(claim, "least_squares")
    assert (found.verdict, "would be true" in found.note) == ("refuted", True)
    printed, corrected = claim_verdicts(replace(claim, corrected="dW[l] = delta[l].T @ a[l-1]"), "least_squares")
    assert (printed.verdict, corrected.verdict) == ("refuted", "proved")
    assert "known erratum" in printed.note
    assert "would be true" not in printed.note + corrected.note
