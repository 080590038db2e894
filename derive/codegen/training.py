"""What a module holds for its training, as Python text: initial weights, the learning rate's schedule, clipping."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.rate import RATE, rate, scale, warm_up
from derive.codegen.forms.gain import gain
from derive.codegen.statements.arrays import Node, name, number, written
from derive.codegen.statements.lower import lower_scalar
from derive.model.architecture import Architecture
from derive.model.tables import WARM_UP
from derive.model.training import Pace, Start

DRAWN = {
    "normal": ("rng.standard_normal(({rows}, {columns}))", "normal with standard deviation {scale}"),
    "uniform": ("rng.uniform(-1, 1, ({rows}, {columns}))", "uniform within {scale} of 0"),
    "orthogonal": (
        "_orthogonal(rng, {rows}, {columns})",
        "orthonormal rows or columns times {scale}",
    ),
}
"""Distribution → how a matrix of scale 1 is drawn, and how `initialize` says it."""


@dataclass(frozen=True)
class Weights:
    """One weight matrix: its name, the names of its numbers of rows and columns, and the layer it leads into."""

    name: str
    rows: str
    columns: str
    layer: int


def layer_of(tensor: str, architecture: Architecture) -> int:
    """The layer that a tensor's name ends with; the loss and its parts count as the last one's."""
    label = re.search(r"\d+$", tensor)
    return int(label.group()) if label else architecture.depth


def initial(derivation: Derivation) -> dict[str, object]:
    """What the template needs for `initialize`."""
    architecture = derivation.architecture
    start = architecture.initialization
    lines = []
    for tensor in derivation.parameters:
        if len(tensor.axes) != 2:
            continue  # biases stay zero
        rows, columns = map(str, tensor.axes)
        each = Weights(tensor.name, rows, columns, layer_of(tensor.name, architecture))
        factor, comment = _gain(architecture, each.layer)
        drawn = DRAWN[start.row.distribution][0].format(rows=each.rows, columns=each.columns)
        value = _scaled(drawn, _scale(start, each, factor))
        lines.append(f"parameters.{each.name}[...] = {value}{comment}")
    return {
        "initial_lines": lines,
        "initial_weights": DRAWN[start.row.distribution][1].format(scale=_described(start)),
        "initial_name": start.name,
        "gains": "gain" in start.row.scale,
        "orthogonal": start.row.distribution == "orthogonal",
    }


def _gain(architecture: Architecture, layer: int) -> tuple[sp.Expr, str]:
    """The gain of the activation that feeds a layer, and the comment that says so."""
    if "gain" not in architecture.initialization.row.scale or layer == 1:
        return sp.S.One, ""
    below = architecture.activations[layer - 2]
    if not below.elementwise:
        return sp.S.One, f"  # {below.name} is no function of one number, so no gain"
    return sp.Rational(repr(gain(below.initial))), f"  # the gain of {below.name}"


def _scale(start: Start, weights: Weights, factor: sp.Expr) -> Node:
    """The scale in the module's names, with one root: sqrt(2 / n1), not sqrt(2) / sqrt(n1)."""
    rows, columns = (sp.Symbol(size, positive=True) for size in (weights.rows, weights.columns))
    expr = scale(start, columns, rows, factor)
    if any(part.is_number and not part.is_Rational for part in sp.Mul.make_args(expr)):
        return Node("sqrt", (lower_scalar(expr**2, {}),))
    return lower_scalar(expr, {})


def _scaled(drawn: str, factor: Node) -> str:
    """The drawn matrix times the factor."""
    if factor == number(1):
        return drawn
    if factor.operation == "divide" and factor.arguments[0] == number(1):
        return written(Node("divide", (name(drawn), factor.arguments[1])))
    return written(Node("multiply", (factor, name(drawn))))


def _described(start: Start) -> str:
    """The scale as its row writes it, in the text's names of the sizes and with the constants put in."""
    shown = start.row.scale
    for key, value in {"fan_in": "n_(l-1)", "fan_out": "n_l", **{k: _shown(v) for k, v in start.constants}}.items():
        shown = shown.replace(key, value)
    return shown


def scheduled(pace: Pace) -> dict[str, object]:
    """What the template needs for `scheduled`; nothing if the learning rate is constant."""
    expr, factor = rate(pace), warm_up(pace)
    constants = dict(pace.constants)
    if expr == RATE and factor == 1:
        return {"scheduled": None, "warm_up": 0}
    used = [key for key in constants if key in map(str, expr.free_symbols | factor.free_symbols)]
    body = [f"{', '.join(used)} = {', '.join(_shown(constants[key]) for key in used)}"] if used else []
    if factor != 1 and expr != RATE:
        body.append(f"rate = {written(lower_scalar(expr, {}))}")
        expr = sp.Symbol("rate")
    code = written(lower_scalar(expr * factor, {}))
    zero = "".join(f", {key} = 0" for key in pace.row.constants if not constants[key])
    return {
        "scheduled": {
            "meaning": f"{pace.row.rate}{zero}" + f", times {WARM_UP}" * (factor != 1),
            "lines": [*body, f"return float({code})" if "np." in code else f"return {code}"],
        },
        "warm_up": int(constants["warm_up"]),
    }


def clip_lines(architecture: Architecture, style: str) -> list[str]:
    """The lines of `step` that shorten g to the norm `clip`, if it is longer; none where nothing is clipped.

    That is g * min(1, clip/||g||), as PyTorch's clip_grad_norm_ without the 1e-6 that it adds to the norm.
    In float32 the squares are added up in float64, where they do not overflow; in float64, should they overflow, g is
    first shortened until its largest entry is `clip`.
    """
    if architecture.clip is None:
        return []
    clip = repr(architecture.clip)
    doubles = architecture.dtype == "float64"
    norm = f"norm = float(np.sqrt({'np.dot(g, g)' if doubles else 'np.sum(np.square(g, dtype=np.float64))'}))"
    times = "np.multiply(g, {}, out=g)" if style == "fast" else "g *= {}"
    overflown = [
        "if norm == np.inf:  # the squares overflow, so that the largest entry becomes clip first",
        f"    {times.format(f'{clip} / np.abs(g).max()')}",
        f"    {norm}",
    ]
    return [
        norm,
        *overflown * doubles,
        f"if norm > {clip}:  # clipped: g min(1, clip/||g||), clip = {_shown(architecture.clip)}",
        f"    {times.format(f'{clip} / norm')}",
    ]


def _shown(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(value)
