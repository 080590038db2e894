"""Small parts by themselves: bounds, shapes and texts that whole formulas seldom reach."""

import dataclasses
import importlib
import pkgutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from derive import proof
from derive.algebra.gradient import differentiate
from derive.algebra.notation import L, N, index, size
from derive.algebra.program import Equation, Tensor
from derive.algebra.residues import PRIME
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.examples.blindspots import Setting, _causes, _distinct, _example, _small, _special
from derive.proof.examples.example import Example
from derive.proof.formulas.conventions import read_conventions, usual
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.formulas.sides import names_layers, read_sides
from derive.proof.grading.answers import ask, readable_start, split_line
from derive.proof.grading.slip_rules import weights
from derive.proof.grading.terms import Term, leaf, show, transposed
from derive.proof.grading.truth import NoMatrixFormError, matrix_form
from derive.proof.grading.written import written
from derive.proof.numbers import reals
from derive.proof.numbers.arrays import OPERATIONS
from derive.proof.numbers.network_data import COINCIDING, DISTINCT, draw
from derive.proof.numbers.small import SHAPES, counterexample, small
from derive.proof.numbers.valuation import MISFIT, NoValueError, Residual, fraction, inverse_of, ratio
from derive.proof.seal import seal
from derive.proof.theorems import canonical
from derive.proof.theorems.refute import _sizes, _unequal
from derive.proof.theorems.relations import relations
from derive.proof.theorems.texts import find_text
from derive.proof.words.settings import SETTINGS

TANH = Architecture((2, 1), ("tanh",)).activations[0]
NUMBERS = {
    rows: Residual(draw(differentiate(Architecture((2, 1), ("tanh",))), rows, 2, (2, 1), 0)) for rows in ("rows",)
}
l = index("l")


@pytest.mark.parametrize(
    ("label", "first", "depth", "fits"),
    [
        (0, 0, 3, True), (0, 1, 3, False), (1, 1, 3, True), (3, 1, 3, True), (4, 1, 3, False), (-1, 0, 3, False),
        (0, 0, L, True), (0, 1, L, False), (1, 1, L, True), (2, 1, L, False), (L, 1, L, True), (L - 1, 0, L, True),
        (L - 1, 1, L, False), (L + 1, 1, L, False), (l, 1, L, True), (l - 1, 1, L, False), (l - 1, 0, L, True),
        (l + 1, 1, L, False), (l, 1, 3, True), (l + 1, 1, 3, False), (l - 1, 1, 3, False),
        (l / 2, 1, 3, False), (l / 2, 0, 4, False),
    ],
)  # fmt: skip
def test_where_a_label_may_lie(label, first, depth, fits):
    depth = sp.sympify(depth)
    scope = Scope("columns", {"l": (sp.S.One, depth)}, depth)
    assert (scope.misplaced(sp.sympify(label), first) == "") == fits


def test_a_seal_is_the_same_for_ever():
    content = {"b": "é", "a": [1, "x"], "seal": "old"}
    assert seal(content) == seal({"a": [1, "x"], "b": "é"})
    assert seal(content) == "sha256:0a30c37ef92124fc45145be839e4ca9df20eb6ff9da3da8b8c4334c11391efac"


def test_other_widths_are_distinct_and_keep_a_single_output():
    assert [_distinct(Setting(sizes, n, (TANH,) * 2)).sizes for sizes, n in (((2, 1, 3), 9), ((3, 3, 1), 9))] == [
        (2, 3, 4),
        (2, 3, 1),
    ]
    assert _distinct(Setting((2, 2, 2), 3, (TANH,) * 2)).sizes == (2, 4, 5)
    assert _distinct(Setting((1, 1), 2, (TANH,))).sizes == (3, 1)


def test_the_examples_among_which_the_smallest_is_looked_for():
    found = _small(Setting((2, 1, 1), 3, (TANH, TANH)))
    assert len(found) == 27 * 3
    assert (found[0].sizes, found[0].samples) == ((1, 1, 1), 1)
    assert (found[-1].sizes, found[-1].samples) == ((3, 3, 3), 3)
    forked = _small(Setting((2, 3, 3, 1), 4, (TANH, TANH, TANH), (0, 1, 0)))
    assert len(forked) == 27 * 3
    assert all(s.sizes[1] == s.sizes[2] for s in forked)
    assert found == sorted(found, key=lambda s: (s.count, s.samples, s.sizes))
    assert Setting((3, 2, 1), 4, (TANH, TANH)).count == 2 * 4 + 1 * 3 + 4 * (3 + 1)


def test_equal_activations_are_one_cause():
    again = Activation(TANH.name, TANH.expression, TANH.constants)
    words, without = _special(TANH)
    assert words.startswith("tanh: ")
    assert without(Setting((2, 2, 1), 2, (TANH, again))).activations == (None, None)


@pytest.mark.parametrize("text", ["a1 @", "a1 @ @", "a1 @@ W2", "a1 )", "a1)", "a1", "", "a1 + (a2 @", f"a1{'@' * 39}"])
def test_how_far_a_line_can_be_read(text):
    start = readable_start(ask("delta2", 3), text, 3)
    assert (show(start) if start else "") == ("a1" if text[2:] else "")
    assert readable_start(ask("delta2", 3), f"a1{'@' * 40}", 3) is None  # too far from the end


def test_another_number_of_samples_is_larger_than_every_size():
    setting = Setting((2, 3, 1), 2, (TANH, TANH))
    assert [change(setting).samples for _, change in _causes(setting)] == [4, 2, 2]


def test_small_sizes_stand_for_large_ones():
    found = _example(Setting((64, 1, 32, 64), 10, (TANH,) * 3), 0)
    assert (found.sizes, found.samples, found.mean) == ((4, 1, 3, 4), 2, 10)


def test_the_forward_pass_of_an_example():
    values = Example((2, 3, 1), 4, (TANH, TANH), 0).values
    for k in (1, 2):
        assert (values[f"z{k}"] == values[f"a{k - 1}"] @ values[f"W{k}"].T + values[f"b{k}"]).all()
        assert values[f"b{k}"].shape == (1, (2, 3, 1)[k])


def test_as_many_numberings_as_are_allowed(monkeypatch):
    monkeypatch.setattr(canonical, "MAX_NUMBERINGS", 6)
    a, n, indices = sp.IndexedBase("a"), sp.Symbol("n"), [index(name) for name in "ijkm"]
    three = sp.Sum(sp.prod(a[i] for i in indices[:3]) + 1, *((i, 1, n) for i in indices[:3]))
    assert "sum" in canonical.canonical(three)
    with pytest.raises(canonical.SwellError):
        canonical.canonical(sp.Sum(sp.prod(a[i] for i in indices), *((i, 1, n) for i in indices)))


def column(*values):
    return np.array(values, dtype=np.int64)[None, :, None]


def test_a_product_that_does_not_fit_has_a_value_up_to_six_rows():
    times = NUMBERS["rows"].times
    six, seven = column(*range(1, 7)), column(*range(1, 8))
    weighted = sum(weight * entry for weight, entry in zip(MISFIT, range(1, 7), strict=True))
    assert times(column(1, 2), six).tolist() == [[[weighted % PRIME], [2 * weighted % PRIME]]]
    assert times(six.swapaxes(1, 2), column(1, 2).swapaxes(1, 2)).tolist() == [
        [[weighted % PRIME, 2 * weighted % PRIME]]
    ]
    for left, right in (
        (column(1, 2), seven),
        (seven.swapaxes(1, 2), column(1, 2).swapaxes(1, 2)),
        (six @ six.swapaxes(1, 2), seven @ seven.swapaxes(1, 2)),
    ):
        with pytest.raises(NoValueError, match="do not fit"):
            times(left, right)


def test_what_the_entries_of_a_column_count_where_nothing_fits_are_primes():
    assert all(map(sp.isprime, MISFIT))
    assert sorted(set(MISFIT)) == list(MISFIT)


TWO = np.array([[Fraction(3), Fraction(-2)], [Fraction(0), Fraction(5)]])
OTHER = np.array([[Fraction(3), Fraction(4)], [Fraction(1), Fraction(-7)]])


@pytest.mark.parametrize(
    ("name", "parts", "right"),
    [
        ("+", (TWO, OTHER), [[6, 2], [1, -2]]),
        ("-", (TWO, OTHER), [[0, -6], [-1, 12]]),
        ("*", (TWO, OTHER), [[9, -8], [0, -35]]),
        ("/", (OTHER * 3, OTHER), [[3, 3], [3, 3]]),
        ("@", (TWO, OTHER), [[7, 26], [5, -35]]),
        ("**", (TWO, 3), [[27, -8], [0, 125]]),
        ("T", (TWO,), [[3, 0], [-2, 5]]),
        ("negative", (TWO,), [[-3, 2], [0, -5]]),
        ("sum", (TWO,), [[3, 3]]),
        ("units", (TWO,), [[1], [5]]),
        ("mean of units", (TWO,), [[Fraction(1, 2)], [Fraction(5, 2)]]),
        ("sign", (TWO,), [[1, -1], [0, 1]]),
        ("abs", (TWO,), [[3, 2], [0, 5]]),
        ("where", (TWO > 0, TWO, OTHER), [[3, 4], [1, 5]]),
        (">", (TWO, OTHER), [[0, 0], [0, 1]]),
        ("<", (TWO, OTHER), [[0, 1], [1, 0]]),
        (">=", (TWO, OTHER), [[1, 0], [0, 1]]),
        ("<=", (TWO, OTHER), [[1, 1], [1, 0]]),
    ],
)
def test_what_is_computed_in_a_worked_example(name, parts, right):
    assert OPERATIONS[name](*(part * 1 if hasattr(part, "dtype") else part for part in parts)).tolist() == right


def test_every_operation_of_a_worked_example_is_tested():
    (marks,) = test_what_is_computed_in_a_worked_example.pytestmark
    assert {name for name, *_ in marks.args[1]} == set(OPERATIONS)


@pytest.mark.parametrize("head", sorted(OPERATIONS))
def test_weights_are_exchanged_in_matrix_products_only(head):
    w, a = leaf("W", 2), leaf("a", 1)
    for part in (w, transposed(w)):
        for pair in ((part, a), (a, part)):
            found = list(weights(lambda old, setting: [leaf("V", 2)], Term(head, pair), None))
            right = [Term(head, tuple(leaf("V", 2) if p is part else p for p in pair))]
            assert found == (right if head == "@" else [])


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("delta2 := a1 := z1", ("delta2", "a1 := z1")),
        ("1. 2. delta2 = a1;", ("2. delta2", "a1")),
        ("delta2 = a1 = z1 ; ;", ("delta2", "a1 = z1")),
    ],
)
def test_a_line_is_split_once(line, parts):
    assert split_line(line) == parts


def test_how_deep_a_network_may_be_for_exact_numbers(monkeypatch):
    monkeypatch.setattr(reals, "DEEPEST", 1)
    for depth in (1, 2):
        network = Architecture((1,) * (depth + 1), ("identity",) * depth)
        assert reals.agree(network, "rows", leaf("a", 1), leaf("z", 1)) is (depth == 1)


@pytest.mark.parametrize("name", ["none", "none.txt", "none.tomk"])
def test_a_text_that_there_is_not(name):
    with pytest.raises(DeriveError, match=r"^--text: there is no file none"):
        find_text(name)


def test_a_file_that_there_is_not():
    with pytest.raises(DeriveError, match=r"^none\.toml"):
        find_text("none.toml")


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_layout_brings_its_cost_unless_another_was_chosen(layout):
    other = "rows" if layout == "columns" else "columns"
    assert read_conventions({"layout": other}, usual(layout)) == usual(other)
    assert read_conventions({"layout": layout}, usual(layout)) == usual(layout)
    for cost in ("mean", "sample", "sum"):
        own = replace(usual(layout), cost=cost)
        if layout == "columns" or cost != "sample":  # which rows cannot have
            assert read_conventions({"layout": layout}, own) == own
    summed = replace(usual(layout), cost="sum")
    assert read_conventions({"layout": other}, summed) == replace(usual(other), cost="sum")
    assert read_conventions({}, summed) == summed


@pytest.mark.parametrize(("base", "layer", "fits"), [("db", 1, True), ("db", 1, False), ("dW", 1, False)])
def test_a_counterexample_knows_that_a_bias_may_stand_or_lie(base, layer, fits):
    network, right = Architecture((2, 3), ("identity",)), leaf(base, layer)
    found = counterexample(network, "rows", right, transposed(right), right, {}, fits=fits)
    assert (found == {}) is fits
    assert counterexample(network, "rows", right, Term("+", (right, right)), right, {}, fits=fits)


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_the_sizes_of_a_counterexample_grow(layout):
    assert SHAPES[layout][0] == (1, (1,))
    assert len(set(SHAPES[layout])) == 5
    assert {samples for samples, _ in SHAPES[layout]} == {1, 2}
    assert {widths for _, widths in SHAPES[layout]} == {(1,), (2, 1), (2, 3, 4, 5)}


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("a[l] = z[l]", False), ("a[L] = y", False), ("a0 = x", False), ("a[0] = x", False), ("x = y", False),
        ("z1 = x", True), ("y = z1", True), ("y = f(x) * f2(x)", True), ("y = f0(x)", False), ("y = F1(x)", True),
        ("y = f[1](x)", True), ("y = df3(x)", True), ("y = f2'(x)", True), ("y = f[0](x)", False), ("y = a[2]", True),
        ("y = n[2]", True), ("y = w[2]", True), ("y = foo[2]", False), ("y = n2", True), ("y = dW12", True),
        ("y = f1x(x)", False), ("y = a[1.5]", False), ("y = a['1']", False),
    ],
)  # fmt: skip
def test_which_formulas_name_layers(formula, names):
    assert names_layers(formula) is names


def test_inverses_modulo_the_prime():
    matrix = np.array([[0, 2, 1], [1, 0, 3], [2, 1, 0]])
    product = (inverse_of(matrix).astype(object) @ matrix.astype(object)) % PRIME
    assert product.tolist() == np.eye(3, dtype=int).tolist()
    with pytest.raises(ZeroDivisionError):
        inverse_of(np.array([[1, 2], [2, 4]]))


@pytest.mark.parametrize(
    ("numerator", "denominator"), [(1, 1), (-3, 7), (2000, 1999), (-1999, 2000), (0, 1), (1, 2000)]
)
def test_small_fractions_are_found_again(numerator, denominator):
    value = numerator * pow(denominator, -1, PRIME) % PRIME
    assert fraction(value) == sp.Rational(numerator, denominator)


@pytest.mark.parametrize(("numerator", "denominator"), [(2001, 1), (1, 2001), (2003, 2011)])
def test_a_large_fraction_is_none(numerator, denominator):
    found = fraction(numerator * pow(denominator, -1, PRIME) % PRIME)
    assert found is None or found != sp.Rational(numerator, denominator)


def test_ratios():
    array = np.array([[0, 3], [4, 5]], dtype=np.int64)
    assert ratio(array * 7 % PRIME, array) == 7
    assert ratio(array, array) == 1
    assert ratio(array + 1, array) is None
    assert ratio(array, array * 0) is None
    assert ratio(column(0, 14, 0), column(0, 2, 0)) == 7  # a single number decides
    assert ratio(column(14, 0, 0), column(2, 0, 1)) is None
    assert ratio(column(0, 14, 3), column(0, 2, 0)) is None
    assert ratio(array * 0, array) is None
    assert ratio(array, np.ones((3, 3), dtype=np.int64)) is None


@pytest.mark.parametrize(
    ("left", "right", "unequal"),
    [
        (sp.sqrt(2), sp.sqrt(2) + sp.Rational(1, 10**19), True),
        (sp.sqrt(2), sp.sqrt(2) + sp.Rational(1, 10**21), True),
        (sp.sqrt(2) * sp.sqrt(3), sp.sqrt(6), False),
        (sp.sqrt(2), sp.sqrt(2) + sp.sqrt(3) / 10**19, True),
        (sp.sqrt(2), sp.sqrt(2) + sp.sqrt(3) / 10**21, False),
        (sp.Integer(2), sp.Integer(2), False),
    ],
)
def test_when_numbers_differ(left, right, unequal):
    assert _unequal(left, right) == unequal


def test_a_number_before_an_outer_product():
    i, j, s = map(index, "ijs")
    n2, n1, samples = size(2), size(1), sp.Symbol("N", integer=True, positive=True)
    delta, a = Tensor("delta2", (samples, n2)), Tensor("a1", (samples, n1))
    tensors = {"delta2": delta, "a1": a, "dW2": Tensor("dW2", (n2, n1))}
    product = 2 * delta[s, i] * a[s, j]
    equation = Equation(tensors["dW2"], (i, j), sp.Sum(product, (s, 1, samples)))
    assert show(matrix_form(equation, tensors, "columns")) == "(2 * delta2) @ a1.T"
    with pytest.raises(NoMatrixFormError):
        matrix_form(Equation(tensors["dW2"], (i, j), sp.gamma(delta[s, i])), tensors, "columns")


SQUARES = {
    "softmax": "(a1[s, i] - y[s, i] + Sum(a1[s, k]*y[s, k], (k, 1, n1)) - Sum(a1[s, k]**2, (k, 1, n1)))*a1[s, i]/N",
    "log_softmax": "(-exp(a1[s, i])*Sum(a1[s, k], (k, 1, n1)) + exp(a1[s, i])*Sum(y[s, k], (k, 1, n1)) + a1[s, i]"
    " - y[s, i])/N",
}


@pytest.mark.parametrize("name", SQUARES)
def test_parts_of_a_softmax_are_written_as_its_output(name):
    _, short, _ = written(differentiate(Architecture((2, 3), [name])), "delta1")
    assert str(short.value) == SQUARES[name]


def test_a_sum_over_samples_in_columns_counts_what_is_the_same_for_all():
    data = small(Architecture((2, 3), ["tanh"]), "columns", 4, (2, 3), 0)
    two = Term("number", number=Fraction(2))
    assert data.value(Term("sum", (two,)), {}).item() == 8
    b = data.value(leaf("b", 1), {})
    assert data.value(Term("sum", (leaf("b", 1),)), {}).tolist() == (4 * b).tolist()


def test_the_sizes_that_answers_are_compared_at():
    for samples, widths in DISTINCT:
        assert sorted((samples, *widths)) == list(range(2, 8))  # each once, and none is 1
    assert len({samples for samples, _ in DISTINCT}) == len({widths for _, widths in DISTINCT}) == len(DISTINCT)
    assert all(set(widths) == {samples} for samples, widths in COINCIDING)
    assert {samples for samples, _ in COINCIDING} == {3, 4}


REMEMBER = {
    *("examples.example.Example", "examples.example.Neuron", "words.experiment.Experiment"),
    *("numbers.functions.ResidueFunctions", "numbers.small.SmallFunctions", "numbers.valuation.Residual"),
    *("numbers.reals.RealFunctions", "numbers.reals.Fine", "grading.recognise.Bench"),
    *("theorems.refute.Table", "formulas.translate._Translator"),
}
"""Classes whose objects change: they hold what was computed or drawn."""


def test_what_is_passed_around_cannot_be_changed():
    names = [module.name for module in pkgutil.walk_packages(proof.__path__, "derive.proof.")]
    found = {
        f"{name.removeprefix('derive.proof.')}.{value.__name__}": value.__dataclass_params__.frozen
        for name in names
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == name
    }
    assert {name for name, frozen in found.items() if not frozen} == REMEMBER
    assert len(found) > 40


def test_the_sizes_at_which_a_formula_is_refuted():
    program = SETTINGS["hidden"].program()
    scope = read_ranges("l = 1..L-1", "columns")
    sides = read_sides("delta[l] = W[l+1].T @ delta[l+1]", scope)
    small, two, distinct = _sizes(sides, program)
    assert set(small.values()) == {1}
    assert {s: n for s, n in two.items() if n != 1} == {N: 2}
    widths = [n for s, n in distinct.items() if s != N]
    assert (distinct[N], sorted(widths)) == (2, list(range(2, 2 + len(widths))))
    for coincide, samples in (("all", [1, 2, 2]), ("widths", [1, 1, 2])):
        found = list(_sizes(replace(sides, scope=replace(scope, coincide=coincide)), program))
        assert [sizes[N] for sizes in found] == samples
        assert [{n for s, n in sizes.items() if s != N} for sizes in found] == [{1}, {2}, {2}]


@pytest.mark.parametrize("ranges", ["l = 1..L", "l = L-1..L", "l = 1..2", "l = 2..L"])
@pytest.mark.parametrize("functions", [("tanh", "tanh", "tanh"), ("sigmoid", "tanh", "tanh"), ("tanh", "tanh", "relu")])
def test_a_function_that_all_layers_of_a_range_share_is_known(ranges, functions):
    known = relations(Architecture((2, 2, 2, 2), functions), read_ranges(ranges, "columns"))
    covered = {"l = 1..2": functions[:2], "l = 2..L": functions[1:]}.get(ranges, functions)  # at most all of them
    assert ("f[l]" in known) == (set(covered) == {"tanh"})
    assert {f"f{k}" in known for k, f in enumerate(functions, 1) if f != "relu"} == {True}
    assert ("f[L]" in known) == (functions[-1] != "relu")
