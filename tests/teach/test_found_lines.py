"""Code as it is found: loops, classes, caches, samples one by one; the planted line and its slip are found."""

from __future__ import annotations

import pytest

from derive.model.architecture import Architecture
from derive.teach.code.handwritten import audit_function

TANH = Architecture((3, 4, 2), ("tanh", "tanh"))
LOOP = """import numpy as np
def backprop(W1, b1, W2, b2, X, Y):
    W, b, a = [W1, W2], [b1, b2], [X]
    for w, c in zip(W, b):
        a.append(np.tanh(a[-1] @ w.T + c))
    delta = (a[-1] - Y) / len(X) * (1 - a[-1]**2)
    grads = {}
    for l in (2, 1):
        grads[f"W{l}"] = delta.T @ a[l-1]
        grads[f"b{l}"] = delta.sum(axis=0)
        delta = delta @ W[l-1]
        delta = delta * (1 - a[l-1]**2)
    return grads
"""
SAMPLES = """import numpy as np
def backprop(W1, b1, W2, b2, X, Y):
    dW1, db1, dW2, db2 = (np.zeros_like(p) for p in (W1, b1, W2, b2))
    for x, y in zip(X, Y):
        a1 = np.tanh(W1 @ x + b1)
        a2 = np.tanh(W2 @ a1 + b2)
        d2 = (a2 - y) * (1 - a2**2)
        d1 = (W2.T @ d2) * (1 - a1**2)
        dW2 += np.outer(d2, a1) / len(X)
        db2 += d2 / len(X)
        dW1 += np.outer(d1, x) / len(X)
        db1 += d1 / len(X)
    return dW1, db1, dW2, db2
"""
OBJECT = """import numpy as np
class Network:
    def __init__(self, W1, b1, W2, b2):
        self.W1, self.b1, self.W2, self.b2 = W1, b1, W2, b2
    def forward(self, X):
        self.a1 = np.tanh(X @ self.W1.T + self.b1)
        return np.tanh(self.a1 @ self.W2.T + self.b2)
    def backward(self, X, Y, out):
        delta2 = (out - Y) / len(X) * (1 - out**2)
        self.dW2 = delta2.T @ self.a1
        self.db2 = delta2.sum(axis=0)
        delta1 = (delta2 @ self.W2) * (1 - self.a1**2)
        self.dW1 = delta1.T @ X
        self.db1 = delta1.sum(axis=0)
        return {"W1": self.dW1, "b1": self.db1, "W2": self.dW2, "b2": self.db2}
def gradients(W1, b1, W2, b2, X, Y):
    net = Network(W1, b1, W2, b2)
    return net.backward(X, Y, net.forward(X))
"""
SOFTMAX = """import numpy as np
def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
def grads(W1, b1, W2, b2, X, Y):
    h = np.maximum(0, X @ W1.T + b1)
    p = softmax(h @ W2.T + b2)
    scores = (p - Y) / len(X)
    dh = np.einsum("no,oh->nh", scores, W2) * (h > 0)
    return dh.T @ X, dh.sum(0), np.einsum("no,nh->oh", scores, h), scores.sum(0)
"""
CLASSIFIER = Architecture((4, 5, 3), ("relu", "softmax"), loss="cross_entropy")
RESIDUAL = """import numpy as np
def grads(W1, b1, W2, b2, W3, b3, X, Y):
    a1 = np.tanh(X @ W1.T + b1)
    g2 = np.tanh(a1 @ W2.T + b2)
    a2 = a1 + g2
    d3 = (a2 @ W3.T + b3 - Y) / len(X)
    da2 = d3 @ W3
    d2 = da2 * (1 - g2**2)
    da1 = da2 + d2 @ W2
    d1 = da1 * (1 - a1**2)
    return d1.T @ X, d1.sum(0), d2.T @ a1, d2.sum(0), d3.T @ a2, d3.sum(0)
"""
AROUND = Architecture((3, 4, 4, 2), ("tanh", "tanh", "identity"), layers=({}, {"residual": True}, {}))
DROPOUT = """import numpy as np
def grads(W1, b1, W2, b2, mask1, X, Y, lam=0.1):
    a1 = np.tanh(X @ W1.T + b1)
    h = a1 * mask1
    d2 = (h @ W2.T + b2 - Y) / len(X)
    d1 = (d2 @ W2) * mask1 * (1 - a1**2)
    dW1 = d1.T @ X + lam * W1
    return dW1, d1.sum(0), d2.T @ h + lam * W2, d2.sum(0)
"""
DROPPED = Architecture((3, 4, 2), ("tanh", "identity"), layers=({"dropout": 0.5}, {}), penalty={"l2": 0.1})
NORMALIZED = """import numpy as np
def grads(W1, b1, gamma1, beta1, W2, b2, X, Y):
    z1 = X @ W1.T + b1
    r = z1 - z1.mean(axis=1, keepdims=True)
    sigma = np.sqrt((r**2).mean(axis=1, keepdims=True) + 1e-5)
    a1 = np.tanh(gamma1 * r / sigma + beta1)
    d2 = (a1 @ W2.T + b2 - Y) / len(X)
    dh1 = (d2 @ W2) * (1 - a1**2)
    dx = dh1 * gamma1
    d1 = (dx - dx.mean(1, keepdims=True) - r / sigma * (dx * r / sigma).mean(1, keepdims=True)) / sigma
    return {"dW1": d1.T @ X, "db1": d1.sum(0), "dgamma1": (dh1 * r / sigma).sum(0), "dbeta1": dh1.sum(0),
            "dW2": d2.T @ a1, "db2": d2.sum(0)}
"""
NORM = Architecture((3, 4, 2), ("tanh", "identity"), layers=({"normalization": "layer_norm"}, {}))
FOUND = {
    "loop": (LOOP, TANH),
    "samples": (SAMPLES, TANH),
    "object": (OBJECT, TANH),
    "softmax": (SOFTMAX, CLASSIFIER),
    "residual": (RESIDUAL, AROUND),
    "dropout": (DROPOUT, DROPPED),
    "normalized": (NORMALIZED, NORM),
}


def audited(folder, text, architecture):
    path = folder / "found.py"
    path.write_text(text)
    return audit_function(path, architecture)


@pytest.mark.parametrize("name", FOUND)
def test_right_code_is_proved(tmp_path, name):
    certificate = audited(tmp_path, *FOUND[name])
    assert [v.label for v in certificate.verdicts if v.verdict != "proved"] == []


@pytest.mark.parametrize(
    ("name", "right", "wrong", "line", "slip"),
    [
        ("loop", "        delta = delta * (1 - a[l-1]**2)\n", "", 11, "missing-derivative"),
        ("loop", "(a[-1] - Y)", "(Y - a[-1])", 6, "sign"),
        ("samples", "(W2.T @ d2) * (1 - a1**2)", "W2.T @ d2", 8, "missing-derivative"),
        ("object", "delta1.T @ X", "delta1.T @ self.a1", 13, "wrong-activation-index"),
        ("softmax", "(p - Y)", "(Y - p)", 8, "sign"),
        ("residual", "da2 + d2 @ W2", "d2 @ W2", 9, "missing-path"),
        ("dropout", " * (1 - a1**2)", "", 6, "missing-derivative"),
        ("dropout", "d1.T @ X + lam * W1", "d1.T @ X", 7, "missing-path"),
        ("normalized", "* (1 - a1**2)", "* 1", 8, "missing-derivative"),
    ],
)
def test_the_planted_line_and_slip_are_found(tmp_path, name, right, wrong, line, slip):
    text, architecture = FOUND[name]
    assert right in text
    certificate = audited(tmp_path, text.replace(right, wrong), architecture)
    refuted = [v for v in certificate.verdicts if v.verdict == "refuted"]
    assert refuted
    assert f"line {line}:" in refuted[0].note
    assert refuted[0].note.endswith(f"the slip {slip}")
