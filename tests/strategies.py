"""Hypothesis strategies: what a user can ask for."""

from __future__ import annotations

from hypothesis import strategies as st

from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.tables import ACTIVATIONS, DTYPES, INITIALIZATIONS, LOSSES, SCHEDULES

NAMES = st.from_regex(r"net_[a-z0-9_]{0,20}", fullmatch=True)
OWN = [
    Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.25),)),
    Activation("leaky", "where(z > 0, z, slope*z)", (("slope", 0.01),)),
    Activation("bump", "exp(-z**2)"),
    Activation("tiny", "tanh(eps*z)", (("eps", 1e-7),)),
]


@st.composite
def architectures(draw: st.DrawFn, own: bool = True) -> Architecture:
    """An architecture; `own` also with activations that a user wrote, and with constants of one's own."""
    depth = draw(st.integers(1, 5))
    known: list[str | Activation] = [*ACTIVATIONS, *(OWN if own else [])]
    return Architecture(
        sizes=draw(st.lists(st.integers(1, 5000), min_size=depth + 1, max_size=depth + 1)),
        activations=draw(st.lists(st.sampled_from(known), min_size=depth, max_size=depth)),
        loss=draw(st.sampled_from(sorted(LOSSES))),
        optimizer={"name": "sgd", "momentum": draw(st.sampled_from([0.0, 0.5, 0.9, 1e-7]))},
        dtype=draw(st.sampled_from(DTYPES)),
        name=draw(NAMES),
        initialization=draw(st.sampled_from([*INITIALIZATIONS, *([{"name": "normal", "scale": 1e-3}] if own else [])])),
        schedule=draw(st.sampled_from([*SCHEDULES, *([{"name": "step", "every": 7, "warm_up": 5}] if own else [])])),
        clip=draw(st.sampled_from([None, 1.0, 0.1, 1e-7])),
    )
