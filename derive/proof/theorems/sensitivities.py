"""SymPy's own `diff`, twice: what the Hessian-vector product, the input gradient and the Jacobian are held against.

The loss is written out at small widths as a function of one or two real numbers, the steps along random directions
of integers, and SymPy differentiates by them. The activations stay undefined functions, and f(5), f'(5) and f''(5)
are replaced by random numbers: what is left are integers, which are compared modulo a large prime. Nothing is shared
with the reverse sweep or with forward mode.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation, adjoint_name
from derive.algebra.notation import N, is_opaque, named, size
from derive.algebra.sensitivities import Sensitivity, gradient, hessian_vector, input_gradient, pull_back
from derive.algebra.tangent import tangent_name
from derive.proof.certificate import Verdict
from derive.proof.theorems.oracle import DEEPEST, SAMPLES, applied, is_polynomial, twin, widths_of
from derive.proof.theorems.sampled import MODULUS, same

SMALL = 3
"""A counterexample has integers up to this."""
LENGTH = 200
"""As much of a side is shown."""
METHOD = "SymPy's diff along random directions, compared modulo 2**61 - 1"
S, T = sp.symbols("s t")
"""The steps along u and v."""

Arrays = dict[str, Any]


@dataclass(frozen=True)
class Draw:
    """A network at small widths, and random integers for its tensors."""

    derivation: Derivation
    bound: int = MODULUS - 1

    @property
    def sizes(self) -> dict[sp.Expr, int]:
        widths = widths_of(self.derivation.architecture)
        return {size(k): n for k, n in enumerate(widths)} | {N: SAMPLES}

    def integers(self, purpose: str) -> Arrays:
        """An array for every input of the forward program; other integers for another purpose."""
        chance = random.Random(purpose)
        arrays = {}
        for tensor in self.derivation.forward.inputs:
            shape = tuple(self.sizes[axis] for axis in tensor.axes)
            numbers = [sp.Integer(chance.randint(1, self.bound)) for _ in range(int(np.prod(shape)))]
            arrays[tensor.name] = np.array(numbers, dtype=object).reshape(shape)
        return arrays

    def forward(self, inputs: Arrays) -> Arrays:
        """Every tensor of the forward program."""
        return evaluate(self.derivation.forward, self.sizes, inputs, applied)

    def result(self, sensitivity: Sensitivity, inputs: Arrays) -> Arrays:
        """Every tensor of the program under test."""
        return evaluate(sensitivity.program, self.sizes, inputs, applied)


Sides = tuple[sp.Expr, sp.Expr]
"""What the program under test gives, and SymPy's derivative."""


def at_zero(expr: sp.Expr, step: sp.Symbol) -> sp.Expr:
    """`expr` before the step is taken."""
    return expr.xreplace({step: sp.S.Zero})


def hessian_sides(draw: Draw, sensitivity: Sensitivity) -> Sides:
    """u . H v, and the derivative of the loss along both."""
    data, u, v = (draw.integers(purpose) for purpose in ("data", "u", "v"))
    names = [t.name for t in draw.derivation.parameters]
    moved = data | {name: np.asarray(data[name] + S * u[name] + T * v[name], dtype=object) for name in names}
    along_u = at_zero(draw.forward(moved)["loss"].item().diff(S), S)
    right = at_zero(along_u.diff(T), T)
    found = draw.result(sensitivity, data | {tangent_name(name): v[name] for name in names})
    parts = (np.sum(found[tangent_name(adjoint_name(name))] * u[name]) for name in names)
    return sp.Add(*parts), right


def gradient_sides(draw: Draw, sensitivity: Sensitivity) -> Sides:
    """u . gradient, and the derivative of the loss along u."""
    data, u = draw.integers("data"), draw.integers("u")
    names = [t.name for t in draw.derivation.parameters]
    moved = data | {name: np.asarray(data[name] + S * u[name], dtype=object) for name in names}
    right = draw.forward(moved)["loss"].item().diff(S).subs(S, 0)
    found = draw.result(sensitivity, data)
    return sp.Add(*(np.sum(found[adjoint_name(name)] * u[name]) for name in names)), right


def input_sides(draw: Draw, sensitivity: Sensitivity) -> Sides:
    """u . da0, and the derivative of the loss along u."""
    data, u = draw.integers("data"), draw.integers("u")["a0"]
    right = draw.forward(data | {"a0": data["a0"] + S * u})["loss"].item().diff(S)
    return (draw.result(sensitivity, data)["da0"] * u).sum(), at_zero(right, S)


def jacobian_sides(draw: Draw, sensitivity: Sensitivity) -> Sides:
    """u . da0, and the derivative along u of the outputs, weighted with da^L."""
    data, u, weights = draw.integers("data"), draw.integers("u")["a0"], draw.integers("weights")["y"]
    output = named("a", draw.derivation.architecture.depth)
    moved = draw.forward(data | {"a0": data["a0"] + S * u})[output]
    found = draw.result(sensitivity, data | {adjoint_name(output): weights})["da0"]
    return (found * u).sum(), at_zero((moved * weights).sum().diff(S), S)


@dataclass(frozen=True)
class Claim:
    """What is said about one of the programs, how the program is made, and its two sides."""

    label: str
    formula: str
    made: Callable[[Derivation], Sensitivity]
    sides: Callable[[Draw, Sensitivity], Sides]


CLAIMS = (
    Claim("H v", "u . (H v) is the derivative of the loss along u and v", hessian_vector, hessian_sides),
    Claim("dc/dx", "u . da0 is the derivative of the loss along u", input_gradient, input_sides),
    Claim("da^L/dx", "u . da0 is the derivative of da^L . a^L along u", pull_back, jacobian_sides),
)


GRADIENT = Claim("gradient", "u . gradient is the derivative of the loss along u", gradient, gradient_sides)


def along_directions(derivation: Derivation) -> Verdict:
    """The verdict about the gradient along a random direction, for a loss that is no polynomial to multiply out."""
    chosen, note = twin(derivation)
    return decided(GRADIENT, chosen, gradient(chosen), _validity(chosen, note))


def sensitivities(derivation: Derivation) -> list[Verdict]:
    """A verdict for each of the three programs, at small widths."""
    chosen, note = twin(derivation, DEEPEST if is_polynomial(derivation.forward) else DEEPEST - 1)
    return [decided(claim, chosen, claim.made(chosen), _validity(chosen, note)) for claim in CLAIMS]


def _validity(derivation: Derivation, note: str) -> str:
    widths = "-".join(map(str, widths_of(derivation.architecture)))
    return f"widths {widths}, {SAMPLES} samples; {note}any activation"


def decided(claim: Claim, derivation: Derivation, sensitivity: Sensitivity, validity: str = "") -> Verdict:
    """The verdict about one program: proved if both sides are the same number."""
    label = f"SymPy's diff: {claim.label}"
    if same(*claim.sides(Draw(derivation), sensitivity)):
        return Verdict(label, claim.formula, "proved", METHOD, validity)
    found, right = claim.sides(Draw(derivation, SMALL), sensitivity)
    if any(not is_opaque(function) for function in (found - right).atoms(sp.Function)):
        note = "functions such as exp are taken as unknown here, and the sides differ as they stand"
        return Verdict(label, claim.formula, "undecided", METHOD, validity, note=note)
    pairs = (("derived", _short(found)), ("SymPy's derivative", _short(right)))
    return Verdict(label, claim.formula, "refuted", METHOD, validity, counterexample=pairs)


def _short(side: sp.Expr) -> str:
    text = str(side)
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}…"
