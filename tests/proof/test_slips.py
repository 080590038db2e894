"""The table of slips: every tag is there, rules apply to what is right only, and a fork has two paths."""

from __future__ import annotations

import pytest
import sympy as sp

from derive.algebra.blackboard import read_equation
from derive.algebra.forward import layer, loss, output, parameters, target
from derive.algebra.gradient import Derivation, reverse
from derive.algebra.notation import size
from derive.algebra.program import Program, Tensor, check
from derive.model.architecture import Architecture
from derive.proof.grading.answers import ask
from derive.proof.grading.recognise import bench, bench_of, name
from derive.proof.grading.slips import SLIPS
from derive.proof.grading.term_reader import TermReader
from derive.proof.grading.terms import Term, derivative, leaf, relative, rewrites, show, transposed
from derive.proof.numbers.slopes import slope

TAGS = [
    "missing-transpose",
    "inverse-for-transpose",
    "gradient-for-weight",
    "wrong-weight-index",
    "missing-derivative",
    "missing-derivative-output",
    "derivative-at-wrong-argument",
    "matrix-product-for-hadamard",
    "hadamard-for-outer",
    "outer-product-order",
    "missing-activation-transpose",
    "wrong-activation-index",
    "z-for-a",
    "sign",
    "constant-factor",
    "missing-mean",
    "mean-twice",
    "bias-not-summed",
    "missing-path",
    "transposed-layout",
    "derivative-too-early",
    "broadcast",
]
NETWORK = Architecture((3, 4, 5, 2), ("tanh", "sigmoid", "tanh"))


def test_the_table_has_the_22_tags_and_words_for_each():
    assert sorted(slip.tag for slip in SLIPS) == sorted(TAGS)
    assert len(TAGS) == 22
    for slip in SLIPS:
        hints = slip.hints
        assert all((slip.what, slip.rule, hints.rule, hints.shapes, hints.indices, hints.line))


@pytest.mark.parametrize(
    ("layout", "base", "at", "shown"),
    [
        ("rows", "delta", 2, "(delta3 @ W3) * f'(z2)"),
        ("rows", "delta", 3, "(a3 - y) / N * f'(z3)"),
        ("rows", "dW", 2, "delta2.T @ a1"),
        ("rows", "db", 2, "sum(delta2)"),
        ("rows", "da", 1, "delta2 @ W2"),
        ("rows", "z", 1, "a0 @ W1.T + b1"),
        ("columns", "delta", 2, "(W3.T @ delta3) * f'(z2)"),
        ("columns", "delta", 3, "(a3 - y) * f'(z3)"),
        ("columns", "dW", 2, "delta2 @ a1.T"),
        ("columns", "db", 2, "delta2"),
        ("columns", "z", 1, "W1 @ a0 + b1"),
    ],
)
def test_what_is_right_comes_from_the_derived_program(layout, base, at, shown):
    assert show(bench(NETWORK, layout).truth(base, at)[0]) == shown


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_no_slipped_form_has_the_value_of_the_truth_except_where_it_is_the_truth(layout):
    own = bench(NETWORK, layout)
    for base, at in (("delta", 1), ("delta", 3), ("dW", 2), ("db", 2), ("da", 1)):
        right = own.key(base, at, leaf(base, at))
        assert right not in own.table(base, at)
        assert {found.tags[0] for found in own.table(base, at).values()} <= set(TAGS)


def forked() -> Derivation:
    """A network whose a1 is read twice: by layer 2, and past it by W4 into layer 3."""
    first = [equation for label in (1, 2) for equation in layer(label)]
    past = Tensor("W4", (size(3), size(1)))
    inputs = (output(0), target(3), *(t for label in (1, 2, 3) for t in parameters(label)), past)
    tensors = {t.name: t for t in (*inputs, *(e.tensor for e in first))}
    z3 = read_equation("z3[s,i] = sum(W3[i,j]*a2[s,j], j) + sum(W4[i,k]*a1[s,k], k) + b3[i]", tensors, {})
    a3 = layer(3)[1]
    program = check(Program(inputs, (*first, z3, a3, *loss("least_squares", 3))))
    gradient, trail = reverse(program, {"loss": sp.S.One}, [t.name for t in inputs if t.name not in ("a0", "y")])
    return Derivation(NETWORK, program, gradient, trail)


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_a_forgotten_path_is_named_where_a_tensor_has_two_readers(layout):
    own = bench_of(forked(), layout)
    paths = ("delta2 @ W2", "delta3 @ W4") if layout == "rows" else ("W2.T @ delta2", "W4.T @ delta3")
    reader = TermReader(4, {}, 1)
    assert own.is_right("da", 1, reader.read(" + ".join(paths)))
    for path in paths:
        assert not own.is_right("da", 1, reader.read(path))
        assert name(own, "da", 1, reader.read(path)).tags == ("missing-path",)
        assert name(own, "delta", 1, reader.read(f"({path}) * df(z1)")).tags == ("missing-path",)


def test_slopes_are_found_from_values():
    found = {f: slope(Architecture([2, 1], [f]).activations[0]) for f in ("identity", "tanh", "sigmoid", "relu")}
    assert found == {"identity": (1,), "tanh": (1, 0, -1), "sigmoid": (0, 1, -1), "relu": None}
    assert slope(Architecture([2, 1], ["softplus"]).activations[0]) is None


@pytest.mark.parametrize(
    "text", ["-(a2 - y) / N", "(a2 ** 2) ** 3", "a2 - (y - a2)", "(W3 @ W2) * 2", "outer(y, a1).T"]
)
def test_what_is_shown_reads_as_what_it_was(text):
    term = TermReader(3, {}, 2).read(text)
    assert TermReader(3, {}, 2).read(show(term)) == term


def test_labels_are_counted_from_l():
    term = Term("*", (Term("@", (leaf("delta", 3), leaf("W", 3))), derivative(2)))
    assert TermReader(3, {"l": 2}, 2).read(show(term, relative("l", 2))) == term
    assert list(rewrites(transposed(leaf("W", 1)), lambda t: [leaf("b", 1)] if t.head == "W" else [])) == [
        transposed(leaf("b", 1))
    ]


@pytest.mark.parametrize(
    ("text", "layers"),
    [("delta2", (2,)), ("delta[L]", (3,)), ("delta[L-1]", (2,)), ("dW[l]", (1, 2, 3)), ("delta[l]", (1, 2))],
)
def test_the_layers_of_a_quantity(text, layers):
    assert ask(text, 3).layers == layers
