"""The picture of a network: where its neurons, arrows and words stand. The template only draws."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from derive.model.architecture import Architecture
from derive.model.layers import LayerOptions

SHOWN = 6
"""So many neurons of a layer are drawn; what is left out is said."""
ACROSS, DOWN, RADIUS, TOP, BELOW = 130, 34, 11, 58, 46
MARGIN = 46
SHORTCUT = 34
"""The room for residual connections, below the neurons."""


def picture(architecture: Architecture) -> dict[str, Any]:
    """Coordinates for an SVG drawing: layers of neurons, the weights between them, shortcuts, and labels."""
    sizes = architecture.sizes
    bottom = TOP + DOWN * min(max(sizes), SHOWN)
    shortcuts = [(k - o.residual, k) for k, o in enumerate(architecture.layers, 1) if o.residual]
    height = bottom + (SHORTCUT if shortcuts else 0) + BELOW
    layers = [_layer(architecture, k, bottom, height) for k in range(len(sizes))]
    joints = [
        {
            "layer": k,
            "lines": [_line(a, b) for a in below["neurons"] for b in above["neurons"]],
            **_between(below, above),
        }
        for k, (below, above) in enumerate(pairwise(layers), 1)
    ]
    return {
        "width": 2 * MARGIN + ACROSS * architecture.depth,
        "height": height,
        "layers": layers,
        "joints": joints,
        "shortcuts": [{"layer": end, "points": _arc(layers[start], layers[end], bottom)} for start, end in shortcuts],
    }


def _layer(architecture: Architecture, k: int, bottom: int, height: int) -> dict[str, Any]:
    n = architecture.sizes[k]
    shown = min(n, SHOWN)
    x = MARGIN + ACROSS * k
    middle = (TOP + bottom) / 2
    neurons = [{"x": x, "y": middle + DOWN * (i - (shown - 1) / 2), "r": RADIUS} for i in range(shown)]
    return {
        "layer": k,
        "x": x,
        "neurons": neurons,
        "label": "a⁰ = x" if k == 0 else architecture.activations[k - 1].name,
        "label_y": 14,
        "extras": ", ".join(_extras(architecture.layers[k - 1])) if k else "",
        "extras_y": 29,
        "shape": f"N × {n}",
        "shape_y": height - 10,
        "hidden": n - shown,
        "hidden_y": middle + DOWN * (shown - 1) / 2 + RADIUS + 15,
    }


def _extras(options: LayerOptions) -> list[str]:
    """What a layer has beside its weights and its activation."""
    found = [options.normalization] if options.normalization else []
    return found + ["dropout"] * bool(options.dropout)


def _arc(start: dict[str, Any], end: dict[str, Any], bottom: int) -> list[tuple[float, float]]:
    """The four points of a residual connection's curve, from below one layer to below another."""
    low = bottom + SHORTCUT
    (left, first), (right, last) = ((layer["x"], _foot(layer)) for layer in (start, end))
    return [(left, first), (left, low), (right, low), (right, last)]


def _foot(layer: dict[str, Any]) -> float:
    """Just below what is drawn of a layer."""
    if layer["hidden"]:
        return float(layer["hidden_y"] + 5)
    return float(layer["neurons"][-1]["y"] + RADIUS + 3)


def _line(a: dict[str, float], b: dict[str, float]) -> dict[str, float]:
    return {"x1": a["x"] + RADIUS, "y1": a["y"], "x2": b["x"] - RADIUS, "y2": b["y"]}


def _between(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    k = above["layer"]
    rows, columns = above["shape"].split(" × ")[1], below["shape"].split(" × ")[1]
    return {"x": (below["x"] + above["x"]) / 2, "y": 46, "label": f"W{_raised(k)}: {rows} × {columns}"}


def _raised(k: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(k))
