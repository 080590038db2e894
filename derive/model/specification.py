"""Specification files: an `Architecture` from TOML and back, so that either can be made from the other.

    name = "digits"
    sizes = [64, 32, 10]
    activations = ["tanh", "identity"]

or layer by layer (`inputs`, then one `[[layer]]` with `units` and `activation` each, and whatever of
`normalization = "layer_norm"`, `dropout = 0.2` and `residual = true` the layer has). A user's own
activation is a table `[activation.NAME]` with an `expression` and the constants in it; `trained` lists those of
them that are learnt. For a name of the table the constants are enough: `[activation.elu]`, `alpha = 0.5`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from derive.model.activation import Activation, activation, built_in
from derive.model.architecture import Architecture
from derive.model.budget import budget
from derive.model.errors import DeriveError, shorten, shown, unknown
from derive.model.layers import OPTION_NAMES, LayerOptions
from derive.model.limits import LIMITS
from derive.model.loss import Loss, built_in_loss
from derive.model.penalty import Penalty
from derive.model.sources import read_text, toml_table
from derive.model.tables import OPTIMIZERS
from derive.model.training import training_lines

SETTINGS = (
    *("name", "loss", "optimizer", "dtype", "initialization", "schedule", "clip", "checkpoint_every"),
    *("penalty", "sample_weights"),
)
KEYS = ("sizes", "activations", "inputs", "layer", "activation", *SETTINGS)
LAYER_KEYS = ("units", "activation")
ON_THE_COMMAND_LINE = {"layers": "sizes"}
"""Keys that have another name among the command line's options."""


def read_specification(path: Path) -> Architecture:
    """The architecture that the TOML file at `path` describes."""
    return from_toml(read_text(path, LIMITS["specification"]), str(path))


def from_toml(text: str, where: str = "specification") -> Architecture:
    """The architecture that TOML `text` describes; `where` opens every error message."""
    table = toml_table(text, where)
    try:
        with budget("the functions in it"):
            return from_table(table)
    except DeriveError as error:
        raise DeriveError(f"{where}: {error}") from None


def from_table(table: Mapping[str, Any]) -> Architecture:
    """The architecture that a parsed TOML table describes."""
    for key in table:
        if key not in KEYS:
            raise unknown("key", key, KEYS, meant=ON_THE_COMMAND_LINE.get(key, ""))
    own = _own_activations(table.get("activation", {}))
    sizes, names = _layers(table)
    rest = {key: table[key] for key in SETTINGS if key in table}
    if "layer" in table:
        rest["layers"] = [{key: value for key, value in row.items() if key not in LAYER_KEYS} for row in table["layer"]]
    return Architecture(sizes, [activation(name, own) for name in names], **rest)


def _own_activations(tables: Any) -> dict[str, Activation]:
    if not isinstance(tables, Mapping):
        raise DeriveError(
            "activation: write a table [activation.NAME] with an expression; "
            f"which layer has which stands in {_EXAMPLE['activations']}"
        )
    own = {}
    for name, entry in tables.items():
        known = built_in(name)
        if not isinstance(entry, Mapping) or (known is None and "expression" not in entry):
            raise DeriveError(
                f'[activation.{shown(name, 60)}] needs an expression, as in expression = "z / (1 + exp(-z))"'
            )
        constants = {key: value for key, value in entry.items() if key not in ("expression", "trained")}
        if known is not None and "expression" not in entry:
            constants, trained = {**dict(known.constants), **constants}, entry.get("trained", known.trained)
            own[name] = Activation(name, known.expression, tuple(constants.items()), trained)
        else:
            own[name] = Activation(name, entry["expression"], tuple(constants.items()), entry.get("trained", ()))
    return own


def _layers(table: Mapping[str, Any]) -> tuple[Iterable[int], Iterable[str]]:
    """Sizes and activation names, from either way of writing them."""
    if "layer" not in table:
        for key in ("sizes", "activations"):
            if key not in table:
                raise DeriveError(f"the key {key!r} is missing; write for example {_EXAMPLE[key]}")
        if "inputs" in table:
            raise DeriveError("'inputs' goes with [[layer]] tables; sizes already begins with the inputs")
        names = table["activations"]
        if isinstance(names, str) or not isinstance(names, list):
            raise DeriveError(f"activations: {shorten(names)} is not a list; write {_EXAMPLE['activations']}")
        return table["sizes"], names
    if "sizes" in table or "activations" in table:
        raise DeriveError("give either sizes and activations, or inputs and [[layer]] tables, not both")
    if "inputs" not in table:
        raise DeriveError("the key 'inputs' is missing: the number of inputs, n_0")
    layers = table["layer"]
    if not isinstance(layers, list) or not all(isinstance(layer, Mapping) for layer in layers):
        raise DeriveError("layer: write one [[layer]] table for each layer")
    for position, layer in enumerate(layers, 1):
        for key in layer:
            if key not in (*LAYER_KEYS, *OPTION_NAMES):
                raise unknown("key", key, (*LAYER_KEYS, *OPTION_NAMES), f"[[layer]] number {position}")
        for key in LAYER_KEYS:
            if key not in layer:
                raise DeriveError(f"[[layer]] number {position}: the key {key!r} is missing")
    return [table["inputs"], *(layer["units"] for layer in layers)], [layer["activation"] for layer in layers]


_EXAMPLE = {"sizes": "sizes = [64, 32, 10]", "activations": 'activations = ["tanh", "identity"]'}


def to_toml(architecture: Architecture) -> str:
    """The canonical specification of `architecture`: `from_toml` gives the same architecture back."""
    update = architecture.optimizer
    usual = OPTIMIZERS[update.name].constants
    settings = "".join(f", {key} = {value!r}" for key, value in update.constants if value or usual[key])
    lines = [f'name = "{architecture.name}"', *_chain(architecture)]
    lines += [
        f"loss = {_loss(architecture.loss)}",
        f'optimizer = {{ name = "{update.name}"{settings} }}' if settings else f'optimizer = "{update.name}"',
        f'dtype = "{architecture.dtype}"',
        *training_lines(
            architecture.initialization, architecture.schedule, architecture.clip, architecture.checkpoint_every
        ),
    ]
    if architecture.penalty != Penalty():
        lines.append(f"penalty = {_inline(_changed(architecture.penalty))}")
    lines += ["sample_weights = true"] * architecture.sample_weights
    if not all(options.plain for options in architecture.layers):
        for units, function, options in zip(
            architecture.sizes[1:], architecture.activations, architecture.layers, strict=True
        ):
            rows = {"units": units, "activation": function.name, **_changed(options)}
            lines += ["", "[[layer]]", *(f"{key} = {_toml(value)}" for key, value in rows.items())]
    for function in dict.fromkeys(architecture.activations):
        if function != built_in(function.name):
            lines += ["", f"[activation.{function.name}]", f"expression = {_quoted(function.expression)}"]
            lines += [f"{key} = {value!r}" for key, value in function.constants]
            lines += [f"trained = [{', '.join(map(_quoted, function.trained))}]"] * bool(function.trained)
    return "\n".join(lines) + "\n"


def _chain(architecture: Architecture) -> list[str]:
    """Sizes and activations in lists, or the number of inputs if [[layer]] tables follow."""
    if not all(options.plain for options in architecture.layers):
        return [f"inputs = {architecture.sizes[0]}"]
    names = ", ".join(_quoted(f.name) for f in architecture.activations)
    return [f"sizes = {list(architecture.sizes)}", f"activations = [{names}]"]


def _loss(loss: Loss) -> str:
    known = built_in_loss(loss.name)
    if loss == known:
        return f'"{loss.name}"'
    own = {} if known else {"expression": loss.expression, "targets": loss.targets}
    return _inline({"name": loss.name, **own, **dict(loss.constants)})


def _changed(options: LayerOptions | Penalty) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    return {f.name: value for f in fields(options) if (value := getattr(options, f.name)) != f.default}


def _inline(table: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in table.items()) + " }"


def _toml(value: str | float | bool) -> str:
    return _quoted(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()) + '"'  # whitelisted text: no quote, backslash or control character
