"""Stable forms: proved equal, finite and accurate over ±1000, and f' found in the cached output."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import emit, load
from derive.codegen.forms.branches import equal, pieces
from derive.codegen.forms.cached import A, _sign, from_output
from derive.codegen.forms.elementary import normal
from derive.codegen.forms.kernels import used
from derive.codegen.forms.precise import precise
from derive.codegen.forms.stable import stable
from derive.codegen.statements.arrays import written
from derive.codegen.statements.lower import lower_scalar
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.expression import Z, read_expression
from tests.codegen.expressions import ALL

POINTS = np.concatenate([np.linspace(-1000, 1000, 41), np.linspace(-5, 5, 41), [1e-300, -1e-300, 0.0, 1e-9, -1e-9]])


def numpy_function(form: sp.Expr, dtype: str = "float64") -> Any:
    """The function that a form is emitted as, with the functions of the module that it calls."""
    z = sp.Symbol("z", real=True)
    text = written(lower_scalar(form.xreplace({Z: z}), {"z": ()}))
    names: dict[str, Any] = {"np": np, "float": float}
    exec("\n".join(map(str, used(text, dtype))), names)
    return eval("lambda z: " + text, names)


def started(name: str, order: int = 0) -> tuple[sp.Expr, sp.Expr]:
    """The formula and the form as emitted, with trained constants where they start."""
    function = ALL[name]
    formula = function.formula.diff(Z, order)
    values = {symbol: dict(function.constants)[name] for name, symbol in function.symbols.items()}
    values = {symbol: sp.Rational(str(value)) for symbol, value in values.items()}
    return formula.subs(values), (stable if order else precise)(formula).subs(values)


@pytest.mark.parametrize("name", sorted(ALL))
@pytest.mark.parametrize("order", [0, 1])
def test_nothing_overflows_and_nothing_turns_nan(name: str, order: int) -> None:
    """Against mpmath with 60 digits, on a grid of |z| <= 1000; warnings of NumPy are errors."""
    formula, form = started(name, order)
    function = numpy_function(form)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values = np.broadcast_to(function(POINTS), POINTS.shape)
    assert np.isfinite(values).all()
    exact = sp.lambdify(Z, formula, "mpmath")
    with mpmath.workdps(500):  # 1 - tanh(1000)**2 has to be more than nothing
        truth = np.array([float(exact(mpmath.mpf(float(z)))) for z in POINTS])
    assert np.abs(values - truth).max() <= 1e-12 * max(1.0, np.abs(truth).max())


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "tanh", "logsigmoid", "elu"])
def test_relative_accuracy_where_the_result_is_small(name: str) -> None:
    function, exact = numpy_function(stable(ALL[name].formula)), sp.lambdify(Z, ALL[name].formula, "mpmath")
    z = np.array([-700.0, -100.0, -30.0, -1e-3, -1e-12, 1e-12])
    with mpmath.workdps(500):
        truth = np.array([float(exact(mpmath.mpf(float(v)))) for v in z])
    z, truth = z[np.abs(truth) > 1e-300], truth[np.abs(truth) > 1e-300]
    assert len(z) >= 4
    assert np.abs(function(z) / truth - 1).max() <= 1e-14


def test_the_naive_form_does_overflow() -> None:
    """The negative control: without a stable form the same check fails."""
    naive = numpy_function(ALL["sigmoid"].formula)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        naive(POINTS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tanh", 1 - A**2),
        ("sigmoid", A * (1 - A)),
        ("identity", sp.S.One),
        ("gaussian", -2 * A * Z),
        ("exponentials", 1 - A**2),
    ],
)
def test_the_output_gives_the_derivative(name: str, expected: sp.Expr) -> None:
    found = from_output(ALL[name].formula)
    assert found is not None
    assert sp.expand(found - expected) == 0


@pytest.mark.parametrize(
    ("name", "at", "slope"),
    [
        ("relu", 0, 0),
        ("relu", 2, 1),
        ("leaky", -1, sp.Rational(1, 100)),
        ("elu", sp.Rational(-1, 4), sp.Rational(1, 4)),
    ],
)
def test_with_branches_too(name: str, at: sp.Expr, slope: sp.Expr) -> None:
    found = from_output(ALL[name].formula)
    assert found is not None
    assert not found.has(Z)
    assert found.subs(A, at) == slope


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("1000000000000 + where(z > 0, z, 0.1*z)", 0.1, 1.0),
        ("1/(1 + exp(-z*abs(z)))", 5e-9, 5e-9),
        ("where(z > 0, z, exp(z) - 1) - 3", 1.0, 1.0),
        ("where(z > 0, z, 2*z)", 2.0, 1.0),
    ],
)
def test_the_branch_is_that_of_z_next_to_a_kink(text: str, left: float, right: float) -> None:
    """Where a is rounded so that it is the same on both sides, z is compared."""
    module = load(emit(differentiate(Architecture((1, 1), [Activation("own", text)]))))
    slopes = module.jacobian(np.array([1.0, 0.0]), np.array([[-1e-8], [1e-8]])).ravel()
    assert slopes == pytest.approx([left, right], rel=1e-7)


@pytest.mark.parametrize(("text", "by"), [("where(z > 0, z, 2*z)", A), ("3 + where(z > 0, z, 2*z)", Z)])
def test_a_kink_is_looked_for_in_the_output_only_where_it_tells(text: str, by: sp.Symbol) -> None:
    form = from_output(read_expression(text, {"z": Z}))
    assert form is not None
    assert form.free_symbols == {by}


@pytest.mark.parametrize("text", ["tanh(z) + 1000000", "tanh(z)/3 - 5", "exp(z) - 100", "1/(1 + exp(-z)) + 64"])
def test_an_output_that_rounding_takes_digits_from_does_not_give_the_slope(text: str) -> None:
    """tanh(z) + 1000000 is rounded to 1e-10, and so would be its slope."""
    own = Activation("own", text)
    assert from_output(own.formula) is None
    module = load(emit(differentiate(Architecture((1, 1), [own]))))
    z = np.array([[0.5]])
    exact = sp.lambdify(Z, own.formula.diff(Z), "mpmath")(0.5)
    assert module.jacobian(np.array([1.0, 0.0]), z).item() == pytest.approx(float(exact), rel=4e-16)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "lecun_tanh"])
@pytest.mark.parametrize("style", ["fast", "readable"])
def test_the_slope_of_a_saturated_output_is_zero(name: str, style: str) -> None:
    """Not 1e-16: an input of 1e13 would make a gradient of that."""
    module = load(emit(differentiate(Architecture((1, 1), [name])), style))
    _, gradient = module.loss_and_gradient(np.array([1.0, 0.0]), np.array([[1e13]]), np.array([[0.5]]))
    assert not gradient.any()


def test_softplus_uses_expm1_of_the_output() -> None:
    found = from_output(ALL["softplus"].formula)
    assert found is not None
    assert sp.expand(found.rewrite(sp.exp) - (1 - sp.exp(-A))) == 0
    assert "expm1" in str(found)


def test_no_form_is_invented() -> None:
    for name in ("swish", "mish", "wave", "gelu_tanh", "arc", "tent"):
        assert from_output(ALL[name].formula) is None


def test_equality_is_decided_both_ways() -> None:
    assert equal(sp.tanh(Z), ALL["exponentials"].formula)
    assert equal(sp.log(1 + sp.exp(Z)), Z + sp.log(1 + sp.exp(-Z)))
    assert not equal(sp.tanh(Z), sp.tanh(Z) + sp.Rational(1, 10**9))
    assert not equal(ALL["relu"].formula, Z)
    assert not equal(sp.Abs(sp.sin(Z)), sp.sin(Z) * sp.Piecewise((1, Z >= 0), (-1, True)))  # kinks at every k*pi
    assert not equal(sp.Piecewise((1, Z > 0), (0, True)), sp.Piecewise((1, Z >= 0), (0, True)))  # they differ at 0


def test_pieces_keep_what_the_kink_says() -> None:
    slope = read_expression("where(z > 0, z, 0)", {"z": Z}).diff(Z)
    assert pieces(slope) == [(sp.S.Zero, sp.Le(Z, 0)), (sp.S.One, sp.true)]
    slope = read_expression("where(z >= 0, z, 0)", {"z": Z}).diff(Z)
    assert pieces(slope) == [(sp.S.Zero, sp.Lt(Z, 0)), (sp.S.One, sp.true)]


numbers = st.integers(1, 9).map(lambda n: f"{n / 4}")
atoms = st.one_of(st.just("z"), numbers.map(lambda c: f"{c}*z"), numbers.map(lambda c: f"(z + {c})"))


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    """Random expressions in the user's grammar, defined on the whole line."""
    if depth == 0:
        return draw(atoms)
    inner = draw(expressions(depth - 1))
    shape = draw(
        st.sampled_from(
            [
                "tanh({0})",
                "log(1 + exp({0}))",
                "{0} / (1 + exp(-{0}))",
                "where(z > 0, {0}, {1})",
                "{0} + {1}",
                "1 / (1 + exp({0}))",
                "sin({0})",
                "max(z, {1})",
                "{0} * tanh({1})",
            ]
        )
    )
    return shape.format(inner, draw(atoms))


@given(expressions())
@settings(max_examples=40, deadline=None)
def test_users_own_expressions(text: str) -> None:
    """The rewritten form is proved, is what the rules gave, and agrees with the expression numerically."""
    formula = read_expression(text, {"z": Z})
    assert equal(stable(formula), formula)
    function, exact = numpy_function(stable(formula)), sp.lambdify(Z, formula, "mpmath")
    for z in (-3.7, -0.4, 0.3, 2.9):
        assert float(function(np.float64(z))) == pytest.approx(float(exact(z)), rel=1e-11, abs=1e-11)


def test_normal_forms_are_shared() -> None:
    assert normal(sp.tanh(Z) ** 2 + 1 / sp.cosh(Z) ** 2).value == 1
    assert normal(sp.log(sp.exp(2 * Z) + sp.exp(Z)) - Z - sp.log(1 + sp.exp(Z))).value == 0


@pytest.mark.parametrize(
    "text",
    ["exp(-z) / (1 + exp(-1.000001*z)**2)", "(1 + z**2)**0.25 + tanh(z)", "1/(1+exp(-z)) + 1/(1+exp(1.0000003*z))"],
)
def test_nearly_equal_exponents_do_not_make_polynomials_of_high_degree(text: str) -> None:
    formula = read_expression(text, {"z": Z})
    assert equal(stable(formula), formula)
    assert not equal(formula, formula + sp.tanh(Z))


def test_nor_does_the_derivative_from_the_output() -> None:
    found = from_output(read_expression("log(1 + exp(1.000001*z))", {"z": Z}))
    assert found is not None
    assert not found.has(Z)


def test_other_functions_of_z_do_not_stay_in_the_derivative_from_the_output() -> None:
    """exp(-z) can be eliminated here, but what is left has asinh(z) in it, which is no expression in a and z."""
    assert from_output(read_expression("sinh(z) - cosh(z) + asinh(z)", {"z": Z})) is None


def test_exponentials_of_quotients_are_the_inverse_of_those_of_their_negatives() -> None:
    inside = sp.tanh(Z)
    assert normal(sp.exp(inside) * sp.exp(-inside)).value == 1
    assert normal(sp.log(1 + sp.exp(-inside)) - sp.log(1 + sp.exp(inside)) + inside).value == 0
    assert normal(sp.exp(inside) * sp.exp(-2 * inside)).value != 1
    assert normal(sp.exp(Z / 2 * (1 + inside)) - sp.exp(Z / (1 + sp.exp(-2 * Z)))).value == 0


def test_the_logarithm_of_a_logarithm() -> None:
    twice = sp.log(sp.log(1 + sp.exp(Z)))
    assert abs(sp.N((stable(twice) - twice).subs(Z, sp.Rational(3, 7)), 30)) < 1e-25


def test_nothing_is_eliminated_where_another_function_of_z_would_remain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resultant with log(1 + tanh(z)**2) as one more symbol takes half a minute, and its factors have no use."""
    monkeypatch.setattr(sp, "resultant", lambda *_: pytest.fail("it was asked for"))
    f = sp.log(1 + sp.tanh(Z) ** 2) / (1 + sp.exp(Z))
    assert from_output(f) is None


def test_exponentials_of_very_different_rates_are_no_powers_of_each_other() -> None:
    """As polynomials in one generator they would have degrees of millions, and be cancelled for ever."""
    first = Activation("first", "sqrt(1 + expm1(-(3 - z/3)**2)**2)")
    last = Activation("last", "log(1 + exp(expm1(-z**2) * expm1(-(1e-3*z)**2)))")
    derivation = differentiate(Architecture((4, 2, 3), [first, last], sample_weights=True, penalty={"l1": 0.1}))
    assert "exp" in emit(derivation, "fast")


def test_signs_that_take_long_are_not_asked_for() -> None:
    bent = Activation("bent", "(min(z, 1) + cos(0.5)) * (log1p(z**4) - 1e-3*z**2)").formula
    assert from_output(bent) is None
    step = sp.Symbol("step", positive=True)
    assert _sign(step + 1, step) == 1
    assert _sign(sum(step**k for k in range(1, 12)), step) is None


def test_nor_is_anything_factored_with_numbers_of_hundreds_of_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A1 = 1e99 beside B1 = -1e-99 makes numbers of 800, and took half a minute; f' is written in z instead."""
    monkeypatch.setattr(sp, "factor_list", lambda *_: pytest.fail("it was asked for"))
    assert from_output(sp.Rational(10**99) * Z - sp.Rational(1, 10**99) * sp.tanh(Z)) is None


FAST_GROWING = [
    "z*(1 + tanh(z**5))/2",
    "exp(z**3)/(1 + exp(z**3))",
    "z*exp(z**3)/(1 + exp(z**3))",
    "z/(1 + exp(-z**3))",
    "z/(1 + exp(1 - z))",
    "exp(2*z - 1)/(1 + exp(2*z - 1))",
    "log(1 + exp(z - 1))",
    "log(1 + exp(1 - 2*z))",
    "log(1 + exp(z - 50))",
    "log(1 + exp(z**3))",
]


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("text", FAST_GROWING)
def test_what_grows_fast_in_an_exponential_turns_nothing_nan(text: str, order: int) -> None:
    """Finite where the function is, against mpmath: exponents are split where their sign changes."""
    formula = read_expression(text, {"z": Z}).diff(Z, order)
    points = np.array([sign * size for size in (*np.logspace(-3, 3, 25), 4, 9, 300, 750) for sign in (1, -1)])
    exact = sp.lambdify(Z, formula, "mpmath")
    with mpmath.workdps(1000):  # exp(2000) of it are more than 800 digits
        truth = np.array([float(exact(mpmath.mpf(float(z)))) for z in points])
    with np.errstate(all="ignore"):
        values = np.broadcast_to(numpy_function((stable if order else precise)(formula))(points), points.shape)
    assert values == pytest.approx(truth, rel=1e-11, abs=1e-300)


@pytest.mark.parametrize("text", ["z*(1 + tanh(z**5))/2", "log(1 + exp(z - 1))", "log(e**2 + exp(z)/e)"])
@pytest.mark.parametrize("style", ["readable", "fast"])
def test_modules_with_them_hold_in_the_audit(text: str, style: str) -> None:
    """In exact arithmetic exp(2) has to be the square of the number e."""
    own = Activation("own", text)
    assert audit(emit(differentiate(Architecture((2, 3, 2), [own, own])), style)).holds


def test_tanh_is_written_in_exponentials_only_if_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("derive.codegen.forms.stable._quotient", lambda expr: expr)
    formula = Z * (1 + sp.tanh(Z**5)) / 2
    assert stable.__wrapped__(formula) == formula
