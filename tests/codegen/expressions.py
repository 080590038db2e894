"""Activation expressions that the tests of this room share: the table's and users' own."""

from __future__ import annotations

from derive.model.activation import Activation, activation
from derive.model.tables import ACTIVATIONS

OWN = {
    "swish": Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.702),)),
    "elu": Activation("elu", "where(z > 0, z, alpha * (exp(z) - 1))", (("alpha", 0.5),)),
    "leaky": Activation("leaky", "where(z > 0, z, 0.01*z)"),
    "lecun": Activation("lecun", "1.7159 * tanh(2*z/3)"),
    "exponentials": Activation("exponentials", "(exp(z) - exp(-z)) / (exp(z) + exp(-z))"),
    "hard": Activation("hard", "min(max(z/6 + 0.5, 0), 1)"),
    "wave": Activation("wave", "sin(z) + z/2"),
    "root": Activation("root", "z / sqrt(1 + z**2)"),
    "tent": Activation("tent", "exp(-abs(z))"),
    "shrink": Activation("shrink", "z - tanh(z)"),
    "logcosh": Activation("logcosh", "log(cosh(z))"),
    "arc": Activation("arc", "atan(z)"),
    "a kink at an irrational number": Activation("edge", "min(exp(-0.25) * (z + pi), 1)"),
    "sqrt(3)": Activation("gained", "sqrt(3) * max(z, 0)"),
    "sqrt(2)": Activation("normed", "sqrt(2) * max(z, 0)"),
    "sqrt(2/3)": Activation("scaled", "sqrt(2/3) * z / (1 + exp(-z))"),
    "erf at a kink": Activation("erfs", "erf(z/2) + min(z/2, 1)"),
    "a 0 that does not look like one": Activation("hidden", "max(z, 0) - z - expm1(-(pi)**2)"),
    "conditions of conditions": Activation("bent", "asinh(min(0.1*z, 1) * abs(z/3))"),
}
ALL = {**{name: activation(name) for name in ACTIVATIONS}, **OWN}
