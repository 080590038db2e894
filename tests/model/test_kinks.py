"""Where the cases of a function meet, and what it is between."""

import pytest
import sympy as sp

from derive.model.errors import FormulaError
from derive.model.expression import Z, read_expression
from derive.model.kinks import between, branch, breakpoints, kinks_of


@pytest.mark.parametrize(
    ("text", "kinks", "places", "branches"),
    [
        ("tanh(z)", [], [0], ["tanh(z)"]),
        ("max(z, 0)", [0], [-1, 1], ["0", "z"]),
        ("max(min(z, 2), -1)", [-1, 2], [-2, sp.Rational(1, 2), 3], ["-1", "z", "2"]),
        ("where(2*z > 3, z, abs(z))", [0, 1.5], [-1, 0.75, 2.5], ["-z", "z", "z"]),
        ("where(z > pi, z, 3) + exp(max(z, 0))", [0, sp.pi], [-1, sp.pi / 2, 1 + sp.pi],
         ["4", "exp(z) + 3", "z + exp(z)"]),
    ],
)  # fmt: skip
def test_kinks_and_what_a_function_is_between_them(text, kinks, places, branches):
    formula = read_expression(text, {"z": Z})
    kinks, places = ([sp.nsimplify(number, [sp.pi]) for number in numbers] for numbers in (kinks, places))
    assert kinks_of(formula) == kinks
    assert breakpoints(formula) == set(kinks)
    assert between(kinks) == places
    assert [str(branch(formula, place)) for place in places] == branches


def test_a_condition_has_to_be_linear():
    z_squared = sp.Piecewise((Z, Z**2 > 1), (0, True))
    with pytest.raises(FormulaError, match="not linear in z"):
        breakpoints(z_squared)
