"""What notebooks show: the nouns' own tables and formulas, and plots."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import sympy as sp

from derive import Activation, Architecture, DeriveError, differentiate, emit, explain, load, prove
from derive.algebra.notation import index, opaque
from derive.algebra.typeset import typeset
from derive.proof.certificate import Certificate, Verdict
from derive.teach import plots

W, i, j = sp.IndexedBase("W2"), index("i"), index("j")
NETWORK = Architecture((3, 9, 2), (Activation("leaky", "where(z < 0, z/10, z)"), "tanh"))


def test_tables_are_well_formed():
    ET.fromstring(NETWORK._repr_html_())
    ET.fromstring(prove(differentiate(NETWORK))._repr_html_())
    ET.fromstring(f"<div>{load(emit(differentiate(NETWORK)))._repr_html_().replace('<br>', '<br/>')}</div>")


def test_tables_say_what_is_so():
    assert "56 parameters" in NETWORK._repr_html_()
    assert "<td>9 × 3</td>" in NETWORK._repr_html_()
    shown = load(emit(differentiate(NETWORK)))._repr_html_()
    assert "loss_and_gradient" in shown
    assert "sha256:" in shown
    assert "NamedTuple" not in shown
    broken = Certificate("<b>", (Verdict("<i>", "a < b", "refuted"),))._repr_html_()
    assert "&lt;i&gt;" in broken
    assert "it does not hold" in broken


def test_formulas_show_themselves():
    derivation = differentiate(NETWORK)
    for shown in (NETWORK, derivation, derivation.forward, prove(derivation)):
        text = shown._repr_latex_()
        assert text.startswith("$")
        assert text.count("{") == text.count("}")


ODD = Architecture(
    (4, 4, 4, 3),
    ("prelu", "mish", "softmax"),
    loss="cross_entropy",
    layers=[{"normalization": "layer_norm", "dropout": 0.1}, {"residual": True}, {}],
    penalty={"l1": 0.01},
)


def test_other_networks_show_themselves():
    html = ODD._repr_html_()
    ET.fromstring(html)
    assert "<td>layer_norm, dropout 0.1</td><td>4 × 4</td><td>29</td>" in html
    assert "residual around it" in html
    counts = re.findall(r"<td>(\d+)</td></tr>", html)
    assert sum(map(int, counts)) == ODD.parameter_count
    text = differentiate(ODD)._repr_latex_()
    assert text.count("{") == text.count("}")
    for part in (r"\max_{i} {z}^{3}_{s i}", r"{\delta}^{1}_{s i}", "f'_{2}", r"{\mathrm{gain}}^{1}_{i}"):
        assert part in text, part
    assert "Largest" not in text


@pytest.mark.parametrize(
    ("expr", "shown"),
    [
        (W[i, j] ** 2, r"\left({W}^{2}_{i j}\right)^{2}"),
        (sp.IndexedBase("dW2")[i, j], r"\mathrm{d}{W}^{2}_{i j}"),
        (sp.IndexedBase("delta1")[index("s"), index("i_")], r"{\delta}^{1}_{s i'}"),
        (opaque("f2", 1)(W[i, j]) ** 2, r"\left(f'_{2}\left({W}^{2}_{i j}\right)\right)^{2}"),
        (opaque("h")(W[i, j]), r"h\left({W}^{2}_{i j}\right)"),
        (sp.Symbol("penalty1"), r"{\mathrm{penalty}}^{1}"),
        (sp.exp(-W[i, j]), r"e^{- {W}^{2}_{i j}}"),
    ],
)
def test_equations_as_latex(expr, shown):
    assert typeset(expr) == shown


def ink(figure) -> int:
    """How many pixels of the picture are not white."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    figure.savefig(io.BytesIO(), format="svg")
    return int((pixels[..., :3] < 200).any(axis=2).sum())


def test_plots_draw_something():
    module = load(emit(differentiate(NETWORK)))
    theta, X = module.initialize(0), np.ones((4, 3))
    Y = np.zeros((4, 2))
    _, history = module.train(theta, X, Y, epochs=3, validation=(X, Y), rng=0)
    for figure in (
        plots.network(NETWORK),
        plots.network(Architecture((2, 3, 3, 1), ("tanh",) * 3, layers=[{}, {"residual": True}, {"dropout": 0.1}])),
        plots.function("prelu"),
        plots.learning_curve(history),
        plots.function("tanh"),
        plots.function(NETWORK.activations[0]),
        plots.gradient_sizes(module, theta, X, Y),
    ):
        assert ink(figure) > 1000


def test_a_row_has_no_curve():
    with pytest.raises(DeriveError, match="whole row"):
        plots.function("softmax")


@pytest.mark.slow
def test_a_shortcut_is_drawn():
    layers = [{}, {"residual": True}, {}]
    with_one, without = (Architecture((3, 4, 4, 2), ("tanh",) * 3, layers=own) for own in (layers, [{}] * 3))
    assert len(plots.network(with_one).axes[0].patches) == 1 + len(plots.network(without).axes[0].patches)
    assert 'class="joint" data-layer="2"><path d="M' in explain(with_one, "html")


def test_plots_show_the_numbers():
    axes = plots.function("sigmoid").axes[0]
    values, slopes = (line.get_ydata() for line in axes.lines)
    z = axes.lines[0].get_xdata()
    np.testing.assert_allclose(values, 1 / (1 + np.exp(-z)))
    np.testing.assert_allclose(slopes, np.asarray(values) * (1 - np.asarray(values)))
    module = load(emit(differentiate(Architecture((2, 1), ("identity",)))))
    bars = plots.gradient_sizes(module, np.ones(3), [[3.0, 4.0]], [[0.0]]).axes[0].patches
    assert bars[0].get_height() == pytest.approx(8 * 5)
