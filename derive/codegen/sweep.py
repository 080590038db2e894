"""The scheduled sweep of a fast module: its instructions, its buffers, and the memory that they take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, size
from derive.codegen.cheaper import ZEROS, cheaper
from derive.codegen.faster import counted, faster
from derive.codegen.lower import lower
from derive.codegen.notes import note
from derive.codegen.printed import LOSS, as_tuple, printed, unpacked
from derive.codegen.schedule import Instruction, allocate, flatten, prune
from derive.codegen.seed import RATE, scaled
from derive.codegen.specialize import specialize
from derive.codegen.views import Kept, inner, with_constants, with_views
from derive.model.architecture import Architecture

FILLED = re.compile(r"(ones|zeros)(\d*)$")
"""The names of arrays that hold one number: ones for samples or units, zeros for a layer."""


@dataclass(frozen=True)
class Buffer:
    """An array that a sweep writes into, or reads for what it was filled with."""

    name: str
    axes: tuple[Any, ...]
    made: str
    truth: bool = False


def sweep(derivation: Derivation, names: list[str], adjoints: list[str]) -> dict[str, Any]:
    """The scheduled sweep: instructions, buffers, and the views and numbers that are made before it."""
    forward, gradient, _ = specialize(derivation)
    architecture = derivation.architecture
    equations = (*forward.equations, *scaled(gradient).equations)
    statements = faster([lower(e, note(e, architecture)) for e in equations], LOSS)
    widths = {size(k): n for k, n in enumerate(architecture.sizes)}
    instructions = cheaper(counted(prune(flatten(statements), {LOSS, *adjoints})), widths)
    filled = {leaf for i in instructions for leaf in i.reads if FILLED.match(leaf)}
    schedule = allocate(instructions, {"X", "Y", "weights", *filled, *names, *adjoints})
    buffers = [_empty(*buffer) for buffer in schedule.buffers] + _filled(filled)
    room, of_theta, numbers = Kept(), Kept(), Kept()
    own = [buffer.name for buffer in buffers]
    placed = with_views(inner(schedule.instructions, own), own, room)
    placed = with_constants(with_views(placed, names, of_theta), numbers)
    rated = any(str(RATE) in i.reads for i in placed)
    buffers += [Buffer(str(RATE), (), "np.empty((), DTYPE)")] * rated
    read = _read(placed)
    passed = [n for n in (*(b.name for b in buffers), *room.made) if n in read]
    operands = [n for n in (*names, *of_theta.made) if n in read]
    position = next(i for i, x in enumerate(placed) if x.target == LOSS) + 1
    return {
        "buffer_sizes": [(b.axes, b.truth) for b in buffers],
        "buffers": buffers,
        "room": room.made,
        "passed": passed,
        "operands": [of_theta.made.get(n, n) for n in operands],
        "numbers": numbers.made,
        "unpacked": [*unpacked(operands, "parameters"), *unpacked(adjoints, "gradients"), *unpacked(passed, "buffers")],
        "counts": "N" in read or rated,
        "forward_instructions": printed(placed[:position], adjoints),
        "rated": rated,
        "backward_instructions": printed(placed[position:], adjoints),
    }


def _read(instructions: Iterable[Instruction]) -> set[str]:
    return {text for i in instructions for text in (i.target, *i.reads)}


def _empty(title: str, axes: tuple[Any, ...], truth: bool) -> Buffer:
    return Buffer(title, axes, f"np.empty(({as_tuple(axes)}), {'bool' if truth else 'DTYPE'})", truth)


def _filled(titles: Iterable[str]) -> list[Buffer]:
    """Ones for the samples or for the units of a layer; zeros of all layers in one array."""
    ordered = sorted(titles, key=lambda title: (len(title), title))
    ones = [title for title in ordered if not title.startswith(ZEROS)]
    layers = [f"n{title.removeprefix(ZEROS)}" for title in ordered if title.startswith(ZEROS)]
    sizes = [size(int(title[4:])) if title[4:] else N for title in ones]
    found = [Buffer(title, (n,), f"np.ones({n}, DTYPE)") for title, n in zip(ones, sizes, strict=True)]
    if layers:
        widest = f"max({', '.join(layers)})" if len(layers) > 1 else layers[0]
        found.append(Buffer(ZEROS, (N, sp.Symbol(widest)), f"np.full(N * {widest}, 0.0, DTYPE)"))
    made = "zeros[: N * {0}].reshape(N, {0})"
    return found + [Buffer(ZEROS + layer[1:], (sp.S.Zero,), made.format(layer)) for layer in layers]


def memory(architecture: Architecture, context: dict[str, Any]) -> tuple[str, ...]:
    """What `State` holds after a step, in bytes: what a sample costs, and what the parameters do."""
    item = np.dtype(architecture.dtype).itemsize
    sizes = {size(k): n for k, n in enumerate(architecture.sizes)}
    sample = fixed = 0
    for axes, truth in context["buffer_sizes"]:
        entries = int(sp.prod([_number(axis, sizes) for axis in axes if axis != N]))
        sample += (N in axes) * entries * (1 if truth else item)
        fixed += (N not in axes) * entries * (1 if truth else item)
    count = architecture.parameter_count
    part = min(context["part"] or count, count)
    fixed += item * (count * (1 + len(context["vectors"])) + part * len(context["scratch"]))
    return (
        f"Memory of a step over N samples: {sample:,} N + {fixed:,} bytes, which its State keeps; the step itself",
        "allocates nothing that grows with N.",
    )


def _number(axis: Any, sizes: dict[Any, int]) -> int:
    """How long an axis is; max(n1, n2) is the longest of both."""
    among = [sizes[size(int(label))] for label in re.findall(r"n(\d+)", str(axis))]
    return max(among) if among else int(axis)
