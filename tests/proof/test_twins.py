"""Twins of N, L and z, as a program that was made elsewhere may have: equal symbols that are other objects."""

import random
from dataclasses import replace

import pytest
import sympy as sp
from sympy.core.cache import clear_cache

from derive import Architecture, differentiate
from derive.algebra.notation import L, N
from derive.algebra.program import Equation, Program, Tensor
from derive.model.expression import Z
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.grading.truth import NoMatrixFormError, matrix_form
from derive.proof.numbers.functions import ResidueFunctions
from derive.proof.theorems.worlds import fragment, per_sample, world_for
from tests.proof.forms import EQUATIONS, TENSORS


def twin(symbol: sp.Symbol) -> sp.Symbol:
    """Another object that is the same symbol."""
    found = sp.Symbol.__xnew__(sp.Symbol, symbol.name, **symbol.assumptions0)
    assert found == symbol
    assert found is not symbol
    return found


N2, L2, Z2 = map(twin, (N, L, Z))


def other(tensor: Tensor) -> Tensor:
    return replace(tensor, axes=tuple(N2 if axis == N else axis for axis in tensor.axes))


def changed(equation: Equation) -> Equation:
    return replace(equation, tensor=other(equation.tensor), value=equation.value.xreplace({N: N2}))


def formed(equation, tensors, layout):
    try:
        return matrix_form(equation, tensors, layout)
    except NoMatrixFormError:
        return None


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_matrix_formulas_of_twins(layout):
    tensors = {name: other(tensor) for name, tensor in TENSORS.items()}
    for equation in EQUATIONS.values():
        clear_cache()
        assert formed(changed(equation), tensors, layout) == formed(equation, TENSORS, layout)


def test_one_sample_of_twins():
    program = fragment([L - 1, L], "least_squares")
    clear_cache()
    twins = Program(tuple(map(other, program.inputs)), tuple(map(changed, program.equations)))
    assert per_sample(twins) == per_sample(program)


def test_the_world_of_a_twin_of_the_last_layer():
    given = differentiate(Architecture((2, 2, 2), ("tanh", "tanh")))
    for mentions in ([("delta", L), ("a", L)], [("a", L - 1)], [("a", L), ("y", L)]):
        found = world_for(mentions, read_ranges("l = 1..L", "columns"), "least_squares", given)
        clear_cache()
        labels = [(base, label.xreplace({L: L2})) for base, label in mentions]
        scope = replace(read_ranges("l = 1..L", "columns"), depth=L2)
        assert world_for(labels, scope, "least_squares", given) == found


@pytest.mark.parametrize("label", [L, L - 1, L + 1, sp.S.One, sp.Integer(2)])
def test_where_a_label_lies_below_a_twin(label):
    for ranges in ("l = 1..L", "l = 1..L-1", ""):
        scope = read_ranges(ranges, "columns") if ranges else Scope("columns")
        found = [scope.misplaced(label, first) for first in (0, 1)]
        clear_cache()
        again = replace(scope, depth=L2)
        assert [again.misplaced(label.xreplace({L: L2}), first) for first in (0, 1)] == found


def test_functions_of_a_twin():
    for formula in (Z, Z**2 + 1, sp.exp(Z), sp.sqrt(Z), sp.log(Z) * Z, sp.Piecewise((Z, Z > 0), (0, True))):
        found = ResidueFunctions((), random.Random(0)).at(formula, 49)
        clear_cache()
        assert ResidueFunctions((), random.Random(0)).at(formula.xreplace({Z: Z2}), 49) == found
