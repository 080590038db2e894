"""What is tried where nothing is said about it: sizes, numbers drawn, settings, powers and points."""

import random
from fractions import Fraction

import numpy as np
import pytest

from derive import Architecture, differentiate
from derive.algebra.residues import PRIME
from derive.model.activation import Activation, activation
from derive.model.expression import Z
from derive.proof.examples import blindspots
from derive.proof.examples.blindspots import OTHERS, Setting, tied
from derive.proof.examples.example import VALUES, WEIGHTS, Example, Neuron, _rational
from derive.proof.grading.recognise import bench
from derive.proof.grading.term_reader import TermReader
from derive.proof.grading.terms import Term, leaf, show
from derive.proof.numbers.functions import ResidueFunctions
from derive.proof.numbers.network_data import MOST_CANDIDATES, _candidates, draw, own_targets
from derive.proof.numbers.reals import EXACT_TRIES, FAR, FINE, SIZES, TRIES, Fine, _drawn, agree, differ
from derive.proof.numbers.slopes import slope
from derive.proof.numbers.small import SMALL, SmallFunctions, _bits, _plain, small
from derive.proof.numbers.valuation import NoValueError, key

TANH, SIGMOID, RELU = map(activation, ("tanh", "sigmoid", "relu"))
PLAIN = Architecture((3, 2, 2), ("tanh", "sigmoid"))


def read(text, layout="rows"):
    return TermReader(2, {}, 2, layout).read(text)


@pytest.mark.parametrize(
    ("functions", "pairs"),
    [
        ((TANH, TANH), [(TANH, TANH)] * 3 + [(TANH, SIGMOID), (SIGMOID, TANH), (TANH, TANH), (SIGMOID, SIGMOID)]),
        ((RELU, SIGMOID, TANH), [
            (RELU, TANH), (RELU, RELU), (RELU, TANH), (TANH, TANH), (RELU, SIGMOID), (SIGMOID, TANH),
            (TANH, TANH), (SIGMOID, SIGMOID),
        ]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", [(), (0, 1, 0), (0, 0, 0)])
def test_in_which_examples_activations_are_tried(monkeypatch, functions, pairs, around):
    tried = []
    monkeypatch.setattr(blindspots, "_reveals_all", lambda setting: tried.append(setting))
    blindspots.proposal.cache_clear()
    assert blindspots.proposal(Setting((3, 2, 2, 2), 5, functions, around)) is None
    blindspots.proposal.cache_clear()
    assert OTHERS == ("tanh", "sigmoid")
    if any(around):  # the same hidden function once more, behind the fork
        assert tried == [Setting((2, 3, 3, 1), 4, (h, h, last), (0, 1, 0)) for h, last in pairs]
    else:
        assert tried == [Setting((2, 3, 1), 4, pair) for pair in pairs]


@pytest.mark.parametrize(
    ("around", "count", "first"),
    [((), 3, [0, 1, 2]), ((0, 1, 0), 4, [0, 1, 1, 3]), ((0, 1, 2), 4, [0, 1, 1, 1]), ((1, 0, 3), 4, [0, 0, 2, 0])],
)
def test_which_layers_have_to_have_as_many_units(around, count, first):
    assert tied(around, count) == first
    resized = Setting((9,) * count, 2, (TANH,) * (count - 1), around).resized(range(1, count + 1))
    assert resized.sizes == tuple(k + 1 for k in first)


def test_where_residual_connections_end_is_said():
    setting = Setting((2, 2, 2, 2), 3, (TANH, None, RELU), (1, 0, 2))
    assert setting.shown == "2-2-2-2, N = 3, tanh, any, relu, with a residual connection at layer 1 and 3"
    assert Setting((2, 1), 3, (TANH,)).shown == "2-1, N = 3, tanh"


def test_the_numbers_of_an_example():
    drawn = [Neuron(None, random.Random(seed)) for seed in range(8)]
    values = [neuron(order, Fraction(z)) for neuron in drawn for order in (0, 1) for z in range(40)]
    assert {abs(v) for v in values} <= set(range(2, VALUES + 1))
    assert {2, VALUES} <= {abs(v) for v in values}
    assert {v > 0 for v in values} == {True, False}
    weights = [abs(v) for seed in range(4) for v in Example((4, 4), 3, (None,), seed).values["W1"].ravel()]
    assert set(weights) == set(range(1, WEIGHTS + 1))
    assert drawn[0](0, Fraction(3)) == drawn[0](0, Fraction(3)) != drawn[0](1, Fraction(3))


def test_which_activations_are_what_they_are_in_an_example():
    assert _rational(RELU, 0) == RELU.formula
    assert _rational(Activation("cube", "z**3 - 2*z"), 1) == 3 * Z**2 - 2
    assert _rational(TANH, 0) is _rational(TANH, 1) is _rational(activation("elu"), 0) is None
    neuron = Neuron(TANH, random.Random(0))
    assert neuron(1, Fraction(2)) == 1 - neuron(0, Fraction(2)) ** 2
    assert Neuron(RELU, random.Random(0))(0, Fraction(5, 3)) == Fraction(5, 3)


def test_a_residual_connection_in_an_example():
    own = Example((2, 2, 2), 2, (TANH, SIGMOID), 0, around=(1, 2))
    for k in (1, 2):
        function = own.applied("f", k, own.values[f"z{k}"])
        assert (own.values[f"a{k}"] == function + own.values["a0"]).all()
    assert (own.values["da1"] == own.values["delta2"] @ own.values["W2"]).all()
    assert "da0" not in own.values


def test_a_slope_is_one_at_all_points():
    """Of some of these, f' is 1 at the first few points; only the others tell."""
    for c in (10**8, 11 * 10**8):
        assert slope(Activation("bent", f"where(z > {c}, z - {c}, 2*(z - {c}))")) is None


@pytest.mark.parametrize(
    ("expression", "right"),
    [
        ("2*z + 1", (2,)),
        ("tanh(z) / 2", (Fraction(1, 2), 0, -2)),
        ("exp(z) - 1", (1, 1)),
        ("exp(-3*z)", (0, -3)),
        ("z**2", None),
        ("sin(z)", None),
        ("exp(exp(z))", None),
    ],
)
def test_slopes_of_every_degree(expression, right):
    assert slope(Activation("own", expression)) == right


@pytest.mark.parametrize(("samples", "norms", "drawn"), [(3, 0, 3), (3, 1, 48), (2, 2, 64), (500, 1, 2048)])
def test_how_many_samples_are_drawn_where_roots_are_taken(samples, norms, drawn):
    layers = [{"normalization": "layer_norm"}] * norms + [{}] * (2 - norms)
    program = differentiate(Architecture((3, 2, 2), ("tanh", "tanh"), layers=layers)).forward
    assert _candidates(program, samples) == drawn
    assert MOST_CANDIDATES == 2048


@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_every_root_of_a_draw_exists(layout):
    layers = [{"normalization": "layer_norm"}, {"normalization": "rms_norm"}]
    data = draw(differentiate(Architecture((3, 2, 2), ("tanh", "tanh"), layers=layers)), layout, 3, (3, 2, 2), 4)
    for name in ("sigma1", "sigma2"):
        found = [int(v) for raw in data.raw for v in raw[name].ravel()]
        assert len(found) == 3
        assert all(pow(v, (PRIME - 1) // 2, PRIME) == 1 for v in found)


def test_targets_are_what_the_loss_asks_for():
    y = np.arange(1, 13, dtype=np.int64).reshape(3, 4)
    given = y.copy()
    own_targets("distribution", y, random.Random(0))
    assert (y.sum(axis=1) % PRIME == 1).all()
    assert (y[:, :-1] == given[:, :-1]).all()
    own_targets("sign", y, random.Random(0))
    assert set(y.ravel()) == {1, PRIME - 1}
    own_targets("", kept := given.copy(), random.Random(0))
    assert (kept == given).all()


def test_fractions_at_which_cases_are_tried():
    own = Fine((TANH,), random.Random(0))
    drawn = [own.drawn() for _ in range(400)]
    assert -2 <= min(drawn) < Fraction(-19, 10)
    assert Fraction(19, 10) < max(drawn) <= 2
    assert {v.denominator for v in drawn} <= {1, FINE}
    assert sum(abs(v) < 1 for v in drawn) > 100
    values = [SmallFunctions((TANH,), random.Random(seed)).drawn() for seed in range(60)]
    assert set(values) == set(SMALL)
    assert 0 not in SMALL


@pytest.mark.parametrize(
    ("answer", "truth", "differs"),
    [
        ("a1", "a1", False),
        ("a1 + 1 / 1000", "a1", True),
        ("a1 * (1 + 1 / 10 ** 5)", "a1", True),
        ("sqrt(a1 ** 2)", "a1", True),
        ("sqrt(a1) ** 2", "a1", False),
        ("log(a1 ** 2)", "2 * log(a1)", False),
        ("sin(z1) ** 2 + cos(z1) ** 2 + 0 * a1", "1 + 0 * a1", False),
        ("sin(z1)", "cos(z1)", True),
        ("a1", "x", False),  # of other shapes
        ("log(0 * a1)", "a1", False),
        ("exp(exp(exp(99 + 0 * a1)))", "a1", False),
        ("inv(W2)", "W2", False),
        ("tanh(z1)", "a1", False),
        ("tanh(z1) ** 2", "a1", True),
    ],
)
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_when_real_numbers_differ(answer, truth, differs, layout):
    assert differ(PLAIN, layout, read(answer, layout), read(truth, layout)) is differs


def test_how_far_from_equal_is_different():
    for factor, differs in ((Fraction(1, 2), False), (Fraction(4), True)):
        step = Term("number", number=factor * Fraction(FAR))
        assert differ(PLAIN, "rows", Term("+", (read("y - y"), step)), read("y - y")) is differs
        large = Term("*", (read("y - y + 10 ** 6"), Term("+", (read("1"), step))))
        assert differ(PLAIN, "rows", large, read("y - y + 10 ** 6")) is differs


@pytest.mark.parametrize(
    ("answer", "truth", "equal"),
    [
        ("where(a1 > 1, where(a1 < 1, 5, a1), a1)", "a1", True),
        ("where(a1 > 1, where(a1 < 2, 5, a1), a1)", "a1", False),
        ("where(z1 < -1, 2, z1)", "z1", False),
        ("where(z1 > 1, 2, z1)", "z1", False),
        ("sqrt(a1)", "sqrt(a1)", False),  # no exact number
        ("a1 / (a1 - a1)", "a1", False),
        ("inv(W2)", "inv(W2)", False),
        ("b1 + 0 * a1", "0 * a1 + b1", True),
        ("2", "1 + 1", True),
        ("a1", "x", False),
    ],
)
def test_when_fractions_agree(answer, truth, equal):
    assert agree(PLAIN, "rows", read(answer), read(truth)) is equal


def test_numbers_of_real_networks():
    assert SIZES[0] > 1
    assert TRIES > 2 * EXACT_TRIES > 2
    shapes = {show(term): array.shape for term, array in _drawn(Fine, PLAIN, "rows", 0).values.items()}
    assert (shapes["a0"], shapes["a1"], shapes["W2"]) == ((1, 3, 2), (1, 3, 4), (1, 3, 4))


def test_what_is_shown_of_an_array():
    assert _plain(np.array([[[Fraction(1, 2), Fraction(4, 2)]]])) == ["1/2", 2]
    assert _plain(np.array([[[Fraction(-6, 3)]]])) == -2
    assert _plain(np.array([[[1], [2]]])) == [[1], [2]]
    assert _plain(np.array([[[1]], [[2]]])) == [[[1]], [[2]]]
    assert _plain(3) == 3


@pytest.mark.parametrize(
    ("values", "bits"), [([1], 1), ([0, 3], 2), ([Fraction(1, 9)], 4), ([Fraction(9, 2), 1], 4), ([-8, 1], 4)]
)
def test_how_long_numbers_are(values, bits):
    assert _bits(np.array(values, dtype=object)) == bits


@pytest.mark.parametrize(("loss", "signs"), [("hinge", True), ("least_squares", False)])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_targets_of_a_counterexample(loss, signs, layout):
    data = small(Architecture((2, 2), ("tanh",), loss), layout, 3, (2, 2), 0)
    y, a = data.values[leaf("y")], data.values[leaf("a", 1)]
    assert ({int(v) for v in y.ravel()} <= {1, -1}) is signs
    assert signs or all((v / 3).denominator == 1 for v in (a - y).ravel())


def test_keys_have_as_many_samples_as_the_quantity():
    row = np.array([[[1, 2, PRIME + 3]]])
    ((shape, content),) = key([row], [(4, 1, 3)])
    assert (shape, content) == key([np.broadcast_to(row, (4, 1, 3)) % PRIME], [(1, 1, 3)])[0]
    assert shape == (4, 1, 3)
    assert key([row], [(1, 1, 3)])[0][0] == (1, 1, 3)
    assert key([row.swapaxes(0, 2)], [(1, 1, 1)])[0][0] == (3, 1, 1)


def test_a_diagonal_is_that_of_a_vector():
    for r in bench(PLAIN, "rows").coinciding:
        with pytest.raises(NoValueError, match="vector"):
            r.value(read("diag(W1)"))
        assert r.value(read("diag(b1)")).shape == (1, r.data.samples, r.data.samples)


def test_residue_functions_of_other_arguments():
    own = ResidueFunctions((RELU,), random.Random(1))
    z = np.array([3, PRIME - 3, 0], dtype=np.int64)
    assert own.activation(1, 0, z).tolist() == [3, 0, 0]
    assert own.activation(1, 1, z).tolist() == [1, 0, 0]
    large = np.array([own.draw.randrange(10**6, PRIME) for _ in range(40)], dtype=np.int64)
    values = own.activation(1, 0, large)
    assert all(own.sign(int(a)) in (0, own.sign(int(x))) for a, x in zip(values, large, strict=True))
    assert {own.sign(int(a)) for a in values} == {0, 1}
