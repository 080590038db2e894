"""A derivation with what cancels between the loss and the last activation cancelled, before it goes further."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.notation import is_opaque, named, opaque
from derive.algebra.simplify import simplified
from derive.codegen.forms.cached import A, from_output
from derive.model.expression import Z


def eased(derivation: Derivation) -> Derivation:
    """The derivation with the derivatives by the last layer's tensors in their shorter forms, if they have such.

    What is differentiated once more then starts from a^L - y and not from a quotient that it cancels with.
    """
    last = derivation.architecture.activations[-1]
    forms: dict[sp.Basic, sp.Expr] = {}
    for equation in derivation.forward.equations:
        if is_opaque(equation.value) and equation.value.func.activation == named("f", derivation.architecture.depth):
            form = from_output(last.formula)
            if form is not None:
                slope = opaque(equation.value.func.activation, 1)(*equation.value.args)
                forms[slope] = form.subs({A: equation.target, Z: equation.value.args[0]}, simultaneous=True)
    gradient = derivation.gradient
    written = replace(gradient, equations=tuple(replace(e, value=e.value.xreplace(forms)) for e in gradient.equations))
    shorter = simplified(written, derivation.forward, derivation.architecture.loss.targets)
    chosen = (
        old if new == before else new
        for old, before, new in zip(gradient.equations, written.equations, shorter.equations, strict=True)
    )
    return replace(derivation, gradient=replace(gradient, equations=tuple(chosen)))
