"""Reading index notation: the tables' equations, and messages for what is not an equation."""

from __future__ import annotations

import pytest
import sympy as sp

from derive.algebra.blackboard import read_equation
from derive.algebra.forward import layer, output, parameters
from derive.algebra.notation import index, l, named, opaque, size
from derive.model.errors import DeriveError

TENSORS = {t.name: t for t in (output(0), *parameters(1))}
LABELS = {"l": sp.Integer(1)}


def test_a_dense_layer_reads_as_the_text_writes_it() -> None:
    first, second = layer(1)
    i, j, s = index("i"), index("j"), index("s")
    W, a, b = (sp.IndexedBase(name) for name in ("W1", "a0", "b1"))
    assert first.value == sp.Sum(W[i, j] * a[s, j], (j, 1, size(0))) + b[i]
    assert second.value == opaque("f1")(sp.IndexedBase("z1")[s, i])


def test_a_layer_with_a_symbolic_label_has_symbolic_names() -> None:
    first, _ = layer(l)
    assert {"W[l]", "a[l-1]", "b[l]"} <= first.reads
    assert first.tensor.name == named("z", l) == "z[l]"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("z[l][s,i]", "not an equation"),
        ("z[l][s,i] = a[l-1][s,i] + b[l][i]", "the index i runs to n0, but this axis of b1 to n1"),
        ("z[l][s,i] = sum(W[l][i,j], k)", "the index k does not occur"),
        ("z[l][s,i] = W[l][i]", "has 2 axes, but 1 indices"),
        ("z[l][s,i] = q[l][i]", "q1 is not defined"),
        ("z[l][s,i] = b[l][i]", "the index s does not occur on the right"),
        ("z[l][s,i] = g(b[l][i])", "unknown function 'g'"),
        ("z[l][s,i] = __import__('os')", "unknown function"),
        ("z[l][s,i] = b[l][i].T", "has no place here"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, complaint: str) -> None:
    with pytest.raises(DeriveError, match=complaint.replace("(", r"\(")):
        read_equation(text, TENSORS, LABELS)
