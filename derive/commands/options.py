"""An architecture from the command line: a specification file, or options, or a file and options.

The layers come from one place, the file or `--layers`. The other options replace what the file says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from derive.commands.complete import one_of, some_of
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture, Update
from derive.model.definition import read_definition
from derive.model.errors import DeriveError, shorten
from derive.model.specification import SETTINGS, read_specification
from derive.model.tables import ACTIVATIONS, DTYPES, INITIALIZATIONS, LOSSES, OPTIMIZERS, ROW_ACTIVATIONS, SCHEDULES

Command = TypeVar("Command", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)
JSON = click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON.")
HIDDEN, OUTPUT = "tanh", "identity"
LAYER_OPTIONS = {"layers": "--layers", "hidden": "--activation", "output": "--output", "define": "--define"}


def _named_option(option: str, table: Iterable[str], help_: str) -> Callable[[Command], Command]:
    """An option that takes a name of the table, which its help lists and a shell completes."""
    names = list(table)
    return click.option(option, metavar="NAME", shell_complete=one_of(names), help=f"{help_}: {', '.join(names)}.")


NAMES = (*ACTIVATIONS, *ROW_ACTIVATIONS)

OPTIONS = (
    click.argument("specification", metavar="[SPEC.toml]", required=False, type=FILE),
    click.option("--layers", metavar="N-N-N", help="Sizes from input to output, as in 64-32-10."),
    click.option(
        "--activation",
        "hidden",
        metavar="NAME[,NAME]",
        shell_complete=some_of(NAMES),
        help=f"Of the hidden layers, one for all or one for each [{HIDDEN}]. Known: {', '.join(NAMES)}.",
    ),
    click.option(
        "--output",
        metavar="NAME[,NAME]",
        shell_complete=some_of(NAMES),
        help=f"Of the last layer; a list is for the last layers [{OUTPUT}].",
    ),
    click.option(
        "--define",
        metavar="FORMULA",
        multiple=True,
        help="An activation of your own and its constants, as in 'swish = z/(1 + exp(-beta*z)); beta = 1'.",
    ),
    _named_option("--loss", LOSSES, "One of"),
    _named_option("--optimizer", OPTIMIZERS, "One of"),
    click.option("--momentum", metavar="X", help="A constant of the optimiser, from 0 up to but not including 1."),
    _named_option("--schedule", SCHEDULES, "Of the learning rate, one of"),
    click.option("--clip", metavar="X", help="The norm beyond which gradients are shortened to it."),
    _named_option("--initialization", INITIALIZATIONS, "One of"),
    _named_option("--dtype", DTYPES, "One of"),
    click.option("--name", metavar="NAME", help="The module's name, an identifier."),
)


def architecture_options(command: Command) -> Command:
    """Decorate a command so that it takes everything that an architecture can be asked for with."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Request:
    """What was given on the command line about the architecture; None or () for what was not."""

    specification: Path | None = None
    layers: str | None = None
    hidden: str | None = None
    output: str | None = None
    define: tuple[str, ...] = ()
    loss: str | None = None
    optimizer: str | None = None
    momentum: str | None = None
    dtype: str | None = None
    name: str | None = None
    schedule: str | None = None
    clip: str | None = None
    initialization: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing was given at all."""
        return self == Request()

    def architecture(self) -> Architecture:
        """The architecture that was asked for. Raises DeriveError, which names the option at fault."""
        if self.specification is None:
            return self._from_options()
        given = [option for field, option in LAYER_OPTIONS.items() if getattr(self, field)]
        if given:
            raise DeriveError(
                f"{given[0]}: {self.specification} already says which layers there are; leave one of the two out"
            )
        base = read_specification(self.specification)
        return self._settled(base.sizes, base.activations, base)

    def _from_options(self) -> Architecture:
        if self.layers is None:
            raise DeriveError("no architecture: give a specification file or --layers, as in --layers 64-32-10")
        sizes = read_sizes(self.layers)
        own = dict(define(text) for text in self.define)
        functions = [_named(name, option, own) for name, option in self._activations(len(sizes) - 1)]
        unused = [name for name in own if name not in {function.name for function in functions}]
        if unused:
            raise DeriveError(f"--define: {unused[0]!r} is not used; name it in --activation or --output")
        return self._settled(sizes, functions, None)

    def _settled(self, sizes: tuple[int, ...], functions: Any, base: Architecture | None) -> Architecture:
        """The layers, with what the options say about all else put over what `base` says."""
        settings: dict[str, Any] = {}
        if base is not None:
            settings = {key: getattr(base, key) for key in (*SETTINGS, "layers")}
        settings |= {key: value for key in ("loss", "dtype", "name") if (value := getattr(self, key)) is not None}
        if self.optimizer is not None or self.momentum is not None:
            settings["optimizer"] = self._update(settings.get("optimizer", Update()))
        for key in ("schedule", "initialization"):
            if getattr(self, key) not in (None, base and getattr(base, key).name):
                settings[key] = getattr(self, key)
        if self.clip is not None:
            settings["clip"] = _number(self.clip, "--clip")
        return Architecture(sizes, functions, **settings)

    def _update(self, base: Update) -> Update:
        same = self.optimizer in (None, base.name)
        constants = dict(base.constants) if same else {}
        if self.momentum is not None:
            constants["momentum"] = _number(self.momentum, "--momentum")
        return Update(base.name if self.optimizer is None else self.optimizer, tuple(constants.items()))

    def _activations(self, depth: int) -> list[tuple[str, str]]:
        """(activation name, the option that names it), for each of the layers 1..L."""
        last = [(name, "--output") for name in _listed(self.output or OUTPUT, "--output")]
        first = [(name, "--activation") for name in _listed(self.hidden or HIDDEN, "--activation")]
        hidden = depth - len(last)
        if self.hidden and not self.output and len(first) == depth > 1:
            return first  # a name for every layer leaves nothing for the default of --output
        if hidden < 0:
            raise DeriveError(f"--output: {len(last)} activations for {depth} layers; give at most {depth}")
        if self.hidden and not hidden:
            raise DeriveError(
                f"--activation: --layers {self.layers} leaves no hidden layer for it; the last layer's is --output"
            )
        if len(first) not in (1, hidden) and hidden:
            raise DeriveError(
                f"--activation: {len(first)} activations for {hidden} hidden layers; give one for all, or one for each"
            )
        return (first * hidden if len(first) == 1 else first[:hidden]) + last


def read_sizes(text: str) -> tuple[int, ...]:
    """The sizes that `64-32-10` writes."""
    example = "write sizes joined by hyphens, as in 64-32-10"
    if len(text) > 10_000:
        raise DeriveError(f"--layers: {len(text)} characters; {example}")
    parts = [part.strip() for part in text.split("-")]
    for part in parts:
        if not (part.isascii() and part.isdecimal() and len(part) <= 18):
            raise DeriveError(f"--layers {shorten(text)}: {shorten(part)} is not a whole number; {example}")
    if len(parts) < 2:
        raise DeriveError(f"--layers {shorten(text)}: one size, but an input and an output are needed; {example}")
    return tuple(int(part) for part in parts)


def define(text: str) -> tuple[str, Activation]:
    """The activation that `swish = z/(1 + exp(-beta*z)); beta = 1` defines, with its name."""
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not (name and equals and rest):
        raise DeriveError(
            f"--define {shorten(text)}: not a name, '=' and an expression; "
            "write it as 'swish = z/(1 + exp(-beta*z)); beta = 1'"
        )
    try:
        found = read_definition(rest)
        return name, Activation(name, found.expression, found.constants, found.trained)
    except DeriveError as error:
        raise DeriveError(f"--define: {error}") from None


def _named(name: str, option: str, own: dict[str, Activation]) -> Activation:
    try:
        return activation(name, own)
    except DeriveError as error:
        raise DeriveError(f"{option}: {error}") from None


def _listed(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise DeriveError(
            f"{option} {shorten(text)}: an empty name; write names joined by commas, as in relu,relu,tanh"
        )
    return names


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DeriveError(f"{what}: {shorten(text)} is not a number, such as 0.9") from None
