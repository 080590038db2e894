"""Losses: which parts of an expression are functions of one combination of a and y, and what is refused."""

from typing import Any

import pytest
import sympy as sp

from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, FormulaError
from derive.model.expression import Z
from derive.model.loss import Loss, built_in_loss
from derive.model.tables import LOSSES

OWN = {
    "log(1 + exp(-y*a))": ["a*y"],
    "sqrt(1 + (a - y)**2)": ["a - y"],
    "log(1 + exp(a)) - y*a": ["a"],
    "(1/(1 + exp(-a)) - y)**2": ["a"],
    "log(1 + exp(-y*a)) + (a - y)**2": ["a*y"],
    "log(1 + exp(a*y**2))": ["a*y**2"],
    "abs(a - y) + abs(a)/10": ["a", "a - y"],
    "y*log(1 + exp(-a)) + (1 - y)*log(1 + exp(a))": ["a", "a"],
    "exp(a) - y*a": [],
    "-y*log(a)": [],
    "log(a) + y/a": [],
}
"""Expressions, and the combinations of which their parts are functions."""


@pytest.mark.parametrize("expression", OWN)
def test_the_parts_of_a_loss_put_together_again_are_the_loss(expression: str) -> None:
    loss = Loss("own", expression)
    assert [str(part.r) for part in loss.parts] == OWN[expression]
    again = loss.formula.xreplace({part.whole: part.h.subs(Z, part.r) for part in loss.parts})
    a, y = sp.symbols("a y", real=True)
    for values in ({a: sp.Rational(1, 3), y: sp.Rational(4, 5)}, {a: sp.Rational(9, 4), y: sp.Rational(1, 7)}):
        assert abs(sp.N((again - loss.formula).subs(values), 30)) < 1e-25


def test_equal_combinations_are_one_tensor_and_functions_are_kept_apart() -> None:
    same = Loss("own", "y*log(1 + exp(-a)) + (1 - y)*log(1 + exp(a))").parts
    different = Loss("own", "abs(a - y) + abs(a)/10").parts
    assert [(part.tensor, part.function) for part in same] == [("r", "h"), ("r", "hh")]
    assert [(part.tensor, part.function) for part in different] == [("r", "h"), ("rr", "hh")]


def test_the_losses_of_the_table_are_one_function_or_plain() -> None:
    found = {name: [str(part.r) for part in Loss(name, *_row(name)).parts] for name in LOSSES}
    assert {name: parts for name, parts in found.items() if parts} == {
        "mean_absolute": ["a - y"],
        "huber": ["a - y"],
        "log_cosh": ["a - y"],
        "hinge": ["a*y"],
    }


def _row(name: str) -> tuple[Any, ...]:
    known = built_in_loss(name)
    assert known is not None
    return known.expression, known.constants, known.targets


@pytest.mark.parametrize(
    "expression", ["exp(-y*log(a))", "where(a > y, exp(a) - y, a)", "log(exp(a) + exp(y))", "sin(exp(a) + y)"]
)
def test_a_part_that_depends_on_more_than_one_combination_is_refused(expression: str) -> None:
    with pytest.raises(FormulaError, match="one combination only"):
        Loss("own", expression)


def test_at_most_three_combinations() -> None:
    parts = ["abs(a - y)", "abs(a)", "abs(a + y)", "abs(a - 2*y)"]
    assert len(Loss("own", " + ".join(parts[:3])).parts) == 3
    with pytest.raises(FormulaError, match="in 4 combinations"):
        Loss("own", " + ".join(parts))


@pytest.mark.parametrize(
    ("output", "loss", "options", "words"),
    [
        ("softmax", "cross_entropy", {"residual": 1}, "residual connection in the last layer .* do not sum to 1"),
        ("softmax", "cross_entropy", {"dropout": 0.5}, "dropout in the last layer .* do not sum to 1"),
        ("sigmoid", "binary_cross_entropy", {"dropout": 0.5}, "no value at a = 0, .* dropout makes it"),
        ("sigmoid", "binary_cross_entropy", {"residual": 1}, "the residual connection makes it"),
        ("hardsigmoid", "binary_cross_entropy", {}, "hardsigmoid gives 0 at z = -20"),
        ("tanh", {"expression": "log(a) + y/a"}, {}, "no value at a = -1"),
        ("log_softmax", "cross_entropy", {}, "log_softmax gives -2"),
    ],
)
def test_a_loss_that_makes_no_sense_for_the_last_layer(output: str, loss: Any, options: Any, words: str) -> None:
    with pytest.raises(DeriveError, match=words):
        Architecture((3, 2, 2), ("tanh", output), loss, layers=[{}, options])


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"residual": 1}])
def test_a_loss_that_takes_any_output_is_not_refused(options: Any) -> None:
    Architecture((3, 2, 2), ("tanh", "sigmoid"), "huber", layers=[{}, options])
    Architecture((3, 2, 2), ("tanh", "identity"), "poisson", layers=[{}, options])


def test_an_output_beyond_every_float_is_not_waited_for() -> None:
    own = Activation("f", "sin(1/2)*cosh(cosh(z))")  # 10**(10**8) at z = 20, and cosh of that takes for ever
    assert Architecture((2, 1), (own,), loss="log_cosh").activations[0] == own
