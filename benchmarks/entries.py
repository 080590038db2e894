"""The networks that `make vocabulary` proves and audits, and `make peers` compares with PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import product
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from derive import Architecture
from derive.model import tables
from derive.model.errors import DeriveError

Item = TypeVar("Item")

OUTPUTS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}
"""The output activation that a loss needs; the others make sense for most."""
SIZES = (4, 5, 3, 2)
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: {"layers": [{"normalization": name}, {}, {}]} for name in tables.NORMALIZATIONS},
    "residual around one layer": {"sizes": (4, 5, 5, 2), "layers": [{}, {"residual": 1}, {}]},
    "residual around two layers": {"sizes": (4, 5, 3, 5), "layers": [{}, {}, {"residual": 2}]},
    "normalised, dropped, around two layers": {
        "sizes": (4, 5, 3, 5),
        "layers": [{}, {"dropout": 0.2}, {"normalization": "layer_norm", "dropout": 0.3, "residual": 2}],
    },
    "dropout": {"layers": [{"dropout": 0.2}, {"dropout": 0.5}, {}]},
    "l2": {"penalty": {"l2": 0.1}},
    "l2, not halved, over the samples": {"penalty": {"l2": 0.1, "half": False, "over_samples": True}},
    "l1": {"penalty": {"l1": 0.1}},
    "l1 and l2 over the samples": {"penalty": {"l1": 0.1, "l2": 0.2, "over_samples": True}},
    "weights of samples": {"sample_weights": True},
}
"""What layers and losses have besides, as arguments of an architecture of three layers."""


def with_option(chosen: dict[str, Any], **more: Any) -> Architecture:
    """The network that has an option of the table."""
    return Architecture(**{"sizes": SIZES, "activations": ("tanh", "silu", "identity"), **chosen, **more})


def combinations() -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Every activation with every loss that fits: both names, and the activations of a network of two layers."""
    for name, loss in product([*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS], tables.LOSSES):
        activations = (name, OUTPUTS.get(loss, name))
        with suppress(DeriveError):  # a loss that makes no sense for these outputs
            Architecture((4, 5, 3), activations, loss)
            yield name, loss, activations


def tracked(items: Sequence[tuple[str, Item]], what: str) -> Iterable[tuple[str, Item]]:
    """The named items, with a bar on a terminal, and elsewhere a line for every tenth."""
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(items, what, console=console)
        return
    for number, (label, item) in enumerate(items, 1):
        if number % 10 == 1 or number == len(items):
            print(f"{what}: {number} of {len(items)}, {label}", file=sys.stderr, flush=True)
        yield label, item
