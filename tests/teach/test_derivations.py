"""Whole derivations as people write them: no right line is marked wrong, and an error costs one line."""

from __future__ import annotations

import pytest

from derive import Architecture, grade
from derive.teach.derivation import grade_lines

NETWORK = Architecture((3, 4, 5, 2), ("tanh", "tanh", "identity"))
RIGHT = {
    "general": """
        delta[L] = (a[L] - y) * f'(z[L]) / N
        delta[l] = (delta[l+1] @ W[l+1]) * f'(z[l])
        db[l] = sum(delta[l])
        dW[l] = delta[l].T @ a[l-1]""",
    "1/N in the gradients": """
        dZ3 = A3 - Y
        dW3 = 1/m * np.dot(dZ3.T, A2)
        db3 = 1/m * np.sum(dZ3, axis=0, keepdims=True)
        dZ2 = np.dot(dZ3, W3) * f'(Z2)
        dW2 = (1/m) * dZ2.T.dot(A1)
        dA1 = dZ2 @ W2
        dZ1 = dA1 * (1 - np.power(A1, 2))
        dW1 = 1/m * dZ1.T @ X
        db1 = np.mean(dZ1, axis=0)""",
    "quotients": """
        1. z1 = x @ W1.T + b1
        2. a1 = tanh(z1)
        3. ∂L/∂a3 = (a3 − y)/N
        4. dL/dz3 = dL/da3
        5. dL/dW3 = (dL/dz3)ᵀ @ a2;
        6. d(loss, z2) := (δ3 @ W3) ⊙ f′(z2)
        7. dW2 = sum(outer(delta2, a1))""",
    "written out": """
        delta2 = 1/N * ((a3 - y) @ W3) * (1 - a2^2)
        dW1 = ((((a3 - y)/N @ W3) * f'(z2)) @ W2 * f'(z1)).T @ x""",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_right_derivations(text):
    for line in grade_lines(text, NETWORK):
        assert line.grade.verdict == "correct", (line.text, line.grade.message)


def test_a_delta_without_the_mean_is_wrong_if_no_mean_comes_later():
    lines = grade_lines("delta3 = a3 - y\ndW3 = delta3.T @ a2", NETWORK)
    assert [line.grade.slip for line in lines] == ["missing-mean", None]
    assert [line.grade.verdict for line in lines] == ["incorrect", "correct"]
    assert "follows from your own delta3" in lines[1].grade.message
    twice = grade_lines("delta3 = (a3 - y)/N\ndW3 = delta3.T @ a2 / N", NETWORK)
    assert twice[1].grade.slip == "mean-twice"


def test_the_mean_may_come_after_a_given_line():
    assert grade("dW3", "delta3.T @ a2 / N", NETWORK, given=["delta3 = a3 - y"]).verdict == "correct"
    assert grade("dW3", "delta3.T @ a2 / N", NETWORK, given=["delta3 = (y - a3) / N"]).verdict == "incorrect"


def test_only_the_own_quantities_that_matter_are_named():
    found = grade("db2", "sum(delta2)", NETWORK, given=["delta3 = a3 - y", "delta2 = delta3 @ W3"])
    assert "own delta2:" in found.message


RESIDUAL = """
delta3 = (a3 - y) * f'(z3) / N
da2 = delta3 @ W3
delta2 = da2 * f'(z2)
da1 = {da1}
delta1 = da1 * f'(z1)
dW1 = delta1.T @ x
"""


def test_a_forgotten_path_costs_one_line():
    network = Architecture((3, 4, 4, 2), ("tanh",) * 3, layers=({}, {"residual": True}, {}))
    right = grade_lines(RESIDUAL.format(da1="delta2 @ W2 + da2"), network)
    assert {line.grade.verdict for line in right} == {"correct"}
    wrong = grade_lines(RESIDUAL.format(da1="delta2 @ W2"), network)
    assert [line.grade.slip for line in wrong if line.grade.verdict != "correct"] == ["missing-path"]


def test_letters_that_only_training_has_say_which_network_is_meant():
    network = Architecture((3, 4, 2), ("tanh", "identity"), layers=({"dropout": 0.5}, {}))
    assert grade("delta1", "(delta2 @ W2) * f'(z1)", network).verdict == "correct"
    assert grade("delta1", "(delta2 @ W2) * mask1 * f'(z1)", network).verdict == "correct"
    assert grade("delta1", "(delta2 @ W2) * mask1", network).slip == "missing-derivative"


def test_an_inverse_that_never_exists_is_wrong_and_not_undecided():
    network = Architecture((3, 3, 3), ("tanh", "tanh"), layers=({}, {"residual": True}))
    assert grade("delta1", "(inv(dW2) @ delta2 + da2) * f'(z1)", network, "columns").verdict == "incorrect"
