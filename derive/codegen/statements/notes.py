"""The comment beside each emitted line: the equation of the text that it computes."""

from __future__ import annotations

import re

from derive.algebra.program import Equation
from derive.model.architecture import Architecture
from derive.model.loss import Loss

TEXT = {
    "z": "z^{l} = W^{l} a^{below} + b^{l}",
    "a": "a^{l} = f(z^{l}), f = {activation}",
    "da": "dc/da^{l} = (W^{above})^T delta^{above}",
    "delta": "delta^{l} = dc/db^{l} = f'(z^{l}) dc/da^{l}",
    "dW": "dc/dW^{l} = delta^{l} (a^{below})^T, summed over the samples",
    "db": "dc/db^{l} = delta^{l}, summed over the samples",
}
"""The text's equations in matrix form; {l} is the layer. They describe a chain of dense layers."""


def note(equation: Equation, architecture: Architecture) -> str:
    """The equation of the text for one equation of the forward or gradient program."""
    name = equation.tensor.name
    if name == "loss":
        return _loss(architecture)
    if name == "c":
        return _sample_loss(architecture.loss)
    if not architecture.plain and (name[0] == "d" or name[0] not in "za"):
        return str(equation).split("    ")[0]
    base, label = re.fullmatch(r"([A-Za-z]+)(\d*)", name).groups()  # type: ignore[union-attr]
    if base not in TEXT or (base == "da" and int(label) == architecture.depth):
        return str(equation).split("    ")[0]
    layer = int(label)
    activation = architecture.activations[layer - 1].name
    return TEXT[base].format(l=layer, below=layer - 1, above=layer + 1, activation=activation)


def _sample_loss(loss: Loss) -> str:
    if loss.combined is not None:
        return f"c[s] = sum({loss.name}(r[s,i]), i)"
    written = re.sub(r"\by\b", "y[s,i]", re.sub(r"\ba\b", "a[L][s,i]", loss.expression))
    return f"c[s] = sum({written}, i)"


def _loss(architecture: Architecture) -> str:
    weighted = "sum(weights[s]*c[s], s) / N" if architecture.sample_weights else "sum(c[s], s) / N"
    return f"loss = {weighted}" + f" + {architecture.penalty.words}" * bool(architecture.penalty.words)
