"""Equations as formulas write them: without names that formulas do not have, and as short as they get.

Aliases, numbers for each sample and the parts of a softmax are written out; the loss and the penalty are what they are;
f' at the output is put in terms of a^L where something cancels then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import sympy as sp

from derive.algebra.forward import concrete, functions
from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, is_opaque, named
from derive.algebra.program import Equation, entries
from derive.algebra.simplify import simplified
from derive.model.expression import Z
from derive.proof.grading.terms import split_name
from derive.proof.theorems.relations import A, relation


def written(derivation: Derivation, name: str) -> Iterator[Equation]:
    """The equation of a quantity: as it was derived, and simplified."""
    architecture, gradient = derivation.architecture, derivation.gradient
    plain = gradient.definitions.get(name) or derivation.forward.definitions.get(name)
    if plain is None:
        return
    yield replace(plain, value=_concrete(derivation, plain.value))
    short = simplified(gradient, derivation.forward, architecture.loss.targets).definitions.get(name)
    if short is not None and short.value != plain.value:
        value = _concrete(derivation, short.value)
        yield replace(short, value=value)
        yield replace(short, value=_in_outputs(derivation, value))


def _concrete(derivation: Derivation, value: sp.Expr) -> sp.Expr:
    """`value` without names for what has one already, and with the loss and its penalty as what they are."""
    known = functions(derivation.architecture)
    named_again = _written_out(derivation)
    while True:  # no name is defined by itself
        replaced: dict[sp.Basic, sp.Basic] = {}
        for entry in entries(value):
            if equation := named_again.get(str(entry.base.label)):
                replaced[entry] = equation.value.xreplace(dict(zip(equation.indices, entry.indices, strict=True)))
        for symbol in value.atoms(sp.Symbol):
            if (equation := named_again.get(str(symbol))) and equation.value.is_Number:
                replaced[symbol] = equation.value
        for call in value.atoms(sp.Function):
            if is_opaque(call) and type(call).activation in ("h", "absolute"):
                replaced[call] = concrete(type(call), known)[0].xreplace({Z: call.args[0]})
        if not replaced:
            return _in_rows(derivation, value)
        value = value.xreplace(replaced)


@lru_cache(maxsize=16)
def _written_out(derivation: Derivation) -> dict[str, Equation]:
    """What has no name in formulas: what is another quantity, a number for each sample, or part of a softmax."""
    return {
        equation.tensor.name: equation
        for equation in (*derivation.gradient.equations, *derivation.forward.equations)
        if equation.value.is_Number
        or isinstance(equation.value, sp.Indexed)
        or equation.tensor.name in ("r", "dr")
        or split_name(equation.tensor.name)[0] in ("de", "dq", "dm")
        or (equation.tensor.axes == (N,) and equation.tensor.name in derivation.gradient.definitions)
    }


def _in_rows(derivation: Derivation, value: sp.Expr) -> sp.Expr:
    """`value` with the parts e and q of a softmax gone, where they are e/q = a, or exp(a) for log_softmax."""
    given = value
    for entry in entries(value):
        letter, layer = split_name(str(entry.base.label))
        if letter != "e":
            continue
        own = [derivation.forward.definitions[named(x, layer)] for x in ("a", "e", "q")]
        a, e, q = (x.tensor[entry.indices[: len(x.indices)]] for x in own)
        a_value, e_value = (x.value.xreplace(dict(zip(x.indices, entry.indices, strict=True))) for x in own[:2])
        known = {a: a_value.xreplace({e: e_value})}
        ratio = next((r for r in (a, sp.exp(a)) if sp.expand(r.xreplace(known) - e_value / q).is_zero), e / q)
        value = value.xreplace({entry: ratio * q})
    pulled = {total: _pulled(total) for total in value.atoms(sp.Sum)}
    changed = value.xreplace(pulled)
    return given if changed == given else sp.factor_terms(sp.expand(changed))


def _pulled(total: sp.Sum) -> sp.Expr:
    """A sum with what does not depend on its indices in front of it."""
    outside, inside = total.function.as_independent(*total.variables, as_Add=False)
    return outside * sp.Sum(inside, *total.limits)


def _in_outputs(derivation: Derivation, value: sp.Expr) -> sp.Expr:
    """`value` with f' of the last layer in terms of a^L, where it has such a form and something cancels."""
    last = derivation.architecture.depth
    slope = relation(derivation.architecture.activations[-1])
    calls = [call for call in value.atoms(sp.Function) if is_opaque(call) and type(call).activation == named("f", last)]
    if slope is None or not calls or value.has(sp.Sum):
        return value
    outputs = {call: sp.IndexedBase(named("a", last))[call.args[0].indices] for call in calls}
    return sp.factor(value.xreplace({call: slope.xreplace({A: entry}) for call, entry in outputs.items()}))
