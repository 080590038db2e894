"""What the head of an emitted module says about itself: its title, and the command that makes it again."""

from __future__ import annotations

from derive.model.activation import built_in
from derive.model.architecture import Architecture
from derive.model.loss import built_in_loss


def command(architecture: Architecture, style: str) -> str:
    """The command line that makes the module again."""
    functions = [f.name for f in architecture.activations]
    update = architecture.optimizer
    same = (
        Architecture(
            architecture.sizes,
            architecture.activations,
            architecture.loss.name,
            update,
            architecture.dtype,
            architecture.name,
        )
        if built_in_loss(architecture.loss.name)
        else None
    )
    if same != architecture or any(function != built_in(function.name) for function in architecture.activations):
        return f"derive generate {architecture.name}.toml --style {style}    (the file holds the text of SPEC)"
    hidden = functions[:-1] if len(set(functions[:-1])) > 1 else functions[:1] * (len(functions) > 1)
    options = {
        "layers": "-".join(map(str, architecture.sizes)),
        "activation": ",".join(hidden),
        "output": functions[-1],
        "loss": architecture.loss.name * (architecture.loss.name != "least_squares"),
        "optimizer": update.name * (update.name != "sgd"),
        **{key: f"{value!r}" for key, value in update.constants if value},
        "dtype": architecture.dtype * (architecture.dtype != "float64"),
        "style": style,
        "name": architecture.name,
    }
    return "derive generate " + " ".join(f"--{key} {value}" for key, value in options.items() if value)


def title(architecture: Architecture) -> str:
    """One line: the name, the layers, the activations, the loss and the optimiser."""
    functions = ", ".join(dict.fromkeys(f.name for f in architecture.activations))
    loss = architecture.loss.name.replace("_", " ")
    sizes = "-".join(map(str, architecture.sizes))
    shown = sizes if len(sizes) <= 60 else f"{architecture.depth}-layer"
    return f"{architecture.name}: the {shown} perceptron ({functions}), {loss} loss, {architecture.optimizer.name}."
