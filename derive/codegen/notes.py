"""The comment beside each emitted line: the equation of the text that it computes."""

from __future__ import annotations

import re

from derive.algebra.program import Equation
from derive.model.architecture import Architecture
from derive.model.tables import LOSSES, MEAN_LOSS

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
        return MEAN_LOSS
    if name == "c":
        return f"c[s] = {LOSSES[architecture.loss]}"
    base, label = re.fullmatch(r"([A-Za-z]+)(\d*)", name).groups()  # type: ignore[union-attr]
    if base not in TEXT or (base == "da" and int(label) == architecture.depth):
        return str(equation).split("    ")[0]
    layer = int(label)
    activation = architecture.activations[layer - 1].name
    return TEXT[base].format(l=layer, below=layer - 1, above=layer + 1, activation=activation)
