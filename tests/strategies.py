"""Hypothesis strategies: what a user can ask for."""

from __future__ import annotations

from hypothesis import strategies as st

from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.tables import ACTIVATIONS, DTYPES, INITIALIZATIONS, LOSSES, ROW_ACTIVATIONS, SCHEDULES

NAMES = st.from_regex(r"net_[a-z0-9_]{0,20}", fullmatch=True)
OWN = [
    Activation("own_swish", "z / (1 + exp(-beta*z))", (("beta", 1.25),)),
    Activation("bent", "z + beta*tanh(z)", (("beta", 0.5),), ("beta",)),
    Activation("leaky", "where(z > 0, z, slope*z)", (("slope", 0.01),)),
    Activation("bump", "exp(-z**2)"),
    Activation("tiny", "tanh(eps*z)", (("eps", 1e-7),)),
]
OUTPUTS: dict[str, list[str | Activation]] = {"binary_cross_entropy": ["sigmoid"], "cross_entropy": ["softmax"]}
"""The output activations that a loss makes sense with, where not all do."""


@st.composite
def architectures(draw: st.DrawFn, own: bool = True) -> Architecture:
    """An architecture; `own` also with activations that a user wrote, and with constants of one's own."""
    depth = draw(st.integers(1, 5))
    known: list[str | Activation] = [*ACTIVATIONS, *(OWN if own else [])]
    loss = draw(st.sampled_from(sorted(LOSSES)))
    last = OUTPUTS.get(loss, known)
    return Architecture(
        sizes=draw(st.lists(st.integers(2, 5000), min_size=depth + 1, max_size=depth + 1)),
        activations=[
            *draw(st.lists(st.sampled_from([*known, *ROW_ACTIVATIONS]), min_size=depth - 1, max_size=depth - 1)),
            draw(st.sampled_from(last)),
        ],
        loss=loss,
        optimizer={"name": "sgd", "momentum": draw(st.sampled_from([0.0, 0.5, 0.9, 1e-7]))},
        dtype=draw(st.sampled_from(DTYPES)),
        name=draw(NAMES),
        initialization=draw(st.sampled_from([*INITIALIZATIONS, *([{"name": "normal", "scale": 1e-3}] if own else [])])),
        schedule=draw(st.sampled_from([*SCHEDULES, *([{"name": "step", "every": 7, "warm_up": 5}] if own else [])])),
        clip=draw(st.sampled_from([None, 1.0, 0.1, 1e-7])),
        checkpoint_every=draw(st.sampled_from([None, 1, 3])) if own else None,
    )
