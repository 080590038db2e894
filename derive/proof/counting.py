"""Counting: how many entries quantities have, and sums of such counts over the layers."""

from __future__ import annotations

import re
from collections.abc import Callable

import sympy as sp

from derive.algebra.forward import parameters
from derive.algebra.notation import Label
from derive.proof.values import QUANTITIES

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
