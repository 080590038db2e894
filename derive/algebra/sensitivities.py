"""What else can be differentiated with the same engine: the Hessian times a vector, derivatives by the inputs.

Each is a program from the inputs to its results, and holds nothing that the results do not need:

* `hessian_vector`: the gradient program, differentiated once more along v;
* `input_gradient`: the reverse sweep of the loss, down to a^0;
* `pull_back`: the reverse sweep of the output a^L, for any weights da^L of its entries. With 1 at output k and 0
  elsewhere it gives row k of the Jacobian, for every sample at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from derive.algebra.forward import output
from derive.algebra.gradient import Derivation, adjoint_name, reverse
from derive.algebra.program import Program, Tensor
from derive.algebra.tangent import tangent, tangent_name


@dataclass(frozen=True)
class Sensitivity:
    """A program and the tensors that it is there for."""

    program: Program
    results: tuple[str, ...]


def hessian_vector(derivation: Derivation) -> Sensitivity:
    """vdW1, vdb1, …: the Hessian of the mean loss times v, whose parts vW1, vb1, … are inputs.

    >>> from derive.algebra.gradient import differentiate
    >>> from derive.model.architecture import Architecture
    >>> print(hessian_vector(differentiate(Architecture([2, 1], ["tanh"]))).program.definitions["vdW1"])
    vdW1[i, j] = Sum(a0[s, j]*vdelta1[s, i], (s, 1, N))    for i in 1..n1, j in 1..n0
    """
    forward, gradient = derivation.forward, derivation.gradient
    names = [t.name for t in derivation.parameters]
    whole = tangent(Program(forward.inputs, forward.equations + gradient.equations), names)
    return _sensitivity(whole, (tangent_name(adjoint_name(name)) for name in names))


def input_gradient(derivation: Derivation) -> Sensitivity:
    """da0: the derivative of the mean loss by the inputs, one row for each sample."""
    forward = derivation.forward
    gradient, _ = reverse(forward, {"loss": sp.S.One}, ["a0"])
    return _sensitivity(Program(forward.inputs, forward.equations + gradient.equations), ["da0"])


def pull_back(derivation: Derivation) -> Sensitivity:
    """da0[s, i], the sum over k of da^L[s, k] times d a^L[s, k] / d a^0[s, i]; da^L is an input."""
    forward = derivation.forward
    last = output(derivation.architecture.depth)
    weights = Tensor(adjoint_name(last.name), last.axes)
    back, _ = reverse(forward, {last.name: weights}, ["a0"])
    return _sensitivity(Program((*forward.inputs, weights), forward.equations + back.equations), ["da0"])


def _sensitivity(program: Program, results: Iterable[str]) -> Sensitivity:
    wanted = tuple(results)
    return Sensitivity(needed(program, wanted), wanted)


def needed(program: Program, results: Iterable[str]) -> Program:
    """`program` without the equations that the results do not need."""
    names = set(results)
    kept = []
    for equation in reversed(program.equations):
        if equation.tensor.name in names:
            kept.append(equation)
            names |= equation.reads
    return Program(program.inputs, tuple(reversed(kept)))
