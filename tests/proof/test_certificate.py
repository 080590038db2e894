"""What a certificate says of its verdicts: whether it holds, in lines, in HTML and LaTeX, and joined with an audit."""

from dataclasses import replace

import pytest

from derive.proof.certificate import UNAUDITED, Certificate, Verdict

RIGHT = Verdict("right", "a_1 = b", "proved", "by hand", "every width, every depth")
SLIP = Verdict("slip", "a = 2*b", "refuted", expected="refuted", counterexample=(("a", "1"), ("b", "2")))
WRONG = Verdict("wrong", "a = c", "refuted", validity="any activation, at the kink")
READ = Verdict("read", "a = b", "".join(("pro", "ved")))
"""As a verdict from a file, whose text is another object."""
OPEN = Verdict("open", "a = d", "undecided", expected="undecided")


@pytest.mark.parametrize(("verdict", "holds"), [(RIGHT, True), (SLIP, True), (WRONG, False), (OPEN, False)])
def test_a_verdict_holds_if_it_is_the_expected_one_and_never_undecided(verdict, holds):
    assert verdict.holds is holds
    assert verdict.to_dict()["holds"] is holds


def test_a_certificate_holds_if_every_verdict_does_and_there_is_one():
    assert Certificate("x", (RIGHT, SLIP)).holds
    assert not Certificate("x", (RIGHT, WRONG)).holds
    assert not Certificate("x", ()).holds
    assert [
        Certificate("x", (RIGHT, SLIP, WRONG)).count(outcome) for outcome in ("proved", "refuted", "undecided")
    ] == [
        1,
        2,
        0,
    ]


def test_the_range_is_read_from_the_words():
    yes = {
        verdict.label: [key for key, value in verdict.to_dict()["range"].items() if value] for verdict in (RIGHT, WRONG)
    }
    assert yes == {"right": ["all_widths", "all_depths"], "wrong": ["all_activations", "at_a_kink"]}
    assert SLIP.to_dict()["counterexample"] == {"a": "1", "b": "2"}


def test_the_lines_for_the_header_of_a_module():
    rest = (
        "`derive verify` shows them,",
        "`derive audit` runs this file in exact arithmetic against its specification.",
    )
    assert Certificate("x", (RIGHT, RIGHT)).lines() == (f"Certificate: 2 formulas proved. {rest[0]}", rest[1])
    assert Certificate("x", (RIGHT, SLIP)).lines()[0] == (
        f"Certificate: 1 formulas proved; 1 printed slips refuted, as they have to be. {rest[0]}"
    )
    assert Certificate("x", (RIGHT, WRONG, SLIP, OPEN)).lines() == (
        "Certificate: 2 of 4 verdicts fall short: wrong, open.",
    )


def test_proof_and_audit_in_one():
    proof = Certificate("p", (RIGHT,), ("SymPy", "chain rule"), ("floats", f"{UNAUDITED} (see audit)"), kind="proof")
    audit = Certificate("a", (SLIP,), ("SymPy", "NumPy"), ("floats", "speed"), "sha256:0", "sizes = [1]", "audit")
    both = proof.with_audit(audit)
    assert both == replace(
        audit,
        subject="a; p",
        verdicts=(RIGHT, SLIP),
        trusts=("SymPy", "chain rule", "NumPy"),
        not_covered=("floats", "speed"),
        kind="proof and audit",
    )


def test_a_certificate_in_latex_and_in_html():
    found = Certificate("<x>", (replace(RIGHT, formula="a_1\\^~ = {b}"), WRONG))
    assert found._repr_latex_() == (
        r"$\begin{array}{ll} \texttt{a\_1\textbackslash{}\textasciicircum{}\textasciitilde{} = \{b\}} & \text{proved}"
        r" \\ \texttt{a = c} & \text{refuted} \end{array}$"
    )
    html = found._repr_html_()
    assert html.startswith("<table><caption>&lt;x&gt;: it does not hold</caption><thead><tr><th></th><th>where</th>")
    assert html.endswith(
        "<tr><td>✗</td><td>wrong</td><td><code>a = c</code></td><td>refuted</td>"
        "<td>any activation, at the kink</td></tr></tbody></table>"
    )
    assert Certificate("x", (RIGHT,))._repr_html_().startswith("<table><caption>x: it holds<")


def test_a_verdict_holds_if_it_is_the_expected_one():
    assert [verdict.holds for verdict in (RIGHT, READ, SLIP, WRONG, OPEN)] == [True, True, True, False, False]
