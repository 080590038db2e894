"""Networks over the whole vocabulary, each of whose lessons has to open, run and compile."""

from __future__ import annotations

from derive import Activation, Architecture

SWISH = Activation("my_swish_100", "z / (1 + exp(-beta*z))", (("beta", 1.5),))
NORM, RMS = {"normalization": "layer_norm"}, {"normalization": "rms_norm"}

VOCABULARY = {
    "one layer": Architecture((5, 2), ("relu",)),
    "sigmoid": Architecture((2, 3, 1), ("sigmoid", "identity"), optimizer="adam"),
    "own activation": Architecture((2, 9, 1), (SWISH, "softplus"), name="a_b"),
    "trained beta": Architecture((2, 3, 1), ("swish", "identity")),
    "prelu": Architecture((3, 4, 2), ("prelu", "tanh")),
    "leaky_relu, elu": Architecture((2, 3, 2, 1), ("leaky_relu", "elu", "identity")),
    "selu, celu": Architecture((2, 3, 2, 1), ("selu", "celu", "identity")),
    "softsign, mish": Architecture((2, 3, 2, 1), ("softsign", "mish", "identity")),
    "gelu, gelu_tanh": Architecture((2, 3, 2, 1), ("gelu", "gelu_tanh", "identity")),
    "hard functions": Architecture(
        (2, 3, 2, 2, 2, 1), ("hardtanh", "hardsigmoid", "hardswish", "relu6", "thresholded_relu")
    ),
    "shrinking": Architecture((2, 3, 2, 2, 1), ("tanhshrink", "softshrink", "hardshrink", "logsigmoid")),
    "others": Architecture((2, 3, 2, 2, 1), ("lecun_tanh", "sine", "gaussian", "silu")),
    "softmax": Architecture((3, 4, 3), ("tanh", "softmax"), loss="cross_entropy"),
    "softmax in between": Architecture((3, 4, 2), ("softmax", "identity")),
    "log_softmax": Architecture((3, 4, 3), ("relu", "log_softmax")),
    "binary_cross_entropy": Architecture((3, 4, 1), ("tanh", "sigmoid"), loss="binary_cross_entropy"),
    "mean_absolute": Architecture((3, 4, 2), ("tanh", "identity"), loss="mean_absolute"),
    "huber": Architecture((3, 4, 2), ("tanh", "identity"), loss={"name": "huber", "delta": 2.0}),
    "log_cosh": Architecture((3, 4, 2), ("tanh", "identity"), loss="log_cosh"),
    "poisson": Architecture((3, 4, 1), ("tanh", "identity"), loss="poisson"),
    "hinge": Architecture((3, 4, 1), ("relu", "identity"), loss="hinge"),
    "own loss": Architecture((3, 4, 2), ("tanh", "identity"), loss={"name": "quartic", "expression": "(a - y)**4"}),
    "residual": Architecture((3, 4, 4, 2), ("tanh", "tanh", "identity"), layers=[{}, {"residual": True}, {}]),
    "residual around two": Architecture(
        (3, 4, 5, 4, 2), ("tanh", "sigmoid", "relu", "identity"), layers=[{}, {}, {"residual": 2}, {}]
    ),
    "layer_norm": Architecture((3, 4, 2), ("relu", "identity"), layers=[NORM, {}]),
    "rms_norm": Architecture((3, 4, 2), ("relu", "identity"), layers=[RMS, {}]),
    "dropout": Architecture((3, 4, 2), ("tanh", "identity"), layers=[{"dropout": 0.2}, {}]),
    "penalties": Architecture((3, 4, 2), ("tanh", "identity"), penalty={"l2": 0.1, "l1": 0.2, "over_samples": True}),
    "sample weights": Architecture((3, 4, 2), ("tanh", "identity"), sample_weights=True),
    "everything": Architecture(
        (4, 4, 4, 3),
        ("prelu", "mish", "softmax"),
        loss="cross_entropy",
        layers=[{**NORM, "dropout": 0.1}, {**RMS, "residual": True}, {}],
        penalty={"l2": 0.01},
        sample_weights=True,
        optimizer="adamw",
        dtype="float32",
        schedule="cosine",
        clip=1.0,
    ),
}
