"""`prove` as a whole: what it proves, and that a corrupted derivation or text does not pass."""

from dataclasses import replace

import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.algebra.notation import L, N, index, l, named
from derive.algebra.program import Equation, Program
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.formulas.claims import source_text
from derive.proof.prove import prove
from derive.proof.theorems import lemmas
from derive.proof.theorems.instances import instances, output_derivative
from derive.proof.theorems.lemmas import batching, chain_premise, induction
from derive.proof.theorems.oracle import first_difference, oracle
from derive.proof.theorems.worlds import CoupledError, fragment, per_sample, with_gradients

DIGITS = differentiate(Architecture((64, 32, 10), ("tanh", "identity")))
TEXT = source_text()


@pytest.fixture(scope="module")
def certificate():
    return prove(DIGITS)


def test_the_certificate_of_the_digits_network(certificate):
    assert certificate.holds
    assert certificate.count("undecided") == 0
    refuted = [verdict for verdict in certificate.verdicts if verdict.verdict == "refuted"]
    assert [verdict.expected for verdict in refuted] == ["refuted", "refuted"]
    assert all(verdict.counterexample for verdict in refuted)
    labels = " ".join(verdict.label for verdict in certificate.verdicts)
    for part in ("dW1", "db1", "dW2", "db2", "delta1", "da2", "Induction", "Batching", "SymPy's diff"):
        assert part in labels
    assert any("floating point" in line for line in certificate.not_covered)


@pytest.mark.parametrize(
    "sizes", [(3, 2), (2, 2, 2), (1, 1, 1, 1), pytest.param((5, 4, 3, 2, 3, 4), marks=pytest.mark.slow)]
)
def test_other_networks_and_coinciding_widths(sizes):
    activations = ["sigmoid", "relu", "softplus", "tanh", "identity"][: len(sizes) - 1]
    assert prove(differentiate(Architecture(sizes, activations))).holds


def test_the_convention_at_a_kink_is_listed():
    trusts = prove(differentiate(Architecture((2, 2, 1), ("relu", "identity")))).trusts
    assert any("relu" in line and "kink" in line for line in trusts)


def corrupted(derivation, name, change):
    """`derivation` with the equation of one tensor changed."""
    equations = tuple(
        replace(e, value=change(e)) if e.tensor.name == name else e for e in derivation.gradient.equations
    )
    return replace(derivation, gradient=Program(derivation.gradient.inputs, equations))


CHANGES = {
    "sign": lambda e: -e.value,
    "factor": lambda e: 2 * e.value,
    "mean twice": lambda e: e.value / N,
    "missing mean": lambda e: N * e.value,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["da2", "delta2", "dW2", "db2", "da1", "delta1", "dW1", "db1"])
def test_a_corrupted_equation_is_refuted_where_it_stands(name, change):
    bad = corrupted(DIGITS, name, CHANGES[change])
    failing = [verdict for verdict in instances(bad, TEXT) if not verdict.holds]
    assert [verdict.label.split()[-1] for verdict in failing] == ["delta1" if name == "da1" else name]
    assert failing[0].verdict == "refuted"
    assert failing[0].counterexample


def test_equations_with_mixed_up_indices_do_not_pass():
    square = differentiate(Architecture((3, 3, 3), ("tanh", "tanh")))
    weights = sp.IndexedBase("W2")

    def transpose(e):
        swap = {entry: weights[entry.indices[::-1]] for entry in e.value.atoms(sp.Indexed) if entry.base == weights}
        return e.value.xreplace(swap)

    with pytest.raises(DeriveError, match="the axis to"):  # equal numbers of units, but not equal sizes
        prove(corrupted(square, "da1", transpose))


def test_prove_fails_for_a_corrupted_derivation_and_so_does_the_oracle():
    bad = corrupted(DIGITS, "dW1", CHANGES["sign"])
    assert not prove(bad).holds
    assert not oracle(bad).holds


@pytest.mark.parametrize("name", ["da2", "delta1", "db2"])
def test_the_oracle_alone_finds_a_wrong_factor(name):
    assert first_difference(DIGITS, (2, 3, 1)) is None
    verdict = oracle(corrupted(DIGITS, name, CHANGES["factor"]))
    assert verdict.verdict == "refuted"


def test_the_derivative_of_the_loss_by_its_output():
    assert output_derivative(DIGITS).verdict == "proved"
    assert output_derivative(corrupted(DIGITS, "da2", CHANGES["missing mean"])).verdict == "refuted"


THROUGH_R = differentiate(Architecture((3, 2, 2), ("tanh", "identity"), loss="huber"))


@pytest.mark.parametrize(
    "loss",
    [
        "hinge",
        {"name": "pinball", "expression": "where(y - a > 0, 0.3*(y - a), 0.7*(a - y))"},
        {"name": "own", "expression": "abs(a - y) + max(0, a + y)"},
        {"name": "own", "expression": "3*a"},
    ],
)
def test_losses_through_a_combination_and_linear_ones(loss):
    assert prove(differentiate(Architecture((3, 2), ("tanh",), loss=loss))).holds


@pytest.mark.parametrize("name", ["dr", "da2"])
def test_a_wrong_derivative_of_the_combination_is_refuted(name):
    assert output_derivative(THROUGH_R).verdict == "proved"
    bad = output_derivative(corrupted(THROUGH_R, name, CHANGES["factor"]))
    assert (bad.verdict, bool(bad.counterexample)) == ("refuted", True)


def test_batching_and_induction():
    assert all(
        verdict.verdict == "proved" for verdict in (*batching("least_squares"), *induction(TEXT, "least_squares"))
    )
    assert chain_premise("least_squares") == ""


def test_the_induction_falls_with_one_of_its_lemmas():
    claims = tuple(
        replace(claim, formula=claim.formula.replace("W[l+1].T @ ", "W[l+1].T @ W[l+1] @ W[l+1].T @ "))
        for claim in TEXT.claims
    )
    *_, verdict = induction(replace(TEXT, claims=claims), "least_squares")
    assert verdict.verdict == "undecided"
    assert not verdict.holds
    assert "step" in verdict.note


def test_the_induction_falls_with_its_premise(monkeypatch):
    def skipping(label, *rest):
        z, a = fragment([label]).equations
        extra = sp.IndexedBase(named("a", label - 2))[z.indices]
        return (Equation(z.tensor, z.indices, z.value + extra), a)

    monkeypatch.setattr(lemmas, "layer", skipping)
    assert "a[l-2]" in chain_premise("least_squares")
    assert induction(TEXT, "least_squares")[-1].verdict == "undecided"


def test_samples_that_mix_are_found():
    program = fragment([l])
    z, a = program.equations
    mean = sp.Sum(z.value.xreplace({z.indices[0]: index("t")}), (index("t"), 1, N))
    with pytest.raises(CoupledError):
        per_sample(Program(program.inputs, (replace(z, value=mean), a)))
    other = z.value.xreplace({z.indices[0]: index("t")})
    with pytest.raises(CoupledError):
        per_sample(Program(program.inputs, (replace(z, value=other), a)))


def test_the_batching_step_is_no_tautology():
    """Without the hypothesis about layer l+1 the step is not proved."""
    program = with_gradients(fragment([l, l + 1]), named("z", l + 1))
    wrong = tuple(replace(e, value=2 * e.value) if e.tensor.name == "delta[l+1]" else e for e in program.equations)
    formula, scope = "d(loss, z[l]) = d(c, z[l]) / N", lemmas.Scope("columns", {"l": (sp.S.One, L - 1)})
    assert lemmas._in_world("step", formula, scope, program).verdict == "proved"
    assert lemmas._in_world("step", formula, scope, Program(program.inputs, wrong)).verdict == "refuted"


def test_somebody_elses_text(tmp_path):
    path = tmp_path / "book.toml"
    path.write_text(
        'title = "A book"\nlayout = "columns"\n'
        '[[formula]]\nlabel = "4.1"\nformula = "delta1 = (1 - a1**2) * (W2.T @ delta2)"\n'
        '[[formula]]\nlabel = "4.2"\nformula = "dW1 = x @ delta1.T"\n'
    )
    certificate = prove(DIGITS, path)
    first, second = certificate.verdicts[:2]
    assert (first.label, first.verdict) == ("4.1", "proved")
    assert (second.label, second.verdict) == ("4.2", "refuted")
    assert not certificate.holds
    path.write_text('[[formula]]\nlabel = "4.3"\nformula = "dW1 = nonsense"\n')
    with pytest.raises(DeriveError, match=r"4\.3: unknown name 'nonsense'"):
        prove(DIGITS, path)
