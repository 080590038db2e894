"""The type checker of programs: what is well typed passes, and every planted fault is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from derive.algebra.forward import forward
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, index, size
from derive.algebra.program import Equation, Program, Tensor, check
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError

i, j, s = index("i"), index("j"), index("s")
W = Tensor("W1", (size(1), size(0)))
x = Tensor("a0", (N, size(0)))
b = Tensor("b1", (size(1),))
z = Tensor("z1", (N, size(1)))
WX = sp.Sum(W[i, j] * x[s, j], (j, 1, size(0)))


def test_the_dense_layer_is_well_typed() -> None:
    program = Program((W, x, b), (Equation(z, (s, i), WX + b[(i,)]),))
    assert check(program) is program


def test_forward_and_gradient_programs_are_well_typed() -> None:
    derivation = differentiate(Architecture((2, 3, 4, 1), ("tanh", "relu", "identity")))
    check(derivation.forward)
    check(derivation.gradient)


@pytest.mark.parametrize(
    ("equation", "complaint"),
    [
        (Equation(z, (s, i), WX + b[(j,)]), "neither summed nor on the left"),
        (Equation(z, (s, i), WX + b[(s,)]), "runs to N, the axis to n1"),
        (Equation(z, (s, i), sp.Sum(W[j, i] * x[s, j], (j, 1, size(0)))), "the axis to n1"),
        (Equation(z, (s, i), WX + Tensor("q", (size(1),))[(i,)]), "read before it is defined"),
        (Equation(z, (s,), x[s, j]), "needs 2 distinct indices"),
        (Equation(z, (s, i), x[(s,)]), "has 2 axes, but 1 indices"),
        (Equation(Tensor("b1", (size(1),)), (i,), b[(i,)]), "assigned twice"),
        (Equation(z, (s, i), sp.Sum(W[i, j] * x[s, j], (j, 1, size(1)))), "the axis to n0"),
        (Equation(z, (s, i), sp.Sum(b[(i,)], (i, 1, size(1)))), "both summed and free"),
    ],
)
def test_each_fault_is_named(equation: Equation, complaint: str) -> None:
    with pytest.raises(DeriveError, match=complaint):
        check(Program((W, x, b), (equation,)))


def test_equations_cannot_change_order() -> None:
    program = forward(Architecture((2, 3, 1), ("tanh", "identity")))
    with pytest.raises(DeriveError, match="read before it is defined"):
        check(replace(program, equations=program.equations[::-1]))


def test_an_index_that_a_sum_runs_over_is_not_caught() -> None:
    s, i, k, n = (index(letter) for letter in "sikn")
    W, d = sp.IndexedBase("W"), sp.IndexedBase("d")
    equation = Equation(Tensor("da", (n, n)), (s, i), sp.Sum(W[k, i] * d[s, k], (k, 1, n)))
    assert equation.at((s, i)) == equation.value
    assert equation.at((i, s)) == sp.Sum(W[k, s] * d[i, k], (k, 1, n))
    other = index("k_")
    assert equation.at((s, k)) == sp.Sum(W[other, k] * d[s, other], (other, 1, n))
    assert equation.at((other, k)) == sp.Sum(W[index("k__"), k] * d[other, index("k__")], (index("k__"), 1, n))


def test_what_a_result_needs() -> None:
    program = forward(Architecture([3, 2, 2], ["tanh", "tanh"]))
    assert [e.tensor.name for e in program.needed(["a1"]).equations] == ["z1", "a1"]
    assert program.needed(["loss"]).equations == program.equations
    assert program.needed([]).equations == ()
