"""What the processes do that `benchmarks.kills` kills: they train, and write down how it ended."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """What is trained, and how: the architecture's settings, a style, and the arguments of `train`."""

    name: str
    style: str
    architecture: dict[str, Any]
    generator: str = "PCG64"
    arguments: dict[str, Any] = field(default_factory=dict)
    faults: tuple[tuple[str, str], ...] = ()


def train(module: Path, folder: Path, case: Case) -> None:
    """Train the module with a checkpoint in the folder; theta and the history go there too, or what went wrong."""
    try:
        _train(module, folder, case)
    except Exception as error:
        (folder / "error").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        raise SystemExit(1) from None


def _train(module: Path, folder: Path, case: Case) -> None:
    spec = importlib.util.spec_from_file_location("trained", module)
    assert spec is not None
    assert spec.loader is not None
    network: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    draw = np.random.default_rng(3)
    X, Y = draw.normal(size=(90, 4)), draw.normal(size=(90, 3))
    arguments: dict[str, Any] = {"epochs": 12 if "checkpoint_seconds" in case.arguments else 60, **case.arguments}
    if "validation" in arguments:
        arguments["validation"] = X[:30] + 0.1, Y[:30]
    if "sample_weights" in case.architecture:
        arguments["weights"] = draw.uniform(size=90)
    rng = np.random.Generator(getattr(np.random, case.generator)(7))
    theta, history = network.train(
        network.initialize(rng), X, Y, batch_size=16, rng=rng, checkpoint=folder / "run.npz",
        **{"learning_rate": 0.003, **arguments},
    )  # fmt: skip
    (folder / "result").write_bytes(theta.tobytes() + json.dumps(history).encode() + bytes(rng.integers(256, size=9)))
