"""Generated networks for emission, and what an emitted module is held against: the specification's loss in plain NumPy.

The loss is evaluated here from the text of the tables and of the user's own expressions, with NumPy's functions and
nothing of derive's; the gradient is held against a central difference of that.
"""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit, load
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.loss import Loss
from derive.model.specification import from_toml, to_toml
from derive.model.tables import ACTIVATIONS, DTYPES, INITIALIZATIONS, LOSSES, OPTIMIZERS, ROW_ACTIVATIONS, SCHEDULES

NAMES: dict[str, Any] = {
    **{
        name: getattr(np, name)
        for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sinh", "cosh", "sin", "cos")
    },
    **{"atan": np.arctan, "asinh": np.arcsinh, "erf": np.vectorize(math.erf, otypes=[float]), "abs": np.abs},
    **{"max": np.maximum, "min": np.minimum, "where": np.where, "pi": np.pi, "e": np.e},
}
LEAVES = (
    "z",
    "z",
    "z",
    "beta*z",
    "2*z",
    "-z",
    "z/3",
    "z**2",
    "0.5",
    "1",
    "beta",
    "3",
    "1/7",
    "0.1*z",
    "pi",
    "1e-3*z",
    "z**3",
)
WRAPS = ("exp(-({})**2)", "tanh({})", "sin({})", "cos({})", "atan({})", "erf({})", "asinh({})",
         "log(1 + exp({}))", "1/(1 + exp({}))",
         "sqrt(1 + ({})**2)", "max({}, 0)", "min({}, 1)", "abs({})", "where(z > 0.25, {}, z - 0.25)", "expm1(-({})**2)",
         "log1p(({})**2)", "cosh({})", "({})**2", "({})**3", "where({} > 0, z, beta*z)",
         "max(min({}, 1), -1)")  # fmt: skip
OWN_LOSSES = (
    *("(a - y)**4", "log(cosh(a - y)) + (a - y)**2/4", "abs(a - y) + (a - y)**2", "sqrt(1 + (a - y)**2) - 1"),
    *(
        "where(a - y > 0, 2*(a - y)**2, (a - y)**2)",
        "log(1 + (a - y)**2)",
        "(a - y)**2 * (1 + a**2)",
        "exp(-(a - y)**2) + a**2",
    ),
)
OWN_NAMES = (
    "own",
    "own1",
    "loss",
    "np",
    "predict",
    "theta",
    "X",
    "W1",
    "float",
    "value",
    "tanh_derivative",
    "own_loss",
    "t",
)
"""What a user may call an activation, whether or not something in the module is called so already."""
NOTHING_ELSE = {"numpy", "typing", "__future__"}
FILES = {"glob", "json", "os", "time", "zipfile", "zlib"}
"""Modules that checkpoints are written with."""
REACHING_OUT = {"open", *(FILES - {"zlib"})}
WRITERS = ("train", "_Checkpoint", "_remove")
"""What in a module may use them."""


def expression(rng: random.Random, depth: int = 3) -> str:
    """A function of z as a user might write it."""
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(LEAVES)
    if rng.random() < 0.55:
        return rng.choice(WRAPS).format(expression(rng, depth - 1))
    return f"({expression(rng, depth - 1)} {rng.choice('+-*')} {expression(rng, depth - 1)})"


def network(rng: random.Random) -> tuple[Architecture, str]:
    """An architecture with everything that a specification can ask for, and a style. Raises DeriveError if refused."""
    depth = rng.choice((1, 1, 1, 1, 2, 2, 3))
    functions = [_function(rng, label) for label in range(depth)]
    loss: Any = rng.choice([*LOSSES, *LOSSES, {"name": rng.choice(OWN_NAMES), "expression": rng.choice(OWN_LOSSES)}])
    if loss == "binary_cross_entropy":
        functions[-1] = "sigmoid"
    if loss == "cross_entropy":
        functions[-1] = "softmax"
    sizes = [rng.randint(1, 4) for _ in range(depth)] + [rng.randint(2, 3)]
    layers = []
    for label in range(depth):
        options: dict[str, Any] = {}
        if rng.random() < 0.15:
            options["normalization"] = rng.choice(("layer_norm", "rms_norm"))
        if rng.random() < 0.1:
            options["dropout"] = rng.choice((0.1, 0.5))
        if rng.random() < 0.1 and sizes[label] == sizes[label + 1]:
            options["residual"] = True
        layers.append(options)
    return Architecture(
        sizes,
        functions,
        loss=loss,
        optimizer=rng.choice([*OPTIMIZERS, {"name": "adam", "beta1": 0.5, "epsilon_inside": 1e-5, "epsilon": 0.0}]),
        dtype=rng.choice((*DTYPES, "float64", "float64")),
        name=rng.choice(("net", "network", "a1", "theta_", "N", "np", "W1", "loss", "X")),
        layers=layers,
        penalty=rng.choice(
            (None, None, {"l2": 0.01}, {"l1": 0.1, "half": False}, {"l2": 0.5, "l1": 0.25, "over_samples": True})
        ),
        sample_weights=rng.random() < 0.15,
        initialization=rng.choice(
            [*(name for name in INITIALIZATIONS if name != "variance_preserving"), {"name": "normal", "scale": 0.7}]
        ),
        schedule=rng.choice([*SCHEDULES, {"name": "step", "every": 7, "warm_up": 5}]),
        clip=rng.choice((None, None, 1.0, 1e-3)),
    ), rng.choice(("fast", "readable"))


def _function(rng: random.Random, label: int) -> str | Activation:
    if rng.random() < 0.3:
        return rng.choice([*ACTIVATIONS, *ROW_ACTIVATIONS])
    text = expression(rng)
    constants = (("beta", rng.choice((1.0, 0.5, -0.25, 1e-7, 3.0, 1.25))),) if "beta" in text else ()
    return Activation(
        rng.choice(OWN_NAMES) + "_" * label, text, constants, ("beta",) if constants and rng.random() < 0.3 else ()
    )


def checked(given: tuple[Architecture, str], emitter: Callable[..., str] = emit) -> str:
    """Emit the network and compare; gives "compared", or why there was nothing to compare. Raises AssertionError."""
    architecture, style = given
    text = emitter(differentiate(architecture), style)
    _check_source(text, architecture)
    module = load(text)
    with np.errstate(all="ignore"):
        return _compare(module, architecture)


def _check_source(text: str, architecture: Architecture) -> None:
    """The text is Python that imports NumPy only, calls nothing that reaches out, and carries its specification."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                assert {name.name for name in names} <= NOTHING_ELSE | FILES, "an import"
            case ast.ImportFrom(module=module):
                assert module in NOTHING_ELSE, "an import"
            case ast.Name(id=name):
                assert not name.startswith("__"), name
                assert name not in ("exec", "eval", "compile", "getattr", "input", "vars", "globals"), name
            case ast.Attribute(attr=name):
                assert not name.startswith("__"), name
                assert name not in ("system", "popen", "tofile", "ctypes"), name
    for statement in tree.body:
        if getattr(statement, "name", "") not in WRITERS:
            used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            assert not used & REACHING_OUT, f"{min(used & REACHING_OUT)} in line {statement.lineno}"
    spec = next(n.value for n in tree.body if isinstance(n, ast.Assign) and getattr(n.targets[0], "id", "") == "SPEC")
    stated = ast.literal_eval(spec)
    assert stated == to_toml(architecture), "SPEC"
    assert from_toml(stated) == architecture, "SPEC is another architecture"


def _compare(module: Any, architecture: Architecture) -> str:
    generator = np.random.default_rng(0)
    single = architecture.dtype == "float32"
    outcomes = []
    for scale in (0.5, 0.9, 0.2):
        theta = scale * generator.standard_normal(module.PARAMETER_COUNT).astype(architecture.dtype)
        X = generator.standard_normal((3, architecture.sizes[0])).astype(architecture.dtype)
        Y = _targets(architecture, generator).astype(architecture.dtype)
        weights = generator.uniform(0.5, 2, 3) if architecture.sample_weights else None
        extra = (weights,) if weights is not None else ()
        wide = [np.asarray(v, float) for v in (theta, X, Y)]
        want = loss(architecture, *wide, weights)
        if not abs(want) < (1e4 if single else 1e8):
            continue
        try:
            got = float(module.loss(theta, X, Y, *extra))
        except (ValueError, ArithmeticError) as error:
            raise AssertionError(f"loss raises {type(error).__name__}: {error}; expected {want}") from None
        tolerance = 2e-3 if single else 1e-7
        if not abs(got - want) <= tolerance * (1 + abs(want)):
            outcomes.append(f"loss is {got}, expected {want}")
            continue
        if any(options.dropout for options in architecture.layers):
            outcomes.append("")
            continue
        _, gradient = module.loss_and_gradient(theta, X, Y, *extra)
        direction = generator.standard_normal(len(theta))
        along = float(np.asarray(gradient, float) @ direction)
        slopes = []
        for h in (1e-4, 1e-5):
            sides = [loss(architecture, wide[0] + side * h * direction, *wide[1:], weights) for side in (-1, 1)]
            slopes.append((sides[1] - sides[0]) / (2 * h))
        if not np.isfinite(slopes).all() or abs(slopes[0] - slopes[1]) > 1e-4 * (1 + abs(slopes[1])):
            continue  # a kink between the two sides
        fits = abs(along - slopes[1]) <= (2e-2 if single else 1e-4) * (1 + abs(slopes[1]) + abs(want))
        outcomes.append("" if fits else f"the gradient is {along} along a direction, expected {slopes[1]}")
    assert not outcomes or "" in outcomes, "; ".join(outcomes)
    return "compared" if outcomes else "no finite loss to compare"


def _targets(architecture: Architecture, generator: Any) -> Any:
    shape = (3, architecture.sizes[-1])
    kinds: dict[str, Callable[[], Any]] = {
        "real": lambda: generator.standard_normal(shape),
        "unit": lambda: generator.random(shape),
        "distribution": lambda: np.eye(shape[1])[generator.integers(shape[1], size=3)],
        "count": lambda: generator.poisson(2.0, shape).astype(float),
        "sign": lambda: generator.choice([-1.0, 1.0], shape),
    }
    return kinds[architecture.loss.targets]()


def _value(text: str, constants: dict[str, Any], **variables: Any) -> Any:
    """The value of an expression whose text derive accepted, by Python itself."""
    return eval(compile(ast.parse(text, mode="eval"), "expression", "eval"), {**NAMES, **constants, **variables})


def loss(architecture: Architecture, theta: Any, X: Any, Y: Any, weights: Any) -> float:
    """The specification's loss without dropout, in float64."""
    start, penalised = 0, []

    def take(*shape: int) -> Any:
        nonlocal start
        count = math.prod(shape)
        start += count
        return theta[start - count : start].reshape(shape)

    outputs = [X]
    for label, (function, options) in enumerate(zip(architecture.activations, architecture.layers, strict=True), 1):
        below, n = architecture.sizes[label - 1], architecture.sizes[label]
        W, b = take(n, below), take(n)
        penalised.append(W)
        z = outputs[-1] @ W.T + b
        if options.normalization == "layer_norm":
            gain, shift = take(n), take(n)
            r = z - z.mean(axis=1, keepdims=True)
            z = gain * r / np.sqrt((r**2).mean(axis=1, keepdims=True) + 1e-5) + shift
        if options.normalization == "rms_norm":
            z = take(n) * z / np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-5)
        if function.elementwise:
            trained = {name: take(1)[0] for name in function.trained}
            a = _value(function.expression, {**dict(function.constants), **trained}, z=z) + 0 * z
        else:
            shifted = z - z.max(axis=1, keepdims=True)
            logarithm = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            a = logarithm if function.name == "log_softmax" else np.exp(logarithm)
        outputs.append(a + outputs[label - options.residual] if options.residual else a)
    chosen: Loss = architecture.loss
    each = _value(chosen.expression, dict(chosen.constants), a=outputs[-1], y=Y) + 0 * outputs[-1]
    each = np.where((Y == 0) & (chosen.name == "cross_entropy"), 0, each)
    samples = each.sum(axis=1) * (1 if weights is None else weights)
    penalty = architecture.penalty
    extra = penalty.l2 * (0.5 if penalty.half else 1) * sum((W**2).sum() for W in penalised)
    extra += penalty.l1 * sum(np.abs(W).sum() for W in penalised)
    return float(samples.mean() + extra / (len(X) if penalty.over_samples else 1))


class Scripted(random.Random):
    """Draws what some bytes say, and zeros when they end: so that a change of a byte changes one choice."""

    def __init__(self, script: bytes) -> None:
        super().__init__(0)
        self._rest = iter(script)

    def getrandbits(self, bits: int, /) -> int:
        size = -(-bits // 8)
        drawn = bytes(islice(self._rest, size)).ljust(size, b"\0")
        return int.from_bytes(drawn, "big") >> (8 * size - bits)

    def random(self) -> float:
        return self.getrandbits(16) / 2**16


def accepted(rng: random.Random) -> tuple[Architecture, str]:
    """A network that is not refused; the same one for the same generator."""
    while True:
        try:
            return network(rng)
        except DeriveError:
            continue
