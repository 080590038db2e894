"""Sections of `goldens` about what learners do not see: slipped forms, letters, values of terms, factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from derive import Architecture
from derive.proof.examples.asked import SHOWN_FORK, asked, form_of, formula, layers_of, line_of, not_asked
from derive.proof.grading.alphabet import alphabet_of
from derive.proof.grading.answers import Line, ask, read_line
from derive.proof.grading.recognise import Bench, Found, bench
from derive.proof.grading.slip_rules import Setting, distributed
from derive.proof.grading.slips import BY_TAG, SLIPS
from derive.proof.grading.term_reader import TermReader
from derive.proof.grading.terms import leaf, show
from derive.proof.numbers.small import NoExactValueError, small
from derive.proof.numbers.valuation import NoValueError

LAYOUTS = ("rows", "columns")
FUNCTIONS = Architecture((2, 3, 2, 2, 2), ("tanh", "identity", "sigmoid", "relu"))
NETWORKS = {
    "plain": Architecture((3, 2, 2), ("tanh", "sigmoid")),
    "normed": Architecture((3, 4, 2), ("tanh", "identity"), layers=[{"normalization": "layer_norm"}, {}]),
    "wide": Architecture(
        (3, 4, 4, 2), ("prelu", "relu", "identity"), layers=[{}, {"residual": True, "dropout": 0.5}, {}]
    ),
    "rms": Architecture(
        (3, 4, 2), ("tanh", "softmax"), "cross_entropy", penalty={"l2": 0.5}, layers=[{"normalization": "rms_norm"}, {}]
    ),
    "one": Architecture((2, 2), ("tanh",)),
    "uniform": Architecture((2,) * 10, ("tanh",) * 9),
    "past": Architecture((2,) * 13, ("tanh",) * 12, layers=[{"residual": 2 * (k == 6)} for k in range(12)]),
    "long": Architecture(
        (2, 3, 3, 3, 3, 2, 2),
        ("tanh", "tanh", "tanh", "tanh", "relu", "tanh"),
        penalty={"l1": 0.25},
        sample_weights=True,
        layers=[{}, {}, {"residual": 2}, {"residual": 1, "normalization": "layer_norm"}, {}, {"residual": 1}],
    ),
}

CHANGED = [
    (text, layout)
    for text in [
        "delta1 + delta2", "delta1 - delta2", "dW1 + a1 - da2", "dW1 + dW2 - dW3 + dW4", "y - a1", "a1 + z1",
        "dW1 + dW2 + dW3 + dW4 + db1", "dW1 - dW2 + dW3 - dW4 + db1 - db2", "db1 - (db2 - db3)", "db1 - (a4 - y)",
        "dW1 + dW2 + dW3 + dW4 + db1 + db2 + db3", "-db1", "db1 + (-db2)", "(a4 - y) / N", "y.T - a4", "a4 - y",
        "(a4 - y) / N * f'(z4)", "f'(z1)", "f'(z2)", "f'(z3)", "f'(z4)", "f3'(a3)", "f3'(z2)", "f2'(z3)", "f3'(2 * z3)",
        "f1(z1)", "(delta3 @ W3) * f'(z2)", "(delta3 @ W3 - delta2 @ W2 + da2) * f'(z2)", "(W4.T @ delta4) * f'(z3)",
        "(delta4 @ W4 + delta3 @ W3) * f'(z4)", "f'(z2) * da2", "(da4 + db4) * 2", "(-da4 - db4) * f'(z1)",
        "delta4 @ W4 @ W3", "W1 @ delta1", "W4.T @ delta4", "W4.T + W4", "delta5", "delta4", "delta3", "da4", "dW2",
        "a0 + a2",
        "delta2.T @ a1", "delta2 @ a1.T", "delta1 @ a0.T", "delta1.T @ a0", "delta4.T @ a4", "delta4.T @ a3",
        "delta4.T @ z3", "delta2.T @ (a1 * a2)", "(a1 * a2) @ delta2.T",
        "sum(delta2)", "sum(delta2.T)", "sum(delta2, units)", "a0 @ W1.T + b1", "W1 @ a0 + b1",
        "diag(f'(z2)) @ W3.T @ delta3", "outer(delta2, a1)", "a1 * a2 * f'(z1)", "a2 @ f'(z1)", "a2.T * f'(z1)",
    ]
    for layout in LAYOUTS
]  # fmt: skip


def changed(text: str, layout: Any) -> list[str]:
    """What every slip makes of a term in a network of four layers."""
    slopes = bench(FUNCTIONS, layout).setting.slopes
    setting, term = Setting(layout, 4, slopes), TermReader(5, {}, 2, layout).read(text)
    forms = [f"{slip.tag}: {show(form)}" for slip in SLIPS for form in slip.slipped(term, setting)]
    return [f"each path: {show(distributed(term))}", *forms]


ALPHABETS = [(network, name) for network in NETWORKS for name in ("", "letters", "layers")]
NAMES = (
    *("gain1", "gamma1", "dgamma1", "dbeta2", "beta1", "lam", "lambd_", "l2", "l1", "dl2", "weights", "weights1", "h2"),
    *("sigma1", "dsigma", "mask2", "a", "a1", "W12345", "W1234", "x", "slope1", "dslope1", "gain", "b_1", "dgain3"),
)


def alphabet(network: str, about: str) -> list[str]:
    """The letters of a network, what names are in it, or which of its layers stand for others."""
    own = alphabet_of(NETWORKS[network])
    depth = range(own.depth + 2)
    if about == "letters":
        return [f"{name}: {own.plain(name)}, {own.numbered(name)}" for name in NAMES]
    if about == "layers":
        missing = [f"{letter}{k}: {own.misplaced(letter, (1, k))}" for letter in sorted(own.all) for k in depth]
        chosen = [(low, high) for high in depth[1:-1] for low in range(1, high + 1)]
        kinds = str([own.kinds.index(kind) for kind in own.kinds])
        return [kinds, *missing, *(f"{low}..{high}: {own.representatives(low, high)}" for low, high in chosen)]
    extra = [f"{letter}: {quantity} in {sorted(own.places[letter])}" for letter, quantity in own.extra.items()]
    return [*extra, str(own.numbers), str(sorted(own.inputs)), str(own.tied), str(sorted(own.derivatives.items()))]


LETTERED = [
    (network, quantity, answer, layout)
    for network, quantity, answers in [
        ("normed", "dgain1", ["sum(dh1 * r1 / sigma1)", "dh1", "dh1.T", "sum(dh1).T", "gain1", "gain1.T", "dgamma2"]),
        ("normed", "dgain[l]", ["sum(dh[l] * r[l] / sigma[l])", "x", "b[1]"]),
        ("normed", "dh1", ["da1 * f'(h1)", "f'(h1)", "f(h1)", "f(z1)", "f'(h2)", "h[1] + mu1", "mu1 * mu1", "h2 + h1"]),
        ("normed", "delta1", ["dr1 + dmu1 / n1", "dr1 + dmu1", "mean(r1, units)", "sum(r1, units)", "r1 @ mu1"]),
        ("normed", "delta[l]", ["dr[l]", "delta[l+1] @ W[l+1] * gain[l+1]", "dr[l+1]"]),
        ("normed", "da[l]", ["delta[l+1] @ W[l+1]", "dh[l]"]),
        ("wide", "da1", ["delta2 @ W2 + da2", "da2", "da3", "mask2 * da2", "mask1", "slope1", "slope1 * da1"]),
        ("wide", "da[l]", ["delta[l+1] @ W[l+1] + da[l+1]", "da[l+1]", "mask[l+1] * da[l]"]),
        ("wide", "dslope1", ["sum(da1 * min(z1, 0))", "slope1", "2", "sum(sum(da1), units)", "slope2"]),
        ("rms", "dW2", ["delta2.T @ a1 + l2 * W2", "l2 * W2", "lambda * W2", "lam * W1", "l2", "l1 * W2"]),
        ("long", "delta[l]", ["da[l] * f'(z[l])", "da[l+2]", "weights * da[l]", "weights", "weights[1]"]),
        ("long", "db[l]", ["sum(delta[l])", "sum(delta[l+1])", "sum(delta[l-1])", "a[l-1]", "sum(dh[l])"]),
        ("long", "delta[l+1]", ["z[l]", "z[l-1]", "a[l-2]", "da[l+2]", "da[l+3]", "dh[l]"]),
        ("long", "dW[l-1]", ["z[l]", "z[l+1]", "z[l-1]", "z[l-2]", "a[l-2] @ a[l-3]"]),
        ("plain", "delta1", ["z1 = a1", "dW1 = a1", "delta 1 = a1", "dL/dz1 = a1", "delta2 = a1"]),
        ("plain", "delta1", [
            "where(a1 > z1, a1, 0)", "where(a1 > z2, W1, 0)", "max(a1, b1)", "max(b1, a1)", "min(W1, a1)", "abs(W1)",
            "sign(z1.T)", "max(a1, 0)", "mean(a1)", "mean(z1, units)", "sum(z1, units)", "sum(z1, samples)",
            "mean(z1, samples)", "sum(z1, rows)", "inv(W2)", "inv(W1)", "inv(N)", "outer(a1, z1)", "outer(W1, a1)",
            "outer(b1, b2)", "n1 * a1", "n[2] * a1", "n3", "n0 + a1", "a1 >= z1", "exp(tanh(exp(exp(f(z1)))))",
            "exp(exp(exp(exp(exp(exp(z1))))))", "exp(exp(exp(exp(exp(exp(exp(z1)))))))",
            "n[1-1] * a1", "n[1-2] * a1", "n[3] * a1", "a(x)", "d(c)", "d(c, b1, b1)", "a[x](x)",
            "inv(inv(inv(inv(inv(inv(W2))))))", "inv(inv(inv(inv(inv(inv(inv(W2)))))))", "f(df(f(f(f(f(z1))))))",
            "f(df(f(f(f(f(f(z1)))))))", "d(c, b1)", "d(loss, W2)", "d(c, x)", "a1(x)", "a1(y)", "a[1](x)", "f1(z2)",
            "f[2](z1)", "f3(z1)", "f0(z1)", "a1 ** -1", "a1 ** (-N)", "relu(a1)", "sigmoid(z1) + x",
        ]),
    ]
    for answer in answers
    for layout in LAYOUTS
]  # fmt: skip


def lettered(network: str, quantity: str, answer: str, layout: Any) -> list[str]:
    """What is read of a line about a network with letters of its own."""
    letters = alphabet_of(NETWORKS[network])
    asked = ask(quantity, letters)
    read: Line = read_line(asked, answer, letters, layout)
    words = [read.shape, read.wanted, read.place_error, read.only, str(read.shape_error)]
    return [str(asked.layers), *(f"{k}: {show(term)}" for k, term in read.terms.items()), *words]


VALUED = [
    (text, layout)
    for text in [
        "a1 + z2", "a1 - 2 / 3", "-a1 * z1", "a1 / z1", "a1 ** 3", "a1 ** -2", "a1 ** 0", "a1 ** N", "2 ** a1",
        "N + n1", "n0 * n2", "a1 @ z1", "a1 @ z1.T", "a1.T @ z1", "W1 @ a0", "a0 @ W1.T + b1", "delta2 @ W2",
        "delta2.T @ a1", "W2 @ delta2", "b1 @ b2", "b1.T @ b2", "b1 * b2.T", "2 @ a1", "a1 @ 2", "W1 @ 2",
        "sum(a1)", "sum(b1)", "sum(2)", "sum(W1)", "sum(sum(a1))", "mean(a1)", "sum(a1, units)", "mean(a1, units)",
        "mean(W2, units)", "abs(a1 - z2)", "sign(a1 - 1)", "max(a1, z1)", "min(a1, z1)", "max(a1, 0)", "min(0, b1)",
        "where(a1 > z1, a1, 0)", "where(a1 >= z1, 2, z1)", "where(a1 < z1, a1, 0)", "where(a1 <= z1, a1, 0)",
        "where(a1 >= a1, 2, z1)", "where(a1 <= a1, 2, z1)", "where(a1 > a1, 2, z1)", "where(a1 < a1, 2, z1)",
        "diag(a1)", "diag(b2)", "diag(b2.T)", "outer(delta2, a1)", "outer(b1, b2)", "outer(b1.T, b2.T)",
        "outer(b2, 2)", "outer(W1, W2)", "inv(W2)", "inv(W1)", "inv(W2 @ W2.T)", "inv(b1.T @ b1)", "inv(2 * N)",
        "f(z1)", "f'(z1)", "f'(a1)", "f2(z1)", "f2'(a2 - y)", "tanh(z1)", "exp(b1)", "sqrt(a1 ** 2)", "log(2 + b1)",
        "1 / (a1 - a1)", "x @ x.T", "y",
    ]
    for layout in LAYOUTS
]  # fmt: skip


def valued(text: str, layout: Any) -> list[str]:
    """The values of a term: residues at the sizes of grading as one sum each, and in small fractions."""
    network, term = NETWORKS["plain"], TermReader(2, {}, 2, layout).read(text)
    own, found = bench.__wrapped__(network, layout), []  # values of functions are drawn when they are asked for
    for r in (*own.distinct, *own.coinciding):
        try:
            value = r.value(term)
            found.append(f"{value.shape} {digest(value)}")
        except NoValueError:
            found.append("none")
    for samples, widths in ((2, (3, 2, 2)), (1, (1, 2)), (2, (2,))):
        try:
            value = small(network, layout, samples, widths, 1).value(term, {})
            found.append(f"{value.shape} {', '.join(map(str, value.ravel()))}")
        except (NoExactValueError, ValueError, ZeroDivisionError):
            found.append("none")
    return found


def digest(array: Any) -> int:
    """One number for all entries in their order."""
    weights = np.arange(1, array.size + 1, dtype=object)
    return int((array.ravel().astype(object) * weights).sum() % 1_000_003)


TABLES = [
    (network, base, layer, layout)
    for network, base, layer in [("plain", "delta", 2), ("plain", "dW", 1), ("plain", "db", 2), ("plain", "delta", 1)]
    for layout in LAYOUTS
]


def tables(network: str, base: str, layer: int, layout: Any) -> list[str]:
    """The slips, and pairs of slips, that are told apart by their values, each with the form that stands for it."""
    own = bench(NETWORKS[network], layout)
    found: list[Found] = [*own.table(base, layer).values(), *own.pairs(base, layer).values()]
    forms = [f"{', '.join(each.tags)}: {show(each.form) if each.form else each.factor}" for each in found]
    return [*map(show, own.truth(base, layer)), *forms]


FACTORS = [
    (answer, layout)
    for answer in [
        *("db1", "2 * db1", "-db1", "db1 / 3", "-2 * db1 / 3", "N * db1", "-N * db1", "db1 / N", "db1 * 2 / N"),
        *("db1 * N ** 2", "-db1 / N ** 2", "3 * N ** 2 * db1", "db1 * N ** 3", "db1 / N ** 3", "b1", "0 * db1"),
        *("db1 * 1999", "db1 * 1999 / 1998", "db1 * 2003", "db1 / 2003", "delta1", "db1 / (N + 1)", "n1 * db1"),
    ]
    for layout in LAYOUTS
]


def factors(answer: str, layout: Any) -> list[str]:
    """By which factor an answer is more than db1."""
    own: Bench = bench(NETWORKS["plain"], layout)
    found = own.factor(TermReader(2, {}, 1, layout).read(answer), leaf("db", 1))
    return [*found.tags, str(found.factor)]


ASKED = [(slip.tag,) for slip in SLIPS]


def about(tag: str) -> list[str]:
    """Where an example is asked about a slip."""
    slip = BY_TAG[tag]
    around = ((), (0, 1, 0), (0, 2, 0), (0, 0, 1, 0), (0, 1, 2), SHOWN_FORK)
    forks = [f"{past}: {slip in asked(past)} {tag in not_asked(past)}" for past in around]
    layers = [f"{depth}: {layers_of(slip, depth)}" for depth in (1, 2, 3, 4)]
    forms = [form_of(slip, line_of(slip), k, 3, (0, 1, 0)) for k in (1, 2, 3)]
    return [formula(slip), *forks, *layers, *(show(form) if form else "none" for form in forms)]


QUANTITIES = [
    (network, text)
    for network in ("plain", "normed", "long", "one")
    for text in [
        *("delta1", "delta[1]", "delta[L]", "delta[L-1]", "delta[l]", "delta[l+1]", "delta[l-1]", "delta[l+9]", "W1"),
        *("dW[l]", "dW[l-1]", "dW[L+1]", "dW0", "da0", "da[l]", "da[l-1]", "a0", "a[l]", "a[l-1]", "a[l+1]", "z0"),
        *("dL/dW2", "dL/dW[l]", "d(loss, W2)", "d(c, b[l])", "dC/dgamma1", "d(loss, h[1])", "dgain[l]", "dbeta2"),
        *("dJ/dZ1", "dW00001", "dW1 1", " dW1 ", "dX1", "c", "dr[l]", "dmu4", "dweights1", "d(c, x)", "d cost / d a1"),
    ]
]


def quantity(network: str, text: str) -> list[str]:
    """What is asked for, and how its layers are called."""
    found = ask(text, alphabet_of(NETWORKS[network]))
    layers = [f"{k}: {found.values(k)} {[found.labels(k)(at) for at in (k - 1, k, k + 1)]}" for k in found.layers]
    return [str(found), *layers]
