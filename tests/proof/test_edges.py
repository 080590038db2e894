"""Edges of what is read and valued: lines, answers without a value, causes, counts of functions and pairs."""

import ast

import numpy as np
import pytest

from derive import Architecture, differentiate
from derive.model.activation import Activation, activation
from derive.model.errors import FormulaError
from derive.proof.examples import blindspots
from derive.proof.examples.blindspots import Finding, Setting
from derive.proof.examples.example import Example
from derive.proof.grading import answer_reader, recognise, term_reader
from derive.proof.grading.answers import ask, read_line, split_line
from derive.proof.grading.recognise import bench, bench_of
from derive.proof.grading.slips import BY_TAG
from derive.proof.grading.term_reader import TermReader
from derive.proof.grading.terms import Term, leaf, show
from derive.proof.grading.truth import slippable
from derive.proof.numbers.arrays import UnfitError
from derive.proof.numbers.functions import keeps_sign
from derive.proof.numbers.small import small
from derive.proof.numbers.valuation import NoValueError

TANH, SIGMOID, RELU = map(activation, ("tanh", "sigmoid", "relu"))
PLAIN = Architecture((3, 2, 2), ("tanh", "sigmoid"))


def read(text, layout="rows"):
    return TermReader(2, {}, 2, layout).read(text)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("da1 * df(z1)", True),
        ("da1 * df(z1) * 2", False),
        ("inv(b1.T @ b1) @ b1.T", False),  # has no inverse anywhere
        ("da1 @ inv(W1)", False),  # one where sizes coincide, and is wrong there
        ("da1 * df(z1) @ inv(W1) @ W1", None),  # one where sizes coincide, and is right there
        ("a1 ** N", None),
    ],
)
def test_an_answer_without_a_value(answer, right):
    own = bench(PLAIN, "rows")
    if right is None:
        with pytest.raises(NoValueError):
            own.is_right("delta", 1, read(answer))
    else:
        assert own.is_right("delta", 1, read(answer)) is right


def test_pairs_of_slips_are_looked_for_until_there_are_enough(monkeypatch):
    def count(limit):
        monkeypatch.setattr(recognise, "PAIR_LIMIT", limit)
        return len(bench_of(differentiate(PLAIN), "rows").pairs("db", 2))

    assert count(0) < count(400)
    for limit in range(count(0), count(400)):
        assert count(limit) > limit


@pytest.mark.parametrize(
    "text", ["a1", "exp(a1 + f(z1))", "exp(f(inv(df(tanh(z1)))))", "sum(abs(log(b1 @ exp(z1))))", "f(x) + f(x)"]
)
def test_functions_within_one_another_are_counted_alike(text):
    found = term_reader._functions(read(text))
    assert answer_reader._functions(ast.parse(text, mode="eval")) == found
    assert answer_reader._functions(ast.parse(f"f({text})", mode="eval")) == found + 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (lambda s: s.samples > 3, "N = 3"),
        (lambda s: len(set(s.sizes)) == 3, "widths 2-3-3 coincide"),
        (lambda s: s.activations[0] is None, "relu: with an f about which nothing is known it would show"),
        (
            lambda s: s.activations[1] is None and s.samples > 3,
            "N = 3 and tanh: with an f about which nothing is known it would show",
        ),
        (lambda s: s.activations == (None, None) and s.samples > 3 and len(set(s.sizes)) == 3, "all"),
        (lambda s: False, "no other example shows it either"),
    ],
)
def test_all_causes_that_are_needed_are_named_and_no_others(monkeypatch, changed, why):
    monkeypatch.setattr(blindspots, "_how", lambda slip, layer, setting: "value" if changed(setting) else "hidden")
    setting = Setting((2, 3, 3), 3, (RELU, TANH))
    finding = Finding(BY_TAG["sign"], ((1, "hidden"), (2, "value")))
    found = blindspots._explained(finding, setting).why
    assert found == why or (why == "all" and found.count(" and ") == len(blindspots._causes(setting)) - 1 == 3)


def test_which_functions_keep_the_sign_of_their_argument():
    kept = {text: keeps_sign(Activation("own", text)) for text in (
        "max(z, 0)", "where(z > 0, z, 0.1*z)", "where(z > 0, z, exp(z) - 1)", "min(max(z, 0), 6)",
        "abs(z)", "where(z > 0, 2*z, -z)", "max(z, 1)", "max(z, 0) - 1", "max(z + 1, 0)", "tanh(z)",
        "where(z > 0, z, -0.1*z)",
    )}  # fmt: skip
    assert [text for text, own in kept.items() if own] == list(kept)[:4]


def test_a_derivative_by_a_trained_constant_is_taken_where_it_starts():
    bent = [Activation(f"bent{t}", "where(z > 0, z, tilt**2 * z)", (("tilt", t),), ("tilt",)) for t in (2, 3)]
    for seed in range(3):
        values = small(Architecture((2, 2, 2), bent), "rows", 2, (2, 2, 2), seed).values
        for k, tilt in ((1, 2), (2, 3)):
            z, da = values[leaf("z", k)], values[leaf("da", k)]
            slopes = np.where(z > 0, 0, 2 * tilt * z)
            assert (values[leaf("dtilt", k)] == (da * slopes).sum()).all()


@pytest.mark.parametrize("line", ["delta2 =", "= a1", "=", "delta2", " = ", "1) = a1", "delta2 = ;"])
def test_a_line_has_two_sides(line):
    with pytest.raises(FormulaError, match="quantity = formula"):
        split_line(line)


@pytest.mark.parametrize(
    ("quantity", "left", "same"),
    [
        ("delta1", "delta[L-1]", True), ("delta1", "delta[1]", True), ("delta2", "delta[L]", True),
        ("dW2", "dL/dW[L]", True), ("delta[L]", "delta2", True), ("delta[l]", "dL/dz[l]", True),
        ("delta[l]", "delta1", False), ("delta1", "delta[L]", False),
        ("delta1", "delta[l]", False), ("db1", "delta1", False), ("delta1", "delta9", False),
    ],
)  # fmt: skip
def test_a_quantity_may_be_written_in_any_way(quantity, left, same):
    asked = ask(quantity, 2)
    if same:
        assert read_line(asked, f"{left} = a1", 2, "rows").text == "a1"
    else:
        with pytest.raises(FormulaError, match="but the line defines"):
            read_line(asked, f"{left} = a1", 2, "rows")


def test_slips_may_be_made_with_and_without_a_derivative_that_is_one():
    def forms(output):
        (found,) = slippable(differentiate(Architecture((3, 2, 2), ("tanh", output))), "rows", "delta", 2, 0)
        return [any(part.head == "df" for part in form.walk()) for form in found]

    assert forms("identity") == [False, True]
    assert forms("sigmoid") == [True]


def test_a_mean_says_what_it_takes():
    with pytest.raises(FormulaError, match="mean takes 1 argument, not 3"):
        read_line(ask("delta1", 2), "mean(a1, units, a1)", 2, "rows")


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_bias_may_stand_or_lie(layout):
    own = bench(PLAIN, layout)
    for text, base, right in (
        ("db1", "db", True),
        ("db1.T", "db", True),
        ("dW1.T", "dW", False),
        ("2 * db1.T", "db", False),
    ):
        assert own.is_right(base, 1, read(text, layout)) is right


@pytest.mark.parametrize("head", ["diag", "outer", "max", "tanh"])
def test_what_a_worked_example_does_not_know_has_no_value(head):
    with pytest.raises(UnfitError, match=head):
        Example((2, 2), 2, (TANH,), 0).value(Term(head, (leaf("a", 1),)))


@pytest.mark.parametrize(
    "text",
    [
        "a1 - b1 + a1", "a1 - (b1 + a1)", "a1 - (b1 - a1)", "a1 + b1 - a1", "(a1 - b1) * a1", "a1 * (a1 + b1)",
        "where(a1 - b1 > a1, a1, b1)", "where(a1 > a1 + b1, a1, b1)", "a1 - b1 * a1", "a1 / b1 * a1", "a1 / (b1 * a1)",
        "(a1 * b1) ** 2", "a1 * b1 ** 2", "(-a1) ** 2", "-a1 ** 2", "-(a1 + b1)", "-a1 + b1", "a1 * -b1",
        "(a1 + b1) ** 2", "(a1 ** 2) ** 2",
    ],
)  # fmt: skip
def test_brackets_stand_where_they_are_needed(text):
    assert show(read(text)) == text
