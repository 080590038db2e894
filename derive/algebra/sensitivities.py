"""What else can be differentiated with the same engine: the Hessian times a vector, derivatives by the inputs.

Each is a program from the inputs to its results, and holds nothing that the results do not need:

* `hessian_vector`: the gradient program, differentiated once more along v;
* `input_gradient`: the reverse sweep of the loss, carried on to a^0;
* `pull_back`: the reverse sweep of the output a^L, for any weights da^L of its entries. With 1 at output k and 0
  elsewhere it gives row k of the Jacobian, for every sample at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive.algebra.gradient import Derivation, adjoint_name, reverse
from derive.algebra.program import Program, Tensor
from derive.algebra.stages import output
from derive.algebra.tangent import tangent, tangent_name


@dataclass(frozen=True)
class Sensitivity:
    """A program and the tensors that it is there for."""

    program: Program
    results: tuple[str, ...]


def gradient(derivation: Derivation) -> Sensitivity:
    """dW1, db1, …: the gradient itself."""
    names = (adjoint_name(t.name) for t in derivation.parameters)
    forward = derivation.forward
    return _sensitivity(Program(forward.inputs, forward.equations + derivation.gradient.equations), names)


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
    """da0: the derivative of the mean loss by the inputs, one row for each sample.

    The sweep that led to dW1 goes on to a^0: what the gradient program has found is taken from there.
    """
    forward, gradient = derivation.forward, derivation.gradient
    names = (t for t in forward.definitions if adjoint_name(t) in gradient.definitions)
    found = {name: gradient.tensors[adjoint_name(name)] for name in names}
    missing = {"a0"}
    last = []  # the equations between a^0 and the tensors whose adjoints are known
    for equation in forward.equations:
        if missing & equation.reads:
            last.append(equation)
            missing |= {equation.tensor.name} - set(found)
    inputs = tuple(t for t in forward.tensors.values() if t.name not in {e.tensor.name for e in last})
    seeds = {e.tensor.name: found[e.tensor.name] for e in last if e.tensor.name in found}
    back, _ = reverse(Program(inputs, tuple(last)), seeds, ["a0"])
    return _sensitivity(Program(forward.inputs, forward.equations + gradient.equations + back.equations), ["da0"])


def pull_back(derivation: Derivation) -> Sensitivity:
    """da0[s, i], the sum over k of da^L[s, k] times d a^L[s, k] / d a^0[s, i]; da^L is an input.

    Below da^L the sweep is the same for every loss, so it is that of `input_gradient`, unless it knows no da^L.
    """
    forward = derivation.forward
    last = forward.tensors[output(derivation.architecture.depth).name]
    weights = Tensor(adjoint_name(last.name), last.axes)
    inputs = (*forward.inputs, weights)
    swept = input_gradient(derivation).program.equations
    below = Program(inputs, tuple(e for e in swept if e.tensor != weights)).needed(["da0"])
    reads = {name for equation in below.equations for name in equation.reads}
    if weights.name in reads and not reads & {"y", "N"}:  # nothing of the loss is left but da^L
        return Sensitivity(below, ("da0",))
    back, _ = reverse(forward, {last.name: weights}, ["a0"])
    return _sensitivity(Program(inputs, forward.equations + back.equations), ["da0"])


def _sensitivity(program: Program, results: Iterable[str]) -> Sensitivity:
    wanted = tuple(results)
    return Sensitivity(program.needed(wanted), wanted)
