"""How formulas may be spelled, and the letters that a network has besides the text's."""

from __future__ import annotations

import pytest

from derive import Architecture
from derive.model.errors import FormulaError
from derive.model.reader import parse
from derive.proof.formulas.spelling import plain, spelled
from derive.proof.grading.alphabet import alphabet_of


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("np.dot(dZ2, W2)", "delta2 @ W2"),
        ("dZ2.T.dot(A1)", "delta2.T @ a1"),
        ("np.multiply(dA1, 1 - np.power(A1, 2))", "da1 * (1 - a1 ** 2)"),
        ("np.sum(dZ2, axis=0, keepdims=True) / m", "sum(delta2, samples) / N"),
        ("dZ2.mean(axis=1)", "mean(delta2, units)"),
        ("sum(outer(delta2, a1))", "delta2.T @ a1"),
        ("sigmoid(z1)", "1 / (1 + exp(-z1))"),
        ("dL/dz2 * f(z2)", "delta2 * f(z2)"),
        ("δ2ᵀ @ a1 ⊙ a1", "delta2.T @ a1 * a1"),
        ("delta2^T @ a1^2", "delta2.T @ a1 ** 2"),
        ("Z[l] - A[l-1]", "z[l] - a[l - 1]"),
        ("m2 + 1", "m2 + 1"),
    ],
)
def test_other_spellings(text, meant):
    assert spelled(text, "rows") == meant


def test_an_axis_is_that_of_the_layout():
    assert spelled("sum(z1, axis=0)", "columns") == "sum(z1, units)"
    assert spelled("sum(z1, 1)", "columns") == "sum(z1, samples)"


@pytest.mark.parametrize("text", ["sum(z1, axis=5)", "sum(z1, axis=l)", "sum(z1, where=z1)"])
def test_what_an_axis_cannot_be(text):
    with pytest.raises(FormulaError, match=r"axis is 0, 1 or -1|no argument where"):
        spelled(text, "rows")


def test_plain_text_keeps_what_it_does_not_know():
    assert plain("d/dx  (L/2)") == "d/dx (L/2)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a1 W2", "an operator such as * or @ is expected before 'W2' at column 4"),
        ("a1 @ @ W2", "a quantity, a number or ( is expected, but '@' stands at column 6"),
        ("a1 @", "but it ends at column 5"),
        ("(a1", "'(' is never closed"),
        ("a1)", "')' closes nothing"),
    ],
)
def test_what_was_expected_is_said(text, words):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert words in str(caught.value)


def test_letters_are_those_of_the_equations():
    layers = ({"normalization": "layer_norm", "dropout": 0.5}, {})
    network = Architecture((3, 4, 2), ("prelu", "tanh"), layers=layers, penalty={"l2": 0.1}, sample_weights=True)
    letters = alphabet_of(network)
    assert {"gain", "shift", "mask", "weights", "slope", "dgain", "dh"} <= set(letters.extra)
    assert letters.numbered("gamma1") == ("gain", 1)
    assert letters.numbered("dbeta1") == ("dshift", 1)
    assert letters.numbered("weights") == ("weights", -1)
    assert letters.numbered("weights1") is None
    assert letters.numbers == {"l2": letters.numbers["l2"]}
    assert letters.misplaced("gain", [2]) == "layer 2 has none; gain exists in layer 1"
    assert letters.inputs == {"z", "h"}
    assert alphabet_of(Architecture((3, 2), ("tanh",))).extra == {}
