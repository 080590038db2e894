"""The canonical form: renamed and reordered expressions are equal, near misses are not."""

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.core.cache import clear_cache

from derive.algebra.notation import N, index, opaque, size
from derive.algebra.program import Equation, Tensor
from derive.proof.theorems.canonical import SwellError, canonical, equal, unfold

i, j, k, m, s, t = map(index, "ijkmst")
A, B, u, v = (sp.IndexedBase(name) for name in "ABuv")
n, p = size(1), size(2)
f = opaque("f1")

PAIRS = {
    "dummies renamed": (sp.Sum(A[i, j] * u[j], (j, 1, n)), sp.Sum(A[i, k] * u[k], (k, 1, n))),
    "sums flattened": (
        sp.Sum(A[i, j] * sp.Sum(B[j, k] * u[k], (k, 1, p)), (j, 1, n)),
        sp.Sum(sp.Sum(A[i, j] * B[j, k], (j, 1, n)) * u[k], (k, 1, p)),
    ),
    "dummies of one range swapped": (
        sp.Sum(A[j, k] * u[j] * v[k], (j, 1, n), (k, 1, n)),
        sp.Sum(A[k, j] * v[j] * u[k], (j, 1, n), (k, 1, n)),
    ),
    "delta in a sum": (sp.Sum(sp.KroneckerDelta(i, j) * u[j], (j, 1, n)), u[i]),
    "two deltas": (
        sp.Sum(sp.KroneckerDelta(i, j) * sp.KroneckerDelta(j, k) * u[k], (j, 1, n), (k, 1, n)),
        u[i],
    ),
    "square of a sum": (
        sp.Sum(u[i], (i, 1, n)) ** 2,
        sp.Sum(u[i] * u[j], (i, 1, n), (j, 1, n)),
    ),
    "square of a root": (sp.sqrt(sp.Sum(u[i] ** 2, (i, 1, n))) ** 2, sp.Sum(u[j] ** 2, (j, 1, n))),
    "sum of a constant": (sp.Sum(u[i], (j, 1, n)), n * u[i]),
    "mean of a constant": (sp.Sum(u[i] / N, (s, 1, N)), u[i]),
    "arguments of f": (f(sp.Sum(A[i, j] * u[j], (j, 1, n)) + v[i]), f(v[i] + sp.Sum(u[k] * A[i, k], (k, 1, n)))),
    "power of a product": ((2 * u[i] * v[i]) ** 3, 8 * u[i] ** 3 * v[i] ** 3),
    "inverse of a product": (1 / (2 * u[i] * v[i]), u[i] ** -1 * v[i] ** -1 / 2),
    "product that is put together again": (
        (u[i] * v[j]).subs(u[i], A[i, j] * B[j, i]) ** -2,
        (A[i, j] * B[j, i] * v[j]) ** -2,
    ),
    "multiplied out": ((u[i] - v[i]) ** 2 / 2, u[i] ** 2 / 2 - u[i] * v[i] + v[i] ** 2 / 2),
}
NEAR_MISSES = {
    "transposed": (sp.Sum(A[i, j] * u[j], (j, 1, n)), sp.Sum(A[j, i] * u[j], (j, 1, n))),
    "other range": (sp.Sum(u[j], (j, 1, n)), sp.Sum(u[j], (j, 1, p))),
    "product of sums, sum of products": (
        sp.Sum(u[j], (j, 1, n)) * sp.Sum(v[j], (j, 1, n)),
        sp.Sum(u[j] * v[j], (j, 1, n)),
    ),
    "diagonal": (sp.Sum(A[j, k], (j, 1, n), (k, 1, n)), sp.Sum(A[j, j], (j, 1, n))),
    "f' for f": (f(u[i]), opaque("f1", 1)(u[i])),
    "other layer's f": (f(u[i]), opaque("f2")(u[i])),
    "f outside the sum": (f(sp.Sum(u[j], (j, 1, n))), sp.Sum(f(u[j]), (j, 1, n))),
    "sign": (u[i] - v[i], v[i] - u[i]),
    "a power and a difference": (u[i] ** v[i], u[i] - v[i]),
    "root of a product": (sp.sqrt(u[i] * v[i]), sp.sqrt(u[i]) * sp.sqrt(v[i])),
    "root of a product with a number": (sp.sqrt(2 * u[i] * v[i]), 2 * sp.sqrt(u[i] * v[i])),
    "inverse of a sum, and one": (1 / (u[i] + v[i]), sp.S.One),
    "inverse of a square of a sum": ((u[i] + v[i]) ** -2, (u[i] + v[i]) ** -1),
    "inverse of a sum": (1 / (u[i] + v[i]), 1 / u[i] + 1 / v[i]),
    "factor": (u[i] / N, u[i]),
    "free delta": (sp.KroneckerDelta(i, j) * u[i], u[i]),
    "free index": (u[i], u[j]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equal_expressions_have_one_form(name):
    assert equal(*PAIRS[name])


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_misses_are_told_apart(name):
    assert not equal(*NEAR_MISSES[name])


def test_nested_dummies_do_not_collide():
    inner = sp.Sum(A[i, k] * u[k], (k, 1, n))
    one = sp.Sum(f(inner.subs(i, j)) * v[j], (j, 1, n))
    assert equal(one, sp.Sum(f(sp.Sum(A[k, m] * u[m], (m, 1, n))) * v[k], (k, 1, n)))
    assert not equal(one, sp.Sum(f(sp.Sum(A[k, m] * u[k], (m, 1, n))) * v[k], (k, 1, n)))


def _product(names, factors):
    return sp.Sum(
        sp.Mul(
            *(
                {"A": A[a, b], "B": B[b, a], "u": u[a], "v": v[b]}[kind]
                for kind, (a, b) in zip(factors, names, strict=True)
            )
        ),
        *((x, 1, n) for x in sorted({x for pair in names for x in pair}, key=str)),
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ABuv"), st.sampled_from([i, j, k, m]), st.sampled_from([i, j, k, m])),
        min_size=1,
        max_size=5,
    ),
    st.permutations([i, j, k, m]),
)
def test_the_form_does_not_depend_on_names_or_order(factors, renamed):
    mapping = dict(zip([i, j, k, m], renamed, strict=True))
    kinds = [kind for kind, *_ in factors]
    before = _product([(a, b) for _, a, b in factors], kinds)
    after = _product([(mapping[a], mapping[b]) for _, a, b in reversed(factors)], kinds[::-1])
    assert canonical(before) == canonical(after)


def test_ranges_are_equal_if_they_are_not_the_same_object():
    other = size(1)
    clear_cache()
    again = size(1)
    assert again == other
    assert again is not other
    twice = sp.Sum(sp.KroneckerDelta(j, k) * u[j] * v[k], (j, 1, other), (k, 1, again))
    assert equal(twice, sp.Sum(u[j] * v[j], (j, 1, n)))
    with pytest.raises(SwellError):
        canonical(sp.Sum(sp.KroneckerDelta(j, k) * u[j] * v[k], (j, 1, n), (k, 1, p)))


def test_swell_is_refused_rather_than_suffered():
    with pytest.raises(SwellError):
        canonical(sp.Add(*(A[i, q] for q in range(40))) ** 4)


def test_unfolding_takes_indices_along():
    z = Equation(Tensor("z1", (N, n)), (s, i), sp.Sum(A[i, j] * u[j], (j, 1, p)))
    z1 = sp.IndexedBase("z1")
    assert equal(unfold(f(z1[t, j]), {"z1": z}), f(sp.Sum(A[j, k] * u[k], (k, 1, p))))


def test_a_power_with_a_symbol_in_its_exponent_is_one_thing():
    a, b, n = sp.symbols("a b n")
    assert equal(b * a**n, a**n * b)
    assert equal((a**n + b) * b, b * a**n + b**2)
    for other in (a + n, b**n, a ** (n + 1), n**a, a):
        assert not equal(a**n, other)


def test_the_numberings_of_all_terms_together_have_a_limit():
    """A cost to the fourth power has few terms and few numberings of each; together they would take minutes."""
    i, n = sp.Symbol("i", integer=True, positive=True), sp.Symbol("n")
    names = [sp.IndexedBase(name) for name in "pqrstu"]
    total = sp.Add(*(sp.Sum(name[i] ** power, (i, 1, n)) for name in names for power in (1, 2)))
    with pytest.raises(SwellError):
        canonical(total**3 * sp.Sum(names[0][i], (i, 1, n)) ** 2)
