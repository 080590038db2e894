"""A rigorous bound on the rounding error of an emitted module at given data, in ball arithmetic.

The module's `loss_and_gradient` runs as it is, in floating point. The derived program is evaluated at exactly the same
floats in balls, with so much precision that their radii do not count. The largest number in |computed - exact| is then
a bound on what this run of the module, on this machine, lost by rounding, and by any mistake in its text. Beside it
stands a bound for whatever order sums are added up in, from the text run on balls that are widened at every operation.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.balls import NUMBERS, Balls, balls, flint, precision
from derive.algebra.evaluate import ROOT, evaluate
from derive.algebra.forward import concrete, forward, functions
from derive.algebra.gradient import differentiate
from derive.algebra.notation import N, size
from derive.algebra.pointwise import KinkError, applied, each
from derive.codegen.emit import load, read_module
from derive.codegen.exact.frame import constants
from derive.codegen.exact.truth import names_of, split
from derive.codegen.rigor.bounds import Bound, Rounding
from derive.codegen.rigor.data import Data, default_data, read_data
from derive.codegen.rigor.rounded import TAKEN, any_order
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.model.specification import from_toml

BITS = (128, 256, 512, 1024, 2048, 4096)
NEGLIGIBLE = 2.0**-10
"""How large a radius may be, in units in the last place of the largest entry, before more bits are taken."""
MOST = 10**6
"""Numbers in the parameters and in what belongs to each sample: beyond it takes minutes."""

TRUSTS = (
    "the derived gradients, which `derive verify` proves",
    "that `loss_and_gradient` computes on this machine what it computed in this run",
)
Progress = Callable[[str, float], None]


def rounding(
    source: str | Path,
    architecture: Architecture | None = None,
    data: Path | None = None,
    progress: Progress | None = None,
    where: str = "",
) -> Rounding:
    """Bounds for the module with this text, or at this path, at the data of the file or at random data.

    `where` is the file that a text was read from, for messages.
    The module is run. Raises DeriveError if python-flint is missing or the data do not fit.
    """
    flint()
    report = progress or (lambda what, done: None)
    is_path = isinstance(source, Path) or not (where or "\n" in source)
    text = read_module(Path(source)) if is_path else str(source)
    stated = constants(text, where or (str(source) if is_path else "the module"))
    architecture = architecture or from_toml(stated["SPEC"], "SPEC")
    _refuse_too_large("the module", 1, architecture)
    report("running the module", 0.0)
    module = _loaded(text)
    at = read_data(data, architecture) if data else default_data(module, architecture)
    _refuse_too_large(at.name, len(at.X), architecture)
    found = _computed(module, at, architecture)
    order = names_of(architecture)
    if isinstance(found, str):
        return _without(found, ("loss", *(f"d{name}" for name in order)), at, 0)
    return _enclosed(text, found, at, architecture, report)


def _refuse_too_large(name: str, samples: int, architecture: Architecture) -> None:
    """Raise DeriveError where ball arithmetic would take minutes."""
    count, units = architecture.parameter_count, sum(architecture.sizes)
    if count + samples * units > MOST:
        most = (MOST - count) // units
        remedy = f"give at most {most} samples, not {samples}" if most > 0 else "take a smaller network"
        raise DeriveError(
            f"{name}: {count} parameters and {samples} samples of {units} units are more than the {MOST} numbers "
            f"that ball arithmetic takes in a minute; {remedy}"
        )


def _trusts() -> tuple[str, ...]:
    package = flint()
    made = f"python-flint {package.__version__}, FLINT {package.__FLINT_VERSION__}"
    return (
        f"Arb ({made}), that its balls hold the exact results",
        *TRUSTS,
        *(f"in any order: {line}" for line in TAKEN),
    )


def _loaded(text: str) -> ModuleType:
    try:
        with redirect_stdout(sys.stderr):
            return load(f"{text}\n")  # with a line break it is no path
    except (Exception, SystemExit) as error:
        raise DeriveError(f"the module cannot be run: {type(error).__name__}: {error}") from None


def _computed(module: ModuleType, at: Data, architecture: Architecture) -> dict[str, Any] | str:
    """The loss and the gradients as the module computes them, or why there are none."""
    try:
        with np.errstate(all="ignore"), redirect_stdout(sys.stderr):
            value, gradient = module.loss_and_gradient(at.theta.copy(), at.X.copy(), at.Y.copy())
    except (Exception, SystemExit) as error:
        return f"the module raises {type(error).__name__}: {error}"
    gradient = np.asarray(gradient)
    if gradient.shape != at.theta.shape or gradient.dtype.kind != "f" or gradient.dtype.itemsize > 8:
        return f"the gradient is {gradient.dtype} of shape {gradient.shape}; expected {at.theta.shape}"
    order = names_of(architecture)
    parts = split(gradient, order, _inputs(at, architecture))
    return {"loss": np.asarray(float(value)), **{f"d{name}": parts[name] for name in order}}


def _inputs(at: Data, architecture: Architecture) -> dict[str, Any]:
    """theta as W1, b1, …, with X and Y under the program's names; nothing is dropped, and every sample weighs 1."""
    sizes = _sizes(at, architecture)
    inputs = {t.name: np.ones([sizes[axis] for axis in t.axes]) for t in forward(architecture).inputs}
    return {**inputs, **split(at.theta, names_of(architecture), inputs), "a0": at.X, "y": at.Y}


def _sizes(at: Data, architecture: Architecture) -> dict[Any, int]:
    return {N: len(at.X), **{size(k): n for k, n in enumerate(architecture.sizes)}}


def _enclosed(text: str, found: dict[str, Any], at: Data, architecture: Architecture, report: Progress) -> Rounding:
    """The bounds, with the bits doubled until radii do not count and every branch is decided."""
    note = ""
    for round_, bits in enumerate(BITS):
        report(f"evaluating in balls of {bits} bits", 0.5 * round_ / len(BITS))
        with precision(bits):
            try:
                exact = _exact(at, architecture)
            except KinkError as error:
                note = f"a kink at {bits} bits: {error.condition} {_place(error)}"
                continue
            compared = [_bound(name, found[name], exact[name], architecture.dtype) for name in found]
            if bits < BITS[-1] and not all(settled for _, settled in compared):
                continue
            report("widening balls at every operation", 0.5)
            widest = _in_any_order(text, found, exact, at, architecture)
        bounds = [bound for bound, _ in compared]
        if isinstance(widest, str):
            return Rounding(tuple(bounds), at.description, bits, _trusts(), widest)
        bounds = [replace(bound, any_order=widest[bound.quantity]) for bound in bounds]
        return Rounding(tuple(bounds), at.description, bits, _trusts())
    return _without(note, found, at, BITS[-1])


def _without(note: str, names: Iterable[str], at: Data, bits: int) -> Rounding:
    """No bounds, and why."""
    bounds = tuple(Bound(name, np.inf, 0.0, 0.0, note) for name in names)
    return Rounding(bounds, at.description, bits, _trusts())


def _in_any_order(
    text: str, found: dict[str, Any], exact: dict[str, Any], at: Data, architecture: Architecture
) -> dict[str, float] | str:
    """The bounds that hold for any order of summation, or why there are none."""
    try:
        value, gradient = any_order(text, architecture, *map(balls, (at.theta, at.X, at.Y)))
        parts = split(gradient, names_of(architecture), _inputs(at, architecture))
        widest = {"loss": np.asarray(value, dtype=object), **{f"d{name}": part for name, part in parts.items()}}
    except KinkError:
        return "rounding may turn a comparison over"
    except Exception as error:
        return f"the text cannot be run on balls: {type(error).__name__}: {error}"
    bounds = {}
    for name, tensor in widest.items():
        wide, right = tensor.ravel(), np.asarray(exact[name], dtype=object).ravel()
        computed = balls(found[name]).ravel()
        if not all(ball.contains(number) or not ball.is_finite() for ball, number in zip(wide, computed, strict=True)):
            return f"{name} as computed lies outside, so the machine is not as is taken for granted"
        bounds[name] = max(_up(entry.abs_upper()) for entry in wide - right)
    return bounds


def _exact(at: Data, architecture: Architecture) -> dict[str, Any]:
    """The loss and the gradients at the data, in balls."""
    derivation, sizes, known = differentiate(architecture), _sizes(at, architecture), functions(architecture)

    def apply(function: Any, *arrays: Any) -> Any:
        if function == ROOT:
            return applied(sp.sqrt, NUMBERS, *arrays)
        if not hasattr(function, "activation"):
            return applied(function, NUMBERS, *arrays)
        formula, symbols = concrete(function, known)
        try:
            return each(formula, NUMBERS, dict(zip(map(str, symbols), arrays, strict=True)))
        except KinkError as error:
            raise KinkError(f"{error.condition} in {function.activation}", error.index) from None

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
    return 0.0 if ball == 0 else math.nextafter(value, math.inf) if value == value else np.inf


def _down(ball: Any) -> float:
    return max(math.nextafter(float(ball), -math.inf), 0.0) if ball > 0 else 0.0


def _place(error: KinkError) -> str:
    """Which sample and unit, counted from 0 as in the arrays."""
    return f"at [{', '.join(map(str, error.index))}]" if error.index else ""
