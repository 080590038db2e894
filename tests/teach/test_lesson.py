"""The lesson: made of what was derived, proved and emitted; set alike by three printers; safe whatever names hold."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import sympy as sp
from markupsafe import Markup

from derive import Activation, Architecture, DeriveError, differentiate, emit, explain, lesson, load
from derive.algebra.gradient import reverse
from derive.algebra.notation import index, size
from derive.algebra.program import Equation, Program, Tensor
from derive.proof.grading.terms import Term, derivative, entrywise, leaf, number, times, transposed
from derive.teach.example import example
from derive.teach.explain import environment, tex_environment
from derive.teach.lesson import Lesson, emitted_lines
from derive.teach.notebook import markdown
from derive.teach.page import page_data, safe_json
from derive.teach.setting.boxes import fenced, matrix, name, operator, row, scripts, total, word
from derive.teach.setting.index_view import IndexView
from derive.teach.setting.latex import escaped, latex
from derive.teach.setting.letters import Letters, letters_of
from derive.teach.setting.mathml import mathml
from derive.teach.setting.matrix_view import MatrixView
from derive.teach.setting.plain import plain
from derive.teach.setting.shown import Showing
from derive.teach.setting.trees import tree

NETWORK = Architecture((3, 4, 3, 2), ("tanh", "sigmoid", "identity"))
HOSTILE = '</script><img src=x onerror=alert(1)>&"\u2028\\input{/etc/passwd}$^_%#'


@pytest.fixture(scope="module")
def found() -> Lesson:
    return lesson(NETWORK)


# One source.


def test_every_equation_has_its_passage(found):
    names = {passage.name for passage in found.passages}
    assert {e.tensor.name for e in found.derivation.forward.equations} <= names
    assert {e.tensor.name for e in found.derivation.gradient.equations} <= names
    assert {str(step.target).partition("[")[0] for step in found.derivation.steps} <= names


def test_values_and_steps_are_those_of_the_derivation(found):
    for passage in found.passages:
        if passage.equation:
            assert passage.value == passage.equation.value
        if passage.steps:
            assert passage.steps[-1].after == passage.value
            assert set(passage.steps) <= set(found.derivation.steps)


def test_each_gradient_has_its_verdict_its_lemma_and_its_line(found):
    lines = found.source.splitlines()
    for passage in found.passages:
        if passage.line:
            assert lines[passage.line.number - 1].strip() == passage.line.text
            assert passage.line.text.startswith({"loss": "value"}.get(passage.name, passage.name) + " = ")
        else:  # put into another line by the emission
            assert passage.name in ("da3", "dc")
        if re.match(r"delta|dW|db", passage.name):
            assert passage.line is not None
            assert passage.verdict is not None
            assert passage.lemma is not None
            assert passage.verdict in found.certificate.verdicts
            assert passage.lemma.verdict == "proved"
    assert emitted_lines(found.source)["delta1"].text.startswith("delta1 = da1 * (1 - a1**2)")


def test_the_numbers_are_those_of_the_emitted_module(found):
    values, module = found.example.values, load(emit(found.derivation, style="readable"))
    parameters = module.Parameters(*(values[t.name] for t in found.derivation.parameters))
    loss, gradient = module.loss_and_gradient(module.pack(parameters), values["a0"], values["y"])
    assert loss == pytest.approx(float(values["loss"]), rel=1e-12)
    own = module.Parameters(*(values[f"d{t.name}"] for t in found.derivation.parameters))
    np.testing.assert_allclose(module.pack(own), gradient, rtol=1e-12)


def test_a_wide_network_has_a_narrow_example():
    wide = example(differentiate(Architecture((784, 64, 10), ("relu", "softplus"))))
    assert wide.widths == (4, 4, 4)


def test_a_fork_is_explained_by_its_paths():
    """A tensor with two readers, as no table has yet: both paths and their sum are shown."""
    i, n = index("i"), size(1)
    x, u, c = Tensor("a1", (n,)), Tensor("u1", (n,)), Tensor("loss", ())
    forward = (Equation(u, (i,), x[(i,)] ** 2), Equation(c, (), sp.Sum(u[(i,)] * x[(i,)], (i, 1, n))))
    gradient, trail = reverse(Program((x,), forward), {"loss": sp.S.One}, ["a1"])
    derivation = replace(differentiate(NETWORK), forward=Program((x,), forward), gradient=gradient, trail=trail)
    view = IndexView(letters_of(derivation))
    shown = [plain(view.set(step.after)) for step in derivation.steps if step.rule == "sum over paths"]
    assert shown == ["2 ∂ℒ/∂u¹ᵢ a¹ᵢ + u¹ᵢ"]


# How formulas look.

k, s = index("k"), index("s")
W, delta = sp.IndexedBase("W2"), sp.IndexedBase("delta2")
SUM = sp.Sum(W[k, index("i")] * delta[s, k], (k, 1, size(2)))


def test_an_expression_in_three_ways():
    box = IndexView(Letters()).set(SUM)
    assert plain(box) == "∑ₖ δ²ₛₖ W²ₖᵢ"
    assert latex(box) == r"\sum_{k = 1}^{{n}_{2}} {\delta}_{s k}^{2} {W}_{k i}^{2}"
    root = ET.fromstring(mathml(box))
    assert [e.text for e in root.iter() if e.text] == [
        *("∑", "k", "=", "1", "n", "2", "δ", "s", "\u2062", "k", "2", "\u2062", "W", "k", "\u2062", "i", "2"),
    ]


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (W[k, s] - delta[s, k], "W²ₖₛ − δ²ₛₖ"),
        ((W[k, s] - delta[s, k]) ** 2, "(W²ₖₛ − δ²ₛₖ)²"),
        (-W[k, s] / size(1), "−W²ₖₛ/n₁"),
        (sp.KroneckerDelta(index("i_"), index("i")), "[i = i′]"),
        (sp.exp(-W[k, s]), "e^(−W²ₖₛ)"),
        (sp.Piecewise((W[k, s], W[k, s] > 0), (0, True)), "{W²ₖₛ if W²ₖₛ > 0; 0 if otherwise}"),
        (sp.Rational(1, 2) * W[k, s], "W²ₖₛ/2"),
        (sp.Max(W[k, s], delta[s, k]), "max(W²ₖₛ, δ²ₛₖ)"),
        (W[k, s] ** 2, "(W²ₖₛ)²"),
        ((-W[k, s]) ** 3, "−(W²ₖₛ)³"),
        (W[k, s] * sp.Integer(-2), "−2 W²ₖₛ"),
        (2 * sp.pi * W[k, s], "2 π W²ₖₛ"),
        (sp.sqrt(W[k, s] + 1) * delta[s, k], "δ²ₛₖ √(1 + W²ₖₛ)"),
        (1 / (W[k, s] * (1 - W[k, s])), "1/(W²ₖₛ (1 − W²ₖₛ))"),
        (sp.Sum(sp.Sum(W[k, s], (k, 1, size(2))) ** 2, (s, 1, size(1))), "∑ₛ (∑ₖ W²ₖₛ)²"),
        (sp.Sum(W[k, s] - delta[s, k], (k, 1, size(2))), "∑ₖ (W²ₖₛ − δ²ₛₖ)"),
        (sp.Sum(-W[k, s], (k, 1, size(2))), "∑ₖ (−W²ₖₛ)"),
        (W[k, s] ** sp.Rational(-3, 2), "1/((W²ₖₛ)^(3/2))"),
        (sp.exp(sp.exp(W[k, s])), "e^(e^(W²ₖₛ))"),
    ],
)
def test_expressions(expr, shown):
    assert plain(IndexView(Letters()).set(expr)) == shown


@pytest.mark.parametrize(
    ("term", "shown"),
    [
        (entrywise(times(leaf("delta", 3), leaf("W", 3)), derivative(2)), "(δ³ W³) ⊙ f′₂(z²)"),
        (times(transposed(leaf("W", 3)), leaf("delta", 3)), "(W³)ᵀ δ³"),
        (Term("/", (leaf("a", 1), Term("N"))), "1/N a¹"),
        (entrywise(number(2), leaf("a", 1)), "2 a¹"),
        (entrywise(number(-2), leaf("a", 1)), "−2 a¹"),
        (Term("negative", (Term("+", (leaf("a", 1), leaf("z", 1))),)), "−(a¹ + z¹)"),
    ],
)
def test_matrix_formulas(term, shown):
    assert plain(MatrixView(Letters()).set(term)) == shown


CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "munderover": 3}
CORE = {"math", "mrow", "mi", "mn", "mo", "mtext", "msqrt", "mtable", "mtr", "mtd", *CHILDREN}
"""What MathML Core has of what is needed here, and how many children it takes; all browsers render that."""
ODD = (
    (-W[k, s] / 2) ** 2 / sp.Sum(sp.exp(-W[k, s]) / 3, (k, 1, size(2))),
    sp.sqrt(1 / (1 + W[k, s] ** 4)) - sp.Piecewise((-1, W[k, s] < 0), (sp.pi, True)),
    sp.Sum(sp.Sum(W[k, s] * delta[s, k], (k, 1, size(2))), (s, 1, size(1))) * sp.KroneckerDelta(k, s),
)


@pytest.mark.parametrize("expr", ODD)
def test_mathml_is_the_core_of_it(expr):
    for element in ET.fromstring(mathml(IndexView(Letters()).set(expr), block=True)).iter():
        tag = element.tag.rpartition("}")[2]
        assert tag in CORE
        assert len(element) == CHILDREN.get(tag, len(element))
        if tag in ("mi", "mn", "mo", "mtext"):
            assert element.text
            assert len(element) == 0


def test_derivatives_have_their_loss():
    letters = letters_of(differentiate(NETWORK))
    assert plain(MatrixView(letters, "rows").set(leaf("dW", 2))) == "∂ℒ/∂W²"
    assert plain(MatrixView(letters, "columns").set(leaf("dW", 2))) == "∂c/∂W²"


def test_every_formula_is_well_formed_mathml(found):
    for section in Showing(found, mathml).sections():
        for passage in section["passages"]:
            for formula in (passage["index"], passage["numbers"], *(m["formula"] for m in passage["moves"])):
                ET.fromstring(formula)
                assert "{" not in formula  # what SymPy's printer leaves in names


def test_trees_are_json_and_cover_the_programs(found):
    data = json.loads(safe_json(page_data(found)))
    heads = {part[0] for part in parts(data["forward"]) + parts(data["gradient"]) + parts(data["functions"])}
    assert {"at", "sum", "*", "+", "^", "f", "num"} <= heads
    assert tree(SUM)[0] == "sum"
    assert tree(sp.KroneckerDelta(k, s)) == ["==", ["sym", "k"], ["sym", "s"]]


def parts(data):
    """Every nested list that begins with a word."""
    if isinstance(data, dict):
        return [p for value in data.values() for p in parts(value)]
    if isinstance(data, list):
        own = [data] if data and isinstance(data[0], str) else []
        return own + [p for value in data for p in parts(value)]
    return []


# Texts.


def test_the_terminal_shows_rule_formula_proof_and_code():
    text = explain(NETWORK)
    for words in (
        "δ²ₛᵢ = ∂ℒ/∂a²ₛᵢ f′₂(z²ₛᵢ)",
        "chain rule",
        "Kronecker delta picks one term: i′ = i, s′ = s",
        "back to matrix form",
        "in columns: ∂c/∂W² = δ² (a¹)ᵀ",
        "in columns, with the line above: δ² = ((W³)ᵀ δ³) ⊙ f′₂(z²)",
        "delta2 = da2 * a2 * (1 - a2)",
        "proved: any widths",
    ):
        assert words in text, words


@pytest.mark.parametrize("format", ["terminal", "html", "latex", "notebook"])
def test_the_same_bytes_again(format):
    network = Architecture((2, 3, 1), ("tanh", "identity"))
    assert explain(network, format) == explain(network, format)


def test_a_format_that_does_not_exist():
    with pytest.raises(DeriveError, match="did you mean 'latex'"):
        explain(NETWORK, "latxe")


def test_a_network_too_deep_to_read_about():
    with pytest.raises(DeriveError, match="at most 40"):
        explain(Architecture((2,) * 42, ("tanh",) * 41))


def test_the_command(derive, tmp_path):
    shown = derive("explain", "--layers", "2-3-1")
    assert shown.status == 0
    assert "━━ Layer 2, backwards" in shown.out
    assert derive("explain", "--layers", "2-3-1", "--format", "html", "--name", "small").status == 0
    assert (tmp_path / "small.html").read_text().startswith("<!DOCTYPE html>")
    assert derive("explain", "--layers", "2-3-1", "--format", "notebook", "-o", "-").out.startswith("{")
    wrong = derive("explain", "--layers", "2-3-1", "--format", "pdf")
    assert (wrong.status, wrong.out) == (2, "")
    assert "Known: html, latex, notebook, terminal" in wrong.err
    spec = tmp_path / "net.toml"
    spec.write_text('sizes = [2, 1]\nactivations = ["tanh"]\n')
    assert "is the specification itself" in derive("explain", spec, "--format", "latex", "-o", spec).err
    assert spec.read_text().startswith("sizes")


def test_a_notebook_runs_with_other_numbers():
    cells = [c["source"] for c in json.loads(explain(NETWORK, "notebook"))["cells"] if c["cell_type"] == "code"]
    changed = [re.sub(r"W2 = np.array\(\[\[[-0-9.]+", "W2 = np.array([[0.875", cell) for cell in cells]
    assert changed != cells
    exec("\n".join(changed), namespace := {})
    assert namespace["W2"][0, 0] == 0.875
    wrong = [cell.replace("delta2 = da2 * a2", "delta2 = da2 * a1[:, :3]") for cell in changed]
    assert wrong != changed
    with pytest.raises(AssertionError):
        exec("\n".join(wrong), {})


# Names that want to be more than names.


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]


def elements(text: str) -> list[str]:
    parser = Elements()
    parser.feed(text)
    return parser.names


def test_hostile_strings_stay_strings():
    data = safe_json({"name": HOSTILE})
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data) == {"name": HOSTILE}
    box = row(name(HOSTILE), matrix(HOSTILE), word(HOSTILE), scripts(name("a"), name(HOSTILE)), operator("+"))
    assert {e.tag.rpartition("}")[2] for e in ET.fromstring(mathml(box)).iter()} <= {
        *("math", "mrow", "mi", "mo", "mn", "mtext", "msub"),
    }
    set_ = latex(fenced(total(((name(HOSTILE), name("N")),), word(HOSTILE))))
    assert r"\input" not in set_
    assert r"\input" not in escaped(HOSTILE)
    assert not re.search(r"(?<!\\)[$%#_]", escaped(HOSTILE))
    assert "<img" not in re.sub(r"\\<", "", markdown(HOSTILE))


def test_a_template_escapes_what_it_is_not_told_to_leave():
    template = tex_environment().from_string("{{ name }} {{ formula }}")
    assert template.render(name=HOSTILE, formula=Markup(r"\frac{1}{2}")) == rf"{escaped(HOSTILE)} \frac{{1}}{{2}}"
    assert HOSTILE not in environment(autoescape=True).from_string("{{ name }}").render(name=HOSTILE)


def test_a_page_keeps_a_comparison_as_text():
    own = Activation("leaky_1", "where(z < 0, z/10, z)")
    text = explain(Architecture((2, 2, 1), (own, "identity"), name="a_b"), "html")
    assert "where(z &lt; 0, z/10, z)" in text
    assert elements(text).count("script") == 2
    assert "where(z <" not in text
    document = explain(Architecture((2, 2, 1), (own, "identity"), name="a_b"), "latex")
    assert r"leaky\_1" in document
    assert "a_b" not in document


@pytest.mark.parametrize("bad", ["</title><script>", "a b", "../x", "$x$", "é"])
def test_names_that_are_no_identifiers_never_get_that_far(bad):
    with pytest.raises(DeriveError):
        explain(Architecture((2, 1), ("tanh",), name=bad), "html")


def test_a_page_would_show_what_a_template_leaves_unescaped(found, monkeypatch):
    """The test above can fail: without escaping the comparison stands in the page as it is."""
    from derive.teach import explain as module

    monkeypatch.setattr(module, "environment", lambda autoescape, plain=module.environment: plain(autoescape=False))
    own = Activation("leaky_1", "where(z < 0, z/10, z)")
    assert "where(z <" in module.explain(Architecture((2, 2, 1), (own, "identity")), "html")


def test_an_example_beyond_every_float_is_said_to_be_one() -> None:
    own = Activation("own", "A1*z + B1*tanh(z)", (("A1", 1e99), ("B1", -1e-99)))
    with pytest.raises(DeriveError, match="beyond every float"):
        example(differentiate(Architecture((2, 3, 2), (own, own))))
