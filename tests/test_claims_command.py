"""`derive verify --claims`: what it prints, with which exit status, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from derive.model.tables import ACTIVATIONS

SMALL = ("--layers", "2-3-1")
BROKEN = """
sizes = [2, 3, 1]
activations = ["tanh", "identity"]
optimizer = { name = "adam", epsilon = 0.0 }
"""


@pytest.mark.slow
def test_the_claims_of_a_network_with_an_activation_of_its_own(derive):
    own = ("--activation", "soft", "--define", "soft = z/(1 + abs(z)) + shift; shift = 0.5")
    result = derive("verify", "--claims", *SMALL, *own)
    assert (result.status, result.err) == (0, "")
    flat = " ".join(result.out.split())
    assert "f[1](0) = 1/2 (soft)" in flat
    assert "Activation soft" in flat
    assert "Activation relu" not in flat
    assert "without W[l+1][k,p] =" in flat
    assert flat.endswith("refuted as printed or with a condition less. The certificate holds.")


@pytest.mark.slow
def test_the_claims_of_all_networks_as_json(derive):
    result = derive("verify", "--claims", "--json")
    content = json.loads(result.out)
    assert (result.status, content["kind"], content["holds"]) == (0, "claims", True)
    labels = {formula["label"] for formula in content["formulas"]}
    assert {f"Activation {name}" for name in ACTIVATIONS} & labels
    assert any(formula.get("words", "").startswith("If in a layer one uses") for formula in content["formulas"])


@pytest.mark.slow
def test_what_falls_short_is_an_exit_status_of_one(derive):
    Path("spec.toml").write_text(BROKEN)
    result = derive("verify", "--claims", "spec.toml")
    assert result.status == 1
    assert "The certificate does not hold." in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "nielsen"), "--claims are those of the source text; leave --text out"),
        (("--certificate", "x.json", "x.py"), "leave --certificate out"),
        (("--layers", "2-x"), "--layers"),
    ],
)
def test_what_is_refused(derive, arguments, message):
    result = derive("verify", "--claims", *arguments)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1
