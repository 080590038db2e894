"""The audit passes what is right and catches what is not, also when the digest was made to fit."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import digest, emit, load
from derive.codegen.forms.branches import equal
from derive.codegen.forms.elementary import UndecidedError, normal, rational
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.tables import ACTIVATIONS
from tests.codegen.expressions import ALL

STYLES = ("readable", "fast")


def text_of(names: list[str], style: str, sizes: tuple[int, ...] | None = None, momentum: float = 0.9) -> str:
    sizes = sizes or tuple(range(3, 4 + len(names)))
    functions = [ALL[name] for name in names]
    return emit(differentiate(Architecture(sizes, functions, optimizer={"momentum": momentum})), style)


def signed(text: str) -> str:
    """`text` with a digest that fits: so that only what it computes can betray it."""
    return re.sub(r'^DIGEST = ".*"$', f'DIGEST = "{digest(text)}"', text, flags=re.MULTILINE)


EVERY = [
    pytest.param(name, depth, style, marks=[pytest.mark.slow] * (style != STYLES[depth > 1]))
    for name, depth, style in product(("tanh", "relu"), (1, 3), STYLES)
]
EVERY += [
    pytest.param(name, 1, STYLES[k % 2], marks=pytest.mark.slow)
    for k, name in enumerate(sorted(ACTIVATIONS))
    if name not in ("tanh", "relu")
]
"""Of the others one net each: `make figures` audits all of them in both styles to depth 4."""


@pytest.mark.parametrize(("name", "depth", "style"), EVERY)
def test_every_activation_passes(name: str, depth: int, style: str) -> None:
    certificate = audit(text_of([name] * depth, style))
    assert certificate.holds, [v for v in certificate.verdicts if not v.holds]
    assert {f"dW{k}" for k in range(1, depth + 1)} <= {v.label for v in certificate.verdicts}


@pytest.mark.parametrize(
    ("style", "name"),
    [
        pytest.param(STYLES[k % 2], name, marks=[pytest.mark.slow] * (k % 4 > 0))
        for k, name in enumerate(sorted(set(ALL) - set(ACTIVATIONS)))
    ],
)
def test_users_own_activations_pass(style: str, name: str) -> None:
    certificate = audit(text_of([name, "identity"], style))
    assert certificate.holds, [v for v in certificate.verdicts if not v.holds]


FAULTS = {
    "readable": [
        ("delta2 = da2 * (1 - a2**2)", "delta2 = da2"),
        ("(1 - a2**2)", "(1 + a2**2)"),
        ("(1 - a2**2)", "(1 - z2**2)"),
        ("delta2.T @ a1", "delta1.T @ a1"),
        ("da1 = delta2 @ W2", "da1 = -delta2 @ W2"),
        ("np.where(a1 <= 0, 0.0, da1)", "np.where(a1 <= 1, 0.0, da1)"),
        ("np.where(a1 <= 0, 0.0, da1)", "np.where(a1 < 0, 0.0, da1)"),
        ("(a2 - Y) / N", "(a2 - Y)"),
        ("c.sum() / N", "c.sum() / N * 2"),
        (".sum(axis=1) / 2", ".sum(axis=1) / 2.000001"),
        ("Parameters(dW1, db1, dW2, db2)", "Parameters(dW1, db1, dW2, 0 * db2)"),
        ("0.9 * v", "0.900001 * v"),
        ("theta -= ", "theta += "),
    ],
    "fast": [
        ("np.subtract(da2, delta2, delta2)", "np.add(da2, delta2, delta2)"),
        ("delta2T.dot(a1, dW2)", "delta2T.dot(a1, dW2); dW2 *= 2"),
        ("ones.dot(delta1, db1)", "pass"),
        ("np.greater(a1, ZERO", "np.greater_equal(a1, ZERO"),
        ("da2_flat.dot(", "2 * da2_flat.dot("),
        ("np.ones(N, DTYPE)", "np.zeros(N, DTYPE)"),
        ("0.0, DTYPE)", "1.0, DTYPE)"),
        ("np.copyto(delta1, t2)", "delta1[...] = 1"),
        ("b1[np.newaxis]", "0 * b1[np.newaxis]"),
        ("W1.T,", "-W1.T,"),
        ("X is not state.X or ", ""),
        ("Y is not state.Y", "False"),
        ("db1_rowT.dot(X, dW1)", "pass"),
        ("np.sign(a1, t2)", "np.square(a1, t2)"),
        ("np.add(a1, b1_row, a1)", "np.add(b1_row, b1_row, a1)"),
        ("if N == 1 else _buffers(N)", "if N > 1 else _buffers(N)"),
        ("state.theta is not theta or ", ""),
        ("abs(value) < np.inf", "abs(value) <= np.inf"),
        ("rate[...] = scale / N", "rate[...] = scale / (2 * N)"),
        ("np.array(0.9, DTYPE)", "np.array(0.99, DTYPE)"),
        ("state.N != len(X)", "state.N < len(X)"),
        ("self.N = 0", "self.N = 1"),
        ("    _in_place(theta)\n", ""),
        ("value = _step(", "value = 2 * _step("),
    ],
}


@pytest.mark.parametrize(
    ("style", "right", "wrong"),
    [
        pytest.param(style, *pair, marks=[pytest.mark.slow] * (k % 3 > 0))
        for style, pairs in FAULTS.items()
        for k, pair in enumerate(pairs)
    ],
)
def test_planted_faults_are_refuted(style: str, right: str, wrong: str) -> None:
    text = text_of(["relu", "tanh"], style)
    assert right in text
    assert not audit(signed(text.replace(right, wrong))).holds


@pytest.mark.parametrize("momentum", [1 / 3, 0.1 + 0.2])
def test_constants_with_many_digits_pass(momentum: float) -> None:
    assert audit(text_of(["tanh"], "fast", momentum=momentum)).holds


CHOICES = {
    "cases within the sign of an exponent": "(1/(1 + exp(min(z, 1))) - abs(abs(z/3)))",
    "a clamp beside a quotient": "(1/(1 + exp(abs(z))) * max(min(z/3, 1), -1))",
    "a kink at an irrational number": "min(((-z * pi) + (-z - 0.5)), 1)",
    "kinks at a constant": "((max(min(beta*z, 1), -1) - (z**2 * z)) - (erf(beta) + (z * 1/7)))",
    "an exponential of a number among others": "exp(-(((beta + z**2) - log1p((0.5)**2)))**2)",
    "a sign that a trained constant decides": "1/(1 + exp((sin(pi) - where(-z > 0, z, beta*z))))",
}
"""Users' own functions whose stable form asks more than one comparison, or one that is hard to decide."""


@pytest.mark.parametrize(
    ("name", "style"),
    [
        pytest.param(name, style, marks=[pytest.mark.slow] * (k % 10 > 0))
        for k, (name, style) in enumerate(product(CHOICES, STYLES))
    ],
)
def test_choices_that_are_not_plain_comparisons_pass(name: str, style: str) -> None:
    constants = {"beta": 0.5} if "beta" in CHOICES[name] else {}
    trained = ("beta",) if "trained" in name else ()
    function = Activation("own", CHOICES[name], tuple(constants.items()), trained)
    architecture = Architecture((3, 2), [function])
    assert audit(emit(differentiate(architecture), style), architecture).holds


SHIFTED = (
    "exp(-(z + beta)**2)", "tanh(1 - z - beta)", "exp(-(beta + z**2 - log1p(0.25))**2)", "1/(1 + exp(-2*z - 2*beta))",
    "z*exp(beta*z + z)", "log(cosh(z + beta))", "(z + beta)*tanh(beta*z + 1)", "exp(-(beta*z + pi)**2)",
    "log(1 + exp(2*z + beta))", "sqrt(1 + (z + beta)**2)", "exp(-(beta - log(2))*z**2)", "erf(z + beta/3)",
)  # fmt: skip
"""Users' own functions in which a trained constant is added to something."""


@pytest.mark.parametrize(
    ("text", "style"),
    [pytest.param(text, STYLES[k % 2], marks=[pytest.mark.slow] * (k % 8 > 0)) for k, text in enumerate(SHIFTED)],
)
def test_sums_with_trained_constants_pass_and_other_sums_do_not(text: str, style: str) -> None:
    function = Activation("own", text, (("beta", 0.5),), ("beta",))
    architecture = Architecture((3, 2, 2), [function, function])
    module = emit(differentiate(architecture), style)
    assert audit(module, architecture).holds
    for other in ("own_by_beta(z, beta):\n", "own_derivative(z, beta):\n"):
        if f"def {other}" in module:  # the constant is another one within the function
            wrong = re.sub(rf'(def {re.escape(other)}    """.*\n)', r"\g<1>    beta = 2 * beta\n", module)
            assert wrong != module
            assert not audit(signed(wrong), architecture).holds


LARGE = {
    "z + sqrt(1 + 10**28)": "float(np.sqrt(float(10000000000000000000000000001)))",
    "z + log(10**30)": "np.log(1e+30)",
    "where(z > 0, z + 10**19 + 1, 10**19 + 1)": "float(10000000000000000001) + z1",
    "(10**28 + 1)*z/3": "float(10000000000000000000000000001) * z1 / 3",
}
"""Users' own functions with whole numbers that NumPy would make objects of, and how these are written."""


@pytest.mark.parametrize("text", LARGE)
def test_large_whole_numbers_are_exact_and_floats(text: str) -> None:
    architecture = Architecture((3, 2), [Activation("own", text)])
    module = emit(differentiate(architecture), "readable")
    assert LARGE[text] in module
    assert audit(module, architecture).holds
    assert not audit(signed(module.replace(LARGE[text], LARGE[text].replace("1", "2", 1))), architecture).holds
    gradient = load(module).loss_and_gradient(np.ones(8), np.ones((4, 3)), np.ones((4, 2)))[1]
    assert gradient.dtype == np.float64
    assert np.isfinite(gradient).all()


def test_a_number_beyond_all_floats_is_refused() -> None:
    huge = "*".join(["10**60"] * 6)
    with pytest.raises(DeriveError, match=r"a constant of about 1.00E\+360 is too large for a float64"):
        emit(differentiate(Architecture((3, 2), [Activation("own", f"{huge}*z")])))


PRODUCTS = [("selu", "poisson"), ("lecun_tanh", "huber"), ("lecun_tanh", "log_cosh"), ("lecun_tanh", "poisson")]
"""Activations whose constants, multiplied with each other, no decimal writes exactly, and losses that square them."""


@pytest.mark.parametrize(
    ("name", "loss"), [pytest.param(*pair, marks=[pytest.mark.slow] * (k % 3 > 0)) for k, pair in enumerate(PRODUCTS)]
)
def test_products_of_constants_pass(name: str, loss: str) -> None:
    architecture = Architecture((3, 2), [name], loss=loss)
    assert audit(emit(differentiate(architecture), "readable"), architecture).holds


@pytest.mark.parametrize("factor", [1 - 1e-15, 1 + 1e-15])
def test_a_neighbour_of_a_product_of_constants_does_not(factor: float) -> None:
    architecture = Architecture((3, 2), ["selu"], loss="poisson")
    text = emit(differentiate(architecture), "readable")
    product = "1.7580993408473768"
    assert product in text
    wrong = signed(text.replace(product, repr(float(product) * factor)))
    assert not audit(wrong, architecture, to_the_end=False).holds


def test_a_module_that_writes_to_its_data_is_refuted() -> None:
    text = text_of(["tanh", "identity"], "fast")
    right = "np.subtract(da2, Y, da2)"
    assert right in text
    wrong = audit(signed(text.replace(right, "np.subtract(da2, da2, Y)")))
    assert not wrong.holds
    assert "inputs" in {verdict.label for verdict in wrong.verdicts if not verdict.holds}


def test_the_same_fault_in_loss_and_gradient_is_caught() -> None:
    text = text_of(["tanh", "identity"], "readable")
    wrong = text.replace(".sum(axis=1) / 2", ".sum(axis=1)").replace("= (a2 - Y) / N", "= 2 * (a2 - Y) / N")
    labels = {v.label for v in audit(signed(wrong)).verdicts if v.verdict == "refuted"}
    assert {"loss", "dW1", "db2"} <= labels


def test_a_fault_at_the_real_widths_only() -> None:
    text = text_of(["tanh", "identity"], "readable")
    wrong = text.replace("da1 = delta2 @ W2", "da1 = delta2 @ W2 * (1 if n1 != 4 else 2)")
    refuted = [v for v in audit(signed(wrong)).verdicts if v.verdict == "refuted"]
    assert {v.validity for v in refuted} == {"the real widths"}


def test_without_the_digest_fitting_a_comment_is_enough() -> None:
    text = text_of(["tanh", "identity"], "fast")
    assert [v.label for v in audit(text + "# a comment\n").verdicts if not v.holds] == ["digest"]


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("import socket", "import socket"),
        ("os.getpid()", "the attribute getpid"),
        ("os.replace('x', 'y')", "the attribute replace"),
        ("open('/etc/hostname').read()", "the attribute read"),
        ("np.load('theta.npy')", "the attribute load"),
        ("np.random.seed(0)", "seed"),
        ("1 / 0", "ZeroDivisionError"),
        ("X.tofile('x')", "tofile"),
        ("().__class__.__base__.__subclasses__()", "__subclasses__"),
        ("(i for i in X).gi_frame", "gi_frame"),
        ("from typing import sys", "the line from typing import sys"),
        ("np.sqrt.owner", "the attribute owner"),
        ("print('\x1b[2J')", "the name print"),
        ("__import__('typing').sys.exit(3)", "the name __import__"),
        ("f'{1:999999999}'", "the format"),
        ("while True: pass", "the syntax While"),
        ("9 << 10**10", "the syntax LShift"),
    ],
)
def test_what_a_module_must_not_do_is_no_pass(code: str, note: str) -> None:
    text = text_of(["tanh", "identity"], "readable")
    certificate = audit(signed(text.replace("    # Forward", f"    {code}\n    # Forward", 1)))
    assert not certificate.holds
    assert any(v.label == "module" and v.verdict != "proved" and note in v.note for v in certificate.verdicts)


def test_frames_are_compared() -> None:
    text = text_of(["tanh", "identity"], "fast")
    wrong = signed(text.replace("rng.permutation(len(X))", "rng.permutation(len(X) - 1)"))
    verdict = next(v for v in audit(wrong).verdicts if not v.holds)
    assert verdict.label == "frame"
    assert "train" in verdict.note


@pytest.mark.slow
def test_another_specification_is_refuted() -> None:
    text = text_of(["tanh", "identity"], "fast", (3, 4, 5))
    assert audit(text, Architecture((3, 4, 5), [ALL["tanh"], ALL["identity"]], optimizer={"momentum": 0.9})).holds
    assert not audit(text, Architecture((3, 4, 5), ["sigmoid", "identity"])).holds
    assert not audit(text, Architecture((3, 4, 6), ["tanh", "identity"])).holds


@pytest.mark.parametrize(
    "text", ["x = 1\n", "def f(:\n", 'SPEC = "name = 3"\nSIZES = (1, 2)\nDIGEST = ""\n', "SPEC = f()\n"]
)
def test_what_is_no_module_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(DeriveError) as error:
        audit(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("zip(SIZES, SIZES[1:])", "zip(SIZES, SIZES[0.999999:])"),
    ],
)
def test_what_numpy_would_refuse_is_no_pass(right: str, wrong: str) -> None:
    """A decimal as an index raises in the real module."""
    text = text_of(["relu", "tanh"], "fast")
    assert right in text
    assert not audit(signed(text.replace(right, wrong))).holds


SWELLING = Activation("own", "tanh(log(1 + exp(z))) + log1p((log1p((beta*z)**2))**2)", (("beta", 1e-07),))
"""A function whose second derivative has a normal form of some million terms."""


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_what_has_too_large_a_normal_form_is_audited_as_it_stands(style: str) -> None:
    architecture = Architecture((3, 2), [SWELLING])
    module = emit(differentiate(architecture), style)
    assert audit(module, architecture).holds
    second = r"(def own_second_derivative\(z\):\n    \"\"\".*\n(?:.*\n)*?    return )"
    wrong = re.sub(second, r"\g<1>1.01 * ", module, count=1)
    assert wrong != module
    assert not audit(signed(wrong), architecture).holds


def test_a_normal_form_that_would_be_too_large_is_not_looked_for() -> None:
    formula = SWELLING.formula
    second = formula.diff(Z, 2)
    with pytest.raises(UndecidedError, match="more than 3500 terms"):
        normal(second - second.xreplace({Z: 2 * Z}))
    assert not equal(second, second.xreplace({Z: 2 * Z}))
    kernels = dict(rational(second).kernels)
    assert rational(second).value.free_symbols <= {Z, *kernels}
