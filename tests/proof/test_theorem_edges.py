"""Edges of theorems: worlds and twins of the right size, what does not hold, forms that would grow too large."""

from dataclasses import replace

import pytest
import sympy as sp

from derive import Architecture, differentiate
from derive.algebra.blackboard import read_equation
from derive.algebra.notation import L, N, index, l, named, opaque
from derive.algebra.program import Program
from derive.model.activation import Activation, activation
from derive.model.expression import Z
from derive.proof.formulas.claims import Claim, Text, source_text
from derive.proof.formulas.conventions import Conventions
from derive.proof.formulas.counting import count_counterexample
from derive.proof.formulas.grammar import FormulaReader
from derive.proof.formulas.matrices import ShapeError
from derive.proof.formulas.scope import ALL_WIDTHS, Scope, read_ranges
from derive.proof.formulas.sides import read_sides
from derive.proof.grading.written import _written_out
from derive.proof.theorems import decide, duality, instances, pieces, sampled
from derive.proof.theorems.canonical import SwellError
from derive.proof.theorems.lemmas import _rows_are_columns, batching
from derive.proof.theorems.oracle import is_polynomial, oracle
from derive.proof.theorems.refute import LARGEST_LAYERS, _inexact, _sizes
from derive.proof.theorems.relations import relation, relations
from derive.proof.theorems.sensitivities import sensitivities
from derive.proof.theorems.texts import _conventions
from derive.proof.theorems.worlds import fragment, world_for
from derive.proof.words.experiment import Found, _networks
from derive.proof.words.far import misfit
from derive.proof.words.implied import matches
from derive.proof.words.settings import SETTINGS
from derive.proof.words.shapes import shape
from derive.proof.words.statements import Equality

PLAIN = Architecture((3, 2, 2), ("tanh", "sigmoid"))
LAST = named("a", L)


def raising(error):
    def give_up(*args, **kwargs):
        raise error

    return give_up


def test_forms_that_would_grow_too_large_decide_nothing(monkeypatch):
    derivation = differentiate(PLAIN)
    for room in (decide, duality, instances):
        monkeypatch.setattr(room, "equal", raising(SwellError))
    assert {v.verdict for v in duality.duality(derivation)} == {"undecided"}
    assert instances.output_derivative(derivation).verdict == "undecided"
    (verdict,) = decide.decide(Claim("", "b1 = b1", "rows"), "least_squares")
    assert verdict.verdict == "undecided"


@pytest.mark.parametrize("text", ["z + exp(z)", "exp(-z**2)", "z/(1 + exp(-z))", "exp(z) + exp(2*z)"])
def test_where_no_derivative_is_a_function_of_the_value(text):
    assert relation(Activation("own", text)) is None


def test_relations_are_those_of_layers_that_exist():
    network = Architecture((2, 2, 2), ("tanh", "tanh"))
    assert named("f", l) in relations(network, read_ranges("l = 1..L", "rows"))
    assert named("f", l) not in relations(network, read_ranges("l = 0..L", "rows"))
    assert named("f", l) not in relations(
        replace(network, activations=PLAIN.activations), read_ranges("l = 1..L", "rows")
    )


def test_an_instance_has_as_many_parts_and_the_same_ranges():
    a, i, k = sp.IndexedBase("a"), index("i"), index("k")
    n, m = sp.symbols("n m", integer=True, positive=True)
    assert not matches(a[i] + i + 1, a[k] + 1, {})
    assert not matches(a[i] + 1, a[k] + k + 1, {})
    one, same, other = (sp.Sum(a[i] * a[j], (j, 1, high)) for j, high in ((k, n), (index("p"), n), (k, m)))
    assert matches(one, same, {})
    assert not matches(one, other, {})


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_experiments_end_in_what_is_asked_about_or_in_the_identity(depth):
    tanh, identity = activation("tanh"), activation("identity")
    for network, _, _ in _networks({"L": depth}, (tanh, identity), "least_squares"):
        first, *rest = (f.name for f in network.activations)
        assert first in ("tanh", "identity")
        assert [*rest[:-1], *rest[-1:]] == [first] * (depth - 2) + ["identity"] * (depth > 1)
    assert any(n.activations[0] == tanh for n, _, _ in _networks({"L": depth}, (tanh, identity), "least_squares"))


def test_conventions_of_some_formulas_are_said_with_their_labels():
    usual, other = Conventions("columns", "sample"), Conventions("columns", "sum")
    claims = [Claim(str(k), "b1 = b1", "columns", conventions=c) for k, c in enumerate((other, other, usual))]
    assert _conventions(Text("t", tuple(claims[:2]))) == (other.words(("cost",)),)
    assert _conventions(Text("t", tuple(claims))) == (other.words(("cost",)),)
    factor = replace(claims[2], conventions=Conventions("columns", "sample", factor="1"))
    assert _conventions(Text("t", (*claims[:2], factor)))[1] == f"{factor.conventions.words(('factor',))} (in: 2)"


def test_the_losses_of_a_text_are_compared_with_networks_that_have_them():
    def labels(loss):
        verdicts = instances.instances(differentiate(replace(PLAIN, loss=loss)), source_text())
        assert all(v.verdict == "proved" for v in verdicts)
        return {v.label for v in verdicts}

    assert {"Derived, layer 2, c", "Derived, layer 1, z1", "Derived, layer 2, a2"} <= labels("least_squares")
    assert "Derived, layer 2, c" not in labels("huber")
    assert "Derived, layer 2, c" not in labels("poisson")


def test_a_gradient_that_is_zero_is_refuted():
    derivation = differentiate(PLAIN)
    *others, last = derivation.gradient.equations
    zero = replace(derivation.gradient, equations=(*others, replace(last, value=sp.S.Zero)))
    assert oracle(replace(derivation, gradient=zero)).verdict == "refuted"


@pytest.mark.parametrize(
    ("value", "polynomial"),
    [
        ("a0[s,i]**2", True),
        ("1/a0[s,i]", False),
        ("sqrt(a0[s,i])", False),
        ("exp(a0[s,i])", False),
    ],
)
def test_what_can_be_multiplied_out(value, polynomial):
    inputs = fragment([sp.Integer(1)]).inputs
    equation = read_equation(f"z1[s,i] = {value}", {t.name: t for t in fragment([sp.Integer(1)]).tensors.values()}, {})
    assert is_polynomial(Program(inputs, (equation,))) is polynomial


def test_curved_pieces_stay_unknown_functions():
    x = sp.Symbol("x")
    assert pieces._on(Z**2 / 2, 0, x) == opaque("z**2/2")(x)
    assert pieces._on(3 * Z, 0, x) == 3 * x
    assert pieces._on(3 * Z, 1, x) == 3


def test_of_too_many_patterns_some_are_looked_at(monkeypatch):
    network = Architecture((1, 2, 1), ("relu", "identity"))
    assert [len(pieces._patterns(network, (1, 2, 1))[0]), pieces._patterns(network, (1, 2, 1))[1]] == [4, 4]
    for most, looked_at in ((5, 4), (4, 4), (3, 3), (1, 1)):
        monkeypatch.setattr(pieces, "MOST", most)
        found, count = pieces._patterns(network, (1, 2, 1))
        assert (len(found), count) == (looked_at, 4)
        assert len({pattern["f1"] for pattern in found}) == 4 or count > most


def changed(program, name, change):
    equations = tuple(replace(e, value=change(e.value)) if e.tensor.name == name else e for e in program.equations)
    return replace(program, equations=equations)


def test_rows_that_mix_are_no_columns():
    hidden = fragment([l])
    z, s = named("z", l), hidden.definitions[named("z", l)].indices[0]
    assert _rows_are_columns("", [hidden]).verdict == "proved"
    mixed = changed(hidden, z, lambda value: sp.Sum(value.xreplace({s: index("p")}), (index("p"), 1, N)))
    other = changed(hidden, z, lambda value: value.xreplace({s: index("p")}))
    for wrong in (mixed, other):
        for programs in ([wrong], [hidden, wrong]):
            assert _rows_are_columns("", programs).verdict == "refuted"
    assert all(verdict.holds for verdict in batching("least_squares"))


def read(text, scope):
    return FormulaReader(scope).read(text)


@pytest.mark.parametrize(
    ("formula", "outcome"),
    [
        ("sum(2) = 2", "refuted"),
        ("sum(2) = 2*N", "proved"),
        ("W1 = W1 / (N - 2)", "refuted"),
        ("b1 = b1 * sqrt(4)", "refuted"),
        ("c = norm(a[L] - y)", "refuted"),
        ("N = n1", "refuted"),
    ],
)
def test_what_numbers_decide(formula, outcome):
    network = differentiate(PLAIN) if "W1" in formula else None
    (verdict,) = decide.decide(Claim("", formula, "columns"), "least_squares", network)
    assert verdict.verdict == outcome
    assert bool(verdict.counterexample) == (outcome == "refuted")


@pytest.mark.parametrize(
    ("formula", "inexact"),
    [
        ("b1 = b1", False),
        ("b1 = b1**2", False),
        ("b1 = f(z1) / N", False),
        ("b1 = diag(b1) @ b1", False),
        ("b1 = b1**0.5", True),
        ("b1**0.5 = b1", True),
        ("b1 = exp(b1)", True),
        ("tanh(b1) = b1", True),
        ("W1 = inv(W1 @ W1.T) @ W1", True),
    ],
)
def test_residues_have_no_roots_no_inverses_and_no_functions_that_are_known(formula, inexact):
    assert _inexact(read_sides(formula, Scope("columns", depth=sp.Integer(2)))) is inexact


@pytest.mark.parametrize(
    ("mentions", "tensors"),
    [
        ([("z", l)], ["z[l]"]),
        ([("a", l - 1), ("z", l)], ["z[l]"]),
        ([("a", l)], ["a[l]", "z[l]"]),
        ([("z", l), ("z", l + 1)], ["z[l+1]", "z[l]"]),
        ([("z", L)], ["z[L]"]),
        ([("a", L), ("y", L)], ["z[L]"]),
        ([("z", sp.S.One)], ["z1"]),
        ([("a", sp.S.Zero)], []),
    ],
)
def test_a_world_is_as_small_as_can_be(mentions, tensors):
    ranges = read_ranges("l = 1..L-1", "columns")
    found = {name for name in world_for(mentions, ranges, "").program.definitions if name[0] == "z"}
    assert found == {name for name in tensors if name[0] == "z"}


@pytest.mark.parametrize(("layout", "known"), [("columns", "delta_c[l]"), ("rows", "delta[l]")])
def test_what_is_known_of_the_layer_above_is_what_the_layout_speaks_of(layout, known):
    world = world_for([("delta", l), ("z", l)], read_ranges("l = 1..L-1", layout), "")
    assert {t.name for t in world.program.inputs if t.name.startswith("delta")} == {known}


@pytest.mark.parametrize(("power", "first"), [((2, 3), "1"), ((1, 3), "2"), ((1, 2), "3"), ((1, 2, 3), "")])
def test_counts_are_compared_for_one_to_three_layers_and_samples(power, first):
    for symbol, name in ((L, "L"), (N, "N")):
        difference = sp.Mul(*(symbol - k for k in power))
        assert dict(count_counterexample(difference, sp.S.Zero)).get(name, "") == first


def test_sizes_differ_as_long_as_there_are_few():
    for depth in (1, 4, 5, 6):
        chain = fragment([sp.Integer(k) for k in range(1, depth + 1)])
        *_, largest = _sizes(read_sides("N = N", Scope("rows")), chain)
        widths = [n for size, n in largest.items() if str(size).startswith("n")]
        assert (len(set(widths)) == len(widths)) == (len(widths) <= LARGEST_LAYERS)
    assert LARGEST_LAYERS == 6


def test_sizes_that_are_tied_or_coincide():
    tied = Scope("rows", depth=sp.Integer(2), tied={0: 0, 1: 0, 2: 2})
    assert [str(tied.size(sp.Integer(k))) for k in range(4)] == ["n0", "n0", "n2", "n3"]
    assert str(tied.size(l)) == "n[l]"
    alike = replace(read_ranges("l = 1..L, k = 1..n[l]", "rows"), coincide="widths")
    assert {alike.size(l), alike.size(l - 1)} == {ALL_WIDTHS}
    assert alike.samples == N
    assert replace(alike, coincide="all").samples == ALL_WIDTHS
    assert read("a[l-1]", replace(alike, coincide="all")).shape == (ALL_WIDTHS, ALL_WIDTHS)
    assert read("W[l][i,k]", alike).scalar  # k is declared up to n[l], but all sizes are one
    with pytest.raises(ShapeError, match="declared up to"):
        read("W[l][i,k]", replace(alike, coincide=""))


def test_networks_of_a_loss_that_is_no_polynomial_are_written_out_to_less_depth():
    deep = {"sizes": (2, 2, 2, 2, 2), "activations": ("tanh",) * 4}
    widths = {loss: {v.validity.split(",")[0] for v in sensitivities(differentiate(Architecture(**deep, loss=loss)))}
              for loss in ("least_squares", "poisson")}  # fmt: skip
    assert widths == {"least_squares": {"widths 2-3-1-2"}, "poisson": {"widths 2-3-1"}}


def test_flat_parts_end_where_the_slope_is_zero():
    assert [str(part) for part in shape(Activation("own", "where(z >= 0, -z, 0)")).flat] == ["z < 0"]
    assert [str(part) for part in shape(Activation("own", "where(z > 0, -z, 0)")).flat] == ["z <= 0"]


@pytest.mark.parametrize("loss", [
    f"sum(({LAST}[s,i] - y[s,i])**2, i)**2", f"sum(sum({LAST}[s,i] * {LAST}[s,k], k), i)", "y[s,1]",
])  # fmt: skip
def test_what_is_no_sum_over_the_outputs_has_no_misfit(loss):
    with pytest.raises(Exception, match=r"sum over the outputs|cannot|index|column"):
        misfit(loss)


@pytest.mark.parametrize(("steps", "words"), [(0, ""), (1, " after 1 step"), (2, " after 2 steps")])
def test_a_counterexample_says_after_how_many_steps(steps, words):
    equation = Equality(sp.S.Zero, sp.S.Zero, {}, "b[1][i] = 0")
    network, start, *ends = Found(PLAIN, {"L": 2}, {"b1": [1]}, equation, [2], [0], steps).pairs
    assert (network, start) == (("network", "3-2-2 (tanh, sigmoid), L = 2"), ("b1", "[1]"))
    assert ends == [(f"b[1][i]{words}", "[2]"), ("0", "[0]")]


def test_every_setting_has_the_mean_over_the_samples():
    for setting in SETTINGS.values():
        equation = setting.program().definitions.get("loss")
        assert equation is None or str(equation.value) == "Sum(c[s], (s, 1, N))/N"


@pytest.mark.parametrize(("output", "names"), [("softmax", {"de2", "dm2", "dq2"}), ("tanh", set())])
def test_parts_of_a_softmax_have_no_names_in_formulas(output, names):
    assert (
        set(_written_out(differentiate(replace(PLAIN, activations=(activation("tanh"), activation(output)))))) == names
    )


def test_residues_of_numbers_are_taken_modulo_a_large_prime():
    assert sp.isprime(sampled.MODULUS)
    assert sampled.MODULUS > 2**60
