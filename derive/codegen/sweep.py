"""The scheduled sweep of a fast module: its instructions, its buffers, and the memory that they take."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, size
from derive.codegen.arrays import as_tuple
from derive.codegen.faster import counted, faster
from derive.codegen.lower import lower
from derive.codegen.notes import note
from derive.codegen.printed import LOSS, printed
from derive.codegen.schedule import allocate, flatten, prune
from derive.codegen.seed import RATE, scaled
from derive.codegen.specialize import specialize
from derive.model.architecture import Architecture


def sweep(derivation: Derivation, names: list[str], adjoints: list[str]) -> dict[str, Any]:
    """The scheduled sweep: instructions and buffers."""
    forward, gradient, _ = specialize(derivation)
    architecture = derivation.architecture
    equations = (*forward.equations, *scaled(gradient).equations)
    statements = faster([lower(e, note(e, architecture)) for e in equations], LOSS)
    instructions = list(counted(prune(flatten(statements), {LOSS, *adjoints})))
    schedule = allocate(instructions, {"X", "Y", "weights", "ones", *names, *adjoints})
    position = next(i for i, x in enumerate(schedule.instructions) if x.target == LOSS) + 1
    buffers = [
        {
            "name": name,
            "made": f"np.empty(({', '.join(map(str, axes))}{',' * (len(axes) == 1)}), {'bool' if truth else 'DTYPE'})",
        }
        for name, axes, truth in schedule.buffers
    ]
    counts = any("ones" in i.reads for i in instructions)
    buffers += [{"name": "ones", "made": "np.ones(N, DTYPE)"}] * counts
    return {
        "buffer_sizes": [*((axes, truth) for _, axes, truth in schedule.buffers), *[((N,), False)] * counts],
        "buffers": buffers,
        "buffer_names": as_tuple(b["name"] for b in buffers),
        "forward_instructions": printed(schedule.instructions[:position], adjoints),
        "rated": any(str(RATE) in i.reads for i in schedule.instructions),
        "backward_instructions": printed(schedule.instructions[position:], adjoints),
    }


def memory(architecture: Architecture, context: dict[str, Any]) -> tuple[str, ...]:
    """What `State` holds after a step, in bytes: what a sample costs, and what the parameters do."""
    item = np.dtype(architecture.dtype).itemsize
    sizes = {size(k): n for k, n in enumerate(architecture.sizes)}
    sample = sum(
        int(sp.prod(axes).subs({N: 1, **sizes})) * (1 if truth else item) for axes, truth in context["buffer_sizes"]
    )
    count = architecture.parameter_count
    fixed = item * (count * (1 + len(context["vectors"])) + min(context["part"], count) * len(context["scratch"]))
    return (
        f"Memory of a step over N samples: {sample:,} N + {fixed:,} bytes, which its State keeps; the step itself",
        "allocates nothing that grows with N.",
    )
