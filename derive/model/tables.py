"""The tables: every activation, layer, loss and optimiser is its forward equation, and nothing else.

Gradients, stable forms, proofs, code and lessons are derived from these lines. They are plain text,
so importing them costs nothing. Three notations are used:

* activations are scalar expressions in `z` (see `model.expression`);
* layers and losses are index notation as on the blackboard (see `algebra.blackboard`): `s` counts
  the samples 1..N, `i` the units of layer `l`, `j` those of the layer below;
* learning-rate schedules and the scales of initial weights are scalar expressions in the names that
  their rows declare;
* optimisers are update equations of whole vectors: `g` is the gradient, `theta` the parameters,
  every other assigned name is a state that starts at zero: a number if only numbers go into it
  (`t = t + 1`), otherwise a vector.

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
        ("v = momentum * v + g", "theta = theta - learning_rate * v"),
        {"momentum": 0.0},
    ),
    "momentum": Optimizer(
        ("v = momentum * v + (1 - dampening) * g", "theta = theta - learning_rate * v"),
        {"momentum": 0.9, "dampening": 0.0},
    ),
    "nesterov": Optimizer(
        ("v = momentum * v + g", "theta = theta - learning_rate * (g + momentum * v)"),
        {"momentum": 0.9},
    ),
    "rmsprop": Optimizer(
        (
            "v = decay * v + (1 - decay) * g**2",
            "theta = theta - learning_rate * g / (sqrt(v + epsilon_inside) + epsilon)",
        ),
        {"decay": 0.99, "epsilon": 1e-8, "epsilon_inside": 0.0},
    ),
    "adagrad": Optimizer(
        ("v = v + g**2", "theta = theta - learning_rate * g / (sqrt(v + epsilon_inside) + epsilon)"),
        {"epsilon": 1e-10, "epsilon_inside": 0.0},
    ),
    "adam": Optimizer(
        (
            "t = t + 1",
            "m = beta1 * m + (1 - beta1) * g",
            "v = beta2 * v + (1 - beta2) * g**2",
            "theta = theta - learning_rate * (m / (1 - bias_correction * beta1**t))"
            " / (sqrt(v / (1 - bias_correction * beta2**t) + epsilon_inside) + epsilon)",
        ),
        {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "epsilon_inside": 0.0, "bias_correction": 1.0},
    ),
    "adamw": Optimizer(
        (
            "t = t + 1",
            "m = beta1 * m + (1 - beta1) * g",
            "v = beta2 * v + (1 - beta2) * g**2",
            "theta = theta - learning_rate * weight_decay * theta",
            "theta = theta - learning_rate * (m / (1 - bias_correction * beta1**t))"
            " / (sqrt(v / (1 - bias_correction * beta2**t) + epsilon_inside) + epsilon)",
        ),
        {
            "beta1": 0.9,
            "beta2": 0.999,
            "epsilon": 1e-8,
            "epsilon_inside": 0.0,
            "bias_correction": 1.0,
            "weight_decay": 0.01,
        },
    ),
}
"""With a constant at zero the equations simplify, and a state that is no longer used disappears.

What libraries do differently is a constant: where epsilon stands (beside the root, or inside it), whether
the moments are corrected for their start at zero (`bias_correction`, 1 or 0), how much of g enters v.
"""


@dataclass(frozen=True)
class Schedule:
    """A learning-rate schedule: the rate of an epoch, and its constants with their defaults.

    `rate` is an expression in `learning_rate` (what the user asks for), `epoch` (counted from 0) and
    `epochs` (how many there are in all).
    """

    rate: str
    constants: dict[str, float] = field(default_factory=dict)


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule("learning_rate"),
    "step": Schedule("learning_rate * factor**floor(epoch / every)", {"every": 30, "factor": 0.1}),
    "exponential": Schedule("learning_rate * factor**epoch", {"factor": 0.95}),
    "cosine": Schedule(
        "minimum + (learning_rate - minimum) * (1 + cos(pi * epoch / epochs)) / 2",
        {"minimum": 0.0},
    ),
    "inverse_scaling": Schedule("learning_rate / (epoch + 1)**power", {"power": 0.5}),
}
"""As PyTorch's StepLR, ExponentialLR and CosineAnnealingLR with T_max = epochs, stepped once an epoch.

inverse_scaling is scikit-learn's "invscaling", which counts from 1, but per epoch."""

WARM_UP = "min(1, (epoch + 1) / warm_up)"
"""What every rate is multiplied by if `warm_up` epochs are asked for: the last of them has the full rate.

It is PyTorch's LinearLR(start_factor=1/warm_up, total_iters=warm_up - 1); the schedule's clock starts at epoch 0."""


@dataclass(frozen=True)
class Initialization:
    """How the weights of a layer are drawn: a distribution, and its scale; biases are always zero.

    `scale` is the standard deviation of a "normal" distribution, the bound of a "uniform" one on
    (-scale, scale), the factor of an "orthogonal" matrix. It is an expression in `fan_in` = n_(l-1),
    `fan_out` = n_l, the constants, and `gain` = 1/sqrt(E[f(z)**2]), where z ~ N(0, 1) and f is the
    activation of the layer below; 1 for the first layer, whose inputs are standardised.
    """

    distribution: str
    scale: str
    constants: dict[str, float] = field(default_factory=dict)


INITIALIZATIONS: dict[str, Initialization] = {
    "lecun_normal": Initialization("normal", "1 / sqrt(fan_in)"),
    "lecun_uniform": Initialization("uniform", "sqrt(3 / fan_in)"),
    "glorot_normal": Initialization("normal", "sqrt(2 / (fan_in + fan_out))"),
    "glorot_uniform": Initialization("uniform", "sqrt(6 / (fan_in + fan_out))"),
    "he_normal": Initialization("normal", "sqrt(2 / fan_in)"),
    "he_uniform": Initialization("uniform", "sqrt(6 / fan_in)"),
    "orthogonal": Initialization("orthogonal", "scale", {"scale": 1.0}),
    "normal": Initialization("normal", "scale", {"scale": 0.05}),
    "uniform": Initialization("uniform", "scale", {"scale": 0.05}),
    "variance_preserving": Initialization("normal", "gain / sqrt(fan_in)"),
}
"""LeCun et al. 1998, Glorot and Bengio 2010, He et al. 2015, Saxe et al. 2014; 0.05 is Keras's default.

variance_preserving is the condition of He et al., Var z^l = n_(l-1) Var(W^l) E[(a^(l-1))**2], solved for
Var z^l = Var z^(l-1) = 1 with the activation's own E[f(z)**2], where they put that of relu."""

DTYPES = ("float64", "float32")
STYLES = ("fast", "readable")
