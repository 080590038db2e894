"""Verdicts: right formulas are proved in every form, slips are refuted with a counterexample that differs."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.algebra.gradient import differentiate
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.formulas.claims import Claim, source_text
from derive.proof.formulas.scope import read_ranges
from derive.proof.formulas.sides import read_sides
from derive.proof.theorems.decide import decide
from derive.proof.theorems.refute import Table, evaluate_sides
from derive.proof.theorems.worlds import world_for

NETWORK = differentiate(Architecture((4, 3, 2), ("tanh", "sigmoid")))
HIDDEN, ALL = "l = 1..L-1", "l = 1..L"


def verdict(formula, ranges="", layout="columns", given=NETWORK):
    (found,) = decide(Claim("a formula", formula, layout, ranges), "least_squares", given)
    return found


RIGHT = [
    ("delta[l] = f'(z[l]) * (W[l+1].T @ delta[l+1])", HIDDEN, "columns"),
    ("delta[l] = W[l+1].T @ delta[l+1] * f'(z[l])", HIDDEN, "columns"),
    ("delta[l].T = (delta[l+1].T @ W[l+1]) @ diag(f'(z[l]))", HIDDEN, "columns"),
    ("delta[L] = (a[L] - y) * f'(z[L])", "", "columns"),
    ("dW[l] = outer(delta[l], a[l-1])", ALL, "columns"),
    ("dW[l] = (W[l+1].T @ delta[l+1] * f'(z[l])) @ a[l-1].T", HIDDEN, "columns"),
    ("db[l] = delta[l]", ALL, "columns"),
    ("da[l] = W[l+1].T @ delta[l+1]", "l = 0..L-1", "columns"),
    ("d(loss, W[l]) = sum(delta[l] @ a[l-1].T) / N", ALL, "columns"),
    ("a[l+1] = f(W[l+1] @ F[l](W[l] @ a[l-1] + b[l]) + b[l+1])", HIDDEN, "columns"),
    ("delta[l] = (delta[l+1] @ W[l+1]) * f'(z[l])", HIDDEN, "rows"),
    ("delta[L] = (a[L] - y) * f'(z[L]) / N", "", "rows"),
    ("dW[l] = delta[l].T @ a[l-1]", ALL, "rows"),
    ("db[l] = sum(delta[l])", ALL, "rows"),
    ("z1 = x @ W1.T + b1", "", "rows"),
    ("loss = sum(norm(a2 - y)**2) / (2*N)", "", "rows"),
    ("dW1 = (f'(z1) * (W2.T @ ((a2 - y) * f'(z2)))) @ x.T", "", "columns"),
    ("delta2 = (a2 - y) * a2 * (1 - a2)", "", "columns"),
    ("delta1 = (1 - a1**2) * (W2.T @ delta2)", "", "columns"),
    ("delta[l] = (1 - a[l]**2) * (W[l+1].T @ delta[l+1])", HIDDEN, "columns"),
]


@pytest.mark.parametrize(("formula", "ranges", "layout"), RIGHT)
def test_right_formulas_are_proved(formula, ranges, layout):
    found = verdict(formula, ranges, layout)
    assert found.verdict == "proved", found
    assert found.holds
    assert found.validity


WRONG = {
    "missing-transpose": ("delta[l] = f'(z[l]) * (W[l+1] @ delta[l+1])", HIDDEN, "columns"),
    "inverse-for-transpose": ("delta[l] = f'(z[l]) * (inv(W[l+1]) @ delta[l+1])", HIDDEN, "columns"),
    "gradient-for-weight": ("delta[l] = f'(z[l]) * (dW[l+1].T @ delta[l+1])", HIDDEN, "columns"),
    "wrong-weight-index": ("delta[l] = f'(z[l]) * (W[l].T @ delta[l+1])", HIDDEN, "columns"),
    "missing-derivative": ("delta[l] = W[l+1].T @ delta[l+1]", HIDDEN, "columns"),
    "missing-derivative-output": ("delta[L] = a[L] - y", "", "columns"),
    "derivative-at-a": ("delta[l] = f[l]'(a[l]) * (W[l+1].T @ delta[l+1])", HIDDEN, "columns"),
    "derivative-at-next-z": ("delta[l] = W[l+1].T @ (delta[l+1] * f'(z[l+1]))", HIDDEN, "columns"),
    "hadamard-for-outer": ("dW[l] = delta[l] * a[l-1]", ALL, "columns"),
    "outer-product-order": ("dW[l] = a[l-1] @ delta[l].T", ALL, "columns"),
    "missing-activation-transpose": ("dW[l] = delta[l] @ a[l-1]", ALL, "columns"),
    "wrong-activation-index": ("dW[l] = delta[l] @ a[l].T", ALL, "columns"),
    "z-for-a": ("dW[l+1] = delta[l+1] @ z[l].T", HIDDEN, "columns"),
    "sign": ("delta[L] = (y - a[L]) * f'(z[L])", "", "columns"),
    "constant-factor": ("delta[L] = 2 * (a[L] - y) * f'(z[L])", "", "columns"),
    "missing-mean": ("delta[L] = (a[L] - y) * f'(z[L])", "", "rows"),
    "missing-mean-columns": ("d(loss, W[l]) = sum(d(c, W[l]))", ALL, "columns"),
    "mean-twice": ("dW[l] = delta[l].T @ a[l-1] / N", ALL, "rows"),
    "bias-not-summed": ("db[l] = delta[l]", ALL, "rows"),
    "transposed-layout": ("delta[l] = (delta[l+1] @ W[l+1].T) * f'(z[l])", HIDDEN, "rows"),
    "derivative-too-early": ("delta[l] = W[l+1].T @ (delta[l+1] * f'(z[l]))", HIDDEN, "columns"),
    "loss-without-half": ("loss = sum(norm(a[L] - y)**2) / N", "", "columns"),
    "norm-not-squared": ("c = norm(a[L] - y) / 2", "", "columns"),
    "wrong-relation": ("delta1 = (1 - a1) * (W2.T @ delta2)", "", "columns"),
    "exp": ("z[l] = exp(b[l])", ALL, "columns"),
    "outside": ("dW[l] = delta[l] @ z[l-1].T", ALL, "columns"),
    "count": ("parameters = sum(n[l] * n[l-1], l, 1, L)", "", "columns"),
    "count-of-a-layer": ("parameters[l] = n[l] * n[l-1]", ALL, "columns"),
}


@pytest.mark.parametrize("slip", WRONG)
def test_slips_are_refuted_with_a_counterexample(slip):
    found = verdict(*WRONG[slip])
    assert found.verdict == "refuted", found
    assert not found.holds
    assert found.counterexample
    pairs = dict(found.counterexample)
    if "right side" in pairs:
        (left,) = (value for name, value in pairs.items() if name.startswith("left side"))
        assert left != pairs["right side"]


def test_a_counterexample_can_be_computed_again_by_hand():
    found = verdict("d(c, b[l]) = f'(z[l]) * (W[l+1].T @ d(c, b[l+1])) * 2", HIDDEN)
    pairs = {name: int(value) for name, value in found.counterexample}
    truth = pairs[f"f[l]'({pairs['z[l]']})"] * pairs["W[l+1]"] * pairs["d(c, b[l+1])"]
    assert pairs["left side, d(c, b[l])"] == truth
    assert pairs["right side"] == 2 * truth


def test_a_missing_transpose_is_computed_again_with_numpy():
    found = verdict("delta1 = f'(z1) * (W2 @ delta2)")
    pairs = dict(found.counterexample)
    weights, delta, z = (np.array(eval(pairs[name])) for name in ("W2", "d(c, z2)", "z1"))
    slope = np.array([int(pairs[f"f1'({value})"]) for value in z]) if f"f1'({z[0]})" in pairs else None
    assert "n2 x n1" in found.note
    assert pairs["right side"] != pairs["left side, delta1"]
    if slope is not None:
        assert pairs["right side"] == str((slope * (weights @ delta)).tolist())


def test_evaluation_uses_one_value_for_one_argument():
    scope = read_ranges(HIDDEN, "columns")
    sides = read_sides("delta[l] = f'(z[l]) * (W[l+1].T @ delta[l+1])", scope)
    program = world_for(sides.mentions, scope, "least_squares").program
    sizes = {
        axis: n for n, axis in enumerate(sorted({x for t in program.tensors.values() for x in t.axes}, key=str), 2)
    }
    for seed in range(5):
        assert not evaluate_sides(sides, program, sizes, Table(random.Random(seed))).differ


def test_undecided_never_holds_and_a_wrong_correction_is_found():
    claim = Claim("slip", "db[l] = 2 * delta[l]", "columns", ALL, corrected="db[l] = 3 * delta[l]")
    printed, corrected = decide(claim, "least_squares")
    assert (printed.verdict, printed.holds) == ("refuted", True)
    assert (corrected.verdict, corrected.holds) == ("refuted", False)
    right = replace(claim, formula="db[l] = delta[l]", corrected="db[l] = delta[l]")
    assert [v.holds for v in decide(right, "least_squares")] == [False, True]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("delta3 = y", "layer 3 does not exist"),
        ("delta[l] = delta[L]", "no layer is called l"),
        ("nonsense = 1", "unknown name"),
    ],
)
def test_unreadable_formulas_name_their_label(formula, words):
    with pytest.raises(DeriveError, match=words) as caught:
        verdict(formula)
    assert str(caught.value).startswith("a formula: ")


@pytest.mark.parametrize("formula", ["delta[l] = delta[L]", "c = norm(x)"])
def test_layers_from_both_ends_do_not_mix(formula):
    with pytest.raises(DeriveError, match="counts its layers from one label"):
        verdict(formula, ALL)


def test_both_printed_errata_are_refuted_as_the_design_says():
    claims = {claim.label: claim for claim in source_text().claims if claim.corrected}
    assert len(claims) == 2
    count, _ = decide(claims["Notations, parameters in total"], "least_squares")
    assert dict(count.counterexample) == {
        "L": "2",
        "N": "1",
        "n0": "1",
        "n1": "1",
        "n2": "1",
        "left side, parameters": "4",
        "right side": "2",
    }
    bracket, corrected = decide(claims["Loss function, forward propagation, layer 2"], "least_squares")
    assert bracket.verdict == "refuted"
    assert "x is n0 x 1 and b2 is n2 x 1" in bracket.note
    assert corrected.verdict == "proved"


@pytest.mark.parametrize(
    "formula", ["sqrt(norm(b[L])**4) = norm(b[L])**2", "exp(z[L]) * exp(-z[L]) = exp(z[L] - z[L])"]
)
def test_what_neither_way_settles_is_undecided_or_proved_but_never_refuted(formula):
    assert verdict(formula).verdict in ("undecided", "proved")


def test_undecided_does_not_hold():
    found = verdict("sqrt(norm(b[L])**4) = norm(b[L])**2")
    assert (found.verdict, found.holds) == ("undecided", False)


ATOMS = ["W1", "W2", "b1", "z1", "a1", "x", "y", "delta1", "delta2", "dW1", "c", "loss", "N", "2", "f'(z1)", "f(z2)"]
PARTS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/@"), inner),
        st.builds("{}({})".format, st.sampled_from(["diag", "sum", "norm", "inv", "exp", "sqrt", "-"]), inner),
        st.builds("{}.T".format, inner),
        st.builds("({})**{}".format, inner, st.sampled_from(["2", "0.5"])),
    ),
    max_leaves=5,
)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["z1", "delta1", "dW1", "db2", "loss", "c"]), PARTS, st.sampled_from(["rows", "columns"]))
def test_every_formula_gets_a_verdict_or_one_line(left, right, layout):
    try:
        found = verdict(f"{left} = {right}", layout=layout)
    except DeriveError as error:
        message = str(error)
    else:
        message = ""
        assert found.verdict != "refuted" or found.counterexample
    assert "\n" not in message
