"""Activation expressions that the tests of this room share: the table's and users' own."""

from __future__ import annotations

from derive.model.activation import Activation
from derive.model.tables import ACTIVATIONS

OWN = {
    "swish": Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.702),)),
    "elu": Activation("elu", "where(z > 0, z, alpha * (exp(z) - 1))", (("alpha", 0.5),)),
    "mish": Activation("mish", "z * tanh(log(1 + exp(z)))"),
    "leaky": Activation("leaky", "where(z > 0, z, 0.01*z)"),
    "softsign": Activation("softsign", "z / (1 + abs(z))"),
    "gaussian": Activation("gaussian", "exp(-z**2)"),
    "lecun": Activation("lecun", "1.7159 * tanh(2*z/3)"),
    "logsigmoid": Activation("logsigmoid", "-log(1 + exp(-z))"),
    "exponentials": Activation("exponentials", "(exp(z) - exp(-z)) / (exp(z) + exp(-z))"),
    "hard": Activation("hard", "min(max(z/6 + 0.5, 0), 1)"),
    "wave": Activation("wave", "sin(z) + z/2"),
    "root": Activation("root", "z / sqrt(1 + z**2)"),
    "gelu_tanh": Activation("gelu_tanh", "z/2 * (1 + tanh(sqrt(2/pi) * (z + 0.044715*z**3)))"),
    "tent": Activation("tent", "exp(-abs(z))"),
    "selu": Activation(
        "selu", "scale * where(z > 0, z, 1.6732632423543772 * (exp(z) - 1))", (("scale", 1.0507009873554805),)
    ),
    "shrink": Activation("shrink", "z - tanh(z)"),
    "hardswish": Activation("hardswish", "z * min(max(z + 3, 0), 6) / 6"),
    "logcosh": Activation("logcosh", "log(cosh(z))"),
    "arc": Activation("arc", "atan(z)"),
}
ALL = {**{name: Activation(name, expression) for name, expression in ACTIVATIONS.items()}, **OWN}
