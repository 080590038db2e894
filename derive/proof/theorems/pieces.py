"""Activations made of pieces, such as ReLU: SymPy's `diff` of the written-out loss on every activation pattern.

A pattern says for each unit on which piece of f its input lies. On a pattern the loss is a smooth function of the
weights, f' the derivative of the piece, and nothing is left open; at a kink there is no derivative, and the value of
f' is a convention, which is stated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation, adjoint_name, differentiate
from derive.algebra.notation import N, named, opaque, size
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.budget import for_own_functions
from derive.model.expression import Z
from derive.model.kinks import between, branch, kinks_of
from derive.proof.certificate import Verdict
from derive.proof.theorems.oracle import applied, entry, expanded, symbols, widths_of

MOST = 32
"""Patterns that are looked at; of more, so many that are drawn."""
Pattern = Mapping[str, tuple[sp.Expr, ...]]
"""The pieces of the units of a layer, by the name of its activation, f1, f2, …"""


def pieces(function: Activation) -> tuple[sp.Expr, ...]:
    """The expressions that f is made of: one, if it has no cases."""
    return tuple(dict.fromkeys(branch(function.initial, place) for place in between(list(kinks(function)))))


def kinks(function: Activation) -> tuple[sp.Expr, ...]:
    """Where one piece of f follows upon another."""
    return tuple(kinks_of(function.initial))


def in_pieces(architecture: Architecture) -> bool:
    """Whether an activation has cases, so that there are patterns."""
    return any(f.elementwise and f.formula.has(sp.Piecewise) for f in architecture.activations)


def every_pattern(derivation: Derivation) -> Verdict:
    """The verdict that on every pattern each entry of each gradient is SymPy's derivative of the loss."""
    with for_own_functions(derivation.architecture):
        return _every_pattern(*_shallow(derivation))


def _every_pattern(derivation: Derivation, note: str) -> Verdict:
    architecture = derivation.architecture
    widths = widths_of(architecture)
    names = dict.fromkeys(f.name for f in architecture.activations if f.elementwise and f.formula.has(sp.Piecewise))
    label = f"SymPy's diff on each activation pattern, {', '.join(names)}"
    formula = "every entry of " + ", ".join(adjoint_name(t.name) for t in derivation.parameters)
    patterns, count = _patterns(architecture, widths)
    looked_at = f"each of the {count} patterns" if len(patterns) == count else f"{len(patterns)} of {count} patterns"
    convention = f"off the kinks, where by convention {_conventions(names, architecture)}"
    validity = f"widths {'-'.join(map(str, widths))}, 1 sample; {note}{looked_at}; {convention}"
    for pattern in patterns:
        if (difference := _first_difference(derivation, widths, pattern)) is not None:
            place, found, right = difference
            pairs = ((f"derived {place}", str(found)), ("SymPy's derivative", str(right)))
            if (found - right).atoms(sp.Function):
                return Verdict(label, formula, "undecided", "the difference does not expand to 0", validity)
            return Verdict(label, formula, "refuted", "expanded difference is not 0", validity, counterexample=pairs)
    return Verdict(label, formula, "proved", "expanded difference with SymPy's derivative is 0", validity)


def _shallow(derivation: Derivation) -> tuple[Derivation, str]:
    """Of a deeper network the first layer with cases and the last one; and a note. The lemmas hold for every depth."""
    whole = derivation.architecture
    if whole.depth <= 2:
        return derivation, ""
    cases = [k for k, f in enumerate(whole.activations, 1) if f.elementwise and f.formula.has(sp.Piecewise)]
    first, last = min(whole.depth - 1, *cases), whole.depth
    return differentiate(whole.of_layers((first, last))), f"the network of the layers {first} and {last} alone; "


def _conventions(names: Mapping[str, None], architecture: Architecture) -> str:
    """What f' is at the kinks, in words."""
    functions = {f.name: f for f in architecture.activations}
    return ", ".join(
        f"{name}'({kink}) = {functions[name].initial.diff(Z).subs(Z, kink)}"
        for name in names
        for kink in kinks(functions[name])
    )


def _patterns(architecture: Architecture, widths: tuple[int, ...]) -> tuple[list[Pattern], int]:
    """The patterns that are looked at, and how many there are."""
    units = [
        (named("f", layer), pieces(f))
        for layer, f in enumerate(architecture.activations, 1)
        if f.elementwise
        for _ in range(widths[layer])
    ]
    count = int(np.prod([len(own) for _, own in units]))
    if count <= MOST:
        return [_by_layer(units, chosen) for chosen in product(*(own for _, own in units))], count
    draw = random.Random("patterns")
    return [_by_layer(units, tuple(draw.choice(own) for _, own in units)) for _ in range(MOST)], count


def _by_layer(units: list[tuple[str, tuple[sp.Expr, ...]]], chosen: tuple[sp.Expr, ...]) -> Pattern:
    found: dict[str, tuple[sp.Expr, ...]] = {}
    for (name, _), piece in zip(units, chosen, strict=True):
        found[name] = (*found.get(name, ()), piece)
    return found


def _first_difference(
    derivation: Derivation, widths: tuple[int, ...], pattern: Pattern
) -> tuple[str, sp.Expr, sp.Expr] | None:
    """The first entry of a gradient that is not SymPy's derivative on the pattern."""

    def apply(function: Any, *arrays: Any) -> Any:
        own = pattern.get(getattr(function, "activation", ""))
        match arrays:
            case [array] if own is not None:
                values = [_on(piece, function.order, z) for piece, z in zip(own, array.ravel(), strict=True)]
                return np.array(values, dtype=object).reshape(array.shape)
        return applied(function, *arrays)  # of z and trained constants too

    sizes: dict[sp.Expr, int] = {size(k): n for k, n in enumerate(widths)} | {N: 1}
    inputs = {t.name: symbols(t, sizes) for t in derivation.forward.inputs}
    forward = evaluate(derivation.forward, sizes, inputs, apply)
    gradient = evaluate(derivation.gradient, sizes, forward, apply)
    loss = sp.sympify(forward["loss"].item())
    for name, place, symbol in _entries(derivation, inputs):
        found = gradient[adjoint_name(name)][place]
        if expanded(found - loss.diff(symbol)) != 0:
            return entry(adjoint_name(name), place), found, loss.diff(symbol)
    return None


def _on(piece: sp.Expr, order: int, z: sp.Expr) -> sp.Expr:
    """A straight piece at z, or its derivative; of a curved one only that it is a function is used."""
    if piece.diff(Z, 2) != 0:
        return opaque(str(piece), order)(z)
    return sp.sympify(piece.diff(Z, order) if order else piece).xreplace({Z: z})


def _entries(derivation: Derivation, inputs: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...], sp.Symbol]]:
    for tensor in derivation.parameters:
        for place, symbol in np.ndenumerate(inputs[tensor.name]):
            yield tensor.name, place, symbol
