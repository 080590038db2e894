"""Backpropagation as people write it: each idiom of NumPy's is proved, and refuted where it is wrong."""

from pathlib import Path

import pytest

from derive import Architecture
from derive.teach.code.handwritten import audit_function

CODE = """{head}
def gradients(W1, b1, W2, b2, X, Y):
    N = X.shape[0]
    z1 = X @ W1.T + b1
    a1 = {a1}
    a2 = a1 @ W2.T + b2
    d2 = {d2}
    d1 = {d1}
    dW2 = {dW2}
    db2 = {db2}
    dW1 = {dW1}
    db1 = {db1}
    return {ret}
"""
PLAIN = {
    "head": "import numpy as np",
    "a1": "np.tanh(z1)",
    "d2": "(a2 - Y) / N",
    "d1": "d2 @ W2 * (1 - a1**2)",
    "dW2": "d2.T @ a1",
    "db2": "d2.sum(axis=0)",
    "dW1": "d1.T @ X",
    "db1": "d1.sum(axis=0)",
    "ret": "dW1, db1, dW2, db2",
}
IDIOMS: list[dict[str, str]] = [
    {"ret": "[(dW1, db1), (dW2, db2)]"},
    {"ret": "[dW1, dW2], [db1, db2]"},
    {"ret": "[db1, db2], [dW1, dW2]"},
    {"ret": '{"W": [dW1, dW2], "b": [db1, db2]}'},
    {"ret": '[{"dW": dW1, "db": db1}, {"dW": dW2, "db": db2}]'},
    {"ret": '{1: {"W": dW1, "b": db1}, 2: {"W": dW2, "b": db2}}'},
    {"ret": "0.5*np.mean(np.sum((a2-Y)**2,axis=1)), [(dW1, db1), (dW2, db2)]"},
    {"ret": "dW2, db2, dW1, db1"},
    {"ret": "(db1, dW1, db2, dW2)"},
    {"ret": '{"nabla_w": [dW1, dW2], "nabla_b": [db1, db2]}'},
    {"ret": '{"weights": [None, dW1, dW2], "biases": [None, db1, db2]}'},
    {"ret": '{("W",1): dW1, ("b",1): db1, ("W",2): dW2, ("b",2): db2}'},
    {"ret": "np.concatenate([dW1.ravel(), db1, dW2.ravel(), db2])"},
    {"ret": "np.hstack([dW1.flatten(), db1, dW2.flatten(), db2])"},
    {"ret": '{"loss": 1.0, "grads": {"dL_dW1": dW1, "dL_db1": db1, "dL_dW2": dW2, "dL_db2": db2}}'},
    {"dW2": "np.tensordot(d2, a1, axes=(0, 0))"},
    {"dW2": "np.tensordot(d2.T, a1, axes=1)"},
    {"db2": "np.add.reduce(d2)"},
    {"db2": "np.ones(N) @ d2"},
    {"db2": "np.einsum('ij->j', d2)"},
    {"db2": "np.einsum('ij,i->j', d2, np.ones(len(d2)))"},
    {"dW2": "sum(np.outer(u, v) for u, v in zip(d2, a1))"},
    {"dW2": "np.sum(d2[:, :, None] * a1[:, None, :], axis=0)"},
    {"dW2": "np.sum([np.outer(d2[i], a1[i]) for i in range(N)], axis=0)"},
    {"dW2": "(d2[:, :, np.newaxis] @ a1[:, np.newaxis, :]).sum(0)"},
    {"d1": "np.stack([np.diag(1 - a**2) @ W2.T @ d for a, d in zip(a1, d2)])"},
    {"d1": "np.array([np.diag(1 - a**2) @ W2.T @ d for a, d in zip(a1, d2)])"},
    {"d1": "np.vstack([(W2.T @ d) * (1 - a**2) for a, d in zip(a1, d2)])"},
    {"d1": "np.multiply(np.dot(d2, W2), 1 - np.power(a1, 2))"},
    {"d1": "np.einsum('ni,ij,nj->nj', d2, W2, 1 - a1**2)"},
    {"d1": "d2 @ W2 * (np.ones_like(a1) - a1 * a1)"},
    {"d1": "d2 @ W2 / np.cosh(z1)**2"},
    {"a1": "2 / (1 + np.exp(-2 * z1)) - 1"},
    {"a1": "(np.exp(z1) - np.exp(-z1)) / (np.exp(z1) + np.exp(-z1))"},
    {"a1": "np.maximum(z1, 0)", "d1": "d2 @ W2 * (z1 > 0)"},
    {"a1": "np.maximum(0., z1)", "d1": "np.where(z1 > 0, d2 @ W2, 0)"},
    {"a1": "np.clip(z1, 0, None)", "d1": "d2 @ W2 * (z1 > 0).astype(float)"},
    {"a1": "z1 * (z1 > 0)", "d1": "d2 @ W2 * np.heaviside(z1, 0)"},
    {"a1": "np.where(z1 < 0, 0, z1)", "d1": "d2 @ W2 * (a1 > 0)"},
    {"a1": "(np.abs(z1) + z1) / 2", "d1": "d2 @ W2 * (np.sign(z1) + 1) / 2"},
    {"a1": "np.maximum(z1, 0)", "d1": "np.copy(d2 @ W2); d1[z1 <= 0] = 0"},
    {"d2": "np.subtract(a2, Y) / len(X)"},
    {"d2": "np.divide(a2 - Y, N)"},
    {"d2": "(a2 - Y) * (1.0 / float(N))"},
    {"d2": "(a2 - Y) / np.size(X, 0)"},
    {"d2": "(a2 - Y) / np.shape(X)[0]"},
    {"d2": "(1 / N) * (a2 - Y)"},
    {"db2": "d2.mean(axis=0) * N"},
    {"db2": "np.average(d2, axis=0) * N"},
    {"db2": "np.squeeze(np.sum(d2, axis=0, keepdims=True))"},
    {"dW2": "np.swapaxes(d2, 0, 1) @ a1"},
    {"dW2": "np.transpose(d2) @ a1"},
    {"dW2": "np.inner(d2.T, a1.T)"},
    {
        "head": "import numpy as np\n"
        "from functools import reduce\n"
        "from itertools import chain\n"
        "import dataclasses\n"
        "from collections import namedtuple\n"
        "G = namedtuple('G', 'dW1 db1 dW2 db2')",
        "ret": "G(dW1, db1, dW2, db2)",
    },
    {
        "head": "import numpy as np\n"
        "from typing import NamedTuple\n"
        "class G(NamedTuple):\n"
        "    W1: np.ndarray\n"
        "    b1: np.ndarray\n"
        "    W2: np.ndarray\n"
        "    b2: np.ndarray",
        "ret": "G(dW1, db1, dW2, db2)",
    },
    {"ret": "list(reversed([dW2, db2, dW1, db1][::1]))[::-1]"},
    {"ret": "dict(sorted({'dW1': dW1, 'db1': db1, 'dW2': dW2, 'db2': db2}.items()))"},
    {"dW2": "np.zeros_like(W2)\n    for s in range(N):\n        dW2 += np.outer(d2[s], a1[s])"},
    {
        "dW2": "np.zeros(W2.shape)\n"
        "    for i in range(W2.shape[0]):\n"
        "        for j in range(W2.shape[1]):\n"
        "            for s in range(N):\n"
        "                dW2[i, j] += d2[s, i] * a1[s, j]"
    },
    {"dW2": "[[sum(d2[s, i] * a1[s, j] for s in range(N)) for j in range(len(W2[0]))] for i in range(len(W2))]"},
    {"d1": "np.matmul(d2, W2) * np.subtract(1, np.square(a1))"},
    {"dW1": "np.dot(X.T, d1).T"},
    {"db1": "d1.T @ np.ones(N)"},
    {"db1": "np.sum(d1.T, axis=1)"},
    {"db1": "np.matmul(np.ones((1, N)), d1)"},
    {"db1": "np.sum(d1, 0).reshape(-1)"},
    {"db1": "np.sum(d1, axis=0, dtype=np.float64)"},
]


def audited(folder: Path, idiom: dict[str, str], **wrong: str) -> dict[str, str]:
    """The verdict on each gradient."""
    code = CODE.format(**PLAIN | idiom | wrong)
    path = folder / "code.py"
    path.write_text(code, encoding="utf-8")
    relu = any(sign in code for sign in ("maximum", "z1 > 0", "a1 > 0", "z1 < 0", "abs"))
    certificate = audit_function(path, Architecture((3, 4, 2), ("relu" if relu else "tanh", "identity")))
    return {verdict.label: verdict.verdict for verdict in certificate.verdicts if verdict.label.startswith("d")}


SOME = [pytest.param(idiom, marks=[pytest.mark.slow] * (k % 4 > 0)) for k, idiom in enumerate(IDIOMS)]
IDS = [" ".join(f"{key} = {text}".split())[:60] for idiom in IDIOMS for key, text in list(idiom.items())[-1:]]


@pytest.mark.parametrize("idiom", SOME, ids=IDS)
def test_every_idiom_is_proved(idiom, tmp_path):
    assert audited(tmp_path, idiom) == dict.fromkeys(("dW1", "db1", "dW2", "db2"), "proved")


@pytest.mark.parametrize("idiom", SOME, ids=IDS)
def test_every_idiom_is_refuted_where_it_is_wrong(idiom, tmp_path):
    found = audited(tmp_path, idiom, db1=f"({(PLAIN | idiom)['db1']}) / 2")
    assert found == {"dW1": "proved", "db1": "refuted", "dW2": "proved", "db2": "proved"}
