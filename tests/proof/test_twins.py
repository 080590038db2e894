"""Twins of N, L and z, as a program that was made elsewhere may have: equal symbols that are other objects."""

import random
from dataclasses import replace

import pytest
import sympy as sp
from sympy.core.cache import clear_cache

from derive import Architecture, differentiate
from derive.algebra.notation import L, N, index
from derive.algebra.program import Equation, Program, Tensor
from derive.model.expression import Z
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.grading.terms import show
from derive.proof.grading.truth import NoMatrixFormError, matrix_form
from derive.proof.numbers.functions import ResidueFunctions
from derive.proof.theorems.worlds import CoupledError, fragment, per_sample, world_for
from tests.proof.forms import EQUATIONS, TENSORS
from tests.proof.goldens import golden


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
    """The value is that of twins, also of the indices, but the indices of the target are as before."""
    indices = {i: twin(i) for i in equation.value.free_symbols if i in equation.indices}
    return replace(equation, tensor=other(equation.tensor), value=equation.value.xreplace({N: N2, **indices}))


def formed(equation, tensors, layout):
    try:
        return show(matrix_form(equation, tensors, layout))
    except NoMatrixFormError:
        return None


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_matrix_formulas_of_twins(layout):
    tensors = {name: other(tensor) for name, tensor in TENSORS.items()}
    for name, equation in EQUATIONS.items():
        clear_cache()
        said = golden("forms")[name][("rows", "columns").index(layout)]
        assert formed(changed(equation), tensors, layout) == (None if said.startswith("none: ") else said)


def test_one_sample_of_twins():
    program = fragment([L - 1, L], "least_squares")
    clear_cache()
    twins = Program(tuple(map(other, program.inputs)), tuple(map(changed, program.equations)))
    assert per_sample(twins) == per_sample(program)


def test_samples_of_twins_that_do_not_stay_apart():
    program = fragment([L - 1, L])
    z, *rest = program.equations
    own, t = z.indices[0], index("t")
    sums = [(twin(own), 1, z.tensor.axes[1]), (t, 1, N2)]
    values = {"sums over the samples": [sp.Sum(z.value.xreplace({own: i}), (i, *ends)) for i, *ends in sums]}
    values["reads the row of another sample"] = [z.value.xreplace({own: t})]
    clear_cache()
    inputs, rest = tuple(map(other, program.inputs)), list(map(changed, rest))
    for words, own_values in values.items():
        for value in own_values:
            with pytest.raises(CoupledError, match=words):
                per_sample(Program(inputs, (replace(z, tensor=other(z.tensor), value=value), *rest)))


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
