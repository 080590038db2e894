"""Numbers, functions of numbers and factors in answers: what they are worth, and what they are called."""

import pytest

from derive import Architecture, grade

GELU = Architecture((3, 4, 2), ("gelu", "gelu_tanh"))
SOFT = Architecture((3, 4, 2), ("softplus", "logsigmoid"))
MISH = Architecture((3, 4, 2), ("mish", "tanh"))
PHI = "z1 * exp(-z1**2 / 2)"
INNER = "sqrt(2 / pi) * (z2 + 0.044715 * z2**3)"


@pytest.mark.parametrize(
    ("network", "quantity", "formula"),
    [
        (GELU, "delta1", f"(delta2 @ W2) * ((1 + erf(z1 / sqrt(2))) / 2 + {PHI} / sqrt(2 * pi))"),
        (GELU, "delta1", f"(delta2 @ W2) * (a1 / z1 + {PHI} / (sqrt(2) * sqrt(pi)))"),
        (GELU, "delta1", f"(delta2 @ W2) * (a1 / z1 + {PHI} * sqrt(1 / (2 * pi)))"),
        (
            GELU,
            "delta2",
            f"(a2 - y) / N * ((1 + tanh({INNER})) / 2 + z2 / 2 * (1 - tanh({INNER})**2)"
            " * sqrt(2 / pi) * (1 + 3 * 0.044715 * z2**2))",
        ),
        (SOFT, "delta1", "(delta2 @ W2) * (1 - exp(-a1))"),
        (SOFT, "delta1", "(delta2 @ W2) * (exp(a1) - 1) / exp(a1)"),
        (SOFT, "delta1", "(delta2 @ W2) * (1 - exp(-log(1 + exp(z1))))"),
        (SOFT, "delta2", "(a2 - y) / N * (1 - exp(a2))"),
        (
            MISH,
            "delta1",
            "(delta2 @ W2) * (tanh(log(1 + exp(z1))) + z1 * (1 - tanh(log(1 + exp(z1)))**2) / (1 + exp(-z1)))",
        ),
    ],
)
def test_derivatives_written_out_are_right(network, quantity, formula):
    assert grade(quantity, formula, network).verdict == "correct"


@pytest.mark.parametrize(
    "one",
    ["pi / pi", "cos(0)", "exp(0)", "sin(pi / 2)", "sqrt(4) / 2", "log(exp(1))", "exp(log(2)) / 2", "exp(1) * exp(-1)",
     "sqrt(pi) * sqrt(pi) / pi", "exp(2) / exp(1)**2", "sqrt(2) * sqrt(3) / sqrt(6)"],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_what_is_1_changes_nothing(one, layout):
    right = {"rows": "delta2.T @ a1", "columns": "outer(delta2, a1)"}[layout]
    assert grade("dW2", f"{one} * ({right})", GELU, layout).verdict == "correct"


@pytest.mark.parametrize(
    ("factor", "tags"),
    [
        ("pi", {"constant-factor"}),
        ("-pi", {"sign", "constant-factor"}),
        ("sqrt(3)", {"constant-factor"}),
        ("sin(1)", {"constant-factor"}),
        ("exp(log(2))", {"constant-factor"}),
        ("0.1234567", {"constant-factor"}),
        ("n1", {"constant-factor"}),
        ("1 / n2", {"constant-factor"}),
        ("-n2", {"sign", "constant-factor"}),
        ("N", {"missing-mean"}),
        ("-1 / N", {"sign", "mean-twice"}),
        ("sum(mean(a1, units))", set()),
    ],
)
@pytest.mark.parametrize(("quantity", "right"), [("dW2", "delta2.T @ a1"), ("delta1", "(delta2 @ W2) * f'(z1)")])
def test_factors_have_their_names(factor, tags, quantity, right):
    found = grade(quantity, f"{factor} * ({right})", GELU)
    assert found.verdict == "incorrect"
    assert found.slip == (next(iter(tags)) if len(tags) == 1 else None)
    said = {
        "sign": "wrong sign",
        "constant-factor": "a constant factor",
        "missing-mean": "a missing 1/N",
        "mean-twice": "1/N once too often",
    }
    assert {tag for tag, words in said.items() if words in found.message} == tags
    assert found.corrected.startswith(f"{quantity} = ")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("z1 < b1", "b1 > z1"),
        ("z1 <= b1", "b1 >= z1"),
        ("z1 < b1", "1 - where(z1 >= b1, 1, 0)"),
        ("z1 < a1", "a1 > z1"),
    ],
)
def test_comparisons_say_the_same_from_either_side(one, other):
    network = Architecture((3, 4, 2), ("leaky_relu", "tanh"))
    formula = f"(delta2 @ W2) * f'(z1) + where({one}, 1, 0) - ({other})"
    assert grade("delta1", formula, network).verdict == "correct"
    assert grade("delta1", formula.replace("where(", "2 * where("), network).verdict == "incorrect"


def test_a_slip_and_a_factor_that_is_no_fraction():
    message = grade("delta1", "sqrt(3) * (delta2 @ W2)", GELU).message
    assert "missing f'(z) in a hidden layer and a constant factor" in message
    other = grade("delta1", "sum(mean(a1, units)) * (delta2 @ W2)", GELU)
    assert (other.verdict, other.slip) == ("incorrect", None)
    assert "no slip that is known here" in other.message


def test_what_is_close_to_pi_is_not_pi():
    assert grade("dW2", "pi / 3.14159265 * (delta2.T @ a1)", GELU).slip == "constant-factor"
    assert grade("dW2", "delta2.T @ a1 + pi - 355/113", GELU).verdict == "incorrect"


@pytest.mark.parametrize("formula", ["sqrt(-1) * W2", "log(0) * (delta2.T @ a1)", "log(-1) * (delta2.T @ a1)"])
def test_numbers_that_are_not_real_have_no_value(formula):
    assert grade("dW2", formula, GELU).verdict in ("undecided", "incorrect")


@pytest.mark.parametrize("pi", ["np.pi", "math.pi", "π"])
def test_pi_is_spelled_in_many_ways(pi):
    assert grade("delta1", f"(delta2 @ W2) * (a1 / z1 + {PHI} / math.sqrt(2 * {pi}))", GELU).verdict == "correct"


@pytest.mark.parametrize("formula", ["pi2", "pi(a1)", "delta2.T @ a1**pi"])
def test_pi_is_a_number_and_nothing_else(formula):
    assert grade("dW2", formula, GELU).verdict == "unreadable"
    assert "is a number" in grade("dW2", "pi", GELU).message
