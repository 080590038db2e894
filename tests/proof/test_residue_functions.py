"""Functions of residues: what is really true of them holds, whatever is drawn, and nothing else is assumed."""

import random
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import sympy as sp

from derive.algebra.residues import PRIME, residue
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.numbers.functions import MULTIPLES, PARTS, SMALL, NoResidueError, ResidueFunctions, keeps_sign
from derive.proof.theorems.refute import _unequal

AT = (5, 1000, 123456789, PRIME - 7)
LARGE = 40_000
"""More than `SMALL`, so its sign is drawn."""


def functions(*given: Activation) -> ResidueFunctions:
    return ResidueFunctions(given, random.Random("functions"))


@pytest.mark.parametrize("formula", [Z, Z**3 - 2 * Z + sp.Rational(1, 3), 1 / Z, Z / (1 + Z), (Z - 2) ** -2, 7 + 0 * Z])
def test_a_rational_function_is_what_it_is(formula):
    own = functions()
    for z in AT:
        assert own.at(sp.sympify(formula), z) == residue(sp.Rational(sp.sympify(formula).subs(Z, z)))
    assert own.each(Z, array := np.array([[3, 4]])) is array
    assert own.each(Z + 1, array).tolist() == [[4, 5]]


def test_powers_of_an_exponential():
    own = functions()
    for z in AT:
        e = own.at(sp.exp(Z), z)
        assert own.at(sp.exp(Z), z) == e not in (0, 1)
        for k in MULTIPLES:
            part = own.at(sp.exp(Z / PARTS), z)
            assert own.at(sp.exp(k * Z / PARTS), z) == pow(part, k, PRIME)
        assert own.at(sp.exp(Z) ** 2, z) == own.at(sp.exp(2 * Z), z) == e * e % PRIME
        assert own.at(sp.exp(-Z), z) * e % PRIME == 1
        t, s, c = (own.at(f(Z), z) for f in (sp.tanh, sp.sinh, sp.cosh))
        assert (c * c - s * s) % PRIME == 1
        assert t * c % PRIME == s
        assert (c + s) % PRIME == e
        assert own.at(sp.tanh(-Z), z) == PRIME - t
    assert len({own.at(sp.exp(Z), z) for z in AT}) == len(AT)
    assert own.at(sp.exp(Z), 0) == own.at(sp.cosh(Z), 0) == 1
    assert own.at(sp.tanh(Z), 0) == 0
    draws = [functions() for _ in range(2)]
    assert draws[0].at(sp.exp(Z), 5) == draws[1].at(sp.exp(Z), 5)


def test_the_exponential_of_a_logarithm():
    for before in (sp.exp(Z), Z):  # whichever is asked for first
        own, softplus = functions(), sp.log(1 + sp.exp(Z))
        for z in AT:
            own.at(before, z)
            e, a = own.at(sp.exp(Z), z), own.at(softplus, z)
            assert own.at(softplus, z) == a != own.at(softplus, z + 1)
            for k in (1, 2, -1, -4):
                assert own.at(sp.exp(k * Z, evaluate=False), a) == pow(1 + e, k, PRIME)
            assert own.at(sp.exp(Z), a + 1) != pow(1 + e, 1, PRIME)
    assert functions().at(sp.log(Z), 0) == functions().at(sp.log(Z), 0)


def test_which_multiples_of_an_argument_have_a_known_exponential():
    assert sorted(Fraction(abs(m), PARTS) for m in MULTIPLES[::2]) == [
        *(Fraction(1, k) for k in (12, 6, 4, 3, 2)), Fraction(2, 3), Fraction(3, 4), 1, Fraction(3, 2), 2, 3, 4,
    ]  # fmt: skip
    assert MULTIPLES[1::2] == [-m for m in MULTIPLES[::2]]


def test_a_root_is_a_square_and_its_square_is_what_it_is_taken_of():
    own, root = functions(), sp.sqrt(Z)
    squares, others = [z * z % PRIME for z in AT], [PRIME - z * z % PRIME for z in AT]
    for z in (*squares, 0):
        found = own.at(root, z)
        assert found * found % PRIME == z
        assert found == 0 or pow(found, (PRIME - 1) // 2, PRIME) == 1
        assert own.at(Z ** sp.Rational(3, 2), z) == z * found % PRIME
        assert z == 0 or own.at(1 / root, z) * found % PRIME == 1
        assert own.at(sp.sqrt(Z - 1), z + 1 - PRIME) == found
    assert own.roots == {own.at(root, z) for z in (*squares, 0)}
    for z in others:  # of these one is drawn
        found = own.at(root, z)
        assert found * found % PRIME != z
        assert own.at(sp.sqrt(Z + 1), z - 1) == own.root(z) == found != 0
        assert found not in own.roots


def test_other_functions_are_tables_of_residues():
    own = functions()
    for function in (sp.log, sp.sin, sp.atan):
        for z in AT:
            found = own.at(function(Z), z)
            assert 0 < found < PRIME
            assert own.at(function(Z - 9), z + 9) == own.at(function(Z), z - PRIME) == found
            assert own.at(function(Z), z + 1) != found
            assert function is not sp.log or own.at(function(-Z), -z) == found
            assert own.at(function(2 * Z), z) != found
        assert len({own.at(function(Z), z) for z in AT}) == len(AT)
    assert own.at(sp.sin(Z), 5) != own.at(sp.log(Z), 5)
    assert own.at(sp.log(2) * Z, 1) == own.at(sp.log(2) + 0 * Z, 7) != own.at(sp.log(3), 7)
    assert own.at(2**Z, 5) == own.at(2 ** (Z - 1), 6) != own.at(3**Z, 5)
    assert own.at(Z ** sp.Rational(1, 3), 5) == own.at((Z + 1) ** sp.Rational(1, 3), 4) != own.at(Z ** sp.sqrt(2), 5)
    assert own.at(sp.sqrt(2), 3) == own.at(sp.sqrt(2) + 0 * Z, 4) != own.at(sp.sqrt(3), 3)
    with pytest.raises(NoResidueError, match=r"^x$"):
        own.at(Z + sp.Symbol("x"), 3)
    with pytest.raises(NoResidueError, match=r"^f$"):
        own(sp.Function("f"), np.array([3]))


def test_signs_are_drawn_but_for_numbers_that_are_seen_to_be_small():
    own = functions()
    assert own.sign(0) == 0
    for z in (1, 2, SMALL - 1, SMALL):
        assert (own.sign(z), own.sign(PRIME - z)) == (1, -1)
    signs = [own.sign(SMALL + k) for k in range(1, 60)]
    assert [own.sign(PRIME - SMALL - k) for k in range(1, 60)] == [-sign for sign in signs]
    assert [own.sign(SMALL + k) for k in range(1, 60)] == signs
    assert 15 < signs.count(1) < 45
    assert set(signs) == {1, -1}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("z", [LARGE, PRIME - LARGE, PRIME // 2, PRIME // 2 + 1])
def test_a_sign_that_is_known(z, sign):
    own = functions()
    own.know_sign(z, 0)
    own.know_sign(0, sign)
    assert own.known == {}
    own.know_sign(z, sign)
    assert (own.sign(z), own.sign(PRIME - z)) == (sign, -sign)
    own.know_sign(z, -sign)
    assert own.sign(z) == sign


def test_cases_follow_the_signs():
    own = functions()
    relu = sp.Piecewise((Z, Z > 0), (0, True))
    for z in (0, 5, PRIME - 5, LARGE, PRIME - LARGE, LARGE + 1):
        sign = own.sign(z)
        assert own.at(relu, z) == (z if sign > 0 else 0)
        assert own.at(sp.Piecewise((1, Z < 0), (2, Z <= 0), (3, True)), z) == (1 if sign < 0 else 3 if sign else 2)
        assert own.at(sp.Piecewise((1, Z - 1 >= -1), (2, True)), z) == (2 if sign < 0 else 1)
        assert own.at(sp.Piecewise((4, sp.false), (5, True), evaluate=False), z) == 5
    with pytest.raises(NoResidueError):
        own.at(sp.Piecewise((1, sp.And(Z > 0, Z < 2)), (0, True)), 1)


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("max(z, 0)", True), ("min(z, 0)", True), ("where(z > 0, z, 0.25*z)", True), ("max(z, 0) + 1", False),
        ("max(-z, 0)", False), ("abs(z)", False), ("z", False), ("tanh(z)", False), ("where(z > 0, 2*z, -z)", False),
        ("where(z > 0, -z, z)", False), ("min(max(z, 0), 6)", True),
    ],
)  # fmt: skip
def test_which_activations_keep_the_sign(text, keeps):
    function = Activation("own", text)
    assert bool(keeps_sign(function)) is keeps
    own = functions(function)
    zs = [LARGE, PRIME - LARGE, LARGE + 1, LARGE + 2, LARGE + 3]
    values = own.activation(1, 0, np.array(zs)).tolist()
    if keeps:
        assert all(own.sign(a) in (own.sign(z), 0) for z, a in zip(zs, values, strict=True))


def test_which_activations_of_several_numbers_or_with_trained_constants_keep_the_sign():
    assert not keeps_sign(activation("softmax"))
    assert not keeps_sign(activation("prelu"))
    assert keeps_sign(activation("leaky_relu"))


def test_an_activation_and_its_slopes():
    own = functions(activation("tanh"), activation("sigmoid"), activation("identity"))
    z = np.array([[[5, LARGE], [7, PRIME - 3]]])
    a, slope, bend = (own.activation(1, order, z) for order in (0, 1, 2))
    assert ((1 - a * a - slope) % PRIME == 0).all()
    assert ((-2 * a * slope - bend) % PRIME == 0).all()
    a, slope = (own.activation(2, order, z) for order in (0, 1))
    assert ((a * (1 - a) - slope) % PRIME == 0).all()
    assert (own.activation(3, 0, z) == z).all()
    assert (own.activation(3, 1, z) == 1).all()
    assert (own.activation(3, 2, z) == 0).all()


def test_trained_constants_are_what_was_drawn_for_each_layer():
    network = Architecture((2, 2, 2), ("prelu", "prelu"))
    names = [f"{name}{k}" for k, f in enumerate(network.activations, 1) for name in f.symbols]
    own = functions(*network.activations)
    own.settle({name: 100 + k for k, name in enumerate(names)})
    for layer in (1, 2):
        ((symbol, drawn),) = own.constants[layer].items()
        assert (str(symbol), drawn) == (next(iter(network.activations[layer - 1].symbols)), 99 + layer)
        values = own.activation(layer, 0, np.array([6, PRIME - 6])).tolist()
        assert values == [6, -6 * (99 + layer) % PRIME]


@pytest.mark.parametrize(("apart", "unequal"), [("1.02e-20", True), ("0.98e-20", False)])
def test_numbers_with_roots_differ_beyond_twenty_digits(apart, unequal):
    difference = sp.Rational(apart) * sp.sqrt(3) / sp.Rational("1.7320508075688772935")
    assert _unequal(sp.sqrt(2) + difference, sp.sqrt(2)) == unequal
    assert _unequal(sp.sqrt(2) - difference, sp.sqrt(2)) == unequal


@pytest.mark.parametrize("name", ["hardtanh", "hardsigmoid", "softshrink"])
def test_signs_keep_their_order_over_the_distance_between_kinks(name):
    own = functions(activation(name))
    (gap,) = own.gaps
    seen = {(own.sign(z), own.sign(z + gap)) for z in range(LARGE, LARGE + 900, 97)}
    seen |= {(own.sign(z), own.sign(z + gap)) for z in range(PRIME - 9000, PRIME - 2000, 997)}
    seen |= {(own.sign(z + gap), own.sign(z))[::-1] for z in range(10 * LARGE, 10 * LARGE + 900, 97)}
    assert seen == {(-1, -1), (-1, 1), (1, 1)}


def test_without_kinks_signs_have_no_order():
    own = functions(activation("relu"))
    assert own.gaps == ()
    assert {(own.sign(z), own.sign(z + 2)) for z in range(LARGE, LARGE + 9700, 97)} == set(product((1, -1), repeat=2))
