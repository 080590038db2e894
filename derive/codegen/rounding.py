"""A rigorous bound on the rounding error of an emitted module at given data, in ball arithmetic.

The module's `loss_and_gradient` runs as it is, in floating point. The derived program is evaluated at exactly the same
floats in balls, with so much precision that their radii do not count. The largest number in |computed - exact| is then
a bound on what this run of the module, on this machine, lost by rounding, and by any mistake in its text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.balls import NUMBERS, Balls, balls, flint, precision
from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, size
from derive.algebra.pointwise import KinkError, each
from derive.codegen.data import Data, default_data, read_data
from derive.codegen.emit import load, read_module
from derive.codegen.frame import constants
from derive.codegen.truth import names_of, split
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.specification import from_toml

BITS = (128, 256, 512, 1024, 2048, 4096)
NEGLIGIBLE = 2.0**-10
"""How large a radius may be, in units in the last place of the largest entry, before more bits are taken."""
MOST = 3 * 10**9
"""Products in one evaluation: beyond it takes minutes."""

TRUSTS = (
    "the derived gradients, which `derive verify` proves",
    "that `loss_and_gradient` computes on this machine what it computed in this run",
)
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Bound:
    """How far one quantity, as computed, is at most from the exact one; every number is rounded up."""

    quantity: str
    error: float
    """The largest |computed - exact| of an entry; infinite if there is no bound."""
    largest: float
    """The largest absolute value of an exact entry, rounded down."""
    ulp: float
    """The spacing of the module's floats at `largest`."""
    note: str = ""

    @property
    def relative(self) -> float:
        """The error by the largest entry."""
        return _quotient(self.error, self.largest)

    @property
    def ulps(self) -> float:
        """The error in units in the last place of the largest entry."""
        return _quotient(self.error, self.ulp)

    @property
    def holds(self) -> bool:
        """Whether there is a bound."""
        return self.error < np.inf

    def to_dict(self) -> dict[str, Any]:
        """The bound as JSON types; null where there is none."""
        numbers = {key: getattr(self, key) for key in ("error", "relative", "ulps", "largest")}
        found = {key: value if np.isfinite(value) else None for key, value in numbers.items()}
        return {"quantity": self.quantity, **found, "note": self.note}


@dataclass(frozen=True)
class Rounding:
    """The bounds for the loss and each gradient, at which data and in how many bits they were found."""

    bounds: tuple[Bound, ...]
    data: str
    bits: int
    trusts: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether every quantity has a bound."""
        return all(bound.holds for bound in self.bounds)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types."""
        bounds = [bound.to_dict() for bound in self.bounds]
        return {
            "holds": self.holds,
            "data": self.data,
            "bits": self.bits,
            "quantities": bounds,
            "trusts": list(self.trusts),
        }


def rounding(
    source: str | Path,
    architecture: Architecture | None = None,
    data: Path | None = None,
    progress: Progress | None = None,
) -> Rounding:
    """Bounds for the module with this text, or at this path, at the data of the file or at random data.

    The module is run. Raises DeriveError if python-flint is missing or the data do not fit.
    """
    flint()
    report = progress or (lambda what, done: None)
    is_path = isinstance(source, Path) or "\n" not in source
    text = read_module(Path(source)) if is_path else str(source)
    stated = constants(text, str(source) if is_path else "the module")
    architecture = architecture or from_toml(stated["SPEC"], "SPEC")
    report("running the module", 0.0)
    module = _loaded(text)
    at = read_data(data, architecture) if data else default_data(module, architecture)
    products = 3 * len(at.X) * architecture.parameter_count
    if products > MOST:
        most = max(MOST // (3 * architecture.parameter_count), 1)
        raise DeriveError(
            f"{at.name}: {len(at.X)} samples of {architecture.parameter_count} parameters are too large for ball "
            f"arithmetic, which would take minutes; give at most {most}"
        )
    found = _computed(module, at, architecture)
    order = names_of(architecture)
    if isinstance(found, str):
        bounds = tuple(Bound(name, np.inf, 0.0, 0.0, found) for name in ("loss", *(f"d{n}" for n in order)))
        return Rounding(bounds, at.description, 0, _trusts())
    return _enclosed(found, at, architecture, report)


def _trusts() -> tuple[str, ...]:
    package = flint()
    made = f"python-flint {package.__version__}, FLINT {package.__FLINT_VERSION__}"
    return (f"Arb ({made}), that its balls hold the exact results", *TRUSTS)


def _loaded(text: str) -> ModuleType:
    try:
        return load(text)
    except Exception as error:
        raise DeriveError(f"the module cannot be run: {type(error).__name__}: {error}") from None


def _computed(module: ModuleType, at: Data, architecture: Architecture) -> dict[str, Any] | str:
    """The loss and the gradients as the module computes them, or why there are none."""
    try:
        with np.errstate(all="ignore"):
            value, gradient = module.loss_and_gradient(at.theta.copy(), at.X.copy(), at.Y.copy())
    except Exception as error:
        return f"the module raises {type(error).__name__}: {error}"
    gradient = np.asarray(gradient)
    if gradient.shape != at.theta.shape or gradient.dtype.kind != "f" or gradient.dtype.itemsize > 8:
        return f"the gradient is {gradient.dtype} of shape {gradient.shape}; expected {at.theta.shape}"
    order = names_of(architecture)
    parts = split(gradient, order, dict(_inputs(at, architecture)))
    return {"loss": np.asarray(float(value)), **{f"d{name}": parts[name] for name in order}}


def _inputs(at: Data, architecture: Architecture) -> dict[str, Any]:
    """theta as W1, b1, …, with X and Y under the names that the program has for them."""
    shapes: dict[str, Any] = {}
    for label in range(1, architecture.depth + 1):
        below, width = architecture.sizes[label - 1 : label + 1]
        shapes |= {f"W{label}": np.empty((width, below)), f"b{label}": np.empty(width)}
    return {**split(at.theta, names_of(architecture), shapes), "a0": at.X, "y": at.Y}


def _enclosed(found: dict[str, Any], at: Data, architecture: Architecture, report: Progress) -> Rounding:
    """The bounds, with the bits doubled until radii do not count and every branch is decided."""
    bounds: tuple[Bound, ...] = ()
    for round_, bits in enumerate(BITS):
        report(f"evaluating in balls of {bits} bits", round_ / len(BITS))
        with precision(bits):
            try:
                exact = _exact(at, architecture)
            except KinkError as error:
                note = f"a kink at {bits} bits: {error.condition} {_place(error)}"
                bounds = tuple(Bound(name, np.inf, 0.0, 0.0, note) for name in found)
                continue
            compared = [_bound(name, found[name], exact[name], architecture.dtype) for name in found]
        bounds = tuple(bound for bound, _ in compared)
        if all(settled for _, settled in compared):
            break
    return Rounding(bounds, at.description, bits, _trusts())


def _exact(at: Data, architecture: Architecture) -> dict[str, Any]:
    """The loss and the gradients at the data, in balls."""
    derivation = differentiate(architecture)
    sizes = {N: len(at.X), **{size(k): n for k, n in enumerate(architecture.sizes)}}

    def apply(function: Any, *arrays: Any) -> Any:
        if not hasattr(function, "activation"):
            symbols = [sp.Symbol(f"u{k}", real=True) for k in range(len(arrays))]
            return each(function(*symbols), NUMBERS, dict(zip(map(str, symbols), arrays, strict=True)))
        formula = architecture.activations[int(function.activation[1:]) - 1].formula
        wanted = formula.diff(Z, function.order) if function.order else formula
        try:
            return each(wanted, NUMBERS, {str(Z): arrays[0]})
        except KinkError as error:
            raise KinkError(f"{error.condition} for z{function.activation[1:]}", error.index) from None

    inputs = {name: balls(array) for name, array in _inputs(at, architecture).items()}
    values = evaluate(derivation.forward, sizes, inputs, apply, Balls())
    return evaluate(derivation.gradient, sizes, values, apply, Balls())


def _bound(name: str, computed: Any, exact: Any, dtype: str) -> tuple[Bound, bool]:
    """The bound for one quantity, and whether the radii are too small to matter in it."""
    if not np.isfinite(computed).all():
        return Bound(name, np.inf, 0.0, 0.0, "what the module computes is not finite"), True
    exact = np.asarray(exact, dtype=object)
    difference = balls(computed) - exact
    entries = list(np.asarray(difference, dtype=object).ravel())
    error = max(_up(entry.abs_upper()) for entry in entries)
    radius = max(_up(entry.rad()) for entry in entries)
    largest = max(_down(entry.abs_lower()) for entry in exact.ravel())
    ulp = float(np.spacing(np.asarray(largest, dtype=dtype)))
    if not np.isfinite(error):
        return Bound(name, np.inf, 0.0, 0.0, "the exact value lies beyond every float, or has no bound"), False
    return Bound(name, error, largest, ulp), radius <= NEGLIGIBLE * ulp


def _up(ball: Any) -> float:
    """A float that is not below the number."""
    value = float(ball)
    return 0.0 if ball == 0 else float(np.nextafter(value, np.inf)) if value == value else np.inf


def _down(ball: Any) -> float:
    return max(float(np.nextafter(float(ball), -np.inf)), 0.0) if ball > 0 else 0.0


def _quotient(value: float, by: float) -> float:
    if value == 0 or not np.isfinite(value):
        return value
    return float(np.nextafter(value / by, np.inf)) if by else np.inf


def _place(error: KinkError) -> str:
    """Which sample and unit, counted from 0 as in the arrays."""
    return f"at [{', '.join(map(str, error.index))}]" if error.index else ""
