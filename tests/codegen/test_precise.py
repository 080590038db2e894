"""Precise forms: accurate relative to their value, where the naive and the merely stable form are not; and audited."""

from __future__ import annotations

import re
from itertools import product

import mpmath
import numpy as np
import pytest
import sympy as sp

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import emit
from derive.codegen.forms.branches import equal
from derive.codegen.forms.chebyshev import interpolation
from derive.codegen.forms.kernels import MIDDLE, tail, used
from derive.codegen.forms.precise import precise
from derive.codegen.forms.stable import stable
from derive.codegen.statements.accurate import NormalCdf, Scaled, kernel, meaning
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.expression import Z, read_expression
from tests.codegen.expressions import ALL
from tests.codegen.test_audit import signed
from tests.codegen.test_stable import numpy_function, started

LIMITS = {"float64": 1e-14, "float32": 1e-6}
PLACES = {
    "gelu": [-37.4, -20.3, -5.1, -1e-3, 0.7],
    "gelu_tanh": [-20.3, -9.77, -2.1, 3.3],
    "gaussian": [-26.1, 9.3, 0.1],
    "silu": [-714.4, -700.1, -3.3, 2.0],
    "swish": [-413.7, -3.3, 2.0],
    "mish": [-714.4, -30.3, -1e-9, 4.0],
    "tanhshrink": [1e-100, -1e-5, 0.3, 0.999, 7.0],
    "logcosh": [1e-150, -1e-7, 0.3, -0.99, 1.01, 900.0],
    "hardsigmoid": [float(np.nextafter(-3, 0)), -2.999, 0.1],
    "lecun": [1e-300, -0.4],
}
"""Where the stable form, the plain one or both lose digits, and a few places where they do not."""


def worst(form: sp.Expr, formula: sp.Expr, places: list[float], dtype: str = "float64") -> float:
    """The largest relative error where the result is normal; warnings of NumPy are errors."""
    z = np.array(places, dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values = numpy_function(form, dtype)(z)
    assert np.asarray(values).dtype == dtype
    exact = sp.lambdify(Z, formula, "mpmath")
    with mpmath.workdps(700):
        truth = [exact(mpmath.mpf(float(v))) for v in z]
        tiny = float(np.finfo(dtype).smallest_normal)
        return max(
            float(abs(mpmath.mpf(float(v)) - t) / abs(t)) for v, t in zip(values, truth, strict=True) if abs(t) >= tiny
        )


@pytest.mark.parametrize(("name", "dtype"), list(product(sorted(PLACES), LIMITS)))
def test_relative_accuracy(name: str, dtype: str) -> None:
    formula, form = started(name)
    assert worst(form, formula, PLACES[name], dtype) <= LIMITS[dtype]


@pytest.mark.parametrize("name", ["gelu_tanh", "gaussian", "silu", "mish", "tanhshrink", "logcosh"])
def test_the_stable_form_alone_is_not_enough(name: str) -> None:
    """The negative control: without the rules of `precise` the same check fails."""
    formula, _ = started(name)
    assert worst(stable(formula), formula, PLACES[name]) > LIMITS["float64"]


def test_nor_is_the_plain_form_of_gelu() -> None:
    formula, _ = started("gelu")
    assert worst(formula, formula, PLACES["gelu"]) > LIMITS["float64"]


@pytest.mark.parametrize("u", [Z, Z / sp.sqrt(2), 3 * Z, -Z / 2, Z + 1])
def test_sums_with_erf_become_phi(u: sp.Expr) -> None:
    for formula in (1 + sp.erf(u), 1 - sp.erf(u), sp.Rational(1, 2) - sp.erf(u) / 2):
        form = stable(formula)
        assert form.has(NormalCdf)
        assert not form.has(sp.erf)
        assert equal(form, formula)
        assert not equal(form, formula + sp.Rational(1, 10**9))


@pytest.mark.parametrize(("dtype", "limit"), [("float64", 1e-15), ("float32", 5e-7)])
def test_erf_itself(dtype: str, limit: float) -> None:
    assert worst(sp.erf(Z), sp.erf(Z), [-30.0, -1.01, -0.99, -1e-3, 1e-30, 0.5, 1.0, 2.5], dtype) <= limit


def test_phi_stays_finite_everywhere() -> None:
    function = numpy_function(NormalCdf(Z, Z))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert list(function(np.array([-1e308, -1000.0, -0.0, 0.0, 1e308]))) == [0, 0, 0, 0, 1e308]


def test_coefficients_interpolate() -> None:
    """Between the points that they are computed from, too: (u + 4) exp(u**2/2) Phi(-u) for u from 0 to 4000."""
    coefficients = tail()
    for y in (-1.0, -0.63, 0.0, 0.37, 0.81, 0.998):
        u = mpmath.mpf(MIDDLE) * (1 + mpmath.mpf(y)) / (1 - mpmath.mpf(y))
        with mpmath.workdps(40):
            truth = (u + MIDDLE) * mpmath.exp(u * u / 2) * mpmath.erfc(u / mpmath.sqrt(2)) / 2
            value = mpmath.polyval(coefficients[::-1], mpmath.mpf(y))
        assert abs(value / truth - 1) < 1e-16


def test_interpolation_is_exact_for_polynomials_and_says_how_far_off_it_is() -> None:
    coefficients, last = interpolation(lambda y: 2 - 3 * y + y**3, 6)
    assert [round(float(c), 12) for c in coefficients] == [2, -3, 0, 1, 0, 0]
    assert last < 1e-40
    assert interpolation(mpmath.exp, 6)[1] > 1e-5


def test_every_rewriting_means_what_it_replaces() -> None:
    for name in PLACES:
        assert equal(precise(ALL[name].formula), ALL[name].formula)
    assert meaning(Scaled(Z, sp.exp(-Z))) == Z * sp.exp(-2 * Z)
    assert not equal(precise(ALL["gaussian"].formula), sp.exp(-2 * Z**2))


def test_trained_constants_of_either_sign() -> None:
    swish = activation("swish")
    beta = swish.symbols["beta"]
    for value in (-2, sp.Rational(1, 2)):
        form, formula = (f.subs(beta, value) for f in (precise(swish.formula), swish.formula))
        assert worst(form, formula, [-300.0, -1.0, 1.0, 300.0]) <= LIMITS["float64"]


def test_kernels_are_one_for_each_function() -> None:
    assert kernel(sp.exp(-(Z**2))) is kernel(sp.exp(-(Z**2)))
    titles = {kernel(sp.exp(q)).title for q in (-(Z**2), -Z / 3, -(Z**3), -Z * 3)}
    assert len(titles) == 4


def module(name: str, style: str) -> str:
    return emit(differentiate(Architecture((2, 3, 1), (name, "identity"))), style)


@pytest.mark.parametrize("style", ["readable", "fast"])
@pytest.mark.parametrize(
    ("name", "right", "wrong", "label"),
    [
        ("gelu", "np.floor(16 * u) / 16", "np.floor(8 * u) / 8", "frame"),
        ("gelu", "    P += c", "    P -= c", "frame"),
        ("tanhshrink", "np.positive(", "np.negative(", "frame"),
        ("gaussian", "1 + low", "1 - low", "frame"),
        ("gaussian", "high2 * x2\n", "high2 * x1\n", "frame"),
    ],
)
def test_a_change_in_a_function_of_its_own_is_seen(style: str, name: str, right: str, wrong: str, label: str) -> None:
    text = module(name, style)
    assert text.count(right) == 1
    certificate = audit(signed(text.replace(right, wrong)), to_the_end=False)
    assert {v.label for v in certificate.verdicts if not v.holds} == {label}


@pytest.mark.parametrize("style", ["readable", "fast"])
def test_calls_of_such_functions_are_audited(style: str) -> None:
    text = module("gelu", style)
    call = re.search(r"_normal_cdf\((\w+), \1", text[text.index("def loss_and_gradient") :])
    assert call is not None
    wrong = text.replace(f"_normal_cdf({call[1]}, {call[1]}", f"_normal_cdf({call[1]}, 2 * {call[1]}")
    assert not audit(signed(wrong), to_the_end=False).holds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "style"),
    [
        *(("erf(z)", "fast"), ("erf(z)", "readable"), ("z - sin(z)", "fast"), ("z*exp(-z**2)", "readable")),
        *(("1 - erf(abs(z)/3)", "fast"), ("exp(-1.7*abs(z))", "readable")),
    ],
)
def test_users_own_functions_get_the_same(text: str, style: str) -> None:
    own = Activation("own", text)
    formula = read_expression(text, {"z": Z})
    emitted = emit(differentiate(Architecture((2, 3, 1), (own, "identity"))), style)
    assert audit(emitted).holds
    assert worst(precise(formula), formula, [1e-5, -0.03, 0.7, -3.3, 19.0]) <= LIMITS["float64"] * (
        10 if "erf" in text else 1
    )


def test_modules_hold_no_function_that_they_do_not_call() -> None:
    for name in ("tanh", "relu", "sigmoid", "softplus", "identity"):
        assert not used(module(name, "fast"), "float64")
        assert "_horner" not in module(name, "readable")
    names = [t.name for t in used(module("gaussian", "fast"), "float32")]
    assert names == ["_exp_minus_z_squared", "_horner"]


def test_an_exponential_that_holds_the_logarithm_of_a_number_is_computed() -> None:
    """SymPy writes exp(6*log(5) - z**4) as 15625*exp(-z**4), which is no exponential of a polynomial."""
    formula = read_expression("exp(-(3 + z**2 - log(5/4))**2)", {"z": Z})
    assert worst(precise(formula), formula, [0.0, 0.5, -1.5, 2.0, -3.0]) < 1e-13
