"""The slips that people make in back propagation, as formulas in rows: a table, and nothing else.

`FORMS` holds the four right formulas, `SLIPS` what is written instead. `f'` belongs to the layer of its argument.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """A right formula: what it defines, in which layers it stands, and what it says."""

    quantity: str
    layers: str
    formula: str


FORMS: dict[str, Form] = {
    "output": Form("delta[L]", "output", "(a[L] - y) / N * f'(z[L])"),
    "step": Form("delta[l]", "hidden", "(delta[l+1] @ W[l+1]) * f'(z[l])"),
    "dW": Form("dW[l]", "every", "delta[l].T @ a[l-1]"),
    "db": Form("db[l]", "every", "sum(delta[l])"),
}
"""The four lemmas of the text, for all samples at once."""


@dataclass(frozen=True)
class Slip:
    """A wrong formula: its tag, which form it stands in for, and what is written."""

    tag: str
    form: str
    formula: str
    needs: str = ""
    """What an example has to have so that the slip can be made at all."""


SLIPS: tuple[Slip, ...] = (
    Slip("missing-transpose", "step", "(delta[l+1] @ W[l+1].T) * f'(z[l])"),
    Slip("inverse-for-transpose", "step", "(delta[l+1] @ inv(W[l+1]).T) * f'(z[l])"),
    Slip("gradient-for-weight", "step", "(delta[l+1] @ dW[l+1]) * f'(z[l])"),
    Slip("wrong-weight-index", "step", "(delta[l+1] @ W[l]) * f'(z[l])"),
    Slip("missing-derivative", "step", "delta[l+1] @ W[l+1]"),
    Slip("missing-derivative-output", "output", "(a[L] - y) / N"),
    Slip("derivative-at-wrong-argument", "step", "(delta[l+1] @ W[l+1]) * f'(a[l])"),
    Slip("matrix-product-for-hadamard", "step", "(delta[l+1] @ W[l+1]) @ f'(z[l])"),
    Slip("hadamard-for-outer", "dW", "delta[l] * a[l-1]"),
    Slip("outer-product-order", "dW", "a[l-1].T @ delta[l]"),
    Slip("missing-activation-transpose", "dW", "delta[l].T @ a[l-1].T"),
    Slip("wrong-activation-index", "dW", "delta[l].T @ a[l]"),
    Slip("z-for-a", "dW", "delta[l].T @ z[l-1]", "a layer below that is not the input"),
    Slip("sign", "output", "(y - a[L]) / N * f'(z[L])"),
    Slip("constant-factor", "output", "2 * (a[L] - y) / N * f'(z[L])"),
    Slip("missing-mean", "output", "(a[L] - y) * f'(z[L])"),
    Slip("mean-twice", "output", "(a[L] - y) / N / N * f'(z[L])"),
    Slip("bias-not-summed", "db", "delta[l]"),
    Slip("transposed-layout", "dW", "(delta[l].T @ a[l-1]).T"),
    Slip("derivative-too-early", "step", "(delta[l+1] * f'(z[l])) @ W[l+1]"),
    Slip("broadcast", "output", "(a[L] - y.T) / N * f'(z[L])", "a single output"),
)
"""Every slip of a network without forks."""

NOT_ASKED: dict[str, str] = {"missing-path": "it needs a fork, such as a residual connection"}
"""Slips that no example of this kind can show, and why."""
