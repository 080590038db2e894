"""What the theorems need to know of an activation, in one verdict: f(0), where f' = 0, and what f' tends to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy as sp

from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.proof.certificate import Verdict
from derive.proof.words.shapes import Shape, shape

ENDS = ("-oo", "+oo")
LONGEST = 10**6
"""A fraction with a larger denominator is shown as a decimal."""


@dataclass(frozen=True)
class Fact(Verdict):
    """The verdict about an activation; `facts` has the same as JSON types."""

    facts: tuple[tuple[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "facts": dict(self.facts)}


def fact(activation: Activation) -> Fact:
    """What was decided about `activation`, and what follows for its units."""
    found = shape(activation)
    facts = (
        ("f(0)", str(found.at_zero)),
        ("zero_weights_stay_zero", found.is_zero),
        ("flat", None if found.flat is None else [str(interval) for interval in found.flat]),
        ("can_be_dead", None if found.flat is None else bool(found.flat)),
        ("limits", [None if limit is None else str(limit) for limit in found.limits]),
        ("saturates", {end: found.saturates(k) for k, end in enumerate(ENDS)}),
    )
    open_questions = [words for words, value in _questions(found) if value is None]
    return Fact(
        f"Activation {activation.name}",
        "; ".join((_zero(found), _flat(found), *_far(found))),
        "undecided" if open_questions else "proved",
        "values, cases and limits of the expression, with its value of f' at a kink",
        _validity(activation),
        note=f"not decided: {', '.join(open_questions)}" if open_questions else "",
        facts=facts,
    )


def _validity(activation: Activation) -> str:
    said = [f"f(z) = {activation.expression}", *(f"{name} = {value:g}" for name, value in activation.constants)]
    if activation.trained:
        said.append(f"{', '.join(activation.trained)} at the value that training starts from, except in f(0) = 0")
    return "; ".join(said)


def zero_weights(architecture: Architecture) -> Verdict:
    """Whether this network, which has to be plain, learns when it begins with zero weights and biases."""
    depth = architecture.depth
    label, method = "This network, zero weights", "the theorems on zero weights, with f[L-1](0) from its expression"
    if depth == 1:
        return Verdict(label, "L = 1: a network without a hidden layer learns from zero weights", "proved", method)
    last = architecture.activations[depth - 2]
    found = shape(last)
    value = f"f[{depth - 1}](0) = {found.at_zero} ({last.name})"
    if found.is_zero is None:
        return Verdict(label, value, "undecided", method, note="it is not decided whether that is 0")
    follows = (
        f"every weight stays 0 for ever, only b[{depth}] learns"
        if found.is_zero
        else f"layer {depth} learns at the first step unless db[{depth}] = 0, the layers below one by one, their "
        "neurons staying equal"
    )
    return Verdict(label, f"{value}: {follows}", "proved", method)


def _questions(found: Shape) -> tuple[tuple[str, object], ...]:
    ends = tuple((f"f' as z -> {end}", found.limits[k]) for k, end in enumerate(ENDS))
    return (("f(0) = 0", found.is_zero), ("where f' = 0", found.flat), *ends)


def _zero(found: Shape) -> str:
    if found.is_zero is None:
        return f"f(0) = {found.at_zero}"
    follows = "zero weights stay zero" if found.is_zero else "zero weights do not stay zero"
    return f"f(0) = {found.at_zero}: {follows}"


def _flat(found: Shape) -> str:
    if found.flat is None:
        return "f' = 0 somewhere"
    if not found.flat:
        return "f' = 0 on no interval: no range of z where units are dead"
    return f"f' = 0 for {' and for '.join(map(str, found.flat))}: units can be dead"


def _far(found: Shape) -> list[str]:
    return [f"z -> {end}: {_limit(found, k)}" for k, end in enumerate(ENDS)]


def _limit(found: Shape, end: int) -> str:
    limit = found.limits[end]
    if limit is None:
        return "f' was not found"
    if isinstance(limit, sp.AccumBounds):
        return f"f' has no limit (between {limit.min} and {limit.max}), not saturated"
    return f"f' -> {_number(limit)}, {'saturated' if found.saturates(end) else 'not saturated'}"


def _number(value: sp.Expr) -> str:
    """As it is, or as the float that a long fraction was read from."""
    long = value.is_Rational and value.q > LONGEST
    return repr(float(value)) if long else str(value)
