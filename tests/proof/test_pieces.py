"""ReLU and its like: the gradients on every activation pattern, and what is said about the kink."""

from dataclasses import replace

import pytest
import sympy as sp

from derive import Architecture, differentiate, prove
from derive.algebra.program import Program
from derive.model.activation import activation
from derive.proof.theorems.pieces import every_pattern, kinks, pieces


@pytest.mark.parametrize(
    ("names", "patterns", "convention"),
    [
        (("relu", "identity"), "each of the 8 patterns", "relu'(0) = 0"),
        (("relu", "leaky_relu", "identity"), "the layers 1 and 3 alone", "relu'(0) = 0"),
        (("tanh", "relu", "tanh"), "the layers 2 and 3 alone; each of the 8 patterns", "relu'(0) = 0"),
        (("hardtanh", "tanh"), "each of the 27 patterns", "hardtanh'(-1) = 0, hardtanh'(1) = 0"),
        (("elu", "identity"), "each of the 8 patterns", "elu'(0) = 1"),
    ],
)
def test_each_pattern_is_proved_and_the_convention_stated(names, patterns, convention):
    verdict = every_pattern(differentiate(Architecture((3, *(2,) * len(names)), names)))
    assert verdict.verdict == "proved"
    assert patterns in verdict.validity
    assert convention in verdict.validity


@pytest.mark.parametrize("name", ["dW1", "db2"])
def test_a_wrong_gradient_is_refuted_on_a_pattern(name):
    derivation = differentiate(Architecture((2, 3, 1), ("relu", "identity")))
    equations = tuple(
        replace(e, value=2 * e.value) if e.tensor.name == name else e for e in derivation.gradient.equations
    )
    wrong = replace(derivation, gradient=Program(derivation.gradient.inputs, equations))
    verdict = every_pattern(wrong)
    assert verdict.verdict == "refuted"
    assert verdict.counterexample[0][0].startswith(f"derived {name}[")


@pytest.mark.parametrize(("right", "verdict"), [("tanh(x) + y", "refuted"), ("tanh(2*x) + y", "undecided")])
def test_a_difference_in_which_functions_stay_refutes_nothing(right, verdict, monkeypatch):
    parts = ("dW1[1, 1]", sp.sympify("tanh(x) + x"), sp.sympify(right))
    monkeypatch.setattr("derive.proof.theorems.pieces._first_difference", lambda *_: parts)
    assert every_pattern(differentiate(Architecture((2, 2, 1), ("relu", "identity")))).verdict == verdict


def test_the_certificate_of_a_relu_network_has_the_patterns():
    labels = [verdict.label for verdict in prove(differentiate(Architecture((2, 3, 1), ("relu", "identity")))).verdicts]
    assert "SymPy's diff on each activation pattern, relu" in labels
    smooth = prove(differentiate(Architecture((2, 3, 1), ("tanh", "identity"))))
    assert not any("pattern" in verdict.label for verdict in smooth.verdicts)


def test_a_trained_constant_is_no_obstacle():
    verdict = every_pattern(differentiate(Architecture((2, 2, 1), ("prelu", "relu"))))
    assert (verdict.verdict, "relu'(0) = 0" in verdict.validity) == ("proved", True)


def test_pieces_and_kinks():
    assert [str(piece) for piece in pieces(activation("relu"))] == ["0", "z"]
    assert len(pieces(activation("hardtanh"))) == 3
    assert [str(kink) for kink in kinks(activation("hardswish"))] == ["-3", "3"]
    assert kinks(activation("tanh")) == ()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_which_layers_are_looked_at(depth):
    found = every_pattern(differentiate(Architecture((1,) * (depth + 1), ["relu"] * depth)))
    assert found is not None
    assert ("alone" in found.validity) == (depth > 2)
    assert ("widths 3-2," in found.validity) == (depth == 1)
