"""The picture of a network: where its neurons, arrows and words stand. The template only draws."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from derive.model.architecture import Architecture

SHOWN = 6
"""So many neurons of a layer are drawn; what is left out is said."""
ACROSS, DOWN, RADIUS, TOP = 130, 34, 11, 44
MARGIN = 46


def picture(architecture: Architecture) -> dict[str, Any]:
    """Coordinates for an SVG drawing: layers of neurons, the weights between them, and labels."""
    sizes = architecture.sizes
    height = TOP + DOWN * min(max(sizes), SHOWN) + 46
    layers = [_layer(architecture, k, height) for k in range(len(sizes))]
    joints = [
        {
            "layer": k,
            "lines": [_line(a, b) for a in below["neurons"] for b in above["neurons"]],
            **_between(below, above),
        }
        for k, (below, above) in enumerate(pairwise(layers), 1)
    ]
    return {"width": 2 * MARGIN + ACROSS * architecture.depth, "height": height, "layers": layers, "joints": joints}


def _layer(architecture: Architecture, k: int, height: int) -> dict[str, Any]:
    n = architecture.sizes[k]
    shown = min(n, SHOWN)
    x = MARGIN + ACROSS * k
    middle = (TOP + height - 46) / 2
    neurons = [{"x": x, "y": middle + DOWN * (i - (shown - 1) / 2), "r": RADIUS} for i in range(shown)]
    return {
        "layer": k,
        "x": x,
        "neurons": neurons,
        "label": "a⁰ = x" if k == 0 else architecture.activations[k - 1].name,
        "label_y": 16,
        "shape": f"N × {n}",
        "shape_y": height - 10,
        "hidden": n - shown,
        "hidden_y": middle + DOWN * (shown - 1) / 2 + RADIUS + 15,
    }


def _line(a: dict[str, float], b: dict[str, float]) -> dict[str, float]:
    return {"x1": a["x"] + RADIUS, "y1": a["y"], "x2": b["x"] - RADIUS, "y2": b["y"]}


def _between(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    k = above["layer"]
    rows, columns = above["shape"].split(" × ")[1], below["shape"].split(" × ")[1]
    return {"x": (below["x"] + above["x"]) / 2, "y": 34, "label": f"W{_raised(k)}: {rows} × {columns}"}


def _raised(k: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(k))
