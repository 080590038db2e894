"""Every equation of the reverse sweep, proved for all widths by the identity that defines an adjoint.

Where t[i] = F(u, …), the adjoints of t and u are such that for every direction

    Sum du . u' = Sum over the equations that read u of dt . F'(u; u'),

with F' from the product rule on one equation, which knows no Kronecker deltas and no reverse sweep. Both sides are
brought to canonical index form, linear in u', for symbolic sizes and with undefined functions. This covers what the
text has no formula for: normalisation, softmax, residual connections, trained constants, penalties.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import dropwhile, takewhile

import sympy as sp

from derive.algebra.gradient import Derivation, adjoint_name, remembered
from derive.algebra.notation import Largest
from derive.algebra.program import Equation, Program, Tensor, entries
from derive.algebra.tangent import along_direction, tangent_name
from derive.proof.certificate import Outcome, Verdict
from derive.proof.theorems.canonical import SwellError, canonical, equal

EVERYWHERE = "any widths, any number of samples, any activation"
METHOD = "product rule on each equation that reads it; canonical forms, linear in a direction"
SHIFT = "the sweep followed into the maximum; sums that have a name are named, and the rest cancels"


def duality(derivation: Derivation) -> tuple[Verdict, ...]:
    """A verdict for each equation of the gradient program, and one for each maximum that only shifts exponents."""
    shifts = {e.tensor.name for e in derivation.forward.equations if isinstance(e.value, Largest)}
    verdicts = []
    for equation in derivation.gradient.equations:
        of = _differentiated(equation.tensor.name, derivation.forward)
        verdicts.append(_shift(equation, of, derivation) if of in shifts else _identity(equation, of, derivation))
    return tuple(verdicts)


def _differentiated(name: str, forward: Program) -> str:
    return next(tensor for tensor in forward.tensors if adjoint_name(tensor) == name)


def _identity(equation: Equation, name: str, derivation: Derivation) -> Verdict:
    """The verdict that `equation` defines the adjoint of the tensor `name`."""
    label = f"Adjoint, {equation.tensor.name}"
    formula = f"{equation.target} = {equation.value}"
    tangent = Tensor(tangent_name(name), equation.tensor.axes)
    left = _summed(equation.value * tangent[equation.indices], equation)
    try:
        right = _readers(name, derivation)
        proved = equal(left, right)
    except SwellError:
        return Verdict(label, formula, "undecided", METHOD, EVERYWHERE, note="the canonical forms would grow too large")
    if proved:
        return Verdict(label, formula, "proved", METHOD, EVERYWHERE)
    pairs = (("derived", canonical(left)), ("by the product rule", canonical(right)))
    return Verdict(label, formula, "refuted", METHOD, EVERYWHERE, counterexample=pairs)


def _readers(name: str, derivation: Derivation) -> sp.Expr:
    """What the equations that read the tensor `name` make of its direction, weighted with their adjoints."""
    total = sp.S.Zero
    for reader in derivation.forward.equations:
        if name not in reader.reads or isinstance(reader.value, Largest):
            continue
        moved = along_direction(reader.value, {name})
        moved = remembered(moved, reader.value, reader.target)
        total += _summed(_adjoint(reader, derivation) * moved, reader)
    return total


def _adjoint(equation: Equation, derivation: Derivation) -> sp.Expr:
    """The adjoint of what an equation defines, at its indices; where it is a number, that number."""
    name = equation.tensor.name
    if name == "loss":
        return sp.S.One
    known = derivation.gradient.definitions.get(adjoint_name(name))
    if known is not None:
        return known.tensor[equation.indices]
    moved = _readers(name, derivation)
    return sp.Add(*(_coefficient(term, tangent_name(name)) for term in sp.Add.make_args(moved)))


def _coefficient(term: sp.Expr, tangent: str) -> sp.Expr:
    """The factor c in the sum of c * tangent[i], or in c * tangent."""
    body = _inside(term)
    named = {str(entry.base.label): entry for entry in entries(body)}
    return body.xreplace({named.get(tangent, sp.Symbol(tangent)): sp.S.One})


def _inside(expr: sp.Expr) -> sp.Expr:
    """`expr` without the signs of its sums."""
    if isinstance(expr, sp.Sum):
        return _inside(expr.function)
    return expr.func(*map(_inside, expr.args)) if expr.has(sp.Sum) else expr


def _summed(body: sp.Expr, equation: Equation) -> sp.Expr:
    limits = [(i, 1, n) for i, n in zip(equation.indices, equation.tensor.axes, strict=True)]
    return sp.Sum(body, *limits) if limits else body


def _shift(equation: Equation, name: str, derivation: Derivation) -> Verdict:
    """The verdict that nothing depends on the maximum `name`: what the sweep makes of it is 0."""
    forward, gradient = derivation.forward, derivation.gradient
    inner = [adjoint_name(other) for other in _within(name, forward)]
    value = equation.value
    while found := {str(entry.base.label) for entry in entries(value)}.intersection(inner):
        for other in sorted(found):
            value = _without_sums(_put_in(value, gradient.definitions[other]), forward)
    outcome: Outcome = "proved" if value == 0 else "undecided"
    formula = f"nothing depends on {forward.definitions[name].target}, so {equation.target} = 0"
    return Verdict(f"Shift, {name}", formula, outcome, SHIFT, EVERYWHERE, note="" if value == 0 else f"left is {value}")


def _within(name: str, forward: Program) -> Iterator[str]:
    """The tensors between the maximum and the output of its layer: the exponentials and their sum."""
    tensors = (equation.tensor.name for equation in forward.equations)
    following = dropwhile(lambda other: other != name, tensors)
    next(following)
    return takewhile(lambda other: not other.startswith("a"), following)


def _put_in(expr: sp.Expr, definition: Equation) -> sp.Expr:
    """`expr` with the entries of one tensor replaced by their definition."""
    found = {
        entry: definition.at(entry.indices)
        for entry in entries(expr)
        if str(entry.base.label) == definition.tensor.name
    }
    return expr.xreplace(found)


def _without_sums(expr: sp.Expr, forward: Program) -> sp.Expr:
    """`expr` with its sums taken apart into products, those that have a name replaced by it, and cancelled."""
    named = {
        equation.value.function.xreplace({equation.value.limits[0][0]: _OVER}): equation.target
        for equation in forward.equations
        if isinstance(equation.value, sp.Sum)
    }

    def apart(total: sp.Sum) -> sp.Expr:
        ((over, low, high),) = total.limits
        result = sp.S.Zero
        for term in sp.Add.make_args(sp.expand(total.function)):
            inside = sp.Mul(*(factor for factor in sp.Mul.make_args(term) if over in factor.free_symbols))
            outside = term / inside
            result += outside * named.get(inside.xreplace({over: _OVER}), sp.Sum(inside, (over, low, high)))
        return result

    expr = expr.xreplace({total: apart(total) for total in expr.atoms(sp.Sum)})
    atoms: dict[sp.Basic, sp.Basic] = {total: sp.Dummy() for total in expr.atoms(sp.Sum)}
    return sp.cancel(sp.together(expr.xreplace(atoms))).xreplace({symbol: total for total, symbol in atoms.items()})


_OVER = sp.Dummy()
"""In place of the index of a sum, so that sums over different letters can be compared."""
