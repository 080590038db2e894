"""Grades: right in every way of writing, slips by name, follow-through, and what cannot be read."""

from __future__ import annotations

import json
import time
from itertools import islice

import pytest

from benchmarks.planting import ARCHITECTURES, pairs, right, slipped
from benchmarks.planting_vocabulary import SHEETS
from derive import Architecture, DeriveError, grade
from derive.proof.grading.slips import BY_TAG
from derive.teach.derivation import grade_lines, to_json

NETWORK = Architecture((3, 4, 5, 2), ("tanh", "sigmoid", "tanh"))
FEW = 17
EACH = [
    pytest.param(a, id="-".join(map(str, a.sizes)), marks=[pytest.mark.slow] * (k % 3 > 0))
    for k, a in enumerate(ARCHITECTURES)
]
"""Every so manieth case; all of them are in `make grading`."""


@pytest.mark.parametrize("architecture", EACH)
def test_planted_slips_are_named(architecture):
    for tag, layout, quantity, formula in islice(slipped(architecture), 0, None, FEW):
        found = grade(quantity, formula, architecture, layout)
        assert (found.verdict, found.slip) == ("incorrect", tag), (layout, quantity, formula)


@pytest.mark.parametrize(
    ("quantity", "formula"),
    [
        ("delta2", "((a2 - y) / N) @ f'(z2)"),
        ("delta1", "((((a2 - y) / N) @ f'(z2)) @ W2) * f'(z1)"),
    ],
)
def test_slips_with_a_slope_of_1_are_named_though_the_shortest_answer_leaves_it_out(quantity, formula):
    found = grade(quantity, formula, Architecture((3, 3, 3), ("tanh", "identity")), "rows")
    assert found.slip == "matrix-product-for-hadamard"
    assert "f'(z2)" not in found.corrected


def test_each_tag_is_named_somewhere():
    named = set()
    network = ARCHITECTURES[7]  # with a residual connection
    for tag, layout, quantity, formula in slipped(network):
        if (tag, layout) not in named:
            assert grade(quantity, formula, network, layout).slip == tag
            named.add((tag, layout))
    assert {tag for tag, _ in named} == set(BY_TAG)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda s: f"{s.architecture.activations[-1].name}-{s.architecture.loss}")
def test_other_layers_and_losses(sheet):
    for quantity, formula in sheet.right[::2]:
        found = grade(quantity, formula, sheet.architecture, sheet.layout)
        assert found.verdict == "correct", (quantity, formula, found.message)
    for tag, quantity, formula in sheet.slipped[::2]:
        found = grade(quantity, formula, sheet.architecture, sheet.layout)
        assert (found.verdict, found.slip) == ("incorrect", tag), (quantity, formula, found.message)
    for quantity, formula in sheet.wrong[::2]:
        assert grade(quantity, formula, sheet.architecture, sheet.layout).verdict == "incorrect", (quantity, formula)


def test_a_general_formula_is_tried_at_every_kind_of_layer():
    mixed = Architecture((3, 4, 5, 6, 4, 5, 3, 2), ("tanh", "tanh", "sigmoid", "tanh", "tanh", "tanh", "tanh"))
    assert grade("delta[l]", "(delta[l+1] @ W[l+1]) * (1 - a[l]**2)", mixed).verdict == "incorrect"
    around = Architecture((3, 4, 4, 4, 4, 4, 2), ("tanh",) * 6, layers=({}, {"residual": 1}, {}, {}, {}, {}))
    found = grade("delta[l]", "(delta[l+1] @ W[l+1]) * f'(z[l])", around)
    assert (found.verdict, found.slip) == ("incorrect", "missing-path")
    assert grade("delta[l]", "da[l] * f'(z[l])", around).verdict == "correct"


@pytest.mark.parametrize("architecture", EACH)
def test_right_formulas_are_accepted(architecture):
    for layout, quantity, formula in islice(right(architecture), 0, None, FEW):
        found = grade(quantity, formula, architecture, layout)
        assert found.verdict == "correct", (layout, quantity, formula, found.message)


@pytest.mark.parametrize("architecture", ARCHITECTURES[:3], ids=lambda a: "-".join(map(str, a.sizes)))
def test_pairs_of_slips_are_incorrect(architecture):
    for _, layout, quantity, formula in islice(pairs(architecture), 0, None, 3 * FEW):
        assert grade(quantity, formula, architecture, layout).verdict == "incorrect", (layout, quantity, formula)


@pytest.mark.parametrize(
    ("layout", "quantity", "formula"),
    [
        ("rows", "delta[l]", "(delta[l+1] @ W[l+1]) * f'(z[l])"),
        ("rows", "dW[l]", "delta[l].T @ a[l-1]"),
        ("rows", "dW[l]", "((delta[l+1] @ W[l+1]) * df(z[l])).T @ a[l-1]"),
        ("columns", "delta[l]", "diag(f'(z[l])) @ W[l+1].T @ delta[l+1]"),
        ("columns", "dW[l]", "outer(delta[l], a[l-1])"),
        ("rows", "delta[L]", "(a[L] - y) * f'(z[L]) / N"),
        ("rows", "delta2", "delta2 = da2 * df(z2)"),
        ("rows", "dW1", "((((a3 - y) * df(z3) / N @ W3) * a2 * (1 - a2) @ W2) * (1 - a1**2)).T @ x"),
    ],
)
def test_general_layers_and_lines_written_out(layout, quantity, formula):
    assert grade(quantity, formula, NETWORK, layout).verdict == "correct"


def test_a_message_says_what_was_written_what_is_wrong_and_the_rule():
    found = grade("delta2", "(W3 @ delta3) * f'(z2)", NETWORK)
    assert found.message.startswith("You wrote delta2 = (W3 @ delta3) * f'(z2). ")
    assert "W3 is 2×5 and delta3 is N×2, so W3 must stand on the right." in found.message
    found = grade("delta2", "delta3 @ W3", NETWORK)
    assert "consistent with a missing f'(z)" in found.message
    assert "The rule: " in found.message
    assert found.corrected == "delta2 = (delta3 @ W3) * f'(z2)"


def test_two_slips_are_named_together():
    found = grade("delta2", "-(delta3 @ W3)", NETWORK)
    assert (found.verdict, found.slip) == ("incorrect", None)
    assert "2 slips together" in found.message


@pytest.mark.parametrize("formula", ["delta3 @ W3", "-(delta3 @ W3) * df(z2)", "2*a2", "(delta3 @ W3.T) * df(z2)"])
@pytest.mark.parametrize("network", ARCHITECTURES[:1] + ARCHITECTURES[2:4])
def test_the_counterexample_really_differs(formula, network):
    example = grade("delta2", formula, network).counterexample
    assert example["yours"] != example["right"]
    assert example["N"] >= 1
    assert json.loads(json.dumps(example)) == example


def test_follow_through():
    own = ["delta2 = delta3 @ W3"]
    assert grade("dW2", "delta2.T @ a1", NETWORK, given=own).verdict == "correct"
    assert "your own delta2" in grade("delta1", "(delta2 @ W2) * df(z1)", NETWORK, given=own).message
    assert grade("dW2", "((delta3 @ W3) * df(z2)).T @ a1", NETWORK, given=own).verdict == "correct"
    assert grade("dW2", "(delta3 @ W3).T @ a1", NETWORK, given=own).verdict == "correct"
    assert grade("dW2", "(delta3 @ W3).T @ a1", NETWORK).slip == "missing-derivative"
    assert grade("dW1", "delta1.T @ a1", NETWORK, given=own).slip == "wrong-activation-index"
    assert grade("dW2", "delta2 @ a1.T", NETWORK, "columns", ["delta2 = W3.T @ delta3"]).verdict == "correct"


def test_a_given_line_that_does_not_fit_is_not_used():
    assert grade("dW2", "delta2.T @ a1", NETWORK, given=["delta2 = W3 @ delta3"]).verdict == "correct"


@pytest.mark.parametrize(
    ("quantity", "formula", "words"),
    [
        ("delta2", "delta3 @ @ W3", ["column 10", "Up to there it reads delta3"]),
        ("delta2", "delta3 @ W9", ["layer 9 does not exist", "1..3"]),
        ("delta2", "(delta3 @ W3", ["never closed"]),
        ("delta2", "detla3 @ W3", ["unknown name 'detla3'"]),
        ("delta2", "__import__('os')", ["unknown function"]),
        ("delta2", "", ["empty"]),
        ("delta2", "dW2 = a1", ["asked for is delta2"]),
        ("gamma2", "a1", ["not a quantity"]),
        ("delta9", "a1", ["no such layer", "1..3"]),
    ],
)
def test_what_cannot_be_read_is_unreadable(quantity, formula, words):
    found = grade(quantity, formula, NETWORK)
    assert (found.verdict, found.slip, found.counterexample) == ("unreadable", None, {})
    assert all(word in found.message for word in words), found.message


@pytest.mark.parametrize(
    "formula",
    [
        "a1+" * 5000,
        "(" * 400 + "a2" + ")" * 400,
        "delta3" + " @ W3 @ W3.T" * 24,
        "((((9**64)**64)**64)**64)**64",
        "((((a2**64)**64)**64)**64)**64",
        "f(" * 50 + "z2" + ")" * 50,
        "*".join(["(a2 + z2)"] * 50),
        "exp(exp(exp(exp(exp(z2)))))",
    ],
)
def test_long_and_deep_input_ends_quickly(formula):
    start = time.process_time()
    assert grade("delta2", formula, NETWORK).verdict != "correct"
    assert time.process_time() - start < 2  # a second, and the first grade of a network


def test_undecided_is_not_a_pass():
    identity = "(delta3 @ W3) * df(z2) * (sin(b2)**2 + cos(b2)**2)"
    assert grade("delta2", identity, NETWORK).verdict == "undecided"
    assert grade("delta2", "sin(z2)", NETWORK).verdict == "incorrect"
    assert grade("delta2", "sqrt(exp(z2))", NETWORK).verdict == "incorrect"
    assert grade("delta2", "delta2", NETWORK).verdict == "undecided"


def test_a_layout_that_does_not_exist():
    with pytest.raises(DeriveError, match="--layout"):
        grade("delta2", "a1", NETWORK, "row")


DERIVATION = """# backwards
delta3 = (a3 - y) / N * f'(z3)
dW3 = delta3.T @ a2
delta2 = delta3 @ W3           # forgets f'
dW2 = delta2.T @ a1
db2 = delta2

delta1 = (delta2 @ @ W2)
"""


def test_a_derivation_is_graded_line_by_line():
    lines = grade_lines(DERIVATION, NETWORK)
    assert [line.number for line in lines] == [2, 3, 4, 5, 6, 8]
    assert "".join(line.mark for line in lines) == "✓✓✗✓✗…"
    assert [line.grade.slip for line in lines] == [None, None, "missing-derivative", None, "bias-not-summed", None]
    document = json.loads(to_json(lines))
    assert document["counts"] == {"correct": 3, "incorrect": 2, "unreadable": 1}
    assert document["lines"][2]["line"] == 4


def test_the_command(derive, tmp_path):
    layers = ("--layers", "3-4-5-2")
    assert derive("grade", "dW2", "delta2.T @ a1", *layers).status == 0
    assert derive("grade", "dW2", "a1.T @ delta2", *layers).status == 1
    assert derive("grade", "delta3", "-(y - a3) / N", *layers).status == 0
    assert derive("grade", "dW2", "a1.T @", *layers).status == 2
    assert "For example, with N = 2" in derive("grade", "db2", "delta2", *layers).out
    found = json.loads(derive("grade", "dW2", "a1.T @ delta2", *layers, "--json").out)
    assert list(found) == ["verdict", "slip", "read_as", "message", "corrected", "counterexample"]
    assert found["slip"] == "outer-product-order"
    given = ("--given", "delta2 = delta3 @ W3")
    assert derive("grade", "dW2", "delta2.T @ a1", *layers, *given).out.startswith("Right, as it follows")
    (tmp_path / "d.txt").write_text(DERIVATION)
    result = derive("grade", "--file", "d.txt", *layers)
    assert result.status == 1
    assert result.out.rstrip().endswith("3 correct, 2 incorrect, 1 unreadable")
    (tmp_path / "d.txt").write_text("dW2 = delta2.T @ a1\n")
    assert derive("grade", "--file", "d.txt", *layers).status == 0
    assert json.loads(derive("grade", "--file", "d.txt", *layers, "--json").out)["counts"] == {"correct": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("delta2",), "nothing to grade"),
        (("delta2", "a1"), "no architecture"),
        (("delta2", "a1", "--file", "d.txt"), "--file"),
        (("--file", "absent.txt", "--layers", "2-3-1"), "absent.txt"),
        (("delta1", "a1", "--layers", "2-3-1", "--layout", "diagonal"), "--layout"),
    ],
)
def test_a_command_that_cannot_be_used(derive, arguments, words):
    result = derive("grade", *arguments)
    assert (result.status, result.out) == (2, "")
    assert words in result.err


@pytest.mark.parametrize(
    ("quantity", "formula"),
    [("dW2", "delta2.T @ a1 * 1931011320"), ("delta2", "(a2 - y) / N + 1931011319"), ("db2", "sum(delta2)*(2**31-1)")],
)
def test_what_is_right_modulo_a_prime_only_is_wrong(quantity, formula):
    found = grade(quantity, formula, Architecture((3, 4, 2), ("tanh", "identity")))
    assert found.verdict == "incorrect"
    assert found.slip in (None, "constant-factor")
    assert found.counterexample


def test_large_numbers_may_be_right():
    assert (
        grade("dW2", "delta2.T @ a1 * (44000 - 43999)", Architecture((3, 4, 2), ("tanh", "identity"))).verdict
        == "correct"
    )


@pytest.mark.parametrize(
    ("activation", "formula", "beyond"),
    [
        ("relu", "where(z1 > 0, 1, 0)", ""),
        ("relu", "where(z1 > 0.1, 1, 0)", "1/10"),
        ("relu", "where(z1 - 5 > 0, 1, f'(z1))", "5"),
        ("tanh", "where(z1 > 1000, 0, 1 - a1**2)", "1000"),
        ("tanh", "max(min(1 - a1**2, 50), -50)", "50"),
        ("tanh", "(1 - a1**2) * N / max(N, 1)", "N"),
        ("leaky_relu", "where(z1 > 0, 1, 0.01)", ""),
        ("leaky_relu", "max(sign(z1), 0.01)", ""),
        ("relu6", "where(z1 > 0, where(z1 < 6, 1, 0), 0)", ""),
        ("hardsigmoid", "where(abs(z1) < 3, 1/6, 0)", ""),
    ],
)
def test_comparisons_are_with_numbers_that_have_been_tried_on_both_sides(activation, formula, beyond):
    found = grade("delta1", f"(delta2 @ W2) * {formula}", Architecture((3, 4, 2), (activation, "identity")))
    assert found.verdict == ("undecided" if beyond else "correct")
    assert (f"it compares with {beyond}, and numbers" in found.message) == bool(beyond)
