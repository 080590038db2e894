"""The tables: every activation, layer, loss and optimiser is its forward equation, and nothing else.

Gradients, stable forms, proofs, code and lessons are derived from these lines. They are plain text,
so importing them costs nothing. Three notations are used:

* activations are scalar expressions in `z` (see `model.expression`);
* layers and losses are index notation as on the blackboard (see `algebra.blackboard`): `s` counts
  the samples 1..N, `i` the units of layer `l`, `j` those of the layer below;
* optimisers are update equations of whole vectors: `g` is the gradient, `theta` the parameters,
  every other assigned name is a state that starts at zero.

>>> ACTIVATIONS["relu"]
'where(z > 0, z, 0)'
"""

from __future__ import annotations

from dataclasses import dataclass, field

ACTIVATIONS: dict[str, str] = {
    "identity": "z",
    "sigmoid": "1 / (1 + exp(-z))",
    "tanh": "tanh(z)",
    "relu": "where(z > 0, z, 0)",  # the kink belongs to the second branch: f'(0) = 0
    "softplus": "log(1 + exp(z))",
}
"""f(z), one line each. A `where` carries the convention for f' at its kink."""


@dataclass(frozen=True)
class Layer:
    """A kind of layer: the axes of its parameters and its forward equations."""

    parameters: dict[str, str]
    equations: tuple[str, ...]


LAYERS: dict[str, Layer] = {
    "dense": Layer(
        parameters={"W": "n[l], n[l-1]", "b": "n[l]"},
        equations=(
            "z[l][s,i] = sum(W[l][i,j] * a[l-1][s,j], j) + b[l][i]",
            "a[l][s,i] = f[l](z[l][s,i])",
        ),
    ),
}
"""The text's layer: z^l = W^l a^{l-1} + b^l, a^l = f(z^l)."""

LOSSES: dict[str, str] = {
    "least_squares": "sum((a[L][s,i] - y[s,i])**2, i) / 2",
}
"""c for one sample, from the output a^L and the target y; one line each."""

MEAN_LOSS = "loss = sum(c[s], s) / N"
"""The loss is the mean of c over the samples."""


@dataclass(frozen=True)
class Optimizer:
    """An optimiser: its update equations, and its constants with their defaults."""

    equations: tuple[str, ...]
    constants: dict[str, float] = field(default_factory=dict)


OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": Optimizer(
        equations=("v = momentum * v + g", "theta = theta - learning_rate * v"),
        constants={"momentum": 0.0},
    ),
}
"""With a constant at zero the equations simplify, and a state that is no longer used disappears."""

DTYPES = ("float64", "float32")
STYLES = ("fast", "readable")
