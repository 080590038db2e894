"""The passes that make fast modules fast: each does what it says and nothing else, and a wrong one is seen."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, index, size
from derive.algebra.program import Equation, Program, Tensor
from derive.codegen.emit import emit
from derive.codegen.statements.arrays import Assign, Node, name, number, written
from derive.codegen.statements.faster import RULES, counted, faster, rewritten
from derive.codegen.statements.schedule import Instruction
from derive.codegen.statements.seed import RATE, SCALE, scaled
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from tests.codegen.memory import memory_of_a_step, stated_memory

n1 = size(1)
x, y, da = (name(text, (N, n1)) for text in ("x", "y", "da"))
c, k = name("c", (N,)), name("k")
s, i = index("s"), index("i")


def of(operation: str, *arguments: Node, axes: tuple[sp.Expr, ...] = (N, n1)) -> Node:
    return Node(operation, arguments, axes)


SQUARES = of("sum1", of("square", x), axes=(N,))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (of("sum", of("square", x), axes=()), "np.vdot(x, x)"),
        (of("sum", of("multiply", x, y), axes=()), "np.vdot(x, y)"),
        (of("sum", of("multiply", k, x), axes=()), "k * x.sum()"),
        (of("sum", of("multiply", x, name("w", (n1,))), axes=()), "(x * w).sum()"),
        (of("sum", of("divide", SQUARES, number(2), axes=(N,)), axes=()), "np.vdot(x, x) / 2"),
        (of("divide", of("divide", x, number(2)), k), "x / (2 * k)"),
        (of("where", of("less_equal", x, number(0)), number(0, as_float=True), da), "da * (x > 0)"),
        (of("where", of("less", x, number(0)), number(0, as_float=True), da), "da * (x >= 0)"),
        (of("where", of("less", x, number(0)), number(1), da), "np.where(x < 0, 1, da)"),
        (of("where", of("less", x, number(0)), number(0), of("exp", x)), "np.where(x < 0, 0, np.exp(x))"),
        (of("multiply", da, of("subtract", number(1), of("square", x))), "da - da * x**2"),
        (of("multiply", da, of("subtract", number(2), x)), "da * (2 - x)"),
    ],
)  # fmt: skip
def test_rules_and_where_they_do_not_apply(node: Node, text: str) -> None:
    assert written(rewritten(node, RULES)) == text
    arrays = {"x": np.array([[1.0, -2.0], [0.0, 3.0]]), "y": np.eye(2), "da": np.full((2, 2), 5.0), "k": 3.0}
    arrays |= {"w": np.array([1.0, 2.0])}
    before, after = (eval(t, {"np": np, **arrays}) for t in (written(node), text))
    np.testing.assert_allclose(after, before)


def test_the_losses_of_samples_are_written_into_the_mean_if_nothing_else_reads_them() -> None:
    single = Assign("c", of("sum1", of("square", x), axes=(N,)), "one")
    mean = Assign("value", of("divide", of("sum", c, axes=()), name("N"), axes=()), "all")
    (merged,) = faster([single, mean], "value")
    assert (written(merged.value), merged.note) == ("np.vdot(x, x) / N", "one; all")
    assert len(faster([single, mean, Assign("dz", of("exp", c, axes=(N,)))], "value")) == 3


def test_sums_over_samples_become_products_with_ones_and_others_stay() -> None:
    over_samples = Instruction("db1", "sum0", (x,), (n1,))
    others = [Instruction("r", "sum1", (x,), (N,)), Instruction("q", "sum0", (name("W1", (n1, n1)),), (n1,))]
    first, *rest = counted([over_samples, *others])
    assert (first.operation, [a.text for a in first.arguments]) == ("matmul", ["ones", "x"])
    assert rest == others


def test_a_gradient_is_scaled_where_it_starts_and_nowhere_else() -> None:
    a, W, d, g = (Tensor(text, (N, n1)) for text in ("a", "W", "da", "dW"))
    program = Program((a, W), (Equation(d, (s, i), a[s, i] / N), Equation(g, (s, i), 2 * d[s, i] + 3 * W[s, i])))
    one, two = scaled(program).equations
    assert one.value == RATE * a[s, i]
    assert two.value == 2 * d[s, i] + 3 * SCALE * W[s, i]
    square = Program((a,), (program.equations[0], Equation(g, (s, i), (d[s, i] + a[s, i]) ** 2)))
    with pytest.raises(DeriveError, match="not linear"):
        scaled(Program((a,), (square.equations[0], Equation(g, (s, i), sp.exp(d[s, i])))))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("hidden", ["tanh", "relu"])
def test_a_step_needs_the_memory_that_the_header_states(hidden: str, optimizer: str) -> None:
    architecture = Architecture((50, 80, 40, 30), [hidden, hidden, "softmax"], "cross_entropy", optimizer, "float32")
    text = emit(differentiate(architecture), "fast")
    kept, transient = memory_of_a_step(text, 2000)
    stated = stated_memory(text, 2000)
    assert stated <= kept <= 1.02 * stated + 12 * 1024  # and the objects of Python
    assert transient < 8192 * 4 + 4096  # NumPy converts 8192 truth values at a time
