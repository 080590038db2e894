"""What delta of an output unit tends to where its activation saturates, for a loss that is a sum over the outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from derive.algebra.blackboard import read_equation
from derive.algebra.forward import target
from derive.algebra.notation import L, named
from derive.algebra.stages import output
from derive.model.activation import Activation
from derive.model.errors import DeriveError
from derive.model.expression import Z
from derive.model.tables import ACTIVATIONS
from derive.proof.words.shapes import is_zero, limit_of, outermost, shape

TARGETS = (0, 1)
"""The y at which the limits are taken."""


@dataclass(frozen=True)
class Far:
    """delta of one unit far out."""

    activation: Activation
    end: str
    target: int
    limit: sp.Expr | None
    """Of delta; None if it was not found."""

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return (
            ("activation", f"{self.activation.name} = {self.activation.expression}"),
            ("y", str(self.target)),
            (f"limit of delta[L] for z -> {self.end}", str(self.limit)),
        )


def misfit(loss: str) -> tuple[sp.Expr, sp.Symbol, sp.Symbol]:
    """phi(a, y) of a loss c = sum phi(a[i], y[i]), with the symbols for a and y. Raises DeriveError for any other."""
    tensors = {tensor.name: tensor for tensor in (output(L), target(L))}
    value = read_equation(f"c[s] = {loss}", tensors, {"L": L}).value
    factor, total = value.as_independent(sp.Sum, as_Add=False)
    a, y = sp.symbols("a y")
    if not isinstance(total, sp.Sum) or len(total.limits) != 1:
        raise DeriveError(f"the loss {loss!r} is not a sum over the outputs")
    entries = {entry: a if str(entry.base.label) == named("a", L) else y for entry in total.atoms(sp.Indexed)}
    phi = (factor * total.function).xreplace(entries)
    if phi.has(sp.Sum) or not phi.free_symbols <= {a, y}:
        raise DeriveError(f"the loss {loss!r} is not a sum over the outputs")
    return phi, a, y


def far_out(loss: str, activations: Iterable[Activation]) -> list[Far]:
    """delta = phi'(f(z), y) f'(z) at each end where f' tends to 0, for each activation."""
    phi, a, y = misfit(loss)
    found = []
    for activation in activations:
        for end, (name, sign) in enumerate((("-oo", -sp.oo), ("+oo", sp.oo))):
            if not shape(activation).saturates(end):
                continue
            f = outermost(activation.initial, end)
            for at in TARGETS:
                slope = phi.diff(a).xreplace({y: sp.Integer(at)})
                found.append(Far(activation, name, at, _delta(slope, a, f, sign, activation.name not in ACTIVATIONS)))
    return found


def _delta(slope: sp.Expr, a: sp.Symbol, f: sp.Expr, sign: sp.Expr, own: bool) -> sp.Expr | None:
    """The limit of slope(f(z)) f'(z), where f' tends to 0; that is 0 if f and the slope stay finite."""
    value = limit_of(f, sign, own)
    if value is not None and value.is_finite and slope.subs(a, value).is_finite:
        return sp.S.Zero
    return limit_of(sp.together(slope.xreplace({a: f}) * f.diff(Z)), sign, own)


def vanishes(far: Far) -> bool | None:
    """Whether delta tends to 0."""
    return None if far.limit is None else is_zero(far.limit)
