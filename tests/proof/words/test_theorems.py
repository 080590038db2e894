"""The claims in words: all come out as they have to, and none that is false is proved."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.tables import OPTIMIZERS
from derive.proof.theorems.texts import shipped
from derive.proof.words import words
from derive.proof.words.implied import follows
from derive.proof.words.settings import SETTINGS, read_generally
from derive.proof.words.statements import Statement
from derive.proof.words.theorems import Bench, decide, prove_claims, verdicts_about
from derive.proof.words.updates import optimizers
from derive.proof.words.words import from_toml, source_words

BOWL = Activation("bowl", "z**2 + 1")
FEW = Bench((*(activation(name) for name in ("identity", "relu", "sigmoid")), BOWL), optimizers())


@pytest.fixture(scope="module")
def certificate():
    return prove_claims()


@pytest.mark.slow
def test_every_claim_comes_out_as_it_has_to(certificate):
    assert [v.label for v in certificate.verdicts if not v.holds] == []
    assert certificate.count("undecided") == 0


@pytest.mark.slow
def test_every_claim_has_its_verdicts(certificate):
    labels = [v.label for v in certificate.verdicts]
    for claim in source_words().claims:
        right = claim.corrected or claim
        assert claim.label in labels
        assert right.label in labels
        if right.setting in SETTINGS:
            assert [f"{right.label}, without {given}" in labels for given in right.statement.given].count(False) == 0
    assert len(labels) == len(set(labels))


@pytest.mark.slow
def test_what_is_refuted_says_with_which_numbers(certificate):
    refuted = [v for v in certificate.verdicts if v.verdict == "refuted"]
    assert len(refuted) > 30
    assert all(v.counterexample for v in refuted)
    assert not any("array(" in value for v in refuted for _, value in v.counterexample)


@pytest.mark.slow
def test_the_printed_claims_on_symmetry_are_refuted_and_corrected(certificate):
    verdicts = {v.label: v.verdict for v in certificate.verdicts}
    for label in ("Symmetry, hidden layer", "Symmetry, output layer", "Zero weights"):
        assert (verdicts[label], verdicts[f"{label}, corrected"]) == ("refuted", "proved")


@pytest.mark.slow
def test_the_certificate_as_json(certificate):
    content = json.loads(certificate.to_json())
    by = {formula["label"]: formula for formula in content["formulas"]}
    corrected = by["Symmetry, hidden layer, corrected"]
    assert corrected["range"]["all_widths"]
    assert corrected["conditions"] == ["W[l][p,j] = W[l][q,j]", "b[l][p] = b[l][q]", "W[l+1][k,p] = W[l+1][k,q]"]
    assert by["Symmetry, hidden layer"]["place"] == "Symmetry, first sentence"
    assert by["Activation relu"]["facts"]["can_be_dead"] is True
    assert by["Activation sigmoid"]["facts"]["zero_weights_stay_zero"] is False
    assert sum(line.startswith("not formalised: ") for line in content["not_covered"]) == len(source_words().left)


SYMMETRIC = ("W[l][p,j] = W[l][q,j]", "b[l][p] = b[l][q]", "W[l+1][k,p] = W[l+1][k,q]")
FALSE = {
    "rows of the layer above": (
        "hidden",
        ("W[l][p,j] = W[l][q,j]", "b[l][p] = b[l][q]", "W[l+1][p,j] = W[l+1][q,j]"),
        "delta[l][s,p] = delta[l][s,q]",
    ),
    "columns of the layer's own weights": (
        "hidden",
        ("W[l][i,p] = W[l][i,q]", *SYMMETRIC[1:]),
        "a[l][s,p] = a[l][s,q]",
    ),
    "the other sign": ("hidden", SYMMETRIC, "delta[l][s,p] = -delta[l][s,q]"),
    "columns of dW": ("hidden", SYMMETRIC, "dW[l+1][p,j] = dW[l+1][q,j]"),
    "one sample's inputs": ("hidden", SYMMETRIC, "z[l][s,p] = z[l+1][s,q]"),
    "no condition at all": ("hidden", (), "db[l][p] = db[l][q]"),
    "f'(0) = 0 instead of f(0) = 0": ("hidden", ("W[l][i,j] = 0", "b[l][i] = 0", "df[l](0) = 0"), "dW[l+1][k,i] = 0"),
    "zero weights of the wrong layer": ("hidden", ("W[l][i,j] = 0",), "dW[l][i,j] = 0"),
    "the output bias stands still": ("any loss", ("W[L][i,j] = 0", "b[L][i] = 0"), "db[L][i] = 0"),
    "f = 0 instead of f' = 0": ("hidden", ("f[l](z[l][s,p]) = 0",), "delta[l][s,p] = 0"),
    "a dead neighbour": ("hidden", ("df[l](z[l][s,q]) = 0",), "delta[l][s,p] = 0"),
    "bound without f'": ("hidden", (), "delta[l][s,i] = da[l][s,i]"),
    "equal targets of other neurons": (
        "any loss",
        ("W[L][p,j] = W[L][q,j]", "y[s,p] = y[s,q]"),
        "a[L][s,p] = a[L][s,q]",
    ),
    "half the variance": ("hidden", ("b[l][i] = 0", "mu = 0"), "E(z[l][s,i]**2) = sigma2 * sum(a[l-1][s,j]**2, j) / 2"),
    "the mean square for the variance": (
        "hidden",
        ("b[l][i] = 0",),
        "E(z[l][s,i]**2) = sigma2 * sum(a[l-1][s,j]**2, j)",
    ),
    "variance 1/n of the layer itself": (
        "hidden",
        ("b[l][i] = 0", "mu = 0", "sum(a[l-1][s,j]**2, s) = N", "sigma2 = 1/n[l]"),
        "E(sum(z[l][s,i]**2, s)/N) = 1",
    ),
}


def claimed(setting: str, given: tuple[str, ...], *then: str, **more: object) -> words.Claim:
    return words.Claim("a claim", "", "", setting, Statement(given, then), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_is_refuted(name):
    setting, given, then = FALSE[name]
    verdict = decide(claimed(setting, given, then), FEW)
    assert verdict.verdict == "refuted"
    assert verdict.counterexample


@pytest.mark.parametrize("name", FALSE)
def test_no_false_statement_is_proved_by_canonical_form(name):
    setting, given, then = FALSE[name]
    program = SETTINGS[setting].program()
    reading = read_generally(Statement(given, (then,)), program)
    assert not any(follows(equation, reading.given, program) for equation in reading.then[-1:])


@pytest.mark.parametrize(
    "inside",
    ["a[l][s,i]", "f[l](z[l][s,i])", "W[l][i,j]*W[l][i,k]*W[l][i,m]", "delta[l+1][s,k]", "W[l][i,j]*delta[l+1][s,k]"],
)
def test_what_depends_on_the_weights_has_no_moment(inside):
    program = SETTINGS["hidden"].program()
    for value in (inside, inside.replace("W[l][i,j]", "mu"), "0", "mu**3"):
        reading = read_generally(Statement((), (f"E({inside}) = {value}",)), program)
        assert not follows(reading.then[0], (), program)


CLAIM = '[[claim]]\nlabel = "one"\nsetting = "hidden"\ngiven = []\nthen = ["z[l][s,i] = z[l][s,i]"]\n'


def test_what_a_claim_does_not_say():
    (claim,) = from_toml(CLAIM).claims
    assert claim == words.Claim("one", "", "", "hidden", Statement((), ("z[l][s,i] = z[l][s,i]",)))
    assert (claim.rests, claim.activation, claim.depth, claim.steps, claim.checks) == ((), None, 1, 0, ())
    assert from_toml(CLAIM, "x") == words.Words("claims in words", (claim,), ())
    assert from_toml('title = "t"\n[[left]]\nwords = "w"\nreason = "r"').left == (("w", "r"),)


def test_progress_is_told_and_every_label_stands_before_a_fault_in_its_claim():
    told = []
    network = Architecture((2, 1), ("identity",))
    two = from_toml(CLAIM + CLAIM.replace('"one"', '"two"'))
    found = prove_claims(network, two, report=lambda *what: told.append(what))
    assert told == [("one", 0.0), ("two", 0.5)]
    assert found.subject == "claims in words"
    assert found.kind == "claims"
    assert "sizes = [2, 1]" in found.specification
    with pytest.raises(DeriveError, match=r"^one: .* is not an equation"):
        prove_claims(network, from_toml(CLAIM.replace("z[l][s,i] = z[l][s,i]", "z[l][s,i]")))


def induction(*checks: str, rests: str = '"one"') -> str:
    return (
        CLAIM
        + f'[[claim]]\nlabel = "ever"\nsetting = "induction"\nthen = ["so"]\nrests = [{rests}]\n'
        + "".join(checks)
    )


def check(given: str, then: str, steps: int = 1) -> str:
    return f'[[claim.check]]\ndepth = 2\nsteps = {steps}\ngiven = ["{given}"]\nthen = ["{then}"]\n'


def last(toml: str) -> str:
    bench = replace(FEW, decided={})
    return [verdict for claim in from_toml(toml).claims for verdict in verdicts_about(claim, bench)][-1].verdict


def test_an_induction_needs_what_it_rests_on_and_what_training_shows():
    right = check("W[2][k,i] = 0", "W[1][i,j] = W[1][i,j]")
    assert last(induction(right)) == "proved"
    assert last(induction(right).replace("z[l][s,i] = z[l][s,i]", "z[l][s,i] = a[l][s,i]")) == "undecided"
    assert last(induction(right, check("W[2][k,i] = 0", "W[2][k,i] = 0"))) == "refuted"
    assert last(induction(check("W[1][i,j] = W[1][i,j] + 1", "b[1][i] = b[1][i]"))) == "undecided"  # nothing meets it


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (induction(rests='"two"'), "ever rests on 'two'"),
        (CLAIM.replace("given", "gvien"), "unknown key 'gvien'; did you mean 'given'"),
        (CLAIM.replace('label = "one"\n', ""), "the key 'label' is missing"),
        (CLAIM.replace("given = []", "given = 3"), "given has to be list"),
        (CLAIM.replace("hidden", "everywhere"), "unknown setting 'everywhere'"),
        (induction("[[claim.check]]\nsteps = 1\n"), "the key 'then' is missing"),
    ],
)
def test_claims_that_cannot_be_read(toml, message):
    with pytest.raises(DeriveError, match=message):
        from_toml(toml)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("W[l][p,j] = b[l][i]", "the index i stands on the right only"),
        ("b[l][p] = sum(W[l][p,j], j)", "a sum has no place on the right"),
        ("W[l][p,j]", "is not an equation"),
        ("W[l][p,j] = 0 = 0", "a condition is one equation"),
        ("V[l][p,j] = 0", "V"),
        ("df[l](z[l][s,p], 1) = 0", "not a function"),
    ],
)
def test_conditions_that_cannot_be_read(given, message):
    with pytest.raises(DeriveError, match=message):
        read_generally(Statement((given,), ("b[l][p] = 0",)), SETTINGS["hidden"].program())


@pytest.mark.slow
def test_a_network_brings_its_activations_and_its_optimiser():
    own = activation("tanh")
    found = prove_claims(Architecture((2, 3, 1), (own, "sigmoid"), optimizer={"name": "adam", "epsilon": 0.0}))
    labels = [v.label for v in found.verdicts]
    assert [label for label in labels if label.startswith("Activation")] == ["Activation tanh", "Activation sigmoid"]
    assert not found.holds  # a step with 0/0 does not leave zero weights at zero
    broken = {v.label: v.verdict for v in found.verdicts if not v.holds}
    assert broken["Zero weights, one step of the optimiser"] == "refuted"
    assert broken["Zero weights, for ever"] == "undecided"
    assert "Symmetry, hidden layer, corrected" not in broken


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        (("tanh", "sigmoid"), "f[1](0) = 0 (tanh): every weight stays 0 for ever, only b[2] learns"),
        (("sigmoid", "tanh"), "f[1](0) = 1/2 (sigmoid): layer 2 learns at the first step"),
        (("sigmoid",), "L = 1"),
    ],
)
def test_a_network_is_told_what_zero_weights_do(functions, words):
    from derive.proof.words.facts import zero_weights

    verdict = zero_weights(Architecture((2,) * (len(functions) + 1), functions))
    assert verdict.formula.startswith(words)
    assert verdict.holds


def test_the_words_are_no_text_of_formulas():
    assert "words" not in shipped()


@pytest.mark.slow
def test_every_optimiser_of_the_table_is_spoken_about(certificate):
    verdict = next(v for v in certificate.verdicts if v.label == "Symmetry, one step of the optimiser, corrected")
    assert all(name in verdict.validity for name in OPTIMIZERS)


def test_what_a_network_has_beyond_the_text_is_said_and_not_decided():
    plain = Architecture((2, 3, 3), ("tanh", "identity"))
    other = replace_layers(plain, [{}, {"residual": True}])
    penalised = Architecture((2, 3, 3), ("prelu", "softmax"), penalty={"l2": 0.1}, loss="cross_entropy")
    for network, said in ((plain, ()), (other, ("layers 2",)), (penalised, ("layers 2", "penalty"))):
        found = prove_claims(network, from_toml(CLAIM))
        own = [line for line in found.not_covered if line.startswith("this network's")]
        assert all(word in line for word, line in zip(said, own, strict=True))
        assert found.holds
        assert any(v.label == "This network, zero weights" for v in found.verdicts) == (not said)


def replace_layers(network: Architecture, layers: list[dict[str, object]]) -> Architecture:
    return Architecture(network.sizes, network.activations, layers=layers)
