"""The shapes of activations, against their values in floating point and against wrong shapes."""

from __future__ import annotations

import pytest
import sympy as sp

from derive.model.activation import Activation, activation
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.tables import ACTIVATIONS
from derive.proof.words.facts import fact
from derive.proof.words.far import far_out, misfit, vanishes
from derive.proof.words.shapes import is_zero, shape

OWN = {
    "relu6": "min(max(z, 0), 6)",
    "hardtanh": "max(min(z, 1), -1)",
    "hardswish": "z * min(max(z + 3, 0), 6) / 6",
    "softshrink": "where(z > 0.5, z - 0.5, where(z < -0.5, z + 0.5, 0))",
    "softsign": "z / (1 + abs(z))",
    "gelu": "z * (1 + erf(z / sqrt(2))) / 2",
    "elu": "where(z > 0, z, exp(z) - 1)",
    "bump": "exp(-z**2)",
    "wave": "sin(z)",
    "flat": "where(z > 1, z*z, where(z > 0, 1, where(z > -1, 1, z + 2)))",
    "root": "sqrt(1 + z**2)",
    "tiny": "tanh(1e-7*z)",
    "shifted": "tanh(z) + 1e-20",
}
FLAT = {
    "relu6": ["z <= 0", "z >= 6"],
    "hardtanh": ["z <= -1", "z >= 1"],
    "hardswish": ["z <= -3"],
    "softshrink": ["-1/2 <= z <= 1/2"],
    "flat": ["-1 < z <= 1"],
}
LIMITS = {"softsign": (0, 0), "gelu": (0, 1), "elu": (0, 1), "bump": (0, 0), "root": (-1, 1), "flat": (1, sp.oo)}


def functions() -> list[Activation]:
    own = [Activation(f"own_{name}", expression) for name, expression in OWN.items()]
    return [activation(name) for name in ACTIVATIONS] + own


@pytest.mark.parametrize(
    "function",
    [pytest.param(f, id=f.name, marks=[pytest.mark.slow] * (f.name in ("gelu_tanh", "mish"))) for f in functions()],
)
def test_a_shape_agrees_with_values(function):
    found, slope = shape(function), function.initial.diff(Z)
    assert found.is_zero == (function.initial.subs(Z, 0) == 0)
    for point in [sp.Rational(2 * k + 1, 16) for k in range(-63, 64, 3)]:
        inside = any(i.low < point < i.high for i in found.flat)
        assert inside == (sp.N(slope.subs(Z, point), 50) == 0), point
    for end, sign in enumerate((-1, 1)):
        value = sp.N(slope.subs(Z, sign * 40), 30)
        if found.limits[end].is_finite and not isinstance(found.limits[end], sp.AccumBounds):
            assert abs(value - found.limits[end]) < 0.01


@pytest.mark.parametrize("name", OWN)
def test_where_it_is_flat(name):
    assert [str(interval) for interval in shape(Activation(f"own_{name}", OWN[name])).flat] == FLAT.get(name, [])


@pytest.mark.parametrize("name", LIMITS)
def test_what_the_slope_tends_to(name):
    assert shape(Activation(f"own_{name}", OWN[name])).limits == LIMITS[name]


def test_the_convention_at_the_kink_decides_whether_it_belongs():
    closed, opened = (Activation("own", e) for e in ("where(z > 0, z, 0)", "where(z >= 0, z, 0)"))
    assert [str(shape(f).flat[0]) for f in (closed, opened)] == ["z <= 0", "z < 0"]


def test_what_has_no_limit_is_not_called_saturated():
    found = shape(Activation("wave", "sin(z)"))
    assert found.saturates(0) is False
    assert "no limit" in fact(Activation("wave", "sin(z)")).formula


def test_what_is_not_decided_is_undecided():
    nested = Activation("nested", "sin(tanh(sin(tanh(z))))")
    assert shape(nested).limits == (None, None)
    verdict = fact(nested)
    assert verdict.verdict == "undecided"
    assert not verdict.holds
    assert "f' as z -> +oo" in verdict.note
    assert is_zero(sp.Symbol("c")) is None


def test_a_saturated_output_learns_under_a_loss_with_unbounded_slope():
    log = "sum(-y[s,i]*log(a[L][s,i]) - (1 - y[s,i])*log(1 - a[L][s,i]), i)"
    found = {(f.end, f.target): f.limit for f in far_out(log, [activation("sigmoid")])}
    assert found == {("-oo", 0): 0, ("-oo", 1): -1, ("+oo", 0): 1, ("+oo", 1): 0}
    square = far_out("sum((a[L][s,i] - y[s,i])**2, i) / 2", [activation("sigmoid"), activation("relu")])
    assert len(square) == 6
    assert all(vanishes(f) for f in square)


def test_an_unbounded_activation_that_saturates_need_not_stop_learning():
    root = Activation("root", "where(z > 0, sqrt(1 + z), 1 + z/2)")
    assert shape(root).saturates(1)
    assert [vanishes(f) for f in far_out("sum((a[L][s,i] - y[s,i])**2, i) / 2", [root])] == [False, False]


@pytest.mark.parametrize(
    "loss", ["sum(a[L][s,i], i)**2", "log(sum(exp(a[L][s,i]), i))", "sum(a[L][s,i]*sum(y[s,j], j), i)"]
)
def test_a_loss_that_is_no_sum_over_outputs_is_refused(loss):
    with pytest.raises(DeriveError, match="not a sum over the outputs"):
        misfit(loss)
