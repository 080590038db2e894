"""The vocabulary, entry by entry: a small network for every activation, loss, option of a layer and optimiser.

python -m benchmarks.vocabulary     emits, proves and audits every one in both styles (`make vocabulary`)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import track

from derive import Architecture, audit, differentiate, emit, prove
from derive.model import tables

OUTPUTS = {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax", "poisson": "identity", "hinge": "identity"}
"""An output activation that each loss makes sense with; tanh for the others."""
NLL = {"name": "nll", "expression": "-y*a", "targets": "distribution"}
FURTHER: dict[str, dict[str, Any]] = {
    **{name: {"layers": [{"normalization": name}, {}, {}]} for name in tables.NORMALIZATIONS},
    "residual around one layer": {"layers": [{}, {"residual": 1}, {}]},
    "residual around two layers": {"layers": [{}, {}, {"residual": 2}]},
    "dropout": {"layers": [{"dropout": 0.2}, {"dropout": 0.5}, {}]},
    "l2": {"penalty": {"l2": 0.01}},
    "l1": {"penalty": {"l1": 0.01, "over_samples": True}},
    "weights of samples": {"sample_weights": True},
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
        yield f"loss {name}", Architecture((4, 5, 3), ("tanh", OUTPUTS.get(name, "tanh")), name)
    for name in tables.OPTIMIZERS:
        yield f"optimizer {name}", Architecture((4, 3), ("tanh",), optimizer=name)
    for label, more in FURTHER.items():
        yield label, Architecture((4, 3, 3, 3), ("tanh", "tanh", "identity"), **more)


def shortfalls(architecture: Architecture) -> list[str]:
    """What of the proof, or of the audit in either style, does not hold."""
    derivation = differentiate(architecture)
    certificates = [prove(derivation), *(audit(emit(derivation, style), architecture) for style in tables.STYLES)]
    return [f"{v.label}: {v.verdict} {v.note}" for found in certificates for v in found.verdicts if not v.holds]


def main() -> int:
    console = Console()
    named = list(entries())
    missing = {}
    for label, architecture in track(named, "emitting, proving, auditing", console=Console(stderr=True)):
        if found := shortfalls(architecture):
            missing[label] = found
            console.print(f"{label}: {'; '.join(found)}")
    console.print(f"{len(named) - len(missing)} of {len(named)} entries proved, and audited in both styles")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
