"""The tables: every activation, layer, loss and optimiser is its forward equation, and nothing else.

Gradients, stable forms, proofs, code and lessons are derived from these lines. They are plain text,
so importing them costs nothing. Three notations are used:

* activations are scalar expressions in `z` (see `model.expression`), followed by their constants;
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
    "leaky_relu": "where(z > 0, z, slope*z); slope = 0.01",
    "prelu": "where(z > 0, z, slope*z); train slope = 0.25",
    "elu": "where(z > 0, z, alpha*(exp(z) - 1)); alpha = 1",
    "selu": "scale * where(z > 0, z, alpha*(exp(z) - 1)); alpha = 1.6732632423543772; scale = 1.0507009873554805",
    "celu": "where(z > 0, z, alpha*(exp(z/alpha) - 1)); alpha = 1",
    "softplus": "log(1 + exp(beta*z)) / beta; beta = 1",
    "softsign": "z / (1 + abs(z))",
    "silu": "z / (1 + exp(-z))",
    "swish": "z / (1 + exp(-beta*z)); train beta = 1",
    "mish": "z * tanh(log(1 + exp(z)))",
    "gelu": "z/2 * (1 + erf(z/sqrt(2)))",
    "gelu_tanh": "z/2 * (1 + tanh(sqrt(2/pi) * (z + 0.044715*z**3)))",
    "hardtanh": "where(z >= 1, 1, where(z <= -1, -1, z))",
    "hardsigmoid": "where(z >= 3, 1, where(z <= -3, 0, z/6 + 1/2))",
    "hardswish": "where(z >= 3, z, where(z <= -3, 0, z*(z + 3)/6))",
    "relu6": "where(z >= 6, 6, where(z > 0, z, 0))",
    "logsigmoid": "-log(1 + exp(-z))",
    "tanhshrink": "z - tanh(z)",
    "softshrink": "where(z > bound, z - bound, where(z < -bound, z + bound, 0)); bound = 0.5",
    "hardshrink": "where(z > bound, z, where(z < -bound, z, 0)); bound = 0.5",
    "thresholded_relu": "where(z > bound, z, 0); bound = 1",
    "lecun_tanh": "1.7159 * tanh(2*z/3)",
    "sine": "sin(z)",
    "gaussian": "exp(-z**2)",
}
"""f(z), one line each; then its constants, of which `train` marks those that are learnt with the weights.

A `where` carries the convention for f' at its kink. The definitions and these conventions are PyTorch's.
"""


@dataclass(frozen=True)
class Layer:
    """A kind of layer: the axes of its parameters and its forward equations."""

    parameters: dict[str, str]
    equations: tuple[str, ...]


LAYERS: dict[str, Layer] = {
    "dense": Layer(
        parameters={"W": "n[l], n[l-1]", "b": "n[l]"},
        equations=("z[l][s,i] = sum(W[l][i,j] * a[l-1][s,j], j) + b[l][i]",),
    ),
}
"""The text's layer: z^l = W^l a^{l-1} + b^l. What follows it takes the tensor before it as x."""

ACTIVATION = "a[l][s,i] = f[l](x[s,i])"
"""a^l = f(z^l), with the trained constants of f as further arguments."""

NORMALIZATIONS: dict[str, Layer] = {
    "layer_norm": Layer(
        parameters={"gain": "n[l]", "shift": "n[l]"},
        equations=(
            "mu[l][s] = sum(x[s,i], i) / n[l]",
            "r[l][s,i] = x[s,i] - mu[l][s]",
            "sigma[l][s] = sqrt(sum(r[l][s,i]**2, i) / n[l] + 1/100000)",
            "h[l][s,i] = gain[l][i] * r[l][s,i] / sigma[l][s] + shift[l][i]",
        ),
    ),
    "rms_norm": Layer(
        parameters={"gain": "n[l]"},
        equations=(
            "sigma[l][s] = sqrt(sum(x[s,i]**2, i) / n[l] + 1/100000)",
            "h[l][s,i] = gain[l][i] * x[s,i] / sigma[l][s]",
        ),
    ),
}
"""Between z^l, here x, and the activation. The variance is over the units of a layer and not corrected for the
mean; 1e-5 stands inside the root, as in PyTorch's LayerNorm. The gain starts at 1, the shift at 0."""

ROW_ACTIVATIONS: dict[str, tuple[str, ...]] = {
    "softmax": (
        "m[l][s] = max(x[s,i], i)",
        "e[l][s,i] = exp(x[s,i] - m[l][s])",
        "q[l][s] = sum(e[l][s,i], i)",
        "p[l][s,i] = e[l][s,i] / q[l][s]",
    ),
    "log_softmax": (
        "m[l][s] = max(x[s,i], i)",
        "e[l][s,i] = exp(x[s,i] - m[l][s])",
        "q[l][s] = sum(e[l][s,i], i)",
        "p[l][s,i] = x[s,i] - m[l][s] - log(q[l][s])",
    ),
}
"""Activations of a whole row of z^l, here x. The maximum only shifts the exponents, so that none overflows:
the result does not depend on it, which the proof shows, so no derivative is taken of it."""

DROPOUT = "v[l][s,i] = x[s,i] * mask[l][s,i]"
"""In training every output is multiplied by 0 with the probability p, and by 1/(1 - p) otherwise."""

RESIDUAL = "u[l][s,i] = x[s,i] + past[s,i]"
"""A residual connection: the output of an earlier layer is added."""

TARGETS: dict[str, str] = {
    "real": "any number",
    "unit": "a number from 0 to 1",
    "distribution": "numbers >= 0 that sum to 1 in every row",
    "count": "a number >= 0",
    "sign": "-1 or 1",
}
"""What the targets y of a loss have to be, in words."""


@dataclass(frozen=True)
class LossRow:
    """A loss: c of one unit in terms of its output a and target y, then its constants; and a key of TARGETS.

    `model.scalars.RANGES` says what its constants have to be.
    """

    definition: str
    targets: str = "real"


LOSSES: dict[str, LossRow] = {
    "least_squares": LossRow("(a - y)**2 / 2"),
    "mean_absolute": LossRow("abs(a - y)"),
    "huber": LossRow(
        "where(a - y > delta, delta*(a - y - delta/2), where(a - y < -delta, delta*(y - a - delta/2), (a - y)**2/2))"
        "; delta = 1"
    ),
    "log_cosh": LossRow("log(cosh(a - y))"),
    "binary_cross_entropy": LossRow("-y*log(a) - (1 - y)*log(1 - a)", targets="unit"),
    "cross_entropy": LossRow("-y*log(a)", targets="distribution"),
    "poisson": LossRow("exp(a) - y*a", targets="count"),
    "hinge": LossRow("max(0, 1 - y*a)", targets="sign"),
}
"""c of one unit; c of a sample is the sum over its units, and the loss is the mean over the samples."""


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
        (
            "t = t + 1",
            "v = momentum * v + (1 - dampening * (1 - 0**(t - 1))) * g",  # 0**(t - 1): the first g is whole
            "theta = theta - learning_rate * v",
        ),
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
the moments are corrected for their start at zero (`bias_correction`, 1 or 0), how much of g enters v after the
first step (1 - `dampening`, as in PyTorch).
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
