"""What is found for one layer and moved to the others is what is found for each of them."""

from __future__ import annotations

import pytest
import sympy as sp

from derive.algebra import gradient, layers
from derive.algebra.forward import forward, parameter_tensors
from derive.algebra.notation import l
from derive.model.architecture import Architecture

NETWORKS = {
    "tanh": Architecture((2,) * 12, ["tanh"] * 11),
    "mixed": Architecture((2, 3, 3, 3, 2, 2), ["relu", "prelu", "prelu", "swish", "softmax"], loss="cross_entropy"),
    "normalized": Architecture(
        (3,) * 5,
        ["tanh", "silu", "tanh", "identity"],
        layers=[{"normalization": "layer_norm"}, {"dropout": 0.5}, {"residual": 2}, {"normalization": "rms_norm"}],
        penalty={"l2": 0.1},
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_that_are_moved_are_those_that_are_derived(name, monkeypatch):
    program = forward(NETWORKS[name])
    wrt = [tensor.name for tensor in parameter_tensors(NETWORKS[name])]
    fast = gradient.reverse(program, {"loss": sp.S.One}, wrt)
    monkeypatch.setattr(gradient, "in_layer_1", lambda find, *given: find(*given))
    assert gradient.reverse(program, {"loss": sp.S.One}, wrt) == fast


def test_equal_layers_are_derived_once():
    gradient._derived.cache_clear()
    gradient.differentiate.cache_clear()
    gradient.differentiate(NETWORKS["tanh"])
    twelve = gradient._derived.cache_info().misses
    gradient.differentiate(Architecture((2,) * 31, ["tanh"] * 30))
    assert gradient._derived.cache_info().misses == twelve


def test_what_is_no_pair_of_neighbours_stays_where_it_is():
    asked = []

    def find(*given):
        asked.append(given)
        return given

    far = sp.IndexedBase("u7")[sp.Symbol("i")] + sp.IndexedBase("a2")[sp.Symbol("i")]
    near = sp.IndexedBase("z7")[sp.Symbol("i")] + sp.IndexedBase("a6")[sp.Symbol("i")]
    general = sp.IndexedBase(f"a[{l}]")[sp.Symbol("i")]
    assert [layers.in_layer_1(find, expr) for expr in (far, near, general)] == [(far,), (near,), (general,)]
    assert [str(given) for (given,) in asked] == ["a2[i] + u7[i]", "a0[i] + z1[i]", "a[l][i]"]
