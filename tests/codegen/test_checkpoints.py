"""checkpoint_every: less memory, the same results to the last bit, and an audit that sees what is computed again."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import digest, emit, load
from derive.codegen.statements.arrays import Node, name
from derive.codegen.statements.checkpoints import recomputed
from derive.codegen.statements.schedule import Instruction
from derive.model.architecture import Architecture
from tests.codegen.memory import memory_of_a_step, stated_memory

DEEP: dict[str, Any] = {
    "sizes": (5, 6, 7, 8, 6, 5, 3),
    "activations": ["tanh", "softplus", "relu", "gelu", "tanh", "identity"],
}
MIXED: dict[str, Any] = {
    "sizes": (4, 5, 5, 5, 5, 3),
    "activations": ["tanh", "relu", "tanh", "relu", "softmax"],
    "loss": "cross_entropy",
    "layers": [{}, {"residual": True, "normalization": "layer_norm"}, {"dropout": 0.2}, {"residual": 2}, {}],
}


def text_of(network: dict[str, Any], every: int | None, **rest: Any) -> str:
    return emit(differentiate(Architecture(**network, checkpoint_every=every, **rest)))


@cache
def cached(second: str, every: int | None) -> str:
    return text_of(DEEP if second == "softplus" else MIXED, every)


@pytest.mark.slow
@pytest.mark.parametrize("network", [DEEP, MIXED], ids=["deep", "mixed"])
@pytest.mark.parametrize("every", [1, 2, 3, 9])
def test_results_are_the_same_to_the_last_bit(network: dict[str, Any], every: int) -> None:
    plain, saving = (load(cached(network["activations"][1], k)) for k in (None, every))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, plain.SIZES[0])), np.eye(3)[rng.integers(3, size=20)]
    thetas = []
    for module in (plain, saving):
        theta = module.initialize(0)
        state = module.new_state(theta, *[1] * ("layers" in network))  # dropout draws from a generator
        losses = [module.step(theta, state, X, Y, 0.1) for _ in range(3)]
        thetas.append((losses, theta.tobytes(), module.loss_and_gradient(theta, X, Y)[1].tobytes()))
    assert thetas[0] == thetas[1]


def test_memory_is_less_and_what_the_header_states() -> None:
    network = {"sizes": (20,) * 10, "activations": ["tanh"] * 9}
    held = {}
    for every in (None, 3):
        text = text_of(network, every, dtype="float32")
        kept, transient = memory_of_a_step(text, 2000)
        stated = stated_memory(text, 2000)
        assert stated <= kept <= 1.02 * stated + 32 * 1024
        assert transient < 8192
        held[every] = stated / (2000 * 20 * 4)
    # Of nine activations stay those of 3, 6 and what follows; of those between, two at a time are computed again.
    assert held[3] < held[None] - 3


@pytest.mark.slow
def test_what_is_computed_again_is_audited() -> None:
    text = text_of({"sizes": (2, 3, 4, 2), "activations": ["tanh"] * 3}, 2)
    assert "computed again" in text.split('"""')[1]
    assert audit(text).holds
    body = text[: text.index("class State")]
    line = next(line for line in reversed(body.splitlines()) if line.strip().startswith("np.tanh("))
    wrong = text.replace(line, line.replace("np.tanh", "np.sin"))
    first = text.index(line)
    only_again = text[: text.rindex(line, 0, len(body))] + line.replace("np.tanh", "np.sin")
    only_again += text[text.rindex(line, 0, len(body)) + len(line) :]
    assert first < len(only_again)
    for fault in (wrong, only_again):
        assert not audit(fault.replace(text[text.index("sha256:") :][:71], digest(fault), 1)).holds


def test_only_what_is_not_kept_is_computed_again() -> None:
    def call(target: str, *read: str) -> Instruction:
        return Instruction(target, "exp", tuple(name(text, ("N", "n")) for text in read), ("N", "n"))

    def loss(read: str) -> Instruction:
        return Instruction("value", "sum", (name(read),), ())

    chain = [call("a1", "X"), call("a2", "a1"), call("a3", "a2"), call("a4", "a3"), loss("a4")]
    back = [call("dW4", "a4", "a3"), call("dW3", "a3", "a2"), call("dW2", "a2", "a1")]
    assert [i.target for i in recomputed([*chain, *back], "value", 4, 2)[5:]] == ["dW4", "dW3", "a1_again", "dW2"]
    found = recomputed([*chain, *back], "value", 4, 3)
    assert [i.target for i in found[5:]] == ["dW4", "a1_again", "a2_again", "dW3", "dW2"]
    assert found[7].arguments == (Node("name", (), ("N", "n"), "a1_again"),)
    assert recomputed([*chain, *back], "value", 4, 4) == [*chain, *back]
