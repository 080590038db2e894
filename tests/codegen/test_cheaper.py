"""Calls that take less time, views and numbers that are kept, the sweep over one sample: pass by pass."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, size
from derive.codegen.emit import emit, load
from derive.codegen.statements.arrays import Node, name, number
from derive.codegen.statements.cheaper import NARROW, cheaper
from derive.codegen.statements.schedule import Instruction, lines
from derive.codegen.statements.single import signs, single
from derive.codegen.statements.views import Kept, inner, with_constants, with_views
from derive.codegen.updates import over_the_old
from derive.model.architecture import Architecture

n1, n2 = size(1), size(2)
WIDTHS = {n1: NARROW, n2: NARROW + 1}
x, wide, b1, b2 = name("x", (N, n1)), name("wide", (N, n2)), name("b1", (n1,)), name("b2", (n2,))


def call(target: str, operation: str, *arguments: Node, axes: tuple[sp.Expr, ...] = (N, n1)) -> Instruction:
    return Instruction(target, operation, arguments, axes)


def text(instructions: list[Instruction]) -> list[str]:
    return [line for instruction in instructions for line in lines(instruction)]


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (
            call("z", "add", x, b1),
            ["ones[:, np.newaxis].dot(b1[np.newaxis], t1)", "np.add(t1, x, z)"],
        ),
        (call("z", "add", wide, b2, axes=(N, n2)), ["np.add(wide, b2, z)"]),
        (call("a", "maximum", x, number(0)), ["np.maximum(x, zeros1, out=a)"]),
        (call("a", "maximum", x, number(6)), ["np.maximum(x, 6, out=a)"]),
        (call("q", "sum1", x, axes=(N,)), ["x.dot(ones1, q)"]),
        (call("q", "sum1", wide, axes=(N,)), ["np.add.reduce(wide, axis=1, out=q)"]),
        (call("m", "max1", x, axes=(N,)), ["np.copyto(t1, x.T)", "np.maximum.reduce(t1, axis=0, out=m)"]),
        (call("m", "max1", wide, axes=(N,)), ["np.maximum.reduce(wide, axis=1, out=m)"]),
    ],
)
def test_calls_that_take_less_time_and_where_they_do_not(instruction: Instruction, expected: list[str]) -> None:
    found = cheaper([instruction], WIDTHS)
    assert text(found) == expected
    rng = np.random.default_rng(0)
    arrays = {"x": rng.normal(size=(3, 4)), "wide": rng.normal(size=(3, 5)), "b1": np.ones(4), "b2": np.ones(5)}
    arrays |= {"ones": np.ones(3), "ones1": np.ones(4), "zeros1": np.zeros((3, 4)), "np": np}
    lengths = {N: 3, n1: 4, n2: 5}
    results = []
    for program in ([instruction], found):
        scope = arrays | {i.target: np.empty([lengths[axis] for axis in i.axes]) for i in program}
        exec("\n".join(text(program)), scope)
        results.append(scope[instruction.target])
    np.testing.assert_allclose(*results)


def test_truth_values_become_numbers_once_before_they_are_multiplied() -> None:
    mask = name("mask", (N, n1))
    compared = call("mask", "greater", x, number(0))
    program = [compared, call("u", "multiply", x, mask), call("v", "multiply", mask, x)]
    assert text(cheaper(program, WIDTHS)) == [
        *("np.greater(x, 0, mask)", "np.copyto(t1, mask)", "np.multiply(x, t1, u)", "np.multiply(t1, x, v)"),
    ]


def test_views_and_numbers_are_kept_by_name() -> None:
    W, X = name("W1", (n1, n2)), name("X", (N, n2))
    kept = Kept()
    product = call("z", "matmul", X, Node("transpose", (W,), (n2, n1)))
    other = call("d", "matmul", Node("transpose", (X,), (n2, N)), x)
    assert text(with_views([product, other], ["W1"], kept)) == ["X.dot(W1T, z)", "X.T.dot(x, d)"]
    shifted = call("t", "subtract", number(1), x)
    value = Instruction("value", "multiply", (number(3), name("N")), ())
    half = call("u", "multiply", number(sp.Rational(1, 2)), x)
    assert text(with_constants([shifted, half, value], kept)) == [
        "np.subtract(ONE, x, t)", "np.multiply(HALF, x, u)", "value = 3 * N",
    ]  # fmt: skip
    assert kept.made == {"W1T": "W1.T", "ONE": "np.array(1.0, DTYPE)", "HALF": "np.array(0.5, DTYPE)"}


def test_an_update_overwrites_a_vector_once_nothing_reads_its_old_value() -> None:
    m, g = name("m", (n1,)), name("g", (n1,))
    beta, t1, t2 = number(sp.Rational(9, 10)), name("t1", (n1,)), name("t2", (n1,))
    mean = [call("t1", "square", g), call("t2", "multiply", beta, m), call("m", "add", t1, t2)]
    assert text(over_the_old(mean, "m")) == ["np.square(g, t1)", "np.multiply(0.9, m, m)", "np.add(t1, m, m)"]
    again = [*mean[:2], call("t3", "multiply", t1, m), call("m", "add", name("t3"), t2)]
    assert over_the_old(again, "m")[1].target == "t2"  # m is still read after it
    assert over_the_old([call("m", "subtract", m, g)], "m") == [call("m", "subtract", m, g)]


def test_inner_products_of_buffers_are_those_of_their_flat_views() -> None:
    Y = name("Y", (N, n1))
    both = Instruction("value", "divide", (Node("vdot", (x, x)), name("N")), ())
    given = Instruction("value", "vdot", (Y, x), ())
    kept = Kept()
    found = text(with_views(inner([both, given], ["x"]), ["x"], kept))
    assert found == ["value = x_flat.dot(x_flat) / N", "value = np.vdot(Y, x)"]
    assert kept.made == {"x_flat": "x.reshape(-1)"}


def test_signs_stand_only_for_what_is_rectified_and_multiplied() -> None:
    a, mask = name("a", (n1,)), name("mask", (n1,))
    rectified = call("a", "maximum", x, number(0), axes=(n1,))
    compared = call("mask", "greater", a, number(0), axes=(n1,))
    used = call("u", "multiply", x, mask, axes=(n1,))
    assert [i.operation for i in signs([rectified, compared, used])] == ["maximum", "sign", "multiply"]
    other = call("a", "maximum", x, number(-1), axes=(n1,))
    assert [i.operation for i in signs([other, compared, used])] == ["maximum", "greater", "multiply"]
    chosen = call("v", "where", mask, x, x, axes=(n1,))
    assert [i.operation for i in signs([rectified, compared, used, chosen])][1] == "greater"


def test_what_has_a_number_for_each_sample_has_no_sweep_over_one() -> None:
    total = call("q", "sum1", x, axes=(N,))
    divided = call("a", "divide", x, Node("column", (name("q", (N,)),), (N, 1)))
    assert single([total, divided]) is None
    text_of_softmax = emit(differentiate(Architecture((2, 3, 4), ("tanh", "softmax"), "cross_entropy")))
    assert "_sweep_one" not in text_of_softmax


@pytest.mark.parametrize("hidden", ["tanh", "relu", "gelu"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_step_on_one_sample_is_the_step_on_many_copies_of_it(hidden: str, optimizer: str) -> None:
    network = Architecture((5, 4, 6, 3), (hidden, hidden, "identity"), optimizer=optimizer)
    module = load(emit(differentiate(network)))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(1, 5)), rng.normal(size=(1, 3))
    thetas = []
    for copies in (1, 7):
        theta = module.initialize(0)
        state = module.new_state(theta)
        for _ in range(3):
            module.step(theta, state, np.repeat(X, copies, 0), np.repeat(Y, copies, 0), 0.1)
        thetas.append(theta)
    np.testing.assert_allclose(*thetas, rtol=1e-12, atol=1e-14)


def test_a_state_goes_between_one_sample_and_many() -> None:
    module = load(emit(differentiate(Architecture((2, 3, 1), ("tanh", "identity")))))
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    theta, other = module.initialize(0), module.initialize(0)
    state = module.new_state(theta)
    for rows in (4, 1, 3, 1, 1, 4):
        module.step(theta, state, X[:rows], Y[:rows])
        module.step(other, module.new_state(other), X[:rows], Y[:rows])
    np.testing.assert_array_equal(theta, other)


def test_data_that_change_their_type_or_are_lists_pass_the_door_each_time() -> None:
    module = load(emit(differentiate(Architecture((2, 3, 1), ("tanh", "identity")))))
    theta = module.initialize(0)
    state = module.new_state(theta)
    X, Y = [[1.0, 2.0]], [[1.0]]
    first = module.step(theta, state, X, Y)
    X[0][0] = 5.0  # the same list, with other numbers
    assert module.step(theta.copy(), state, X, Y) != first
    whole = np.array([[1, 2]])
    before = module.step(theta.copy(), state, whole, Y)
    whole[0, 0] = 9
    assert module.step(theta.copy(), state, whole, Y) != before
    with pytest.raises(ValueError, match=re.escape("X has shape (1, 3)")):
        module.step(theta, state, [[1.0, 2.0, 3.0]], Y)
