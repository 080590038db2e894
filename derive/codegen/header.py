"""What the head of an emitted module says about itself: its title, and the command that makes it again."""

from __future__ import annotations

from derive.model.architecture import Architecture
from derive.model.tables import ACTIVATIONS, OPTIMIZERS


def command(architecture: Architecture, style: str) -> str:
    """The command line that makes the module again."""
    functions = [f.name for f in architecture.activations]
    update = architecture.optimizer
    defaults = OPTIMIZERS[update.name].constants
    changed = {key: f"{value!r}" for key, value in update.constants if value != defaults[key]}
    in_file = {*changed, *architecture.schedule.changed, *architecture.initialization.changed} - {"momentum"}
    if in_file or any(name not in ACTIVATIONS for name in functions):
        return f"derive generate {architecture.name}.toml --style {style}    (the file holds the text of SPEC)"
    hidden = functions[:-1] if len(set(functions[:-1])) > 1 else functions[:1] * (len(functions) > 1)
    options = {
        "layers": "-".join(map(str, architecture.sizes)),
        "activation": ",".join(hidden),
        "output": functions[-1],
        "loss": architecture.loss * (architecture.loss != "least_squares"),
        "optimizer": update.name * (update.name != "sgd"),
        **changed,
        "schedule": architecture.schedule.name * (architecture.schedule.name != "constant"),
        "clip": "" if architecture.clip is None else repr(architecture.clip),
        "initialization": architecture.initialization.name * (architecture.initialization.name != "lecun_normal"),
        "dtype": architecture.dtype * (architecture.dtype != "float64"),
        "style": style,
        "name": architecture.name,
    }
    return "derive generate " + " ".join(f"--{key} {value}" for key, value in options.items() if value)


def title(architecture: Architecture) -> str:
    """One line: the name, the layers, the activations, the loss and the optimiser."""
    functions = ", ".join(dict.fromkeys(f.name for f in architecture.activations))
    loss = architecture.loss.replace("_", " ")
    sizes = "-".join(map(str, architecture.sizes))
    shown = sizes if len(sizes) <= 60 else f"{architecture.depth}-layer"
    return f"{architecture.name}: the {shown} perceptron ({functions}), {loss} loss, {architecture.optimizer.name}."
