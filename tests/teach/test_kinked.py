"""ReLU by hand: beside its kink it has to be right, at the kink any convention is reported as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.proof.certificate import Certificate
from derive.teach.code.handwritten import _kinks, audit_function

RELU = """import numpy as np

def backprop(W1, b1, W2, b2, X, Y):
    z1 = X @ W1.T + b1
    a1 = np.maximum(z1, 0)
    delta2 = (a1 @ W2.T + b2 - Y) / len(X)
    slope = np.where(z1 > 0, 1, 0)
    delta1 = (delta2 @ W2) * slope
    return delta1.T @ X, delta1.sum(axis=0), delta2.T @ a1, delta2.sum(axis=0)
"""
NETWORK = Architecture((7, 5, 3), ("relu", "identity"))
SLOPE = "np.where(z1 > 0, 1, 0)"


def audited(folder: Path, slope: str, network: Architecture = NETWORK, text: str = RELU) -> Certificate:
    path = folder / "own.py"
    path.write_text(text.replace(SLOPE, slope))
    return audit_function(path, network)


def outcomes(certificate: Certificate) -> list[str]:
    return [v.verdict for v in certificate.verdicts]


@pytest.mark.parametrize("slope", [SLOPE, "(z1 > 0)", "(a1 > 0)"])
def test_the_convention_of_the_table_is_proved(tmp_path, slope):
    certificate = audited(tmp_path, slope)
    assert outcomes(certificate) == ["proved"] * 5, certificate.verdicts
    assert "beside each kink" in certificate.verdicts[0].validity
    kink = certificate.verdicts[-1]
    assert kink.label == "z1 = 0"
    assert "f'(0) = 0, as specified" in kink.formula
    assert kink.to_dict()["range"]["at_a_kink"]


@pytest.mark.parametrize(
    ("slope", "taken"),
    [
        ("np.where(z1 >= 0, 1, 0)", "1"),
        ("np.where(z1 > 0, 1, np.where(z1 < 0, 0, 0.5))", "1/2"),
        ("np.where(z1 > 0, 1, np.where(z1 < 0, 0, 0.3))", "3/10"),
    ],
)
def test_another_convention_is_reported_and_is_not_wrong(tmp_path, slope, taken):
    certificate = audited(tmp_path, slope)
    assert certificate.holds, certificate.verdicts
    assert f"f'(0) = {taken}: another convention than the specification's 0" in certificate.verdicts[-1].formula


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        ("np.where(z1 > 0, 1, np.where(z1 < 0, 0, 2))", "2, which is not between"),
        ("np.where(z1 > 0, 1, np.where(z1 < 0, 0, -1))", "-1, which is not between"),
        ("(z1 > 0) * (z1 / z1)", "of no slope"),
        ("np.where(z1 > 0, 1, np.where(z1 < 0, 0, X[:, :1]))", "of no slope"),
    ],
)
def test_what_is_no_convention_is_refuted_at_the_kink_only(tmp_path, slope, words):
    certificate = audited(tmp_path, slope)
    assert outcomes(certificate)[-1] == "refuted"
    assert words in certificate.verdicts[-1].note
    assert "refuted" not in outcomes(certificate)[:-1]


@pytest.mark.parametrize("slope", ["(z1 > -1e-5)", "(z1 > 1e-5)", "(z1 < 0)", "np.ones(z1.shape)"])
def test_beside_the_kink_there_is_no_convention(tmp_path, slope):
    certificate = audited(tmp_path, slope)
    assert outcomes(certificate)[:2] == ["refuted"] * 2
    assert not any("convention" in v.formula for v in certificate.verdicts)


def test_a_threshold_beside_the_kink_is_seen_in_floats_even_if_nothing_is_exact(tmp_path):
    certificate = audited(tmp_path, "np.fliplr(np.fliplr(1.0 * (z1 > 1e-5)))")
    assert outcomes(certificate) == ["refuted", "refuted", "undecided", "undecided"]
    assert "z1 1e-06 above 0" not in certificate.verdicts[0].note
    assert "above 0" in certificate.verdicts[0].validity


def test_where_nothing_is_exact_the_convention_is_undecided(tmp_path):
    certificate = audited(tmp_path, "np.fliplr(np.fliplr(1.0 * (z1 >= 0)))")
    assert outcomes(certificate) == ["undecided"] * 5
    assert "those with 1" in certificate.verdicts[-1].note


def test_kinks_of_an_own_activation_that_are_no_floats(tmp_path):
    network = Architecture((2, 3, 4), (Activation("clipped", "where(z > 1/3, 1/3, where(z > -2, z, -2))"), "identity"))
    text = RELU.replace("np.maximum(z1, 0)", "np.minimum(np.maximum(z1, -2), 1 / 3)")
    certificate = audited(tmp_path, "(z1 > -2) * (z1 <= 1 / 3)", network, text)
    assert outcomes(certificate) == ["proved"] * 6, certificate.verdicts
    assert [v.label for v in certificate.verdicts[-2:]] == ["z1 = -2", "z1 = 1/3"]
    other = audited(tmp_path, "(z1 >= -2) * (z1 < 1 / 3)", network, text)
    assert other.holds, other.verdicts
    assert all("another convention" in v.formula for v in other.verdicts[-2:])


def test_each_layer_may_have_a_convention_of_its_own(tmp_path):
    text = RELU.replace("(a1 @ W2.T + b2 - Y) / len(X)", "(a1 @ W2.T + b2 > 0) * (a1 @ W2.T + b2 - Y) / len(X)")
    certificate = audited(tmp_path, "(z1 >= 0)", Architecture((2, 3, 4), ("relu", "relu")), text)
    assert certificate.holds, certificate.verdicts
    assert [v.label for v in certificate.verdicts[-2:]] == ["z1 = 0", "z2 = 0"]
    assert "another convention" in certificate.verdicts[-2].formula
    assert "as specified" in certificate.verdicts[-1].formula


def test_many_kinks_are_looked_at_once_for_each_activation():
    assert [(p.layer, p.kink) for p in _kinks(Architecture((2,) * 13, ("tanh", *["relu"] * 10, "identity")))] == [
        (2, 0)
    ]
    assert [p.layer for p in _kinks(Architecture((2,) * 9, ("relu",) * 8))] == [*range(1, 9)]


def test_a_network_without_a_kink_has_no_verdict_about_one(tmp_path):
    network = Architecture((2, 3, 4), ("tanh", "identity"))
    certificate = audited(tmp_path, "1 - a1**2", network, RELU.replace("np.maximum(z1, 0)", "np.tanh(z1)"))
    assert outcomes(certificate) == ["proved"] * 4
