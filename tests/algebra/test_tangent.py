"""Forward mode on programs, held against dual numbers; and the programs made with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.forward import forward
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, index, opaque, size
from derive.algebra.program import Equation, Program, Tensor
from derive.algebra.residues import PRIME, Dual, Duals, Residues
from derive.algebra.sensitivities import hessian_vector, input_gradient, pull_back
from derive.algebra.tangent import along_direction, tangent
from derive.model.architecture import Architecture

x, y = sp.IndexedBase("x"), sp.IndexedBase("y")
s, i, j = map(index, "sij")


def total(u: sp.IndexedBase) -> sp.Expr:
    return sp.Sum(u[s, j], (j, 1, N))


SIZES = {size(0): 2, size(1): 3, size(2): 4, N: 5}


def cubes(function: Any, array: Any) -> Any:
    """Every activation is z**3 + z, and its derivatives are."""
    arithmetic = Duals(Residues()) if isinstance(array, Dual) else Residues()
    result = arithmetic.number(sp.S.Zero)
    for power, coefficient in {0: ((3, 1), (1, 1)), 1: ((2, 3), (0, 1)), 2: ((1, 6),)}[function.order]:
        term = arithmetic.multiply(arithmetic.number(sp.Integer(coefficient)), arithmetic.power(array, power))
        result = arithmetic.add(result, term)
    return result


def drawn(program: Program) -> dict[str, Any]:
    draw = np.random.default_rng(0).integers
    return {t.name: draw(1, PRIME, tuple(SIZES[a] for a in t.axes)) for t in program.inputs}


@pytest.fixture
def gradients() -> Program:
    d = differentiate(Architecture((2, 3, 4), ("tanh", "sigmoid")))
    return Program(d.forward.inputs, d.forward.equations + d.gradient.equations)


def agrees(whole: Program, program: Program, along: list[str]) -> bool:
    """Whether the tangents in `whole` are the second halves of dual numbers put through `program`."""
    inputs = drawn(whole)
    values = evaluate(whole, SIZES, inputs, cubes, Residues())
    duals = {
        t.name: Dual(inputs[t.name], inputs[f"v{t.name}"] if t.name in along else np.zeros_like(inputs[t.name]))
        for t in program.inputs
    }
    truth = evaluate(program, SIZES, duals, cubes, Duals(Residues()))
    zero = np.zeros(1, np.int64)
    return all((truth[e.tensor.name].tangent == values.get(f"v{e.tensor.name}", zero)).all() for e in program.equations)


@pytest.mark.parametrize("along", [["W1", "b1", "W2", "b2"], ["a0"], ["b2"], ["y"]])
def test_tangents_are_those_of_dual_numbers(gradients: Program, along: list[str]) -> None:
    assert agrees(tangent(gradients, along), gradients, along)


def test_a_wrong_tangent_is_found(gradients: Program) -> None:
    along = ["W1", "b1", "W2", "b2"]
    whole = tangent(gradients, along)
    for name in ("vz2", "vdelta1", "vdW2"):
        wrong = tuple(replace(e, value=e.value.args[0]) if e.tensor.name == name else e for e in whole.equations)
        assert not agrees(replace(whole, equations=wrong), gradients, along), name


def test_what_does_not_move_has_no_equation() -> None:
    names = set(tangent(forward(Architecture((2, 3, 4), ("tanh", "sigmoid"))), ["b2"]).definitions)
    assert {n for n in names if n.startswith("v")} == {"vz2", "va2", "vc", "vloss"}


@pytest.mark.parametrize(
    ("value", "derivative"),
    [
        (x[s, i] * y[s, i], x[s, i] * sp.IndexedBase("vy")[s, i] + y[s, i] * sp.IndexedBase("vx")[s, i]),
        (x[s, i] ** 3, 3 * x[s, i] ** 2 * sp.IndexedBase("vx")[s, i]),
        (sp.exp(x[s, i]) / sp.Symbol("b"), sp.exp(x[s, i]) * sp.IndexedBase("vx")[s, i] / sp.Symbol("b")),
        (total(x) ** 2, 2 * total(x) * total(sp.IndexedBase("vx"))),
        (sp.Symbol("alpha") * sp.IndexedBase("w")[i], sp.IndexedBase("w")[i] * sp.Symbol("valpha")),
        (opaque("f", 1)(x[s, i]), opaque("f", 2)(x[s, i]) * sp.IndexedBase("vx")[s, i]),
        (sp.Piecewise((x[s, i] ** 2, x[s, i] > 0), (x[s, i], True)),
         sp.Piecewise((2 * x[s, i], x[s, i] > 0), (1, True)) * sp.IndexedBase("vx")[s, i]),
        (sp.IndexedBase("w")[i] + 2, sp.S.Zero),
    ],
)  # fmt: skip
def test_every_kind_of_value(value: sp.Expr, derivative: sp.Expr) -> None:
    assert sp.expand(along_direction(value, {"x", "y", "alpha"}) - derivative) == 0


def test_a_sum_becomes_one_sum_for_each_factor() -> None:
    found = along_direction(sp.Sum(x[s, j] * y[j, i], (j, 1, N)), {"x", "y"})
    assert len(found.args) == 2
    assert all(isinstance(term, sp.Sum) and term.function.is_Mul for term in found.args)


def test_programs_hold_only_what_their_results_need() -> None:
    d = differentiate(Architecture((2, 3, 4), ("tanh", "identity")))
    hessian, gradient, jacobian = (f(d).program.definitions for f in (hessian_vector, input_gradient, pull_back))
    assert not {"c", "loss", "dW1", "dW2", "db1", "delta1", "vc"} & set(hessian)
    assert list(gradient)[-2:] == ["delta1", "da0"]
    assert not {"c", "loss", "dW1", "db2"} & set(gradient)
    assert list(jacobian) == ["z1", "a1", "z2", "delta2", "da1", "delta1", "da0"]


def test_the_pull_back_serves_a_gradient_that_has_no_derivative_by_the_output() -> None:
    """As where a loss and an activation were fused: delta^L = a^L - y is known, and da^L is not."""
    d = differentiate(Architecture((2, 3, 4), ("tanh", "sigmoid")))
    a2, target = sp.IndexedBase("a2"), sp.IndexedBase("y")
    fused = Equation(Tensor("delta2", (N, size(2))), (s, i), (a2[s, i] - target[s, i]) / N)
    rest = [e for e in d.gradient.equations if e.tensor.name not in ("da2", "delta2")]
    other = replace(d, gradient=Program(d.gradient.inputs, (fused, *rest)))
    assert str(pull_back(other).program) == str(pull_back(d).program)
    assert "da2" not in input_gradient(other).program.definitions
