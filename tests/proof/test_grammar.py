"""Reading formulas: meanings, shapes in words, and what is refused."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.model.errors import DeriveError, FormulaError
from derive.proof.formulas.grammar import FormulaReader
from derive.proof.formulas.matrices import PlaceError, ShapeError, with_df
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.formulas.sides import read_sides, split
from derive.proof.theorems.canonical import equal

COLUMNS = Scope("columns", least=3)
ROWS = Scope("rows", least=3)


def read(text, scope=COLUMNS):
    return FormulaReader(scope).read(text)


SAME = [
    ("W2.T @ delta2", "(delta2.T @ W2).T"),
    ("diag(f'(z1)) @ W2.T @ delta2", "f'(z1) * (W2.T @ delta2)"),
    ("f'(z1) * W2.T @ delta2", "(W2.T @ delta2) * f'(z1)"),
    ("outer(delta2, a1)", "delta2 @ a1.T"),
    ("norm(a2)**2", "a2.T @ a2"),
    ("f'(z[2])", "df[2](z2)"),
    ("f2'(z2)", "f[2]'(z2)"),
    ("x", "a0"),
    ("a1(x)", "a1"),
    ("a1(x + x)", "F[1](W1 @ (2*x) + b1)"),
    ("0.5 * y", "y / 2"),
    ("sum(1)", "N"),
    ("d(c, b2)", "db2"),
    ("(W2 @ a1).T.T", "W2 @ a1"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equivalent_ways_of_writing(one, other):
    left, right = read(one, Scope("columns", depth=sp.Integer(3))), read(other, Scope("columns", depth=sp.Integer(3)))
    assert left.shape == right.shape
    assert equal(left.expr, right.expr)


SHAPES = [
    ("a1", "n1 x 1", "N x n1"),
    ("b1", "n1 x 1", "1 x n1"),
    ("W2", "n2 x n1", "n2 x n1"),
    ("dW2", "n2 x n1", "n2 x n1"),
    ("db2", "n2 x 1", "1 x n2"),
    ("c", "a number", "N x 1"),
    ("loss", "a number", "a number"),
    ("sum(delta2)", "n2 x 1", "1 x n2"),
]


@pytest.mark.parametrize(("text", "columns", "rows"), SHAPES)
def test_shapes_in_both_layouts(text, columns, rows):
    assert (read(text).shown, read(text, ROWS).shown) == (columns, rows)


MISFITS = [
    ("W2 @ delta2", "W2 is n2 x n1 and delta2 is n2 x 1, so W2 @ delta2 does not fit"),
    ("delta2 * a1", "delta2 is n2 x 1 and a1 is n1 x 1"),
    ("diag(W2)", "diag needs a vector"),
    ("inv(W2)", "inv needs a square matrix"),
    ("outer(W2, a1)", "outer needs two vectors"),
    ("norm(W2)", "norm needs a vector"),
    ("a1(x + b2)", "x is n0 x 1 and b2 is n2 x 1"),
    ("2 @ W2", "@ needs two matrices"),
]


@pytest.mark.parametrize(("text", "words"), MISFITS)
def test_shape_errors_come_in_words(text, words):
    with pytest.raises(ShapeError, match=words.replace("(", r"\(")):
        read(text)


UNREADABLE = [
    ("foo", "unknown name 'foo'"),
    ("W", "W needs a layer"),
    ("W9", "layer 9 does not exist"),
    ("W0", "layer 0 does not exist"),
    ("z[l]", "no layer is called l"),
    ("exp", "exp is a function"),
    ("foo(z1)", "unknown function"),
    ("__import__('os')", "unknown function"),
    ("W2.__class__", "has no meaning"),
    ("(lambda: 0)()", "not a function"),
    ("[1]", "not part of the notation"),
    ("W2 if 1 else 2", "not part of the notation"),
    ("W2 ** 100", "exponent"),
    ("W2 ** -1", "inv"),
    ("1 / 0", "division by zero"),
    ("a1[s]", "not a component"),
    ("W2[i]", "2 indices"),
    ("W2[i, i]", "the index i runs to"),
    ("f(1)", "which layer"),
    ("d(W2, c)", "write d"),
    ("sum(a1, 2)", "sum takes 1"),
    ("loss[i]", "has no layers"),
    ("(2 * loss)[i]", "is a number"),
    ("inv(N)", "is a number"),
    ("W2 @", "does not parse"),
    ("", "empty"),
    ("δ2", "not plain ASCII"),
    ("x" * 5000, "characters"),
]


@pytest.mark.parametrize(("text", "words"), UNREADABLE)
def test_what_cannot_be_read_is_said(text, words):
    with pytest.raises(FormulaError, match=words) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_columns_point_into_the_text_as_written():
    with pytest.raises(FormulaError) as caught:
        read("f'(z1) * foo")
    assert caught.value.column == 10
    assert "f'(z1) * foo" in str(caught.value)
    assert len(with_df("f'(z) f[l]'(z) f2'(z)")) == len("f'(z) f[l]'(z) f2'(z)")


def test_a_layer_outside_the_range_is_told_from_an_unknown_one():
    scope = read_ranges("l = 1..L", "columns")
    with pytest.raises(PlaceError, match=r"layer l . 1 does not exist"):
        read("W[l+1]", scope)
    assert read("W[l+1]", read_ranges("l = 1..L-1", "columns")).shown == "n[l+1] x n[l]"


@pytest.mark.parametrize("text", ["l = 1", "l in 1..L", "l = 1..foo", "l = a..L", "L > 2", "l = 1..L*L"])
def test_ranges_that_cannot_be_read(text):
    with pytest.raises(DeriveError):
        read_ranges(text, "columns")


def test_derivatives_belong_to_c_in_columns_and_to_the_mean_in_rows():
    assert str(read("delta2").expr) == "delta_c2[s, _r]"
    assert str(read("d(loss, z2)").expr) == "delta2[s, _r]"
    assert str(read("delta2", ROWS).expr) == "delta2[_r, _c]"
    with pytest.raises(FormulaError, match="mean loss"):
        read("d(c, z2)", ROWS)


@pytest.mark.parametrize("formula", ["a1", "a1 == z1", "a1 = z1 = x", "= a1", "a1 ="])
def test_a_formula_has_two_sides(formula):
    with pytest.raises(FormulaError, match="left = right"):
        split(formula)


def test_a_bare_f_belongs_to_the_layer_that_is_defined():
    sides = read_sides("a2 = f(W2 @ a1 + b2)", COLUMNS)
    assert {label for base, label in sides.mentions if base == "f"} == {2}


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="Wabzxyfdl12+-*/@().,[]' =TLN", max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text):
    message = ""
    try:
        FormulaReader(COLUMNS).read(text)
    except FormulaError as error:
        message = str(error)
    assert "\n" not in message
