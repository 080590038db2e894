"""What the head of an emitted module says about itself: its title, and the command that makes it again."""

from __future__ import annotations

from derive.model.activation import built_in
from derive.model.architecture import Architecture
from derive.model.loss import built_in_loss
from derive.model.penalty import Penalty
from derive.model.tables import OPTIMIZERS


def command(architecture: Architecture, style: str) -> str:
    """The command line that makes the module again."""
    functions = [f.name for f in architecture.activations]
    update = architecture.optimizer
    defaults = OPTIMIZERS[update.name].constants
    changed = {key: f"{value!r}" for key, value in update.constants if value != defaults[key]}
    in_file = {*changed, *architecture.schedule.changed, *architecture.initialization.changed} - {"momentum"}
    if in_file or not _on_one_line(architecture):
        return f"derive generate {architecture.name}.toml --style {style}    (the file holds the text of SPEC)"
    hidden = functions[:-1] if len(set(functions[:-1])) > 1 else functions[:1] * (len(functions) > 1)
    options = {
        "layers": "-".join(map(str, architecture.sizes)),
        "activation": ",".join(hidden),
        "output": functions[-1],
        "loss": architecture.loss.name * (architecture.loss.name != "least_squares"),
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


def _on_one_line(architecture: Architecture) -> bool:
    """Whether the command line has an option for everything that the architecture has."""
    return (
        all(function == built_in(function.name) for function in architecture.activations)
        and architecture.loss == built_in_loss(architecture.loss.name)
        and all(options.plain for options in architecture.layers)
        and architecture.penalty == Penalty()
        and not architecture.sample_weights
        and architecture.checkpoint_every is None
    )


def title(architecture: Architecture) -> str:
    """One line: the name, the layers, the activations, the loss and the optimiser."""
    functions = ", ".join(dict.fromkeys(f.name for f in architecture.activations))
    loss = architecture.loss.name.replace("_", " ")
    sizes = "-".join(map(str, architecture.sizes))
    shown = sizes if len(sizes) <= 60 else f"{architecture.depth}-layer"
    return f"{architecture.name}: the {shown} perceptron ({functions}), {loss} loss, {architecture.optimizer.name}."
