"""Initial weights: their moments against the formulas that PyTorch documents, variances kept through many layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit, load
from derive.codegen.forms.gain import gain
from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.tables import INITIALIZATIONS

SIZES = (300, 200, 400)


def made(
    initialization: Any, sizes: tuple[int, ...] = SIZES, names: Any = ("relu", "identity"), **rest: Any
) -> ModuleType:
    return _loaded(Architecture(sizes, names, initialization=initialization, **rest))


@cache
def _loaded(architecture: Architecture) -> ModuleType:
    return load(emit(differentiate(architecture)))


DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "lecun_normal": lambda fan_in, fan_out: (1 / fan_in) ** 0.5,
    "lecun_uniform": lambda fan_in, fan_out: (1 / fan_in) ** 0.5,
    "glorot_normal": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,
    "glorot_uniform": lambda fan_in, fan_out: (2 / (fan_in + fan_out)) ** 0.5,
    "he_normal": lambda fan_in, fan_out: (2 / fan_in) ** 0.5,
    "he_uniform": lambda fan_in, fan_out: (2 / fan_in) ** 0.5,
    "normal": lambda fan_in, fan_out: 0.05,
    "uniform": lambda fan_in, fan_out: 0.05 / 3**0.5,
    "variance_preserving": lambda fan_in, fan_out: (1 if fan_in == 300 else 2**0.5) / fan_in**0.5,
    "orthogonal": lambda fan_in, fan_out: (1 / max(fan_in, fan_out)) ** 0.5,
}
"""The standard deviations, as torch.nn.init documents them (fan_in mode, gain sqrt(2) for he)."""


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_moments(name: str) -> None:
    """60,000 and 80,000 weights: the deviation is known to 0.3 %, so 2 % tells all these formulas apart."""
    module = made(name)
    W1, b1, W2, b2 = module.unpack(module.initialize(0))
    for W in (W1, W2):
        rows, columns = W.shape
        deviation = DEVIATIONS[name](columns, rows)
        assert W.std() == pytest.approx(deviation, rel=0.02)
        assert abs(W.mean()) < 5 * deviation / W.size**0.5
        kurtosis = ((W - W.mean()) ** 4).mean() / W.var() ** 2
        uniform = INITIALIZATIONS[name].distribution == "uniform"
        assert kurtosis == pytest.approx(1.8 if uniform else 3, abs=0.1)
        assert (np.abs(W).max() <= 3**0.5 * deviation) == uniform
        assert len({row.tobytes() for row in W}) == rows  # symmetry is broken
    assert not b1.any()
    assert not b2.any()


def test_another_formula_would_be_found() -> None:
    others = [
        DEVIATIONS[name](300, 200) for name in ("lecun_normal", "glorot_normal", "he_normal", "normal", "uniform")
    ]
    gaps = [abs(a / b - 1) for i, a in enumerate(others) for b in others[i + 1 :]]
    assert min(gaps) > 0.08


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_the_seed_decides(name: str) -> None:
    module = made(name)
    np.testing.assert_array_equal(module.initialize(7), module.initialize(7))
    np.testing.assert_array_equal(module.initialize(7), module.initialize(np.random.default_rng(7)))
    assert (module.initialize(7) != module.initialize(8)).any()


@pytest.mark.parametrize("name", INITIALIZATIONS)
def test_float32(name: str) -> None:
    module = made(name, (4, 3, 2), dtype="float32")
    assert module.initialize(0).dtype == np.float32


def test_orthogonal_rows_or_columns() -> None:
    module = made({"name": "orthogonal", "scale": 1.5})
    W1, _, W2, _ = module.unpack(module.initialize(0))
    np.testing.assert_allclose(W1 @ W1.T, 1.5**2 * np.eye(200), atol=1e-12)
    np.testing.assert_allclose(W2.T @ W2, 1.5**2 * np.eye(200), atol=1e-12)


def test_orthogonal_matrices_are_equally_likely_in_all_directions() -> None:
    """The first entry of a 1 by 1 matrix is 1 or -1: LAPACK's QR alone would always give the same sign of R."""
    module = made("orthogonal", (2, 2), ("tanh",))
    entries = np.array([module.initialize(seed)[:4] for seed in range(400)])
    assert np.abs(entries.mean(axis=0)).max() < 5 * 0.5**0.5 / 20
    signs = [np.linalg.qr(np.random.default_rng(seed).standard_normal((2, 2)))[0][0, 0] for seed in range(400)]
    assert abs(np.mean(signs)) > 5 * 0.5**0.5 / 20  # what the sign of diag(R) mends


OWN = Activation("own", "where(z > 0, z, 0.3*z) + sin(2*z)/4")
PLAIN: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.logaddexp(0, z),
    "own": lambda z: np.where(z > 0, z, 0.3 * z) + np.sin(2 * z) / 4,
}


def function(name: str) -> Activation:
    return OWN if name == "own" else activation(name)


@pytest.mark.parametrize("name", PLAIN)
def test_the_gain_is_that_of_another_quadrature(name: str) -> None:
    density = lambda z: PLAIN[name](z) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    moment = sum(quad(density, *ends, epsabs=0, epsrel=1e-13)[0] for ends in ((-12, 0), (0, 12)))
    assert gain(function(name).formula) == pytest.approx(moment**-0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("expression", "moment"),
    [
        ("z", 1),
        ("z**3", 15),
        ("exp(z)", math.e**2),
        ("sin(50*z)", (1 - math.exp(-5000)) / 2),
        ("abs(z - 45) + z - 45", 0),
    ],
)
def test_gains_that_are_known(expression: str, moment: float) -> None:
    if moment:
        assert gain(Activation("own", expression).formula) == pytest.approx(moment**-0.5, rel=1e-14)
    else:  # beyond every z that occurs: nothing to divide by
        with pytest.raises(DeriveError, match="choose another"):
            gain(Activation("own", expression).formula)


@pytest.mark.parametrize("expression", ["exp(z**2/4)", "z*exp(z**2)"])
def test_a_moment_that_is_not_finite_is_refused(expression: str) -> None:
    with pytest.raises(DeriveError, match="not finite"):
        gain(Activation("own", expression).formula)


def deep(name: str, initialization: str) -> float:
    """The variance of z in the last of 20 layers of 256, as a geometric mean over 8 networks, inputs standardised."""
    depth, width = 20, 256
    module = made(initialization, (width,) * (depth + 1), [function(name)] * depth)
    logarithms = []
    for seed in range(8):
        parameters = module.unpack(module.initialize(seed))
        a = np.random.default_rng(1000 + seed).standard_normal((64, width))
        for W, b in zip(parameters[::2], parameters[1::2], strict=True):
            z = a @ W.T + b
            a = PLAIN[name](z)
        logarithms.append(math.log((z**2).mean()))
    return math.exp(np.mean(logarithms))


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_variance_is_preserved_through_20_layers(name: str) -> None:
    """Within a factor of 1.5; a layer of 256 neurons alone adds about 10 % of scatter to relu's."""
    assert 1 / 1.5 < deep(name, "variance_preserving") < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sigmoid", "relu", "own"])
def test_without_the_gain_it_is_not(name: str) -> None:
    assert not 1 / 1.5 < deep(name, "lecun_normal") < 1.5


def test_the_gain_is_that_of_the_layer_below() -> None:
    text = emit(
        differentiate(Architecture((2, 3, 4, 1), ("tanh", "relu", "identity"), initialization="variance_preserving"))
    )
    lines = [line.strip() for line in text.splitlines() if line.startswith("    parameters.W")]
    assert lines == [
        "parameters.W1[...] = rng.standard_normal((n1, n0)) / np.sqrt(n0)",
        "parameters.W2[...] = 1.5925374197228315 / np.sqrt(n1) * rng.standard_normal((n2, n1))  # the gain of tanh",
        "parameters.W3[...] = 1.4142135623730951 / np.sqrt(n2) * rng.standard_normal((n3, n2))  # the gain of relu",
    ]
