"""How accurate every activation and every loss is as emitted: each is scanned against mpmath.

    python -m benchmarks.trust              the scan; writes docs/numerical-trust.md
    python -m benchmarks.trust gelu tanh    only these, printed and not written

Modules of one layer are emitted in both styles and both dtypes, and run: f is what `predict` gives, and what the sweep
of the fast style leaves in its buffers; f' is the `jacobian`, and delta^1 of that sweep for the loss c = y*a with
y = 1. Losses are run one sample at a time. Floating-point warnings are errors. The exit status is 1 if a figure falls
short.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from derive import Architecture, differentiate, emit, load
from derive.codegen.forms.branches import kinks
from derive.model.activation import activation
from derive.model.expression import Z
from derive.model.loss import VARIABLES, Loss, loss_function
from derive.model.tables import ACTIVATIONS, LOSSES

TABLE = Path(__file__).parents[1] / "docs" / "numerical-trust.md"
LIMITS = {"float64": 1e-14, "float32": 1e-6}
"""Of the relative error of f where it is normal, and of the error of f' relative to max(1, |f'|)."""
REACH = 1000
DIGITS = 60
TAIL = {"float64": 340, "float32": 80}
"""Digits in which 1 + erf(z) and the like are more than nothing as long as they are normal numbers."""
LINEAR = Loss("linear", "y*a")
"""With c = y*a and y = 1, delta^1 is f'(z)/N."""


@dataclass(frozen=True)
class Worst:
    """The largest error found: in units in the last place, relative, and where."""

    ulp: float = 0.0
    relative: float = 0.0
    at: float = 0.0

    def __or__(self, other: Worst) -> Worst:
        return max(self, other, key=lambda worst: worst.relative if worst.relative == worst.relative else np.inf)


@dataclass(frozen=True)
class Row:
    """One function in one dtype."""

    name: str
    dtype: str
    value: Worst
    slope: Worst
    limits: str = ""
    """What is emitted at -oo and oo."""

    @property
    def holds(self) -> bool:
        return max(self.value.relative, self.slope.relative) <= LIMITS[self.dtype]


def points(dtype: str, special: Sequence[float] = ()) -> Any:
    """Where functions are looked at, within ±REACH: even and random points, powers of ten, and around special ones."""
    kind = np.dtype(dtype).type
    smallest, tail = (-323, (690, 760)) if dtype == "float64" else (-44, (80, 110))
    random = np.random.default_rng(0)
    powers = np.concatenate([10.0 ** np.linspace(smallest, 3, 400), 2.0 ** np.arange(-30, 10)])
    grid = np.concatenate(
        [
            np.linspace(-REACH, REACH, 801),
            np.linspace(-40, 40, 1281),
            random.uniform(-REACH, REACH, 200),
            random.normal(0, 3, 300),
            np.linspace(-tail[1], -tail[0], 281),
            np.pi * random.integers(-318, 318, 60),
            powers,
            -powers,
            [0.0],
        ]
    ).astype(dtype)
    near = [kind(point) for point in special]
    beside = []
    for point in near:
        for way in (-np.inf, np.inf):
            step = point
            for _ in range(4):
                beside.append(step)
                step = np.nextafter(step, kind(way))
        beside += [point * kind(1 + sign * 2.0**-k) for sign in (-1, 1) for k in range(2, 50)]
    found = np.unique(np.concatenate([grid, np.array(beside, dtype)]))
    return found[np.abs(found) <= REACH]


def errors(values: Any, truth: Sequence[Any], at: Sequence[float], dtype: str, absolute: bool = False) -> Worst:
    """The worst error of `values`: relative to max(1, |f|) if `absolute`, otherwise to |f| where it is normal."""
    info = np.finfo(dtype)
    tiny, largest = float(info.smallest_normal), float(info.max)
    worst = Worst()
    for value, exact, place in zip(values, truth, at, strict=True):
        size = abs(exact)
        if size > largest:
            continue  # it has no value in this dtype
        error = abs(mpmath.mpf(float(value)) - exact) if np.isfinite(value) else mpmath.inf
        if absolute:
            size = max(size, mpmath.mpf(1))
        elif size < tiny:
            if error > tiny:
                worst |= Worst(np.inf, np.inf, float(place))
            continue
        relative = float(error / size)
        ulp = float(error / float(np.spacing(np.dtype(dtype).type(float(size)))))
        if relative > worst.relative:
            worst = Worst(ulp, relative, float(place))
    return worst


def exactly(formula: sp.Expr, symbols: Sequence[sp.Symbol], digits: int) -> Callable[..., Any]:
    """The values of `formula` in that many digits."""
    function = sp.lambdify(symbols, formula, "mpmath")

    def evaluated(*arguments: float) -> Any:
        with mpmath.workdps(digits):
            return mpmath.mpf(function(*(mpmath.mpf(float(argument)) for argument in arguments)))

    return evaluated


def scanned(name: str, dtype: str) -> Row:
    """The errors of one activation."""
    function = activation(name)
    formula = function.initial
    special = [float(kink) for kink in kinks(formula)]
    z = points(dtype, special)
    tail = exactly(formula, [Z], TAIL[dtype])
    derivative = exactly(formula.diff(Z), [Z], DIGITS)
    truth = [tail(point) for point in z]
    slopes = [derivative(point) for point in z]
    value = slope = Worst()
    limits = ""
    for style in ("readable", "fast"):
        architecture = Architecture((1, 1), (name,), loss=LINEAR, dtype=dtype)
        text = emit(differentiate(architecture), style)
        module: Any = load(text)
        module._finite = lambda array, name: None
        theta = _unit(module)
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            found, along = [module.predict(theta, z[:, None])[:, 0]], [module.jacobian(theta, z[:, None])[:, 0, 0]]
            if style == "fast":
                swept = _swept(module, text, theta, z)
                found, along = swept.get("a1", []), swept.get("delta1", [])
        for values in found:
            value |= errors(values, truth, z, dtype)
        for values in along:
            slope |= errors(values, slopes, z, dtype, absolute=True)
        with np.errstate(all="ignore"):
            ends = module.predict(theta, np.array([[-np.inf], [np.inf]], dtype))[:, 0]
        limits = ", ".join(f"{end:.4g}" for end in ends)
    return Row(name, dtype, value, slope, limits)


def _unit(module: Any) -> Any:
    """theta with W = 1, b = 0, so that z is the input, and trained constants where they start."""
    theta = module.initialize(0)
    theta[:2] = 1, 0
    return theta


def _swept(module: Any, text: str, theta: Any, z: Any) -> dict[str, list[Any]]:
    """What the sweep of the fast style leaves in the buffers of a^1 and delta^1, the latter times N."""
    count = 1 << (len(z) - 1).bit_length()  # a power of two, so that f'/N is exact
    X = np.resize(z, (count, 1))
    names = re.search(r"    ((?:\((?:\n        \w+,)+\n    \))|[^\n]*) = buffers\n", text)
    buffers = module._buffers(count)
    module._sweep(module._operands(theta), module.unpack(np.empty_like(theta)), buffers, X, np.ones_like(X), scale=1)
    kept = dict(zip(re.findall(r"\w+", names[1]), buffers, strict=False)) if names else {}
    result = {}
    if "a1" in kept:
        result["a1"] = [kept["a1"][: len(z), 0]]
    if "delta1" in kept and re.search(r"delta1\).*# delta\^1", text):
        result["delta1"] = [kept["delta1"][: len(z), 0] * count]
    return result


@dataclass(frozen=True)
class Case:
    """A loss with an output activation, and the targets that it is run for.

    `absolute`: its error is held relative to max(1, c). The loss of softmax is log(q), q = 1 + exp(-z), if the label
    is the largest logit: what is small in q is lost when q is added up.
    """

    title: str
    loss: str
    activation: str
    targets: Sequence[float]
    absolute: bool = False


CASES = (
    Case("least_squares", "least_squares", "identity", (0.0, 0.3, -2.0)),
    Case("mean_absolute", "mean_absolute", "identity", (0.0, 0.3, -2.0)),
    Case("huber", "huber", "identity", (0.0, 0.3, -2.0)),
    Case("log_cosh", "log_cosh", "identity", (0.0, 0.3, -2.0)),
    Case("binary_cross_entropy of sigmoid", "binary_cross_entropy", "sigmoid", (0.0, 1.0, 0.3)),
    Case("cross_entropy of softmax", "cross_entropy", "softmax", (1.0, 0.0), absolute=True),
    Case("poisson", "poisson", "identity", (0.0, 1.0, 2.0)),
    Case("hinge", "hinge", "identity", (-1.0, 1.0)),
)


def measured(case: Case, dtype: str) -> Row:
    """The errors of one loss; with softmax for the logits z and 0."""
    a, y = VARIABLES()
    formula = loss_function(case.loss).formula
    if case.activation != "identity":  # -y log p - (1 - y) log(1 - p) with p = 1 / (1 + exp(-z)), written out
        formula = y * sp.log(1 + sp.exp(-a)) + (1 - y) * sp.log(1 + sp.exp(a))
    chosen = loss_function(case.loss)
    z = points(dtype, [float(kink) for kink in kinks(chosen.combined[1])] if chosen.combined else [])[::2]
    value = slope = Worst()
    modules = [_emitted(case, style, dtype) for style in ("readable", "fast")]
    for target in (float(np.dtype(dtype).type(t)) for t in case.targets):
        exact = exactly(formula.subs(y, sp.Rational(target)), [a], TAIL[dtype])
        derivative = exactly(formula.diff(a).subs(y, sp.Rational(target)), [a], DIGITS)
        truth, slopes = [exact(point) for point in z], [derivative(point) for point in z]
        for module in modules:
            found = [_run(module, case, point, target, limit, dtype) for point, limit in zip(z, truth, strict=True)]
            value |= errors([c for c, _ in found], truth, z, dtype, case.absolute)
            slope |= errors([d for _, d in found], slopes, z, dtype, absolute=True)
    return Row(case.title + " (*)" * case.absolute, dtype, value, slope)


def _emitted(case: Case, style: str, dtype: str) -> Any:
    units = 2 if case.activation == "softmax" else 1
    return load(emit(differentiate(Architecture((1, units), (case.activation,), loss=case.loss, dtype=dtype)), style))


def _run(module: Any, case: Case, z: float, target: float, truth: Any, dtype: str) -> tuple[float, float]:
    """c and dc/dz of one sample; z is the bias, so that the gradient by the weights is 0."""
    two = case.activation == "softmax"
    theta = np.array([0, 0, z, 0] if two else [0, z], dtype)
    Y = np.array([[target, 1 - target]] if two else [[target]], dtype)
    if abs(truth) > float(np.finfo(dtype).max):
        return np.nan, np.nan  # nothing is asked where there is no value
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value, gradient = module.loss_and_gradient(theta, np.zeros((1, 1), dtype), Y)
    return value, float(gradient[2 if two else 1])


def rows(names: Sequence[str]) -> Iterator[Row]:
    """Every activation, then every loss, in both dtypes; or only those that are named."""
    for name in ACTIVATIONS:
        if not names or name in names:
            yield from (scanned(name, dtype) for dtype in LIMITS)
    for case in CASES:
        if not names or case.loss in names:
            yield from (measured(case, dtype) for dtype in LIMITS)


HEADER = """# Numerical trust

How accurate activations and losses are as emitted, in both styles, held against mpmath. `make trust` makes this table
again; figures may differ by a unit in the last place between machines, since NumPy's functions do.

Each function is run at some {points} points with |z| <= {reach}: even and random ones, powers of ten down to the
subnormal numbers, neighbours of kinks, multiples of pi, and where exp(z) turns subnormal. NumPy's warnings about
overflow, invalid values and division by zero are errors. Limits: relative error of f where |f| is a normal number,
and error of f' relative to max(1, |f'|), at most {limits}. Where f is not normal, its
error is below the smallest normal number. Trained constants stand where they start.

Losses are run for several targets, that of softmax with the logits z and 0; f' is dc/dz. (*): the error of f, too, is
relative to max(1, |f|). If the label is the largest logit by far, c = log(1 + exp(-z)) is taken of a sum in which
exp(-z) is lost, as in other libraries.

f(-oo), f(oo) are computed without the door, which refuses what is not finite; nan stands there for the limit of a
product or quotient such as z*exp(z), and where there is no limit.

| function | dtype | f: ulp | relative | at z | f': ulp | relative | at z | f(-oo), f(oo) |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |
"""


def line(row: Row) -> str:
    """One line of the table."""
    cells = [row.name, row.dtype]
    for worst in (row.value, row.slope):
        cells += [f"{worst.ulp:.2f}", f"{worst.relative:.1e}", f"{worst.at:.6g}"]
    return "| " + " | ".join([*cells, row.limits]) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help="activations and losses; all if none is named")
    chosen = parser.parse_args().names
    unknown = [name for name in chosen if name not in ACTIVATIONS and name not in LOSSES]
    if unknown:
        parser.error(f"there is no activation or loss {unknown[0]!r}")
    started = time.monotonic()
    found = []
    for row in rows(chosen):
        found.append(row)
        print(line(row), "" if row.holds else "FALLS SHORT", flush=True)
    if not chosen:
        limits = ", ".join(f"{limit:.0e} in {dtype}" for dtype, limit in LIMITS.items())
        head = HEADER.format(points=len(points("float64")), reach=REACH, limits=limits)
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(head + "".join(f"{line(row)}\n" for row in found))
    short = [row for row in found if not row.holds]
    print(f"{len(found)} rows in {time.monotonic() - started:.0f} s, {len(short)} fall short")
    return int(bool(short))


if __name__ == "__main__":
    sys.exit(main())
