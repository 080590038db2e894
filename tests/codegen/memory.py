"""The memory of a step of an emitted module: as its header states it, and as tracemalloc measures it."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np

from derive.codegen.emit import load


def stated_memory(text: str, samples: int) -> int:
    """Bytes for so many samples, from the header."""
    found = re.search(r"^Memory of a step over N samples: ([\d,]+) N \+ ([\d,]+) bytes", text, flags=re.MULTILINE)
    assert found
    each, fixed = (int(part.replace(",", "")) for part in found.groups())
    return each * samples + fixed


def memory_of_a_step(text: str, samples: int) -> tuple[int, int]:
    """Bytes that a first step leaves allocated, and those that a second allocates at most beyond them."""
    module = load(text)
    n0, *_, last = module.SIZES
    X, Y = np.ones((samples, n0), module.DTYPE), np.eye(last, dtype=module.DTYPE)[np.arange(samples) % last]
    theta = module.initialize(0)
    tracemalloc.start()
    state = module.new_state(theta)
    module.step(theta, state, X, Y, 0.01)
    state.X = state.Y = None  # as if the next batch came
    kept = tracemalloc.get_traced_memory()[0]
    state.X, state.Y = X, Y
    tracemalloc.reset_peak()
    module.step(theta, state, X, Y, 0.01)
    transient = tracemalloc.get_traced_memory()[1] - kept
    tracemalloc.stop()
    return kept, transient
