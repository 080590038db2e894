"""The sizes and numbers that examples are made with: each table has the property that it was chosen for."""

import dataclasses
import importlib
import inspect
import pkgutil
import random
from fractions import Fraction
from itertools import chain, pairwise, product

import pytest
import sympy as sp

import derive.proof
from derive.algebra.residues import PRIME
from derive.model.expression import Z
from derive.proof.grading.terms import ATOM, BINARY, UNARY
from derive.proof.numbers import network_data, small
from derive.proof.numbers.functions import ResidueFunctions
from derive.proof.theorems import oracle, refute
from derive.proof.words import experiment


def test_sizes_at_which_nothing_fits_by_chance():
    for samples, widths in network_data.DISTINCT:
        assert len({1, samples, *widths}) == 2 + len(widths)
    (n, first), (m, second) = network_data.DISTINCT
    assert n != m
    assert [a == b for a, b in zip(first, second, strict=True)].count(False) >= 3


def test_sizes_at_which_everything_fits():
    assert all(widths == (samples,) for samples, widths in network_data.COINCIDING)
    assert {samples for samples, _ in network_data.COINCIDING} == {3, 4}  # 1/N is told from 1/2, which is a slip
    assert all({samples % 2, *widths} <= {0, 1, 2} for samples, widths in chain(*small.COINCIDING.values()))


@pytest.mark.parametrize(("layout", "most"), [("rows", 2), ("columns", 1)])
def test_counterexamples_are_tried_from_the_smallest(layout, most):
    shapes = small.SHAPES[layout]
    assert set(shapes) == {*product((1, 2), ((1,), (2, 1))), (most, (2, 3, 4, 5))}
    assert shapes[0] == (1, (1,))
    assert [shapes.index((1, widths)) < shapes.index((2, widths)) for widths in ((1,), (2, 1))] == [True, True]


@pytest.mark.parametrize("numbers", [small.SMALL, refute.SMALL, experiment.SMALL])
def test_small_numbers_have_either_sign_and_are_not_zero(numbers):
    assert sorted(numbers) == [-2, -1, 1, 2, 3]


def test_the_oracle_looks_at_distinct_neighbouring_widths():
    for depth, widths in oracle.WIDTHS.items():
        assert len(widths) == depth + 1
        assert all(a != b for a, b in pairwise(widths))
        assert set(widths) <= {1, 2, 3}


def test_what_is_known_of_an_exponential_at_parts_of_its_argument():
    own = ResidueFunctions((), random.Random(3))
    at = 10**6 + 3
    whole, twelfth = own.at(sp.exp(Z), at), own.at(sp.exp(Z / 12), at)
    assert whole == pow(twelfth, 12, PRIME)
    for part in ("1/6", "1/4", "1/3", "1/2", "2/3", "3/4", "3/2", "2", "3", "4", "-3/4", "-3"):
        found = own.at(sp.exp(sp.Rational(part) * Z), at)
        assert found == pow(twelfth, int(12 * Fraction(part)), PRIME)


def test_comparisons_bind_least_and_powers_most():
    groups = [{BINARY[sign] for sign in signs} for signs in (("<", "<=", ">", ">="), "+-", "*/@", ("**",))]
    assert [len(group) for group in groups] == [1, 1, 1, 1]
    (comparison,), (addition,), (product_,), (power,) = groups
    assert 0 <= comparison < addition < product_ < UNARY < power < ATOM


CHANGING = {"example.Example", "example.Neuron", "translate._Translator", "recognise.Bench", "refute.Table"}
CHANGING |= {"experiment.Experiment", "valuation.Residual", "functions.ResidueFunctions", "small.SmallFunctions"}
CHANGING |= {"reals.RealFunctions", "reals.Fine"}
"""What is filled in as it is used; all other data classes are values."""


def test_data_are_frozen():
    for info in pkgutil.walk_packages(derive.proof.__path__, "derive.proof."):
        for name, found in inspect.getmembers(importlib.import_module(info.name), dataclasses.is_dataclass):
            if found.__module__ == info.name:
                place = f"{info.name.rpartition('.')[2]}.{name}"
                assert found.__dataclass_params__.frozen == (place not in CHANGING), place
