"""The vocabulary, entry by entry: a small network for every activation, loss, option of a layer and optimiser.

python -m benchmarks.vocabulary     emits, proves and audits every one in both styles, and audits every activation
                                    with every loss that fits, the styles in turn (`make vocabulary`)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

from rich.console import Console

from benchmarks.entries import OPTIONS, OUTPUTS, combinations, tracked, with_option
from derive import Architecture, audit, differentiate, emit, prove
from derive.model import tables

NLL = {"name": "nll", "expression": "-y*a", "targets": "distribution"}
OWN: dict[str, dict[str, Any]] = {
    "linear in a": {"expression": "2*a - y/3"},
    "logistic": {"expression": "log(1 + exp(-y*a))", "targets": "sign"},
    "of the logits": {"expression": "log(1 + exp(a)) - y*a", "targets": "unit"},
    "with two kinks": {"expression": "abs(a - y) + max(0, a + y)"},
}
"""Losses that are nobody's own name, and that the table has nothing like."""
FURTHER: dict[str, dict[str, Any]] = {
    **OPTIONS,
    "clipping": {"clip": 1.0},
    **{name: {"initialization": name} for name in tables.INITIALIZATIONS},
    **{name: {"schedule": {"name": name, "warm_up": 2}} for name in tables.SCHEDULES},
}


def entries() -> Iterator[tuple[str, Architecture]]:
    """Every entry of the tables, with a network that has it."""
    for name in (*tables.ACTIVATIONS, *tables.ROW_ACTIVATIONS):
        yield f"activation {name}", Architecture((4, 5, 3), (name, name))
    yield "log_softmax with targets that sum to 1", Architecture((4, 5, 3), ("tanh", "log_softmax"), NLL)
    for name in tables.LOSSES:
        yield f"loss {name}", Architecture((4, 5, 3), ("tanh", OUTPUTS.get(name, "identity")), name)
    for label, row in OWN.items():
        yield f"own loss, {label}", Architecture((4, 5, 3), ("tanh", "identity"), {"name": "own", **row})
    for name in tables.OPTIMIZERS:
        yield f"optimizer {name}", Architecture((4, 3), ("tanh",), optimizer=name)
    for label, more in FURTHER.items():
        yield label, with_option(more)


def shortfalls(architecture: Architecture, styles: Sequence[str] = tables.STYLES, proof: bool = True) -> list[str]:
    """What of the proof, or of the audits, does not hold."""
    derivation = differentiate(architecture)
    certificates = [audit(emit(derivation, style), architecture) for style in styles]
    certificates += [prove(derivation)] if proof else []
    return [f"{v.label}: {v.verdict} {v.note}" for found in certificates for v in found.verdicts if not v.holds]


def main() -> int:
    console, start = Console(), time.process_time()
    missing = 0

    def told(label: str, found: list[str]) -> None:
        nonlocal missing
        missing += bool(found)
        if found:
            console.print(f"{label}: {'; '.join(found)}")

    named = list(entries())
    for label, architecture in tracked(named, "emitting, proving, auditing"):
        told(label, shortfalls(architecture))
    console.print(f"{len(named) - missing} of {len(named)} entries proved, and audited in both styles")
    failed, missing = missing, 0
    pairs = [(f"{name}, {loss}", (activations, loss)) for name, loss, activations in combinations()]
    styles = cycle(tables.STYLES)
    for label, (activations, loss) in tracked(pairs, "auditing every activation with every loss"):
        told(label, shortfalls(Architecture((4, 5, 3), activations, loss), [next(styles)], proof=False))
    console.print(
        f"{len(pairs) - missing} of {len(pairs)} pairs of an activation and a loss audited; "
        f"{time.process_time() - start:.0f} s of processor time"
    )
    return int(failed + missing > 0)


if __name__ == "__main__":
    sys.exit(main())
