"""Expected values over random weights, against the average over weights that are mu + sigma or mu - sigma."""

from itertools import product

import pytest
import sympy as sp

from derive.algebra.notation import index
from derive.model.expression import Z
from derive.proof.words.expectation import expected
from derive.proof.words.experiment import _same
from derive.proof.words.far import misfit
from derive.proof.words.settings import misfit as unknown_loss
from derive.proof.words.shapes import Piece, _vanishes, is_zero
from derive.proof.words.statements import MEAN, VARIANCE

i, j, k, m = (index(name) for name in "ijkm")
W, V, a = (sp.IndexedBase(name) for name in ("W1", "W2", "a0"))


@pytest.mark.parametrize(
    ("inside", "value"),
    [
        (sp.Integer(3), 3),
        (W[i, j], MEAN),
        (2 * W[i, j] + a[j], 2 * MEAN + a[j]),
        (W[i, j] * V[k, i], MEAN**2),
        (W[i, j] ** 2, MEAN**2 + VARIANCE),
        (W[i, j] * W[k, m], MEAN**2 + VARIANCE * sp.KroneckerDelta(i, k) * sp.KroneckerDelta(j, m)),
        (W[i, j] ** 3, None),
        (W[i, j] * W[i, k] * V[k, i], None),
        (a[j] ** 2, a[j] ** 2),
        (a[j] ** -1, 1 / a[j]),
        (1 / W[i, j], None),
        (sp.exp(W[i, j]), None),
        (sp.IndexedBase("z1")[i], None),
    ],
)
def test_moments_of_weights(inside, value):
    assert expected(inside, {"a0"}) == value


def test_the_square_of_a_sum_is_the_average_over_all_weights():
    total = sp.Sum(W[i, j] * a[j], (j, 1, 2)) + sp.IndexedBase("b1")[i]
    found = expected(total**2, {"a0", "b1"}).doit()
    entries = [
        {W[i, 1]: MEAN + one * sp.sqrt(VARIANCE), W[i, 2]: MEAN + two * sp.sqrt(VARIANCE)}
        for one, two in product((1, -1), repeat=2)
    ]
    average = sum((total.doit() ** 2).xreplace(each) for each in entries) / len(entries)
    assert sp.expand(found - average) == 0


@pytest.mark.parametrize(
    ("value", "zero"),
    [
        (sp.S.Zero, True),
        (sp.S.One, False),
        (sp.oo, False),
        (sp.AccumBounds(-1, 1), False),
        (sp.Symbol("x"), None),
        (sp.sin(1) ** 2 + sp.cos(1) ** 2 - 1, True),
        (sp.exp(1) - 3, False),
        (3 - sp.exp(1), False),
        (sp.exp(1) - sp.Rational(27182818284590452, 10**16), False),
        (sp.nan, None),
    ],
)
def test_whether_a_number_is_zero_is_decided_or_left_open(value, zero):
    assert is_zero(value) is zero


def test_what_vanishes_throughout_an_interval_and_what_only_at_the_points_that_are_tried():
    half, near = sp.Rational(1, 2), sp.Rational(1, 2) + sp.Rational(1, 97)
    for formula, vanishes in (
        (sp.S.Zero, True),
        ((1 + Z) ** 3 - Z**3 - 3 * Z**2 - 3 * Z - 1, True),
        (Z, False),
        (Z - half, False),
        (Z - near, False),
        ((Z - half) * (Z - near), None),
        (sp.Symbol("x") * Z, None),
    ):
        assert _vanishes(Piece(sp.S.Zero, sp.S.One, half, formula)) is vanishes


def test_numbers_are_the_same_up_to_twenty_digits():
    tanh = sp.tanh(1)
    assert _same(tanh, tanh + sp.pi / 10**21)
    assert not _same(tanh, tanh + sp.pi / 10**20)
    assert _same(sp.Rational(1, 3), sp.Rational(2, 6))
    assert not _same(sp.Rational(1, 3), sp.Rational(1, 3) + sp.Rational(1, 10**50))


def test_an_unknown_loss_and_its_derivatives():
    a, y = sp.symbols("a y")
    loss = unknown_loss()(a, y)
    shown = [str(each) for each in (loss, loss.diff(a), loss.diff(y), loss.diff(a).diff(a), loss.diff(a).diff(y))]
    assert shown == ["phi(a, y)", "phi_a(a, y)", "phi_y(a, y)", "phi_aa(a, y)", "phi_a_y(a, y)"]
    assert loss.diff(a).diff(y) == loss.diff(y).diff(a)


def test_a_loss_need_not_depend_on_the_target():
    phi, a, _ = misfit("sum(a[L][s,i]**2, i)")
    assert phi == a**2
