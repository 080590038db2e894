"""Counting: how many entries quantities have, sums of such counts over the layers, and their refutation."""

from __future__ import annotations

import re
from collections.abc import Callable

import sympy as sp

from derive.algebra.forward import parameters
from derive.algebra.notation import L, Label, N
from derive.proof.formulas.values import QUANTITIES

SizeOf = Callable[[Label], sp.Expr]


def entries_of(base: str, label: Label, size: SizeOf) -> sp.Expr:
    """The number of entries of a quantity of one layer and sample."""
    return sp.Mul(*(size(label + offset) for offset in QUANTITIES[base].axes))


def parameters_of(label: Label, size: SizeOf) -> sp.Expr:
    """The number of parameters of a layer, from the axes that the table of layers declares."""
    bases = [re.match("[A-Za-z]+", tensor.name) for tensor in parameters(label)]
    return sp.Add(*(entries_of(base[0], label, size) for base in bases if base))


def label_sum(body: sp.Expr, variable: sp.Symbol, high: sp.Expr) -> sp.Expr:
    """The sum of `body` over layers 1..high, with the sizes n_l as functions of the label `variable`."""
    sizes = {}
    for symbol in body.atoms(sp.Symbol):
        if found := re.fullmatch(rf"n\[{variable}([+-]\d+)?\]", str(symbol)):
            sizes[symbol] = sp.IndexedBase("n")[variable + int(found[1] or 0)]
    return sp.Sum(body.xreplace(sizes), (variable, 1, high))


def count_counterexample(left: sp.Expr, right: sp.Expr) -> tuple[tuple[str, str], ...]:
    """Small L, N and widths at which two counts differ, and what either comes to; () if there are none."""
    for depth in (1, 2, 3):
        for samples in (1, 2, 3):
            for widths in ([1] * (depth + 1), list(range(2, depth + 3))):
                one, other = (counted(side, depth, samples, widths) for side in (left, right))
                if one is not None and other is not None and one != other:
                    sizes = ((f"n{k}", str(n)) for k, n in enumerate(widths))
                    return (
                        ("L", str(depth)),
                        ("N", str(samples)),
                        *sizes,
                        ("left side", str(one)),
                        ("right side", str(other)),
                    )
    return ()


def counted(expr: sp.Expr, depth: int, samples: int, widths: list[int]) -> sp.Rational | None:
    """The value of a count in one network, with l = 1; None if it speaks of a layer that the network does not have."""
    expr = expr.xreplace({L: sp.Integer(depth), N: sp.Integer(samples)})
    for total in expr.atoms(sp.Sum):
        ((name, _, high),) = total.limits
        terms = [total.function.subs(name, k) for k in range(1, int(high) + 1)]
        expr = expr.xreplace({total: sp.Add(*terms)})
    layers: dict[sp.Basic, int] = {entry: int(entry.indices[0]) for entry in expr.atoms(sp.Indexed)}
    for symbol in expr.atoms(sp.Symbol):
        if found := re.fullmatch(r"n\[?([a-zL]?)([+-]?\d*)\]?", str(symbol)):
            start = {"": 0, "L": depth}.get(found[1], 1)
            layers[symbol] = start + int(found[2] or 0)
    layers.pop(sp.Symbol("n"), None)  # the name of the sizes in a sum
    if not all(0 <= layer <= depth for layer in layers.values()):
        return None
    value = expr.xreplace({size: sp.Integer(widths[layer]) for size, layer in layers.items()})
    return value if value.is_Rational else None
