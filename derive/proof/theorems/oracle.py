"""An independent oracle: SymPy's own `diff` of the loss, written out as one expression in every weight.

Nothing is shared with the reverse sweep: the forward program is evaluated on arrays of symbols, so the
loss becomes a single scalar expression, and each entry of each gradient is compared with its derivative.
The activations stay undefined functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation, adjoint_name, differentiate
from derive.algebra.notation import N, size
from derive.algebra.program import Program, Tensor
from derive.model.architecture import Architecture
from derive.proof.certificate import Verdict

DEEPEST = 3
"""The written-out loss swells with the depth; of deeper networks the first layers are taken."""
SAMPLES = 2
WIDTHS = {1: (3, 2), 2: (2, 3, 1), 3: (2, 3, 1, 2)}
"""Small widths for each depth; neighbours differ, so that a transposed matrix cannot pass."""


def oracle(derivation: Derivation) -> Verdict:
    """The verdict that every entry of every gradient is SymPy's derivative of the loss, at small widths."""
    label = "SymPy's diff of the written-out loss"
    derivation, note = twin(derivation)
    widths = widths_of(derivation.architecture)
    validity = f"widths {'-'.join(map(str, widths))}, {SAMPLES} samples; {note}any activation"
    formula = "every entry of " + ", ".join(adjoint_name(t.name) for t in derivation.parameters)
    difference = first_difference(derivation, widths)
    if difference is None:
        return Verdict(label, formula, "proved", "expanded difference with SymPy's derivative is 0", validity)
    place, found, right = difference
    if _is_nonzero(found - right):
        pairs = ((f"derived {place}", str(found)), ("SymPy's derivative", str(right)))
        return Verdict(label, formula, "refuted", "expanded difference is not 0", validity, counterexample=pairs)
    return Verdict(label, formula, "undecided", f"{place}: the difference does not expand to 0", validity)


def twin(derivation: Derivation, depth: int = DEEPEST) -> tuple[Derivation, str]:
    """The network that is written out: the first layers and the last, if there are more than `depth`; and a note."""
    architecture = derivation.architecture
    if architecture.depth <= depth:
        return derivation, ""
    first = architecture.of_layers((*range(1, depth), architecture.depth))
    return differentiate(first), f"the network of {depth} of the {architecture.depth} layers, the last among them; "


def widths_of(architecture: Architecture) -> tuple[int, ...]:
    """Small widths, equal where a residual connection needs it."""
    widths = WIDTHS[architecture.depth]
    return tuple(widths[first] for first in architecture.tied)


def first_difference(derivation: Derivation, widths: tuple[int, ...]) -> tuple[str, sp.Expr, sp.Expr] | None:
    """The first entry of a gradient that is not SymPy's derivative: its name, its value and that derivative."""
    sizes: dict[sp.Expr, int] = {size(k): n for k, n in enumerate(widths)} | {N: SAMPLES}
    inputs = {t.name: symbols(t, sizes) for t in derivation.forward.inputs}
    forward = evaluate(derivation.forward, sizes, inputs, applied)
    gradient = evaluate(derivation.gradient, sizes, forward, applied)
    loss = forward["loss"].item()
    for tensor in derivation.parameters:
        found = gradient[adjoint_name(tensor.name)]
        for position, symbol in np.ndenumerate(inputs[tensor.name]):
            right = loss.diff(symbol)
            if expanded(found[position] - right) != 0:
                return entry(adjoint_name(tensor.name), position), found[position], right
    return None


def entry(name: str, position: tuple[int, ...]) -> str:
    """dW1[2, 3] for the entry in row 1, column 2, as arrays count them."""
    return f"{name}[{', '.join(str(place + 1) for place in position)}]"


def is_polynomial(program: Program) -> bool:
    """Whether the loss, written out, is a polynomial in the inputs and in the values of undefined functions."""
    return not any(
        (isinstance(part, sp.Pow) and part.atoms(sp.Indexed) and not (part.exp.is_Integer and part.exp.is_positive))
        or isinstance(part, sp.exp | sp.log)
        for equation in program.equations
        for part in equation.value.atoms(sp.Pow, sp.exp, sp.log)
    )


def expanded(expr: sp.Expr) -> sp.Expr:
    """`expr` multiplied out, each function value being an indeterminate."""
    atoms: dict[sp.Basic, sp.Basic] = {call: sp.Dummy() for call in expr.atoms(sp.Function)}
    return sp.expand(expr.xreplace(atoms))


def symbols(tensor: Tensor, sizes: dict[sp.Expr, int]) -> Any:
    """An array of symbols, one for each entry of a tensor."""
    shape = tuple(sizes[axis] for axis in tensor.axes)
    entries = [sp.Symbol(f"{tensor.name}_{'_'.join(str(p + 1) for p in place)}") for place in np.ndindex(*shape)]
    return np.array(entries, dtype=object).reshape(shape)


class Exponential(sp.Function):  # type: ignore[misc]
    """exp, which SymPy is kept from simplifying: it would join products to exponentials of sums."""

    def fdiff(self, argindex: int) -> sp.Expr:
        return self


class Logarithm(sp.Function):  # type: ignore[misc]
    """log, which SymPy is kept from simplifying."""

    def fdiff(self, argindex: int) -> sp.Expr:
        (x,) = self.args
        return 1 / x


KEPT = {sp.exp: Exponential, sp.log: Logarithm}


def applied(function: Any, *arrays: Any) -> Any:
    """The function, of which only the derivative is known, applied to every entry."""
    function = KEPT.get(function, function)
    spread = np.broadcast_arrays(*(np.asarray(array, dtype=object) for array in arrays))
    values = [function(*entries) for entries in zip(*(array.ravel() for array in spread), strict=True)]
    return np.array(values, dtype=object).reshape(spread[0].shape)


def _is_nonzero(expr: sp.Expr) -> bool:
    """Whether a polynomial in symbols and function values is certainly not 0: multiplied out, it has a term.

    Equal arguments of functions may be written differently, so only a difference free of functions counts.
    """
    atoms = expr.atoms(sp.Function)
    written = {call.args for call in atoms}
    return len({tuple(map(sp.expand, arguments)) for arguments in written}) == len(written) and expanded(expr) != 0
