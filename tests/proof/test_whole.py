"""Nothing is left out: the equations that a certificate names, the conventions that are tried, errata."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from derive import Architecture, differentiate, grade
from derive.model.errors import FormulaError
from derive.proof.formulas.claims import Claim, source_text
from derive.proof.formulas.conventions import CHOICES, Conventions, contradiction, usual
from derive.proof.formulas.counting import counted
from derive.proof.formulas.scope import read_ranges
from derive.proof.formulas.sides import read_sides
from derive.proof.formulas.translate import translated
from derive.proof.grading.alphabet import _kinds
from derive.proof.grading.answers import ask, read_line
from derive.proof.grading.recognise import bench
from derive.proof.grading.terms import leaf, show
from derive.proof.grading.truth import matrix_form
from derive.proof.grading.written import _in_outputs
from derive.proof.numbers.arrays import OPERATIONS
from derive.proof.numbers.small import EXACT, counterexample
from derive.proof.theorems.alternatives import others
from derive.proof.theorems.instances import instances
from derive.proof.theorems.pieces import every_pattern
from derive.proof.theorems.texts import claim_verdicts
from derive.proof.words.facts import _number, zero_weights
from derive.teach.derivation import grade_lines


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_equation_of_every_layer_has_its_verdict(depth):
    derivation = differentiate(Architecture((2,) * (depth + 1), ("tanh",) * depth))
    names = [verdict.label.rpartition(", ")[2] for verdict in instances(derivation, source_text())]
    forward = [f"{name}{k}" for k in range(1, depth + 1) for name in ("z", "a")]
    backward = [f"{name}{k}" for k in range(depth, 0, -1) for name in ("delta", "dW", "db")]
    assert names == [*forward, "c", "loss", f"da{depth}", *backward]


@pytest.mark.parametrize("start", [usual("rows"), usual("columns"), Conventions("rows", "mean", mean_in="gradients")])
def test_other_conventions_differ_in_one_choice_and_what_goes_with_it(start):
    found = list(others(start))
    along = {"layout": lambda value: usual(value).cost, "mean_in": lambda value: "mean"}
    expected = []
    for key in ("factor", "input_layer", "parameters", "cost", "mean_in", "layout"):
        for value in CHOICES[key].values():
            changed = replace(start, **{key: value})
            if key in along:
                changed = replace(changed, cost=along[key](value))
            if key in ("layout", "cost"):
                changed = replace(changed, mean_in="delta")
            if value != getattr(start, key) and not contradiction(changed):
                expected.append(changed)
    assert found == expected
    assert len({str(c) for c in found}) == len(found) > 5


def test_an_erratum_is_not_excused_by_a_convention():
    claim = Claim("t", "dW[l] = delta[l].T @ a[l-1] / N", "rows", "l = 1..L")
    (found,) = claim_verdicts(claim, "least_squares")
    assert (found.verdict, "would be true" in found.note) == ("refuted", True)
    printed, corrected = claim_verdicts(replace(claim, corrected="dW[l] = delta[l].T @ a[l-1]"), "least_squares")
    assert (printed.verdict, corrected.verdict) == ("refuted", "proved")
    assert "known erratum" in printed.note
    assert "would be true" not in printed.note + corrected.note


def test_a_bare_f_needs_one_layer_on_the_left():
    scope = read_ranges("l = 2..L-1", "columns")
    assert read_sides("a[l] = f(z[l])", scope).right.expr.atoms(sp.Function)
    with pytest.raises(FormulaError, match="f"):
        read_sides("a[l] + 0 * sum(a[l-1]) = f(z[l])", scope)


def test_the_loss_of_residuals_is_no_activation_of_the_last_layer():
    derivation = differentiate(Architecture((3, 4, 2), ("tanh", "sigmoid"), loss="huber"))
    dr, step = derivation.gradient.definitions["dr"], derivation.gradient.definitions["delta2"]
    shown = str(_in_outputs(derivation, step.value * dr.value))
    assert "h'(r[s, i])" in shown


def test_a_number_is_right_where_the_derivative_is_that_number():
    network = Architecture((3, 2), ("identity",), loss={"name": "own", "expression": "(a - y)/3"})
    assert grade("delta1", "1/3/N", network, "rows").verdict == "correct"
    assert grade("delta1", "1/3", network, "columns").verdict == "correct"
    assert grade("delta1", "1/3", network, "rows").slip == "missing-mean"
    assert grade("delta1", "1/3 + 0*W1", network, "columns").verdict == "incorrect"
    plain = Architecture((3, 2), ("identity",))
    assert "this is a number" in grade("delta1", "1/N", plain, "rows").message
    assert grade("delta1", "0", plain, "rows").corrected == "delta1 = (a1 - y) / N"


@pytest.mark.parametrize("formula", ["W1 @ W1 + max(a1)", "W1 @ W1 + where(a1)", "W1 @ W1 + diag(a1, a1)"])
def test_functions_take_so_many_arguments_also_behind_what_does_not_fit(formula):
    assert grade("delta1", formula, Architecture((3, 4, 2), ("tanh", "tanh")), "rows").verdict == "unreadable"


@pytest.mark.parametrize(("number", "shown"), [("1/1000000", "1/1000000"), ("1/1000003", "9.99997000009e-07")])
def test_long_fractions_are_shown_as_decimals(number, shown):
    assert _number(sp.Rational(number)) == shown


def test_a_mean_over_units_is_one_over_the_units():
    found = OPERATIONS["mean of units"](np.array([[1, 2, 3], [4, 5, 9]]))
    assert found.tolist() == [[2], [6]]


def test_what_has_no_value_does_not_complete_an_earlier_line():
    lines = ["delta2 = (a2 - y) * f'(z2)", "dW1 = delta1.T @ a0 @ inv(W1.T @ W1) / N"]
    found = grade_lines("\n".join(lines), Architecture((3, 4, 2), ("tanh", "sigmoid")), "rows")
    assert [line.grade.slip for line in found] == ["missing-mean", None]
    assert [line.grade.verdict for line in found] == ["incorrect", "incorrect"]
    kept = grade_lines("\n".join((lines[0], "dW2 = delta2.T @ a1 / N")), Architecture((3, 4, 2), ("tanh", "sigmoid")))
    assert [line.grade.verdict for line in kept] == ["correct", "correct"]


def test_f_of_trained_constants_is_written_with_its_argument_z():
    derivation = differentiate(Architecture((3, 4, 2), ("prelu", "identity")))
    tensors = {**derivation.forward.tensors, **derivation.gradient.tensors}
    assert show(matrix_form(derivation.gradient.definitions["delta1"], tensors, "rows")) == "da1 * f'(z1)"


def test_labels_may_be_sums():
    for label, layer in {"1+1": 2, "3-1": 2, "L-3": 1, "L": 4, "4-0": 4}.items():
        assert ask(f"delta[{label}]", 4).layers == (layer,)


def test_a_layer_is_read_once_more_where_it_is_added_again():
    layers = [{}, {}, {"residual": 2}, {"residual": 1}, {"residual": 2}]
    network = Architecture((4,) * 6, ("tanh",) * 5, layers=layers)
    assert [kind[2] for kind in _kinds(network)] == [(2,), (), (1, 2), (), ()]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("tanh", "tanh", "relu"), "2 and 3"),
        (("relu", "tanh", "tanh"), "1 and 3"),
        (("tanh", "relu", "relu"), "2 and 3"),
    ],
)
def test_patterns_are_those_of_the_first_layer_with_cases_and_the_last_one(names, said):
    derivation = differentiate(Architecture((2, 2, 2, 1), names))
    assert f"the network of the layers {said} alone" in every_pattern(derivation).validity


def test_slips_are_looked_for_three_lines_above():
    network = Architecture((3, 4, 5, 2), ("tanh", "sigmoid", "tanh"))
    written = "((({} @ W3) * f'(z2)) @ W2 * f'(z1)).T @ a0"
    assert grade("dW1", written.format("((a3 - y) / N * f'(z3))"), network, "rows").verdict == "correct"
    assert grade("dW1", written.format("((a3 - y) / N)"), network, "rows").slip == "missing-derivative-output"


def test_a_matrix_of_equal_columns_is_no_column():
    network, wide = Architecture((3, 4, 5, 2), ("tanh", "sigmoid", "tanh")), "outer(delta2, a1 / a1)"
    (answer,) = read_line(ask("db2", 3), wide, 3, "columns").terms.values()
    found = counterexample(network, "columns", leaf("db", 2), answer, leaf("db", 2), {}, fits=False)
    assert found["yours"] != found["right"]


@pytest.mark.parametrize("factor", [7, 11, 13])
def test_a_counterexample_shows_the_line_above_as_it_was_written(factor):
    network = Architecture((3, 4, 2), ("tanh", "sigmoid"))
    found = grade("dW2", "2 * delta2.T @ a1", network, "rows", given=[f"delta2 = {factor} * a2"]).counterexample
    assert found["delta2"] % factor == 0
    assert found["yours"] == 2 * found["delta2"] * found["a1"] == 2 * found["right"] != 0


def test_a_derivative_by_two_things_at_once_is_unreadable():
    network = Architecture((3, 4, 2), ("tanh", "sigmoid"))
    assert grade("delta2", "d(c, a2) * f'(z2)", network, "columns").verdict == "correct"
    assert grade("delta2", "d(c, a2, a2) * f'(z2)", network, "columns").verdict == "unreadable"


def test_sizes_are_counted_from_the_input_and_from_the_last_layer():
    widths = {"n0": 5, "n1": 6, "n[1]": 6, "nL": 7, "n[L-1]": 6, "n[l-1]": 5, "n[l]": 6}
    assert {name: counted(sp.Symbol(name), 2, 1, [5, 6, 7]) for name in widths} == widths


def test_signs_of_fractions():
    numbers = np.array([Fraction(1, 2), Fraction(0), Fraction(-1, 2), Fraction(3)], dtype=object)
    assert EXACT["sign"](numbers).tolist() == [1, 0, -1, 1]


def test_a_mean_is_missing_in_rows_only():
    network = Architecture((3, 4, 2), ("tanh", "sigmoid"))
    tags = {layout: {tag for tag, _ in bench(network, layout).singles("dW", 2)} for layout in ("rows", "columns")}
    assert tags["rows"] - tags["columns"] == {"missing-mean"}


def test_a_loss_whose_derivative_is_1():
    network = Architecture((3, 2), ("identity",), loss={"name": "own", "expression": "a - y"})
    assert grade("delta1", "1 / N", network, "rows").corrected == "delta1 = 1 / N"
    assert grade("delta1", "2 / N", network, "rows").slip == "constant-factor"
    assert grade("delta1", "1", network, "columns").verdict == "correct"


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_zero_weights_are_about_the_last_hidden_layer(depth):
    names = ("sigmoid",) * (depth - 2) + ("tanh", "identity")
    said = zero_weights(Architecture((2,) * (depth + 1), names)).formula
    assert said.startswith(f"f[{depth - 1}](0) = 0 (tanh)")


@pytest.mark.parametrize("written", ["d(loss, b[:])", "d(c, b[1:2])", "b[:]", "d(c, W[1, :])", "W[1, ::2]", "b[l][:]"])
def test_slices_are_refused_wherever_labels_are_counted_anew(written):
    own = replace(usual("columns"), input_layer=1)
    with pytest.raises(FormulaError, match="a slice such as"):
        translated(f"{written} = 1", own)


def test_what_does_not_fit_is_shown_in_few_words():
    with pytest.raises(FormulaError, match="does not fit") as error:
        read_sides("delta[l] = delta[l]" + " * delta[l]" * 50 + " @ W[l]", read_ranges("l = 1..L", "columns"))
    assert len(str(error.value)) < 800  # 1,245 if it is shown whole
