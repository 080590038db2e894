"""Functions written by hand: each gradient gets its verdict, the first wrong line is found, the slip has its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from derive.model.architecture import Architecture
from derive.teach.code.handwritten import audit_function
from derive.teach.code.layouts import Convention

ROWS = """import numpy as np

def backprop(W1, b1, W2, b2, X, Y):
    N = len(X)
    z1 = X @ W1.T + b1
    a1 = np.tanh(z1)
    z2 = a1 @ W2.T + b2
    delta2 = (z2 - Y) / N
    dW2 = delta2.T @ a1
    db2 = delta2.sum(axis=0)
    delta1 = (delta2 @ W2) * (1 - a1**2)
    dW1 = delta1.T @ X
    db1 = delta1.sum(axis=0)
    return dW1, db1, dW2, db2
"""
COLUMNS = """import numpy as np

def gradients(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(2 * Z1 / 2)
    Z2 = np.dot(W2, A1) + b2
    dZ2 = Z2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"W1": dW1, "b1": db1, "dW2": dW2, "db2": db2}
"""
FLAT = """import numpy as np

def value_and_gradient(theta, x, y):
    W, b = theta[:6].reshape(3, 2), theta[6:9]
    V, c = theta[9:21].reshape(4, 3), theta[21:]
    h = np.tanh(x @ W.T + b)
    e = h @ V.T + c - y
    back = (e @ V) * (1 - h * h)
    parts = [back.T @ x, back.sum(0), e.T @ h, e.sum(0)]
    return (e**2).sum() / 2 / len(x), np.concatenate([p.ravel() for p in parts]) / len(x)
"""
LOOPS = """import math
import numpy as np

def gradients(W1, b1, W2, b2, X, Y):
    N = X.shape[0]
    n0, n1, n2 = W1.shape[1], W1.shape[0], W2.shape[0]
    dW1, db1 = np.zeros((n1, n0)), np.zeros(n1)
    dW2, db2 = np.zeros((n2, n1)), np.zeros(n2)
    for s in range(N):
        a1 = [math.tanh(b1[i] + sum(W1[i][j] * X[s, j] for j in range(n0))) for i in range(n1)]
        d2 = [0.0] * n2
        for i in range(n2):
            d2[i] = (b2[i] + sum(W2[i, j] * a1[j] for j in range(n1)) - Y[s, i]) / N
            db2[i] += d2[i]
            for j in range(n1):
                dW2[i][j] += d2[i] * a1[j]
        for j in range(n1):
            d1 = sum(W2[i, j] * d2[i] for i in range(n2)) * (1 - a1[j] ** 2)
            db1[j] += d1
            for k in range(n0):
                dW1[j, k] += d1 * X[s, k]
    return dW1, db1, dW2, db2
"""
NETWORK = Architecture((2, 3, 4), ("tanh", "identity"))


def audited(folder: Path, text: str, layout: str = "rows", loss: str = "mean"):
    path = folder / "own.py"
    path.write_text(text)
    return audit_function(path, NETWORK, None, Convention(layout, loss))


@pytest.mark.parametrize(("text", "layout"), [(ROWS, "rows"), (COLUMNS, "columns"), (FLAT, "rows"), (LOOPS, "rows")])
def test_what_is_right_is_proved(tmp_path, text, layout):
    certificate = audited(tmp_path, text, layout)
    assert [v.verdict for v in certificate.verdicts] == ["proved"] * 4, certificate.verdicts


def test_the_sum_of_the_samples_is_another_convention(tmp_path):
    assert audited(tmp_path, ROWS.replace(") / N", ")"), loss="sum").holds
    assert not audited(tmp_path, ROWS, loss="sum").holds


@pytest.mark.parametrize(
    ("right", "wrong", "line", "slip", "refuted"),
    [
        ("(1 - a1**2)", "1", 11, "missing-derivative", "W1 b1"),
        (") / N", ")", 12, "missing-mean", "W1 b1 W2 b2"),
        ("(1 - a1**2)", "(1 - z1**2)", 11, "derivative-at-wrong-argument", "W1 b1"),
        ("(1 - a1**2)", "(1 - np.tanh(a1)**2)", 11, "derivative-at-wrong-argument", "W1 b1"),
        ("delta2.sum(axis=0)", "delta2", 10, "bias-not-summed", "b2"),
        ("delta2.sum(axis=0)", "delta2.sum(axis=1)", 10, "bias-not-summed", "b2"),
        ("delta2 @ W2", "delta2 @ dW2", 11, "gradient-for-weight", "W1 b1"),
        ("z2 - Y", "Y - z2", 8, "sign", "W1 b1 W2 b2"),
        ("delta2.T @ a1", "delta2.T @ z1", 9, "z-for-a", "W2"),
        ("delta1.T @ X", "X.T @ delta1", 12, "outer-product-order", "W1"),
        ("delta1.T @ X", "2 * delta1.T @ X", 12, "constant-factor", "W1"),
    ],
)
def test_slips_are_found_where_they_stand(tmp_path, right, wrong, line, slip, refuted):
    assert right in ROWS
    certificate = audited(tmp_path, ROWS.replace(right, wrong))
    short = [v for v in certificate.verdicts if v.verdict == "refuted"]
    assert [v.label for v in short] == [f"d{name}" for name in refuted.split()]
    assert slip in short[0].note
    assert f"line {line}:" in short[0].note


def test_shapes_that_do_not_fit_are_explained_at_equal_widths(tmp_path):
    (verdict,) = audited(tmp_path, ROWS.replace("delta2 @ W2", "delta2 @ W2.T")).verdicts
    assert verdict.verdict == "refuted"
    assert "line 11" in verdict.note
    assert "missing-transpose" in verdict.note


def test_agreement_in_floats_is_no_proof(tmp_path):
    text = ROWS.replace("delta2.sum(axis=0)", "np.add.accumulate(delta2)[-1]")
    verdicts = audited(tmp_path, text).verdicts
    assert {v.verdict for v in verdicts} == {"undecided"}
    assert "accumulate" in verdicts[0].note


@pytest.mark.slow
def test_a_loop_without_an_end_in_exact_arithmetic_is_given_up(tmp_path):
    endless = "    total = X.sum()\n    while isinstance(total, np.ndarray):\n        pass\n"
    text = ROWS.replace("    N = len(X)", f"{endless}    N = len(X)")
    verdicts = audited(tmp_path, text).verdicts
    assert {v.verdict for v in verdicts} == {"undecided"}
    assert "too many steps of computation" in verdicts[0].note


def test_a_nan_does_not_pass(tmp_path):
    verdicts = audited(tmp_path, ROWS.replace("dW1 = delta1.T @ X", "dW1 = delta1.T @ X * float('nan')")).verdicts
    assert verdicts[0].verdict == "refuted"


def test_the_command_says_that_it_runs_the_file(derive):
    Path("own.py").write_text(COLUMNS)
    options = ("--layers", "2-3-4", "--layout", "columns", "--json")
    result = derive("audit", "own.py", *options)
    assert result.status == 0, result.out
    assert "running this file" in result.err
    assert [f["verdict"] for f in json.loads(result.out)["formulas"]] == ["proved"] * 4
    Path("own.py").write_text(ROWS.replace("a1**2", "a1"))
    assert derive("audit", "own.py", "--layers", "2-3-4").status == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "it has none"),
        (ROWS + ROWS.replace("backprop", "again"), "--function"),
        ("def f(:\n", "not Python"),
        (ROWS.replace("b2, X", "b2, secret, X"), "secret"),
    ],
)
def test_unusable_files_get_one_line(derive, text, words):
    Path("own.py").write_text(text)
    result = derive("audit", "own.py", "--layers", "2-3-4")
    assert result.status == 2
    assert words in result.err
    assert "Traceback" not in result.err


BEYOND = {
    "z is clipped": ("z1 = X @ W1.T + b1", "z1 = np.clip(X @ W1.T + b1, -4, 4)"),
    "gradients are clipped": ("    return", "    dW1, dW2 = np.clip(dW1, -5, 5), np.clip(dW2, -5, 5)\n    return"),
    "another slope for large z": ("(1 - a1**2)", "np.where(z1 > 20, 0.5, 1 - a1**2)"),
    "none for large z": ("    dW1 =", "    d1[np.abs(z1) > 5] = 0\n    dW1 ="),
    "many samples": ("    d1 =", "    d2 = 2 * d2 if len(X) > 50 else d2\n    d1 ="),
}
PLAIN = """import numpy as np

def gradients(W1, b1, W2, b2, X, Y):
    z1 = X @ W1.T + b1
    a1 = np.tanh(z1)
    d2 = (a1 @ W2.T + b2 - Y) / len(X)
    d1 = (d2 @ W2) * (1 - a1**2)
    dW1 = d1.T @ X
    dW2 = d2.T @ a1
    return dW1, d1.sum(0), dW2, d2.sum(0)
"""


@pytest.mark.parametrize(("before", "after"), BEYOND.values(), ids=BEYOND)
def test_what_is_wrong_far_away_only_is_refuted(before: str, after: str, tmp_path: Path) -> None:
    path, network = tmp_path / "own.py", Architecture((2, 3, 1), ("tanh", "identity"))
    path.write_text(PLAIN)
    assert audit_function(path, network).holds
    path.write_text(PLAIN.replace(before, after))
    wrong = [v for v in audit_function(path, network).verdicts if v.verdict == "refuted"]
    assert wrong
    assert all("N = 60 and numbers 4 times as large" in v.validity for v in wrong)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_floats_cannot_tell_far_away_is_no_refutation(tmp_path: Path) -> None:
    """This tanh is right as far as exp does not overflow."""
    path = tmp_path / "own.py"
    path.write_text(PLAIN.replace("np.tanh(z1)", "(np.exp(200 * z1)**0.01 - 1) / (np.exp(200 * z1)**0.01 + 1)"))
    assert all(
        v.verdict != "refuted" for v in audit_function(path, Architecture((2, 3, 1), ("tanh", "identity"))).verdicts
    )
