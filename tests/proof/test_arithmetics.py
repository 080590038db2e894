"""Terms have the same value in residues, where answers are judged, as in the exact numbers that learners are shown."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from derive import Architecture, differentiate
from derive.algebra.residues import residue
from derive.proof.grading.answers import ask, read_line
from derive.proof.numbers.network_data import draw
from derive.proof.numbers.small import small
from derive.proof.numbers.valuation import Residual

NETWORK, SIZES = Architecture((3, 2, 2), ("identity", "identity")), (2, (3, 2, 2))
BOTH = ["a1 + z2", "a1 - 2", "-a1", "a1 * z1 / 4", "a1 / a1 ** 2", "a1 ** 3", "N * a1 ** 0", "W1 - W1 * 2", "n1 * a1"]
BOTH += ["sum(a1)", "sum(delta2 * 3)", "sum(b2)", "sum(W1)", "mean(a1)", "sum(1 / N)"]
BOTH += ["abs(a1)", "sign(a1 - 1)", "max(a1, z2)", "min(a1, 1)", "where(a1 > 1, a1, -z2)", "where(a1 <= 1, 3, a1)"]
BOTH += ["where(a1 < 2, 1, 0) + where(a1 >= 2, 3, 5)"]
BOTH += [f"where(a1 {sign} {right}, 3, 5)" for sign in ("<", "<=", ">", ">=") for right in ("a1", "3 - 2*a1", "-1")]
ROWS = ["a0 @ W1.T", "a0 @ W1.T + b1", "delta2 @ W2", "delta2.T @ a1", "sum(a0 @ W1.T)", "a1 @ a1.T @ a1", "W2 @ W1"]
COLUMNS = [
    "W1 @ a0",
    "W1 @ a0 + b1",
    "W2.T @ delta2",
    "delta2 @ a1.T",
    "outer(delta2, a0)",
    "diag(a1)",
    "diag(a1.T)",
    "outer(delta2.T, a0)",
    "outer(delta2, a0.T)",
    "diag(a1) @ W1",
]
CASES = [(text, layout) for layout, own in (("rows", ROWS), ("columns", COLUMNS)) for text in (*BOTH, *own)]


def term(text, layout):
    asked = ask("delta2", 2)
    (found,) = read_line(asked, text, 2, layout).terms.values()
    return found


def residues(array):
    return np.array([residue(sp.Rational(v)) for v in array.ravel()], dtype=np.int64).reshape(array.shape)


@pytest.mark.parametrize(("text", "layout"), CASES)
def test_the_same_value_in_residues_and_in_exact_numbers(text, layout):
    for seed in range(3):
        exact = small(NETWORK, layout, *SIZES, seed)
        values = {leaf: residues(array) for leaf, array in exact.values.items()}
        own = Residual(replace(draw(differentiate(NETWORK), layout, *SIZES, seed), values=values))
        right = residues(exact.value(term(text, layout), {}))
        assert np.array_equal(*np.broadcast_arrays(own.value(term(text, layout)), right))
