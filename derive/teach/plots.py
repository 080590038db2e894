"""Plots for those who would rather look than read, with matplotlib (the extra `plot`): one function each.

Every function gives back a figure, which a notebook shows and `figure.savefig` saves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.teach.setting.picture import picture

BLUE, RED, GREY = "#2f6fb3", "#c2551b", "#8a919c"


def network(architecture: Architecture) -> Any:
    """The picture of a network: its neurons, or the first of them, with shapes and activations."""
    drawn = picture(architecture)
    figure, axes = _figure(drawn["width"] / 100, drawn["height"] / 100)
    axes.set(xlim=(0, drawn["width"]), ylim=(drawn["height"], 0), aspect="equal")
    axes.axis("off")
    for joint in drawn["joints"]:
        for line in joint["lines"]:
            axes.plot((line["x1"], line["x2"]), (line["y1"], line["y2"]), color=GREY, linewidth=0.5)
        axes.text(joint["x"], joint["y"], joint["label"], ha="center", fontsize=7, color=GREY)
    for shortcut in drawn["shortcuts"]:
        axes.add_patch(_curve(shortcut["points"]))
    for layer in drawn["layers"]:
        for neuron in layer["neurons"]:
            axes.plot(neuron["x"], neuron["y"], "o", markersize=11, markerfacecolor="white", markeredgecolor=BLUE)
        axes.text(layer["x"], layer["label_y"], layer["label"], ha="center", fontsize=8)
        axes.text(layer["x"], layer["extras_y"], layer["extras"], ha="center", fontsize=7, color=GREY)
        axes.text(layer["x"], layer["shape_y"], layer["shape"], ha="center", fontsize=8)
        if layer["hidden"]:
            axes.text(layer["x"], layer["hidden_y"], f"+ {layer['hidden']}", ha="center", fontsize=7)
    return figure


def _curve(points: Sequence[tuple[float, float]]) -> Any:
    """A dashed Bézier curve through four points."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    return PathPatch(
        Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]), fill=False, edgecolor=GREY, linestyle="--"
    )


def learning_curve(history: Mapping[str, Sequence[float]]) -> Any:
    """The losses that `train` gives back, against the epoch, on a logarithmic scale where all are positive."""
    figure, axes = _figure(5, 3.2)
    for (name, losses), colour in zip(history.items(), (BLUE, RED, GREY), strict=False):
        axes.plot(range(1, len(losses) + 1), losses, color=colour, label=name.replace("_", " "))
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if all(loss > 0 for losses in history.values() for loss in losses):
        axes.set_yscale("log")
    axes.legend(frameon=False)
    return figure


def function(own: str | Activation, reach: float = 5.0) -> Any:
    """An activation f and its derivative f′, from −reach to reach, with trained constants as they start."""
    chosen = activation(own)
    if not chosen.elementwise:
        raise DeriveError(f"{chosen.name} is a function of a whole row, of which there is no curve")
    figure, axes = _figure(5, 3.2)
    z = np.linspace(-reach, reach, 201)
    for formula, label, colour in (
        (chosen.initial, f"f = {chosen.name}", BLUE),
        (chosen.initial.diff(Z), "f′", RED),
    ):
        axes.plot(z, [float(formula.subs(Z, sp.Float(float(value)))) for value in z], color=colour, label=label)
    axes.set(xlabel="z")
    axes.legend(frameon=False)
    return figure


def gradient_sizes(module: ModuleType, theta: Any, X: Any, Y: Any) -> Any:
    """The Euclidean norm of the gradient by each layer's weights, for an emitted module at theta."""
    _, gradient = module.loss_and_gradient(theta, X, Y)
    parts = module.unpack(gradient)
    sizes = {name: float(np.sqrt((part**2).sum())) for name, part in parts._asdict().items() if name.startswith("W")}
    figure, axes = _figure(5, 3.2)
    axes.bar(list(sizes), list(sizes.values()), color=BLUE)
    axes.set(ylabel="size of the gradient")
    if min(sizes.values()) > 0:
        axes.set_yscale("log")
    return figure


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise DeriveError("plots need matplotlib; install with: pip install 'derive[plot]'") from None
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
