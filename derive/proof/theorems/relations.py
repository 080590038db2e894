"""What is known of a concrete activation: its derivative in terms of its value, f' = g(f).

    >>> relation(Architecture([2, 1], ["sigmoid"]).activations[0])
    -A**2 + A

Found by solving a = f(z) for the exponential in it; None where there is no polynomial g. The derivative
itself is SymPy's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sympy as sp

from derive.algebra.notation import L, Label, named, opaque
from derive.model.activation import Activation
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.proof.formulas.scope import Scope

A = sp.Symbol("A")
"""The value f(z)."""

Relations = Mapping[str, tuple[sp.Expr, bool]]
"""Name of an activation → g(A), and whether f(z) = z."""


@cache
def relation(activation: Activation) -> sp.Expr | None:
    """g with f'(z) = g(f(z)), a polynomial in A; None if none is found."""
    if not activation.elementwise or activation.trained:
        return None
    formula, u = activation.formula, sp.Dummy("u")
    if formula == Z:
        return sp.S.One
    derivative = formula.diff(Z)
    for inner in sorted(formula.atoms(sp.exp, sp.tanh), key=sp.default_sort_key):
        value, slope = formula.subs(inner, u), derivative.subs(inner, u)
        if value.has(Z) or slope.has(Z) or not value.is_rational_function(u):
            continue
        match sp.solve(sp.Eq(value, A), u):
            case [only]:
                g = sp.expand(sp.cancel(slope.subs(u, only)))
                if g.is_polynomial(A):
                    return g
    return None


def relations(architecture: Architecture, scope: Scope) -> dict[str, tuple[sp.Expr, bool]]:
    """What is known of f^1, …, f^L of a network, and of f^l where all layers that l runs over share one f."""
    functions = architecture.activations
    named_functions: dict[str, Activation] = {named("f", k): f for k, f in enumerate(functions, 1)}
    named_functions[named("f", L)] = functions[-1]
    for name, (low, high) in scope.variables.items():
        first = int(low) if low.is_Integer else 1
        count = high.subs(L, len(functions))
        over = set(functions[first - 1 : int(count)]) if count.is_Integer and first >= 1 else set()
        if len(over) == 1:
            label: Label = scope.symbol(name)
            named_functions[named("f", label)] = over.pop()
    found = {name: (relation(f), f.elementwise and f.formula == Z) for name, f in named_functions.items()}
    return {name: (g, identity) for name, (g, identity) in found.items() if g is not None}


def related(expr: sp.Expr, known: Relations) -> sp.Expr:
    """`expr` with every f'(z) whose relation is known replaced by g(f(z)), and f(z) by z for the identity."""
    if not known:
        return expr
    replaced: dict[sp.Basic, sp.Basic] = {}
    for call in expr.atoms(sp.Function):
        name = getattr(type(call), "activation", "")
        if name not in known:
            continue
        g, identity = known[name]
        (argument,) = (related(argument, known) for argument in call.args)
        match call.func.order:
            case 0 if identity:
                replaced[call] = argument
            case 1:
                replaced[call] = g.subs(A, opaque(name)(argument))
    return expr.xreplace(replaced) if replaced else expr


def words(known: Relations) -> str:
    """The relations in words: f1' = 1 - f1**2."""
    return ", ".join(f"{name}' = {g.subs(A, sp.Symbol(name))}" for name, (g, _) in sorted(known.items()))
