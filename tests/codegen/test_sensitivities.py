"""H v, the derivatives by the inputs, and f'': against truths written here, and in the hands of SciPy."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from benchmarks.mutators import signed
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N
from derive.algebra.program import Equation, Program
from derive.codegen.audit import audit
from derive.codegen.emit import emit, load
from derive.codegen.forms.cached import A, D, second_from_output
from derive.codegen.sensitivities import sensitivities
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.expression import Z, read_expression
from tests.codegen.expressions import ALL
from tests.codegen.specification_loss import ANALYTIC, FUNCTIONS, complex_step, gradient, hessian_vector, layers

STYLES = ("readable", "fast")


def made(sizes: tuple[int, ...], names: list[str], style: str, **rest: Any) -> ModuleType:
    return load(emit(differentiate(Architecture(sizes, [ALL[name] for name in names], **rest)), style))


def data(sizes: tuple[int, ...], samples: int = 5, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((samples, sizes[0])), rng.standard_normal((samples, sizes[-1]))


def worst(found: Any, truth: Any) -> float:
    """The largest error, relative to the largest entry of the truth."""
    assert found.shape == truth.shape
    return float(np.abs(found - truth).max() / max(np.abs(truth).max(), 1e-300)) if truth.any() else 0.0


def inputs_truth(theta: Any, sizes: tuple[int, ...], names: list[str], X: Any) -> Any:
    """The Jacobian of the outputs by the inputs, by complex steps: one column of X at a time."""
    result = np.empty((len(X), sizes[-1], sizes[0]))
    for i in range(sizes[0]):
        moved = X.astype(complex)
        moved[:, i] += 1e-200j
        result[:, :, i] = layers(theta, sizes, names, moved)[-1][1].imag / 1e-200
    return result


@given(
    names=st.lists(st.sampled_from(ANALYTIC), min_size=1, max_size=4),
    widths=st.permutations([1, 2, 3, 4, 5]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=10, deadline=None)
def test_against_complex_steps(names: list[str], widths: list[int], seed: int) -> None:
    sizes = tuple(widths[: len(names) + 1])
    module = made(sizes, names, STYLES[seed % 2])
    theta, (X, Y) = module.initialize(seed) + 0.1, data(sizes, seed=seed)
    v = np.random.default_rng(seed).standard_normal(len(theta))
    assert worst(gradient(theta, sizes, names, X, Y), complex_step(theta, sizes, names, X, Y)) <= 1e-12
    product = module.hessian_vector_product(theta, v, X, Y)
    assert worst(product, hessian_vector(theta, v, sizes, names, X, Y)) <= 1e-11
    jacobian = inputs_truth(theta, sizes, names, X)
    assert worst(module.jacobian(theta, X), jacobian) <= 1e-12
    misfit = (layers(theta, sizes, names, X)[-1][1] - Y) / len(X)
    truth = (misfit[:, :, None] * jacobian).sum(axis=1)
    assert np.abs(module.input_gradient(theta, X, Y) - truth).max() <= 1e-12 * max(1, np.abs(jacobian).max())


def test_the_truth_is_that_of_this_loss_and_not_of_another() -> None:
    sizes, names = (2, 3, 1), ["tanh", "sigmoid"]
    module = made(sizes, names, "fast")
    theta, (X, Y) = module.initialize(0) + 0.1, data(sizes)
    v = np.ones(len(theta))
    truth = hessian_vector(theta, v, sizes, names, X, Y)
    assert worst(module.hessian_vector_product(theta, 1.001 * v, X, Y), truth) > 1e-4
    assert worst(module.hessian_vector_product(theta, v, X, Y + 0.001), truth) > 1e-5


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (k % 3 > 0)) for k, name in enumerate(sorted(ALL))]
)
def test_every_activation_against_differences_of_its_gradient(name: str) -> None:
    sizes = (3, 4, 2)
    module = made(sizes, [name, "tanh"], "fast")
    theta, (X, Y) = module.initialize(1) + 0.1, data(sizes)
    v, h = np.random.default_rng(0).standard_normal(len(theta)), 1e-5
    above, below = (module.loss_and_gradient(theta + step * v, X, Y)[1] for step in (h, -h))
    assert worst(module.hessian_vector_product(theta, v, X, Y), (above - below) / (2 * h)) <= 1e-7


@pytest.mark.parametrize("style", STYLES)
def test_the_hessian_is_symmetric_and_linear_in_v(style: str) -> None:
    sizes = (3, 4, 2)
    module = made(sizes, ["softplus", "sigmoid"], style)
    theta, (X, Y) = module.initialize(1), data(sizes)
    hessian = np.array([module.hessian_vector_product(theta, e, X, Y) for e in np.eye(len(theta))])
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-14 * np.abs(hessian).max() * len(theta))
    v = np.arange(len(theta))
    np.testing.assert_allclose(module.hessian_vector_product(theta, v, X, Y), hessian @ v, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("method", ["Newton-CG", "trust-krylov", "trust-ncg", "L-BFGS-B"])
def test_scipy_minimizes_with_a_module_as_it_is(style: str, method: str) -> None:
    sizes = (2, 4, 1)
    module = made(sizes, ["tanh", "identity"], style)
    X = np.random.default_rng(0).standard_normal((40, 2))
    Y = np.sin(X[:, :1]) * X[:, 1:]
    start = module.initialize(0)
    second, tol = ({}, 1e-9) if method == "L-BFGS-B" else ({"hessp": module.hessian_vector_product}, None)
    # L-BFGS-B by itself stops where the loss hardly changes, whatever the gradient is: how near depends on the BLAS.
    result = minimize(module.loss_and_gradient, start, args=(X, Y), jac=True, method=method, tol=tol, **second)
    assert result.fun < 0.1 * module.loss(start, X, Y)
    assert np.abs(module.loss_and_gradient(result.x, X, Y)[1]).max() < 1e-3


def test_at_a_kink_the_branch_decides() -> None:
    """relu'(0) = 0 and relu''(0) = 0; of where(z >= 0, z**2, z) the branch at 0 is z**2, so f''(0) = 2."""
    X, Y, theta = np.zeros((1, 1)), np.ones((1, 1)), np.array([1.0, 0.0])
    relu = made((1, 1), ["relu"], "fast")
    assert (relu.hessian_vector_product(theta, np.ones(2), X, Y) == 0).all()
    bent = Activation("bent", "where(z >= 0, z**2 + z, z)")
    module = load(emit(differentiate(Architecture((1, 1), [bent])), "fast"))
    # c = (f(z) - 1)**2 / 2 with z = 0: c'' = f'**2 + (f - 1) f'' = 1 - 2
    assert module.hessian_vector_product(theta, np.array([0.0, 1.0]), X, Y).tolist() == [0.0, -1.0]


def test_a_vanishing_part_is_zero() -> None:
    """Of a loss that is linear in a^L, a linear network with one layer has no curvature."""
    derivation = differentiate(Architecture((2, 3), ["identity"]))
    (da,) = (e for e in derivation.gradient.equations if e.tensor.name == "da1")
    linear = Equation(da.tensor, da.indices, sp.S.One / N)
    equations = tuple(linear if e is da else e for e in derivation.gradient.equations)
    flat = replace(derivation, gradient=Program(derivation.gradient.inputs, equations))
    along = sensitivities(flat).parts["hessian_along"]
    assert [(s.target, s.value.text, s.value.arguments[0].text) for s in along] == [
        ("vdW1", "np.zeros_like", "W1"),
        ("vdb1", "np.zeros_like", "b1"),
    ]
    module = load(emit(flat, "readable"))
    theta, (X, Y) = module.initialize(0), data((2, 3))
    assert (module.hessian_vector_product(theta, theta + 1, X, Y) == np.zeros(len(theta))).all()


def test_dtype_and_shapes() -> None:
    module = made((3, 4, 2), ["tanh", "relu"], "fast", dtype="float32")
    theta, (X, Y) = module.initialize(0), data((3, 2))
    for result, shape in (
        (module.hessian_vector_product(theta, theta, X, Y), theta.shape),
        (module.input_gradient(theta, X, Y), X.shape),
        (module.jacobian(theta, X), (5, 2, 3)),
    ):
        assert (result.dtype, result.shape) == (np.float32, shape)


@pytest.mark.parametrize("style", STYLES)
def test_what_cannot_be_used_is_named(style: str) -> None:
    module = made((3, 4, 2), ["tanh", "relu"], style)
    theta, (X, Y) = module.initialize(0), data((3, 2))
    with pytest.raises(ValueError, match=r"^v has shape \(5,\); expected \(26,\)$"):
        module.hessian_vector_product(theta, np.ones(5), X, Y)
    with pytest.raises(ValueError, match=r"^v has dtype <U1; expected real numbers$"):
        module.hessian_vector_product(theta, np.full(26, "x"), X, Y)
    with pytest.raises(ValueError, match=r"^X has shape \(5, 2\)"):
        module.jacobian(theta, X[:, :2])
    with pytest.raises(ValueError, match="X has 5 rows and Y has 4"):
        module.input_gradient(theta, X, Y[:4])
    X[1, 2] = np.nan
    for call in (
        lambda: module.jacobian(theta, X),
        lambda: module.input_gradient(theta, X, Y),
        lambda: module.hessian_vector_product(theta, theta, X, Y),
    ):
        with pytest.raises(ValueError, match=r"^X\[1, 2\] is nan; expected a finite number in every entry$"):
            call()


def test_nothing_is_written_to_theta_or_v() -> None:
    module = made((3, 4, 2), ["tanh", "relu"], "fast")
    theta, (X, Y) = module.initialize(0), data((3, 2))
    for array in (theta, X, Y, v := theta + 1):
        array.flags.writeable = False
    module.hessian_vector_product(theta, v, X, Y)
    module.input_gradient(theta, X, Y)
    module.jacobian(theta, X)


FAULTS = [
    ("vz1 = X @ vW1.T + vb1", "vz1 = X @ vW1.T", "hessian_vector_product"),
    ("vda2 = va2 / N", "vda2 = va2", "hessian_vector_product"),
    ("vda1 = vdelta2 @ W2 + delta2 @ vW2", "vda1 = vdelta2 @ W2", "hessian_vector_product"),
    ("ddf2 = -(2 * df2 * a2)", "ddf2 = 2 * df2 * a2", "hessian_vector_product"),
    ("np.where(a1 <= 0, 0.0, vz1)", "np.where(a1 < 0, 0.0, vz1)", "hessian_vector_product"),
    ("Parameters(vdW1, vdb1,", "Parameters(vdW1, 0 * vdb1,", "hessian_vector_product"),
    ("    return da0", "    return 2 * da0", "input_gradient"),
    ("da2[:, k] = 1", "da2[:, 0] = 1", "jacobian"),
    ("result[:, k] = da0", "result[:, n2 - 1 - k] = da0", "jacobian"),
]


@pytest.mark.parametrize("style", STYLES)
def test_the_audit_passes_what_is_right(style: str) -> None:
    certificate = audit(emit(differentiate(Architecture((3, 4, 2), ["relu", "tanh"])), style))
    assert certificate.holds
    assert {"hessian_vector_product", "input_gradient", "jacobian"} <= {v.label for v in certificate.verdicts}


@pytest.mark.parametrize(("right", "wrong", "label"), FAULTS)
def test_the_audit_refutes_planted_faults(right: str, wrong: str, label: str) -> None:
    text = emit(differentiate(Architecture((3, 4, 2), ["relu", "tanh"])), "readable")
    assert right in text
    assert {v.label for v in audit(signed(text.replace(right, wrong))).verdicts if not v.holds} == {label}


def test_a_module_without_them_is_refuted() -> None:
    text = emit(differentiate(Architecture((3, 2), ["tanh"])), "fast")
    renamed = signed(text.replace("def jacobian(", "def other("))
    assert {v.label for v in audit(renamed).verdicts if not v.holds} == {"frame", "module"}


# f''


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("tanh", -2 * A * D),
        ("sigmoid", D * (1 - 2 * A)),
        ("softplus", D * sp.exp(-A)),
        ("relu", sp.S.Zero),
        ("gaussian", -2 * D * Z - 2 * A),
    ],
)
def test_second_derivatives_from_the_output(name: str, form: sp.Expr) -> None:
    assert sp.expand(second_from_output(ALL[name].formula) - form) == 0


def test_where_a_kink_belongs_to_another_branch_there_is_no_form_in_the_output() -> None:
    """f' = 1 + a is continuous at 0, so either branch gives it; f''(0) is that of the branch of 0."""
    left, right = (read_expression(f"where(z {sign} 0, z, exp(z) - 1)", {"z": Z}) for sign in (">", ">="))
    assert second_from_output(left) is not None
    assert second_from_output(right) is None


POINTS = np.concatenate([[0.0], *(s * np.geomspace(1e-300, 1e3, 200) for s in (1, -1))])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(name for name, f in ALL.items() if not f.trained))
def test_second_derivatives_stay_finite_and_right(name: str) -> None:
    """f'' as emitted, through a network of one neuron: c = (a - y)**2/2 with y = a - 1 has c'' = f'**2 + f''."""
    module = made((1, 1), [name], "fast")
    theta, v = np.array([0.0, 0.0]), np.array([0.0, 1.0])
    second = sp.lambdify(Z, ALL[name].formula.diff(Z, 2), "mpmath")
    first = sp.lambdify(Z, ALL[name].formula.diff(Z), "mpmath")
    with warnings.catch_warnings(), mpmath.workdps(600):
        warnings.simplefilter("error")
        for z in POINTS[:: 1 if name in FUNCTIONS else 4]:
            theta[1] = z
            Y = module.predict(theta, [[0.0]]) - 1
            slope, bend = first(mpmath.mpf(z)), second(mpmath.mpf(z))
            misfit = float((module.predict(theta, [[0.0]]) - Y)[0, 0])
            truth = float(slope**2 + misfit * bend)
            found = module.hessian_vector_product(theta, v, [[0.0]], Y)[1]
            assert abs(found - truth) <= 1e-12 * max(1.0, abs(truth)), z
