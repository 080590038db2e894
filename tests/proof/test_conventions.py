"""Texts with conventions of their own: read as they mean, and a wrong formula gets the convention it would need."""

import pytest

from derive.algebra.gradient import differentiate
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.formulas.claims import from_toml
from derive.proof.formulas.conventions import Conventions
from derive.proof.formulas.translate import translated, translated_ranges
from derive.proof.prove import prove
from derive.proof.theorems.texts import find_text, shipped, text_certificate, text_verdicts

COLUMNS, ROWS = 'layout = "columns"', 'layout = "rows"'
EVERY, HIDDEN = "l = 1..L", "l = 1..L-1"


def text(conventions, formula, ranges=""):
    """A planted file with one formula."""
    return from_toml(
        f'[conventions]\n{conventions}\n[[formula]]\nlabel = "planted"\nformula = "{formula}"\nfor = "{ranges}"\n'
    )


def verdict(conventions, formula, ranges="", given=None):
    (found,) = text_verdicts(text(conventions, formula, ranges), given)
    return found


@pytest.mark.parametrize(("name", "count"), [("nielsen", 21), ("higham", 13)])
def test_a_shipped_text_is_proved_under_its_conventions(name, count):
    certificate = text_certificate(find_text(name))
    assert certificate.holds
    assert certificate.count("proved") == len(certificate.verdicts) == count
    assert any("the input is layer 1" in line for line in certificate.trusts)
    assert all(
        "every width" in v.validity and "counts its layers one higher" in v.validity for v in certificate.verdicts
    )


def test_what_the_shipped_texts_must_hold():
    labels = {name: " ".join(claim.label for claim in find_text(name).claims) for name in shipped()}
    assert set(labels) == {"diy-deep-learning", "higham", "nielsen"}
    assert all(f"BP{k}" in labels["nielsen"] for k in (1, 2, 3, 4))
    assert labels["higham"].count("Lemma 5.1") == 4


@pytest.mark.parametrize("name", ["nielsen", "higham"])
def test_a_slip_planted_in_a_shipped_text_is_refuted(name):
    slips = {".T @": " @", "a[L] - y)": "y - a[L])", "a[l-1][k]": "a[l][k]", "delta[l][j]": "2 * delta[l][j]"}
    book = find_text(name)
    for right, wrong in slips.items():
        planted = [
            claim
            for claim in book.claims
            if claim.formula.partition("=")[2].count(right) and "d(loss" not in claim.formula
        ]
        for claim in planted[-2:]:
            left, _, side = claim.formula.partition("=")
            changed = claim.__class__(**{**vars(claim), "formula": f"{left}={side.replace(right, wrong)}"})
            if changed.formula.count("(") == changed.formula.count(")"):
                (found,) = text_verdicts(book.__class__(book.title, (changed,), (), book.loss))
                assert found.verdict == "refuted", changed.formula


def test_with_a_network_the_numbered_layers_are_its_own():
    derivation = differentiate(Architecture((2, 3, 1), ("tanh", "identity")))
    higham = 'input_layer = 1\nsymbols = { sigma = "f", w = "W" }\n' + COLUMNS
    assert verdict(higham, "delta2 = sigma'(z2) * (w3.T @ delta3)", given=derivation).verdict == "proved"
    assert verdict(higham, "dW3 = outer(delta3, a2)", given=derivation).verdict == "proved"
    found = verdict(COLUMNS, "dW3 = outer(delta3, a2)", given=derivation)
    assert found.verdict == "refuted"
    assert "input_layer = 1" in found.note
    with pytest.raises(DeriveError, match="layer 4 does not exist"):
        verdict(COLUMNS, "dW4 = outer(delta4, a3)", given=derivation)
    assert prove(derivation, "higham").holds


RIGHT = {
    "rows, sum": (ROWS + '\ncost = "sum"', "delta[L] = (a[L] - y) * f'(z[L])", ""),
    "rows, sum, dW": (ROWS + '\ncost = "sum"', "dW[l] = delta[l].T @ a[l-1]", EVERY),
    "columns, mean": (COLUMNS + '\ncost = "mean"', "delta[L] = (a[L] - y) * f'(z[L]) / N", ""),
    "columns, mean, dW": (COLUMNS + '\ncost = "mean"', "dW[l] = sum(delta[l] @ a[l-1].T)", EVERY),
    "columns, sum": (COLUMNS + '\ncost = "sum"', "db[l] = sum(delta[l])", EVERY),
    "late mean": (ROWS + '\nmean_in = "gradients"', "dW[l] = delta[l].T @ a[l-1] / N", EVERY),
    "late mean, output": (ROWS + '\nmean_in = "gradients"', "delta[L] = (a[L] - y) * f'(z[L])", ""),
    "factor 1": (COLUMNS + '\nfactor = "1"', "delta[L] = 2 * (a[L] - y) * f'(z[L])", ""),
    "factor 1, loss": (COLUMNS + '\nfactor = "1"', "c = norm(a[L] - y)**2", ""),
    "input is layer 1": (COLUMNS + "\ninput_layer = 1", "a1 = x", ""),
    "out of, z": (COLUMNS + '\nparameters = "out of"', "z[l+1] = W[l] @ a[l] + b[l]", HIDDEN),
    "out of, delta": (COLUMNS + '\nparameters = "out of"', "delta[l] = (W[l].T @ delta[l+1]) * f'(z[l])", HIDDEN),
    "out of, both shifts": (
        COLUMNS + '\ninput_layer = 1\nparameters = "out of"',
        "dW[l] = delta[l+1] @ a[l].T",
        "l = 1..L-1",
    ),
    "in-out, z": (ROWS + '\nweights = "in-out"', "z[l] = a[l-1] @ W[l] + b[l]", EVERY),
    "in-out, dW": (ROWS + '\nweights = "in-out"', "dW[l] = a[l-1].T @ delta[l]", EVERY),
    "numerator": (COLUMNS + '\nderivatives = "numerator"', "delta[l] = delta[l+1] @ W[l+1] @ diag(f'(z[l]))", HIDDEN),
    "numerator, d()": (COLUMNS + '\nderivatives = "numerator"', "d(c, W[l]) = a[l-1] @ delta[l]", EVERY),
    "symbols": (
        COLUMNS + '\nsymbols = { g = "f", theta = "W", e = "delta" }',
        "e[l] = theta[l+1].T @ e[l+1] * g'(z[l])",
        HIDDEN,
    ),
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_formula_is_read_under_the_stated_convention(case):
    assert verdict(*RIGHT[case]).verdict == "proved"


WRONG = {
    "rows": (COLUMNS, "dW[l] = delta[l].T @ a[l-1]", EVERY, 'layout = "rows"'),
    "columns": (ROWS, "dW[l] = delta[l] @ a[l-1].T", EVERY, 'layout = "columns"'),
    "1/N forgotten": (ROWS, "delta[L] = (a[L] - y) * f'(z[L])", "", 'cost = "sum"'),
    "1/N too much": (ROWS + '\ncost = "sum"', "delta[L] = (a[L] - y) / N * f'(z[L])", "", 'cost = "mean"'),
    "mean of one": (COLUMNS, "delta[L] = (a[L] - y) / N * f'(z[L])", "", 'cost = "mean"'),
    "one sample": (COLUMNS + '\ncost = "mean"', "dW[l] = delta[l] @ a[l-1].T", EVERY, 'cost = "sample"'),
    "1/N elsewhere": (ROWS, "dW[l] = delta[l].T @ a[l-1] / N", EVERY, 'mean_in = "gradients"'),
    "factor 1": (COLUMNS, "delta[L] = 2 * (a[L] - y) * f'(z[L])", "", "factor = 1"),
    "factor 1/2": (COLUMNS + '\nfactor = "1"', "delta[L] = (a[L] - y) * f'(z[L])", "", 'factor = "1/2"'),
    "input is layer 1": (COLUMNS, "a[1] = x", "", "input_layer = 1"),
    "input is layer 0": (COLUMNS + "\ninput_layer = 1", "a0 = x", "", "input_layer = 0"),
    "numbered": (COLUMNS, "a2 = f(W2 @ x + b2)", "L >= 2", "input_layer = 1"),
    "out of": (COLUMNS, "z[l+1] = W[l] @ a[l] + b[l]", HIDDEN, 'parameters = "out of"'),
    "into": (COLUMNS + '\nparameters = "out of"', "z[l] = W[l] @ a[l-1] + b[l]", "l = 1..L-1", 'parameters = "into"'),
}


@pytest.mark.parametrize("case", WRONG)
def test_the_convention_that_would_make_it_true_is_named(case):
    *planted, convention = WRONG[case]
    found = verdict(*planted)
    assert (found.verdict, found.holds) == ("refuted", False)
    assert found.counterexample
    assert "it would be true if" in found.note
    assert convention in found.note


PLAINLY_WRONG = [
    (COLUMNS, "delta[l] = W[l+1] @ delta[l+1] * f'(z[l])", HIDDEN),
    (ROWS, "delta[l] = delta[l+1] @ W[l+1].T * f'(z[l])", HIDDEN),
    (COLUMNS, "delta[l] = W[l+1].T @ delta[l+1]", HIDDEN),
    (COLUMNS, "delta[l] = inv(W[l+1]) @ delta[l+1] * f'(z[l])", HIDDEN),
    (COLUMNS, "delta[l] = W[l+1].T @ delta[l+1] * f'(a[l])", HIDDEN),
    (COLUMNS, "delta[L] = (y - a[L]) * f'(z[L])", ""),
    (ROWS, "delta[L] = (y - a[L]) / N * f'(z[L])", ""),
    (COLUMNS, "delta[L] = a[L] - y", ""),
    (COLUMNS, "delta[L] = 3 * (a[L] - y) * f'(z[L])", ""),
    (COLUMNS, "dW[l] = a[l-1] @ delta[l].T", EVERY),
    (COLUMNS, "dW[l] = delta[l] @ a[l].T", EVERY),
    (ROWS, "dW[l] = delta[l].T @ z[l-1]", "l = 2..L"),
    (COLUMNS, "d(c, W[l][j, k]) = delta[l][k] * a[l-1][j]", "l = 1..L, j = 1..n[l], k = 1..n[l-1]"),
]


@pytest.mark.parametrize("planted", PLAINLY_WRONG, ids=lambda planted: planted[1])
def test_a_plainly_wrong_formula_gets_no_convention(planted):
    found = verdict(*planted)
    assert found.verdict == "refuted"
    assert "would be true" not in found.note


def test_translation():
    book = Conventions(input_layer=1, factor="1", symbols=(("w", "W"), ("sigma", "f"), ("C", "cost")))
    assert translated("a3 = sigma(w3 @ a2)", book) == "a2 = f(W2 @ a1)"
    assert translated("delta[l] = sigma[l]'(z[l])", book) == "2 * delta[l] = df[l](z[l])"
    assert translated("C = count(w[l])", book) == "2 * c = count(W[l])"
    assert translated("parameters = sum(n[l] * n[l-1], l, 2, L)", book).endswith("l, 1, L)")
    assert translated_ranges("l = 2..L-1, L >= 3, j = 1..n[2]", book) == "l = 1..L-1, L >= 2, j = 1..n[1]"
    assert translated("a1 = f'(z1)", Conventions()) == "a1 = f'(z1)"


@pytest.mark.parametrize(
    ("conventions", "words"),
    [
        ('layout = "row"', "conventions: unknown layout 'row'; did you mean 'rows'"),
        ('factor = "2"', "unknown factor '2'"),
        ("input_layer = true", "unknown input_layer True"),
        ("input_layer = [1]", "unknown input_layer"),
        ('cots = "mean"', "unknown key 'cots'; did you mean 'cost'"),
        (ROWS + '\ncost = "sample"', "in rows there are all samples"),
        ('cost = "sum"\nmean_in = "gradients"', "mean_in"),
        ('symbols = { w = "V" }', "the symbol w: unknown meaning 'V'"),
        ("symbols = { w = 3 }", "unknown meaning 3"),
        ('symbols = { w2 = "W" }', "'w2' has to be made of plain letters"),
        ('symbols = "w"', "conventions.symbols"),
    ],
)
def test_mistakes_in_conventions(conventions, words):
    with pytest.raises(DeriveError) as caught:
        text(conventions, "a[0] = x")
    assert words in str(caught.value)


def test_a_formula_that_cannot_be_read_is_no_wrong_formula():
    for formula in ("a[1] = nonsense", "a[1] = (", "d(C, Q[l]) = 1", "a[l] ="):
        with pytest.raises(DeriveError, match=r"planted|formula"):
            verdict("input_layer = 1", formula)
    with pytest.raises(DeriveError, match="no text of that name: diy-deep-learning, higham, nielsen"):
        find_text("nilsen")
