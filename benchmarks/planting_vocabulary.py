"""Formulas to be graded about networks with more than plain layers: right ones, slips, and others that are wrong.

Written by hand, from what the layers and the losses are; `benchmarks.planting` makes those of plain layers.
"""

from __future__ import annotations

from dataclasses import dataclass

from derive.model.architecture import Architecture

Line = tuple[str, str]
"""A quantity and a formula."""


@dataclass(frozen=True)
class Sheet:
    """Formulas about one network in one layout."""

    architecture: Architecture
    layout: str
    right: tuple[Line, ...]
    slipped: tuple[tuple[str, str, str], ...] = ()
    """(tag, quantity, formula)"""
    wrong: tuple[Line, ...] = ()
    """Wrong, with no name that would be exact."""


def _net(*activations: str, sizes: tuple[int, ...] = (3, 4, 2), **options: object) -> Architecture:
    return Architecture(sizes, activations, **options)  # type: ignore[arg-type]


NORMALIZED = _net("tanh", "identity", layers=({"normalization": "layer_norm"}, {}))
ROOT_MEAN = _net("tanh", "identity", layers=({"normalization": "rms_norm"}, {}))
CLASSIFIER = _net("tanh", "softmax", loss="cross_entropy", sizes=(3, 4, 3))
ROWS = _net("tanh", "softmax", "tanh", sizes=(3, 4, 5, 2))
PENALIZED = _net("tanh", "identity", penalty={"l2": 0.02, "l1": 0.001})
DROPPED = _net("tanh", "identity", layers=({"dropout": 0.5}, {}))
WEIGHTED = _net("tanh", "tanh", sample_weights=True)

SHEETS = (
    Sheet(
        NORMALIZED,
        "rows",
        (
            ("dh1", "(delta2 @ W2) * f'(h1)"),
            ("dh[1]", "da1 * (1 - a1**2)"),
            ("dgain1", "sum(dh1 * r1 / sigma1)"),
            ("dgamma1", "sum((delta2 @ W2) * f'(h1) * (z1 - mu1) / sigma1)"),
            ("dbeta1", "sum(dh1)"),
            ("dshift1", "np.sum(dh1, axis=0)"),
            ("delta1", "dr1 - mean(dr1, units)"),
            (
                "delta1",
                "(gamma1 * dh1 - mean(gamma1 * dh1, units)"
                " - (z1 - mu1) / sigma1 * mean(gamma1 * dh1 * (z1 - mu1) / sigma1, units)) / sigma1",
            ),
            ("dr1", "gain1 * dh1 / sigma1 - r1 * sum(dh1 * gain1 * r1, units) / (n1 * sigma1**3)"),
            ("dr1", "gain1 * dh1 / sqrt(mean(r1**2, units) + 1e-5) - r1 * mean(dh1 * gain1 * r1, units) / sigma1**3"),
            ("dW1", "delta1.T @ x"),
            ("db1", "sum(delta1)"),
        ),
        (
            ("missing-derivative", "dh1", "delta2 @ W2"),
            ("derivative-at-wrong-argument", "dh1", "(delta2 @ W2) * f'(z1)"),
            ("bias-not-summed", "dbeta1", "dh1"),
            ("missing-path", "delta1", "dr1"),
            ("missing-path", "delta1", "gain1 * dh1 / sigma1"),
            ("missing-path", "dr1", "gain1 * dh1 / sigma1"),
            ("missing-derivative", "delta1", "da1"),
            ("sign", "dgain1", "-sum(dh1 * r1 / sigma1)"),
        ),
        (("delta1", "(delta2 @ W2) * f'(h1)"), ("dgain1", "sum(dh1 * r1)"), ("dgain1", "sum(dh1 * z1 / sigma1)")),
    ),
    Sheet(
        ROOT_MEAN,
        "columns",
        (
            ("dh1", "(W2.T @ delta2) * f'(h1)"),
            ("dgain1", "dh1 * z1 / sigma1"),
            ("delta1", "gain1 * dh1 / sigma1 - z1 * (z1.T @ (gain1 * dh1)) / (n1 * sigma1**3)"),
        ),
        (("missing-path", "delta1", "gain1 * dh1 / sigma1"),),
        (("delta1", "(W2.T @ delta2) * f'(h1)"),),
    ),
    Sheet(
        CLASSIFIER,
        "rows",
        (
            ("delta2", "(a2 - y) / N"),
            ("delta[L]", "1/N * (a[L] - y)"),
            ("dZ2", "(A2 - Y) / N"),
            ("da2", "-y / (N * a2)"),
            ("delta2", "a2 * (da2 - sum(a2 * da2, axis=1))"),
            ("dW2", "(a2 - y).T @ a1 / N"),
            ("delta1", "((a2 - y) @ W2) * (1 - a1**2) / N"),
        ),
        (
            ("sign", "delta2", "(y - a2) / N"),
            ("missing-mean", "delta2", "a2 - y"),
            ("mean-twice", "delta2", "(a2 - y) / N**2"),
            ("z-for-a", "delta2", "(z2 - y) / N"),
            ("sign", "da2", "y / a2 / N"),
            ("missing-derivative-output", "delta2", "-y / a2 / N"),
        ),
        (("delta2", "(a2 - y) * a2 * (1 - a2) / N"), ("da2", "(a2 - y) / N")),
    ),
    Sheet(
        ROWS,
        "rows",
        (
            ("delta2", "a2 * (da2 - sum(a2 * da2, units))"),
            ("delta2", "a2 * da2 - a2 * sum(a2 * (delta3 @ W3), units)"),
            ("delta1", "(delta2 @ W2) * f'(z1)"),
        ),
        (("missing-derivative", "delta2", "delta3 @ W3"), ("missing-path", "delta2", "a2 * (delta3 @ W3)")),
        (("delta2", "a2 * (1 - a2) * (delta3 @ W3)"),),
    ),
    Sheet(
        ROWS,
        "columns",
        (
            ("delta2", "(diag(a2) - a2 @ a2.T) @ W3.T @ delta3"),
            ("delta2", "(diag(a2) - outer(a2, a2)) @ da2"),
            ("delta2", "a2 * (da2 - a2.T @ da2)"),
        ),
        (("missing-derivative", "delta2", "W3.T @ delta3"),),
        (("delta2", "(a2 @ a2.T - diag(a2)) @ diag(a2) @ da2"),),
    ),
    Sheet(
        _net("tanh", "log_softmax", sizes=(3, 4, 3)),
        "rows",
        (("delta2", "da2 - exp(a2) * sum(da2, units)"), ("delta2", "((a2 - y) - exp(a2) * sum(a2 - y, axis=1)) / N")),
        (("missing-derivative-output", "delta2", "(a2 - y) / N"),),
        (("delta2", "da2 - a2 * sum(da2, units)"),),
    ),
    Sheet(
        _net("tanh", "sigmoid", loss="binary_cross_entropy"),
        "rows",
        (
            ("delta2", "(a2 - y) / N"),
            ("delta2", "((1 - y) / (1 - a2) - y / a2) * a2 * (1 - a2) / N"),
            ("da2", "(a2 - y) / (a2 * (1 - a2) * N)"),
            ("da2", "-(y / a2 - (1 - y) / (1 - a2)) / N"),
            ("delta2", "(sigmoid(z2) - y) / N"),
        ),
        (("sign", "delta2", "(y - a2) / N"), ("missing-derivative-output", "delta2", "da2")),
        (("delta2", "(a2 - y) * f'(z2) / N"),),
    ),
    Sheet(
        PENALIZED,
        "rows",
        (
            ("dW2", "delta2.T @ a1 + 0.02 * W2 + 0.001 * sign(W2)"),
            ("dW1", "l2 * W1 + delta1.T @ x + l1 * np.sign(W1)"),
            ("dW[l]", "delta[l].T @ a[l-1] + lam * W[l] + l1 * sign(W[l])"),
            ("db2", "sum(delta2)"),
        ),
        (
            ("missing-path", "dW2", "delta2.T @ a1"),
            ("missing-path", "dW2", "delta2.T @ a1 + l2 * W2"),
            ("missing-path", "dW[l]", "delta[l].T @ a[l-1]"),
        ),
        (("dW2", "delta2.T @ a1 + 2 * l2 * W2 + l1 * sign(W2)"), ("dW2", "delta2.T @ a1 - l2 * W2 + l1 * sign(W2)")),
    ),
    Sheet(
        DROPPED,
        "rows",
        (
            ("delta1", "(delta2 @ W2) * mask1 * f'(z1)"),
            ("delta1", "mask1 * (delta2 @ W2) * (1 - f(z1)**2)"),
            ("delta1", "(delta2 @ W2) * f'(z1)"),
            ("dW2", "delta2.T @ a1"),
            ("dW2", "delta2.T @ (mask1 * f(z1))"),
        ),
        (("missing-derivative", "delta1", "(delta2 @ W2) * mask1"), ("missing-derivative", "delta1", "delta2 @ W2")),
        (("delta1", "(delta2 @ W2) * mask1 * mask1 * f'(z1)"), ("delta1", "(delta2 @ W2) * f'(z1) / mask1")),
    ),
    Sheet(
        WEIGHTED,
        "rows",
        (
            ("delta2", "weights * (a2 - y) * f'(z2) / N"),
            ("delta2", "(a2 - y) * f'(z2) / N"),
            ("da2", "(a2 - y) * weights / N"),
        ),
        (("missing-derivative-output", "delta2", "weights * (a2 - y) / N"), ("sign", "da2", "weights * (y - a2) / N")),
        (("delta2", "weights**2 * (a2 - y) * f'(z2) / N"),),
    ),
    Sheet(
        _net("relu", "leaky_relu"),
        "rows",
        (
            ("delta1", "(delta2 @ W2) * (z1 > 0)"),
            ("delta1", "(delta2 @ W2) * (a1 > 0)"),
            ("delta1", "np.where(Z1 > 0, dZ2.dot(W2), 0)"),
            ("delta2", "(a2 - y) * where(z2 > 0, 1, 0.01) / N"),
            ("delta2", "(a2 - y) * where(a2 > 0, 1, 0.01) / N"),
            ("delta2", "(a2 - y) * max(0.01, sign(z2)) / N"),
        ),
        (("missing-derivative", "delta1", "delta2 @ W2"), ("sign", "delta1", "-(delta2 @ W2) * (z1 > 0)")),
        (
            ("delta1", "(delta2 @ W2) * (z1 < 0)"),
            ("delta1", "(delta2 @ W2) * max(0, z1)"),
            ("delta2", "(a2 - y) * (z2 > 0) / N"),
        ),
    ),
    Sheet(
        _net("elu", "hardtanh"),
        "columns",
        (
            ("delta1", "(W2.T @ delta2) * where(z1 > 0, 1, exp(z1))"),
            ("delta1", "(W2.T @ delta2) * where(z1 > 0, 1, a1 + 1)"),
            ("delta1", "(W2.T @ delta2) * where(a1 > 0, 1, a1 + 1)"),
            ("delta2", "(a2 - y) * (abs(z2) < 1)"),
            ("delta2", "(a2 - y) * (z2 > -1) * (z2 < 1)"),
        ),
        (("missing-derivative-output", "delta2", "a2 - y"),),
        (("delta1", "(W2.T @ delta2) * where(z1 > 0, 1, a1)"), ("delta2", "(a2 - y) * (abs(z2) > 1)")),
    ),
    Sheet(
        _net("tanh", "identity", loss="mean_absolute"),
        "rows",
        (("da2", "sign(a2 - y) / N"), ("delta2", "(a2 - y) / abs(a2 - y) / N"), ("da2", "np.where(a2 > y, 1, -1) / N")),
        (("sign", "da2", "sign(y - a2) / N"), ("missing-mean", "delta2", "sign(a2 - y)")),
        (("da2", "(a2 - y) / N"), ("da2", "abs(a2 - y) / N")),
    ),
    Sheet(
        _net("tanh", "identity", loss="huber"),
        "rows",
        (
            ("da2", "where(abs(a2 - y) < 1, a2 - y, sign(a2 - y)) / N"),
            ("da2", "max(-1, min(1, a2 - y)) / N"),
            ("delta2", "np.maximum(-1, np.minimum(1, a2 - y)) / N"),
        ),
        (("missing-mean", "da2", "max(-1, min(1, a2 - y))"), ("sign", "da2", "-max(-1, min(1, a2 - y)) / N")),
        (("da2", "(a2 - y) / N"), ("da2", "max(-2, min(2, a2 - y)) / N")),
    ),
    Sheet(
        _net("tanh", "identity", loss="log_cosh"),
        "columns",
        (("da2", "tanh(a2 - y)"), ("delta2", "sinh(a2 - y) / cosh(a2 - y)")),
        (("sign", "da2", "tanh(y - a2)"),),
        (("da2", "a2 - y"),),
    ),
    Sheet(
        _net("tanh", "identity", loss="hinge", sizes=(3, 4, 1)),
        "rows",
        (("da2", "-y * (y * a2 < 1) / N"), ("delta2", "where(y * a2 < 1, -y, 0) / N")),
        (("sign", "da2", "y * (y * a2 < 1) / N"), ("missing-mean", "da2", "-y * (y * a2 < 1)")),
        (("da2", "-y * (a2 < 1) / N"), ("da2", "(a2 - y) / N")),
    ),
    Sheet(
        _net("tanh", "identity", loss="poisson"),
        "rows",
        (("da2", "(exp(a2) - y) / N"), ("delta2", "-(y - exp(z2)) / N")),
        (("sign", "da2", "(y - exp(a2)) / N"),),
        (("da2", "(a2 - y) / N"),),
    ),
    Sheet(
        _net("prelu", "swish"),
        "rows",
        (
            ("delta1", "(delta2 @ W2) * where(z1 > 0, 1, slope1)"),
            ("delta1", "(delta2 @ W2) * f'(z1)"),
            ("delta2", "(a2 - y) * (beta2 * a2 + sigmoid(beta2 * z2) * (1 - beta2 * a2)) / N"),
        ),
        (("missing-derivative", "delta1", "delta2 @ W2"),),
        (("delta1", "(delta2 @ W2) * where(z1 > 0, 1, slope1**2)"),),
    ),
)  # fmt: skip
