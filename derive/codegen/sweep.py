"""The scheduled sweep of a fast module: its instructions, its buffers, and the memory that they take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, size
from derive.codegen.forms.specialize import specialize
from derive.codegen.statements.allocate import Buffer, allocate, layers_output, nothing
from derive.codegen.statements.arrays import as_tuple
from derive.codegen.statements.cheaper import ZEROS, cheaper
from derive.codegen.statements.checkpoints import recomputed
from derive.codegen.statements.faster import counted, faster
from derive.codegen.statements.lower import lower
from derive.codegen.statements.notes import note
from derive.codegen.statements.printed import LOSS, printed, unpacked
from derive.codegen.statements.schedule import Instruction, flatten, prune
from derive.codegen.statements.seed import RATE, scaled
from derive.codegen.statements.single import ROW, single
from derive.codegen.statements.views import Kept, inner, with_constants, with_views
from derive.model.architecture import Architecture

FILLED = re.compile(r"(ones|zeros)(\d*)$")
"""The names of arrays that hold one number: ones for samples or units, zeros for a layer."""
MANY = 4
"""Of more widths than these, the widest layer stands for the largest."""


@dataclass(frozen=True)
class Made:
    """A line that makes an array for a sweep; `axes` are those of its memory, None if it is a part of another's."""

    name: str
    axes: tuple[Any, ...] | None
    text: str
    truth: bool = False


def sweep(derivation: Derivation, names: list[str], adjoints: list[str]) -> dict[str, Any]:
    """The sweep over N samples and, where it has a form of its own, that over one, as the template needs them."""
    forward, gradient, _ = specialize(derivation)
    architecture = derivation.architecture
    equations = (*forward.equations, *scaled(gradient).equations)
    statements = faster([lower(e, note(e, architecture)) for e in equations], LOSS)
    instructions = prune(flatten(statements), {LOSS, *adjoints})
    dropped = any(options.dropout for options in architecture.layers)
    one = None if dropped else single(instructions)
    every = architecture.checkpoint_every
    if every:
        instructions = recomputed(instructions, LOSS, architecture.depth, every)
    widths = {size(k): n for k, n in enumerate(architecture.sizes)}
    numbers = Kept()
    kinds = [("", cheaper(counted(instructions), widths), nothing if every else layers_output)]
    kinds += [] if one is None else [("_one", cheaper(one, widths), layers_output)]
    sweeps = [_scheduled(*kind, names, adjoints, numbers) for kind in kinds]
    return {"sweeps": sweeps, "one": one is not None, "numbers": numbers.made, "buffer_sizes": sweeps[0]["sizes"]}


def _scheduled(
    suffix: str,
    instructions: list[Instruction],
    stays: Callable[[str], bool],
    names: list[str],
    adjoints: list[str],
    numbers: Kept,
) -> dict[str, Any]:
    """One sweep: instructions, buffers, and the views of both and of theta that are made before it."""
    filled = {leaf for i in instructions for leaf in i.reads if FILLED.match(leaf)}
    rows = [f"{adjoint}{ROW}" for adjoint in adjoints]
    given = {"X", "Y", "weights", *filled, *names, *adjoints, *rows}
    schedule = allocate(instructions, given, stays)
    buffers = _placed(schedule.buffers) + _filled(filled)
    written_to = {leaf for i in schedule.instructions for leaf in (i.target, *i.reads)}
    room, of_theta = Kept(), Kept()
    of_gradient = Kept({row: f"{row.removesuffix(ROW)}[np.newaxis]" for row in rows if row in written_to})
    own = [buffer.name for buffer in buffers]
    placed = inner(schedule.instructions, own)
    for bases, kept in ((own, room), (names, of_theta), (rows, of_gradient)):
        placed = with_views(placed, bases, kept)
    placed = with_constants(placed, numbers)
    rated = any(str(RATE) in i.reads for i in placed)
    buffers += [Made(str(RATE), (), "np.empty((), DTYPE)")] * rated
    read = _read(placed)
    passed = [n for n in (*(b.name for b in buffers), *room.made) if n in read]
    operands = [n for n in (*names, *of_theta.made) if n in read]
    derivatives = [n for n in (*adjoints, *of_gradient.made) if not suffix or n in read]
    position = next(i for i, x in enumerate(placed) if x.target == LOSS) + 1
    return {
        "suffix": suffix,
        "sizes": [(b.axes, b.truth) for b in buffers if b.axes is not None],
        "buffers": buffers,
        "passed": [room.made.get(n, n) for n in passed],
        "operands": [of_theta.made.get(n, n) for n in operands],
        "derivatives": [_of_row(of_gradient.made.get(n, n)) for n in derivatives],
        "unpacked": [
            *unpacked(operands, "parameters"),
            *unpacked(derivatives, "gradients"),
            *unpacked(passed, "buffers"),
        ],
        "counts": "N" in read or rated,
        "rated": rated,
        "forward": printed(placed[:position], adjoints),
        "backward": printed(placed[position:], adjoints),
    }


def _of_row(view: str) -> str:
    """A view of a row, as one of the vector that it is a view of."""
    return view.replace(f"{ROW}.T", "[:, np.newaxis]")


def _read(instructions: Iterable[Instruction]) -> set[str]:
    return {text for i in instructions for text in (i.target, *i.reads)}


def _placed(buffers: Iterable[Buffer]) -> list[Made]:
    """The lines that make the buffers; those that share memory are parts of one array, as long as the longest."""
    found = []
    for number, group in groupby(buffers, lambda buffer: buffer.slot):
        first, *others = group
        dtype = "bool" if first.truth else "DTYPE"
        if not others:
            found.append(Made(first.name, first.axes, f"np.empty(({as_tuple(first.axes)}), {dtype})", first.truth))
            continue
        widest = _widest(b.axes[1] for b in (first, *others))
        found.append(Made(f"room{number}", (N, widest), f"np.empty(N * {widest}, {dtype})", first.truth))
        found += [_part(b.name, b.axes[1], f"room{number}") for b in (first, *others)]
    return found


def _part(title: str, width: Any, room: str) -> Made:
    """As many entries of a room as a matrix of this width has for N samples."""
    return Made(title, None, f"{room}[: N * {width}].reshape(N, {width})")


def _widest(widths: Iterable[Any]) -> sp.Symbol:
    """The largest of some widths, as text; of many, the largest of all layers."""
    names = list(dict.fromkeys(map(str, widths)))
    shown = ", ".join(names) if len(names) <= MANY else "*SIZES"
    return sp.Symbol(f"max({shown})" if len(names) > 1 else shown)


def _filled(titles: Iterable[str]) -> list[Made]:
    """Ones for the samples or for the units of a layer; zeros of all layers in one array."""
    ordered = sorted(titles, key=lambda title: (len(title), title))
    layers = [size(int(title.removeprefix(ZEROS))) for title in ordered if title.startswith(ZEROS)]
    ones = [title for title in ordered if not title.startswith(ZEROS)]
    sizes = [size(int(title[4:])) if title[4:] else N for title in ones]
    found = [Made(title, (n,), f"np.ones({n}, DTYPE)") for title, n in zip(ones, sizes, strict=True)]
    if layers:
        widest = _widest(layers)
        found.append(Made(ZEROS, (N, widest), f"np.full(N * {widest}, 0.0, DTYPE)"))
    return found + [_part(f"{ZEROS}{str(layer)[1:]}", layer, ZEROS) for layer in layers]


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
    every = architecture.checkpoint_every
    kept = "" if every is None else f"; of the activations, those of every {every} layers, the rest computed again"
    return (
        f"Memory of a step over N samples: {sample:,} N + {fixed:,} bytes, which its State keeps; the step itself",
        f"allocates nothing that grows with N{kept}.",
    )


def _number(axis: Any, sizes: dict[Any, int]) -> int:
    """How long an axis is; max(n1, n2) is the longer of both, max(*SIZES) the longest."""
    text = str(axis)
    among = list(sizes.values()) if "SIZES" in text else [sizes[size(int(k))] for k in re.findall(r"n(\d+)", text)]
    return max(among) if among else int(axis)
