"""Lowering and scheduling, pass by pass: what they produce, and that a wrong pass would be seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, index, size
from derive.algebra.program import Equation, Tensor
from derive.codegen.forms.specialize import specialize
from derive.codegen.statements.allocate import allocate, nothing
from derive.codegen.statements.arrays import Assign, Node, elementwise, literal, name, written
from derive.codegen.statements.lower import lower
from derive.codegen.statements.schedule import Instruction, flatten, lines, prune
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError

s, i, j, k = (index(letter) for letter in "sijk")
n0, n1, n2 = (size(label) for label in range(3))
A, B, v, w = (
    Tensor("A", (N, n1)),
    Tensor("B", (n2, n1)),
    Tensor("v", (N,)),
    Tensor("w", (n1,)),
)


@pytest.mark.parametrize(
    ("axes", "indices", "value", "text"),
    [
        ((N, n2), (s, i), sp.Sum(A[s, j] * B[i, j], (j, 1, n1)), "A @ B.T"),
        ((n2, N), (i, s), sp.Sum(A[s, j] * B[i, j], (j, 1, n1)), "B @ A.T"),
        ((n2, n2), (i, k), sp.Sum(B[i, j] * B[k, j], (j, 1, n1)), "B @ B.T"),
        ((n1,), (i,), sp.Sum(A[s, i], (s, 1, N)), "A.sum(axis=0)"),
        ((N,), (s,), sp.Sum(A[s, i] ** 2, (i, 1, n1)), "(A**2).sum(axis=1)"),
        ((), (), sp.Sum(v[(s,)], (s, 1, N)) / N, "v.sum() / N"),
        ((N, n1), (s, i), A[s, i] + w[(i,)], "w + A"),
        ((N, n1), (s, i), A[s, i] * v[(s,)], "A * v[:, np.newaxis]"),
        ((N, n1), (s, i), A[s, i] * (A[s, i] - w[(i,)]) / 3, "A * (A - w) / 3"),
        ((N, n1), (s, i), -sp.Rational(3, 2) * sp.Abs(A[s, i]), "-(1.5 * np.abs(A))"),
    ],
)
def test_index_notation_becomes_array_code(
    axes: tuple[sp.Expr, ...], indices: tuple[sp.Symbol, ...], value: sp.Expr, text: str
) -> None:
    assert written(lower(Equation(Tensor("t", axes), indices, value)).value) == text


def test_what_has_no_numpy_form_is_refused() -> None:
    with pytest.raises(DeriveError, match="gamma has no NumPy form"):
        lower(Equation(Tensor("t", (N, n1)), (s, i), sp.gamma(A[s, i])))
    with pytest.raises(DeriveError, match="indices have to be distinct"):
        lower(Equation(Tensor("t", (n1,)), (i,), Tensor("Q", (n1, n1))[i, i]))


def test_literals_are_exact() -> None:
    assert [literal(sp.Rational(*r)) for r in ((3, 1), (1, 4), (44715, 10**6), (1, 3))] == [
        "3",
        "0.25",
        "0.044715",
        None,
    ]


def test_flatten_computes_nothing_twice_and_reads_copies_through() -> None:
    a, y = name("a", (N, n1)), name("Y", (N, n1))
    difference = Node("subtract", (a, y), (N, n1))
    statements = [
        Assign("r", Node("square", (difference,), (N, n1))),
        Assign("da", difference),
        Assign("delta", name("da", (N, n1))),
        Assign("q", Node("exp", (name("delta", (N, n1)),), (N, n1))),
    ]
    instructions = flatten(statements)
    assert [x.operation for x in instructions] == ["subtract", "square", "exp"]
    assert instructions[2].reads == {instructions[0].target}


def test_prune_keeps_what_the_results_need() -> None:
    program, _, _ = specialize(differentiate(Architecture((2, 3, 1), ("tanh", "identity"))))
    statements = [lower(e) for e in program.equations]
    kept = prune(flatten(statements), {"z2"})
    assert not {"c", "value"} & {x.target for x in kept}
    assert any(x.operation == "tanh" for x in kept)


def test_memory_is_never_overwritten_while_it_is_needed() -> None:
    """Follow what lies where at every read and write; then put all buffers of one kind together and see it fail."""
    derivation = differentiate(Architecture((3, 4, 2, 5), ("softplus", "relu", "sigmoid")))
    forward_, gradient, _ = specialize(derivation)
    statements = [lower(e) for e in (*forward_.equations, *gradient.equations)]
    names = {t.name for t in derivation.parameters}
    given = {"X", "Y", *names, *("d" + n for n in names)}
    flat = prune(flatten(statements), {"value", *("d" + n for n in names)})

    def clashes(slots: dict[str, int], placed: Sequence[Instruction]) -> int:
        holds: dict[object, str] = {}
        wrong = 0
        for plain, moved in zip(flat, placed, strict=True):
            reads = [leaf for a in plain.arguments for leaf in _leaves(a)]
            places = [slots.get(leaf, leaf) for a in moved.arguments for leaf in _leaves(a)]
            wrong += sum(holds.get(place, read) != read for read, place in zip(reads, places, strict=True))
            target = slots.get(moved.target, moved.target)
            over = [leaf for a in moved.arguments for leaf in _leaves(a) if slots.get(leaf, leaf) == target]
            wrong += bool(over) and (not elementwise(moved.operation) or any(leaf != moved.target for leaf in over))
            holds[target] = plain.target
        return wrong

    for schedule in (allocate(flat, given), allocate(flat, given, nothing)):
        slots = {buffer.name: buffer.slot for buffer in schedule.buffers}
        assert clashes(slots, schedule.instructions) == 0
        assert len(set(slots.values())) < len(slots)  # buffers of different widths share memory
        kinds = {buffer.name: len(slots) + buffer.truth for buffer in schedule.buffers}
        assert clashes(kinds, schedule.instructions) > 0


def _leaves(node: Node) -> list[str]:
    if node.operation == "name":
        return [node.text]
    return [leaf for a in node.arguments for leaf in _leaves(a)]


def test_lines_of_a_choice_start_from_the_other_branch() -> None:
    condition, x = name("m", (N, n1)), name("x", (N, n1))
    (choice,) = flatten([Assign("y", Node("where", (condition, Node("number", text="0.0"), x), (N, n1)))])
    assert lines(choice) == ["np.copyto(y, x)", "np.copyto(y, 0.0, where=m)"]
    in_place = type(choice)("x", choice.operation, choice.arguments, choice.axes)
    assert lines(in_place) == ["np.copyto(x, 0.0, where=m)"]


def test_broadcasting_of_a_column_is_numpys() -> None:
    text = written(lower(Equation(Tensor("t", (N, n1)), (s, i), A[s, i] * v[(s,)])).value)
    a, column = np.arange(6.0).reshape(2, 3), np.array([1.0, 10.0])
    result = eval(text, {"A": a, "v": column, "np": np})
    np.testing.assert_array_equal(result, a * column[:, None])
