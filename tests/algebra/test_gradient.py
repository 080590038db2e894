"""The reverse sweep against SymPy's own `diff` of the written-out loss, and its recorded steps."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.algebra.contraction import contract, rename_indices
from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation, differentiate
from derive.algebra.notation import N, index, size
from derive.algebra.program import Tensor
from derive.algebra.steps import PICK
from derive.model.architecture import Architecture
from derive.model.tables import ACTIVATIONS


def symbols(tensor: Tensor, sizes: dict[Any, int]) -> Any:
    shape = tuple(sizes[axis] for axis in tensor.axes)
    names = ["_".join([tensor.name, *(str(k + 1) for k in entry)]) for entry in np.ndindex(*shape)]
    return np.array([sp.Symbol(name) for name in names], dtype=object).reshape(shape)


def apply(function: Any, array: Any) -> Any:
    return np.vectorize(function, otypes=[object])(array)


def mismatches(derivation: Derivation, samples: int = 2) -> list[str]:
    """The entries of the derived gradients that are not the derivative of the written-out loss."""
    sizes = {N: samples, **{size(k): n for k, n in enumerate(derivation.architecture.sizes)}}
    inputs = {t.name: symbols(t, sizes) for t in derivation.forward.inputs}
    values = evaluate(derivation.forward, sizes, inputs, apply)
    loss = values["loss"].item()
    gradients = evaluate(derivation.gradient, sizes, values, apply)
    return [
        str(symbol)
        for p in derivation.parameters
        for symbol, entry in zip(inputs[p.name].ravel(), gradients["d" + p.name].ravel(), strict=True)
        if sp.expand(loss.diff(symbol) - entry) != 0
    ]


@pytest.mark.parametrize("sizes", [(2, 3), (2, 3, 1), (1, 2, 3), (2, 1, 2, 1)])
def test_every_entry_is_sympys_derivative(sizes: tuple[int, ...]) -> None:
    assert mismatches(differentiate(Architecture(sizes, ["tanh"] * (len(sizes) - 1)))) == []


@pytest.mark.parametrize("name", ["dW1", "db1", "da1", "delta1", "delta2", "dW2"])
def test_a_planted_fault_is_seen(name: str) -> None:
    derivation = differentiate(Architecture((2, 3, 1), ("tanh", "identity")))
    equations = tuple(
        type(e)(e.tensor, e.indices, 2 * e.value) if e.tensor.name == name else e for e in derivation.gradient.equations
    )
    wrong = Derivation(
        derivation.architecture,
        derivation.forward,
        type(derivation.gradient)(derivation.gradient.inputs, equations),
        (),
    )
    assert mismatches(wrong)


@given(st.lists(st.sampled_from(sorted(ACTIVATIONS)), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_widths_never_enter_the_derivation(activations: list[str]) -> None:
    depth = len(activations)
    narrow = differentiate(Architecture([1] * (depth + 1), activations))
    wide = differentiate(Architecture([4096] * (depth + 1), activations))
    assert narrow.gradient == wide.gradient
    assert narrow.steps == wide.steps


def test_the_sweep_has_one_adjoint_for_each_tensor() -> None:
    derivation = differentiate(Architecture((2, 3, 1), ("tanh", "identity")))
    names = [e.tensor.name for e in derivation.gradient.equations]
    assert names == ["da2", "delta2", "db2", "dW2", "da1", "delta1", "db1", "dW1"]


def test_steps_lead_from_the_chain_rule_to_the_equation() -> None:
    derivation = differentiate(Architecture((2, 3, 1), ("tanh", "identity")))
    for equation in derivation.gradient.equations:
        steps = [step for step in derivation.steps if step.target == equation.target]
        local = "derivative of f" if equation.tensor.name.startswith("delta") else "derivative of a sum"
        assert [step.rule for step in steps] == ["chain rule", "forward equation", local, PICK]
        assert all(a.after == b.before for a, b in pairwise(steps))
        assert steps[-1].after == equation.value


def test_a_delta_picks_one_term() -> None:
    k, p = index("k"), index("p")
    g = sp.IndexedBase("g")
    n = size(1)
    assert contract(g[k] * sp.KroneckerDelta(k, p), [(k, n)]) == g[p]
    nested = sp.Sum(g[k] * sp.KroneckerDelta(k, p), (k, 1, n)) * g[p]
    assert contract(nested) == g[p] ** 2
    assert contract(sp.S(3), [(k, n)]) == 3 * n


def test_dummies_are_renamed_without_capture() -> None:
    k, q = index("k"), index("_0")
    g, h = sp.IndexedBase("g"), sp.IndexedBase("h")
    renamed = rename_indices(sp.Sum(g[q] * h[k], (q, 1, size(1))), [k])
    assert renamed == sp.Sum(g[index("j")] * h[k], (index("j"), 1, size(1)))
