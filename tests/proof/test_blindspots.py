"""Blind spots: what an example hides, why, and the smallest example that reveals all."""

import json

import pytest

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.examples.asked import FORKED, LINES, SHOWN_FORK, asked, formula, line_of
from derive.proof.examples.blindspots import SEEDS, Setting, blindspots, findings_of
from derive.proof.examples.example import Example
from derive.proof.grading.slips import BY_TAG
from derive.proof.grading.term_reader import TermReader


def look(sizes, samples, *activations):
    return blindspots(Architecture(sizes, activations), samples)


def unseen(report):
    return {finding.slip.tag for finding in report.findings if not finding.revealed}


def found(sizes, samples, *activations):
    """The findings alone, without a proposal."""
    return findings_of(Setting(sizes, samples, Architecture(sizes, activations).activations))


def missed(*example):
    return {finding.slip.tag for finding in found(*example) if not finding.revealed}


ONE_OF_EACH = {
    *("missing-transpose", "matrix-product-for-hadamard", "hadamard-for-outer", "outer-product-order"),
    *("missing-activation-transpose", "missing-mean", "mean-twice", "bias-not-summed", "transposed-layout"),
    *("derivative-too-early", "broadcast"),
}


def test_one_unit_in_each_layer_and_one_sample_hide_half_of_the_slips():
    report = look((1, 1, 1), 1, "tanh", "tanh")
    assert unseen(report) == ONE_OF_EACH
    why = {finding.slip.tag: finding.why for finding in report.findings}
    assert why["missing-mean"].startswith("N = 1")
    assert why["missing-transpose"].startswith("widths 1-1-1")
    assert why["sign"] == ""


def test_an_identity_hides_the_derivative():
    report = look((1, 1, 1), 1, "tanh", "identity")
    assert unseen(report) == {*ONE_OF_EACH, "missing-derivative-output"}
    (finding,) = (f for f in report.findings if f.slip.tag == "missing-derivative-output")
    assert finding.why.startswith("identity")


def test_relu_cannot_tell_a_from_z():
    assert missed((2, 3, 1), 4, "relu", "sigmoid") == {"derivative-at-wrong-argument"}
    assert {"missing-derivative", "z-for-a"} <= missed((2, 3, 1), 4, "identity", "tanh")


def test_equal_widths_fail_by_value_and_not_by_shape():
    shapes = {f.slip.tag for f in found((4, 4, 4), 4, "tanh", "tanh") if "shape" in dict(f.layers).values()}
    assert shapes == {"bias-not-summed"}
    assert missed((4, 4, 4), 4, "tanh", "tanh") == {"broadcast"}  # needs a single output
    distinct = {f.slip.tag for f in found((2, 3, 1), 4, "tanh", "tanh") if "shape" in dict(f.layers).values()}
    assert len(distinct) > 10


def test_the_proposal_reveals_all_and_nothing_smaller_does():
    report = look((1, 1, 1), 1, "tanh", "identity")
    proposal = report.proposal
    assert (proposal.sizes, proposal.samples) == ((1, 2, 1), 2)
    assert all(finding.revealed for finding in findings_of(proposal))
    for smaller in (((1, 1, 1), 2), ((1, 2, 1), 1), ((1, 1, 1), 3), ((2, 1, 1), 2)):
        setting = Setting(*smaller, proposal.activations)
        assert not all(finding.revealed for finding in findings_of(setting)), smaller
    assert look(proposal.sizes, 2, *(f.name for f in proposal.activations)).holds


def test_the_proposal_keeps_the_activations_that_it_can_keep():
    assert [f.name for f in look((3, 2, 1), 2, "sigmoid", "tanh").proposal.activations] == ["sigmoid", "tanh"]
    assert [f.name for f in look((3, 2, 1), 2, "relu", "sigmoid").proposal.activations] == ["tanh", "sigmoid"]


def test_large_examples_and_bad_ones():
    assert missed((64, 32, 10), 10**6, "softplus", "sigmoid") == {"broadcast"}
    assert {"missing-transpose", "z-for-a"} <= missed((2, 1), 3, "tanh")
    for samples in (0, -1, 10**10):
        with pytest.raises(DeriveError, match="samples"):
            look((1, 1), samples, "tanh")
    with pytest.raises(DeriveError, match="30 layers"):
        look((1,) * 31, 1, *["tanh"] * 30)


def test_the_right_formulas_of_the_example_are_those_of_the_derivation():
    example = Example((2, 3, 2), 3, Architecture((2, 3, 2), ("tanh", "sigmoid")).activations, 0)
    values = example.values

    def at(text, layer):
        return example.value(TermReader(2, {"l": layer}, layer).read(text))

    assert (at("1 - a[1] * a[1]", 1) == at("f'(z[1])", 1)).all()
    assert (at("a[L] * (1 - a[L])", 2) == at("f'(z[L])", 2)).all()
    assert (values["dW1"] == values["delta1"].T @ values["a0"]).all()
    assert (values["db2"] == values["delta2"].sum(axis=0, keepdims=True)).all()


def test_every_slip_is_known_by_its_tag_and_differs_from_its_form():
    plain, everything = asked(), asked(SHOWN_FORK)
    assert {line_of(slip) for slip in plain} == set(LINES)
    assert {slip.tag for slip in everything} == {slip.tag for slip in plain} | set(FORKED)
    assert len(everything) == len(plain) + 1 == 22
    assert formula(BY_TAG["missing-transpose"]) == "delta[l] = (delta[l+1] @ W[l+1].T) * f'(z[l])"
    assert len({formula(slip) for slip in plain}) == len(plain)


def test_a_forgotten_path_shows_where_there_is_a_fork():
    network = Architecture((2, 1, 1, 1), ("tanh",) * 3, layers=({}, {"residual": True}, {}))
    report = blindspots(network, 1)
    (path,) = (finding for finding in report.findings if finding.slip.tag == "missing-path")
    assert path.layers == ((1, "value"),)
    assert len(report.findings) == 22
    assert report.proposal is not None
    assert report.proposal.around == (0, 1, 0)
    assert findings_of(report.proposal)
    assert "residual connection at layer 2" in report.proposal.shown


def test_what_blindspots_cannot_look_at_is_said():
    with pytest.raises(DeriveError, match="softmax and normalisation"):
        blindspots(Architecture((2, 3, 2), ("tanh", "softmax")), 2)
    assert len(SEEDS) >= 8  # a relu is dead at half of the numbers


def test_the_command(derive):
    result = derive("blindspots")
    assert result.status == 1
    assert "12 of 21 slips go unseen." in result.out
    assert "1-2-1, N = 2, tanh, tanh" in result.out
    result = derive("blindspots", "--layers", "1-2-1", "--samples", "2", "--output", "tanh", "--json")
    content = json.loads(result.out)
    assert (result.status, content["reveals_all"], len(content["slips"])) == (0, True, 21)
    assert content["proposal"]["sizes"] == [1, 2, 1]


@pytest.mark.parametrize("samples", ["x", "-1", "1.5", "9" * 50, "0", "²"])
def test_samples_that_are_no_number(derive, samples):
    result = derive("blindspots", "--samples", samples)
    assert (result.status, result.out) == (2, "")
    assert "--samples" in result.err
    assert result.err.count("\n") == 1
