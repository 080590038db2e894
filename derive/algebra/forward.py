"""The forward program of an architecture: the tables' equations, layer by layer, with symbolic sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from derive.algebra.evaluate import ROOT
from derive.algebra.notation import Label, N, index, named, opaque, size
from derive.algebra.program import Equation, Program, Tensor, check
from derive.algebra.stages import Stage, declared, equations_of, mask, output, stages
from derive.model.architecture import Architecture
from derive.model.expression import Z
from derive.model.loss import VARIABLES, Loss, loss_function
from derive.model.penalty import Penalty
from derive.model.tables import LAYERS

SAMPLE, UNIT, INPUT = index("s"), index("i"), index("j")
WEIGHTS = Tensor("weights", (N,))
"""The weight of each sample, where they have one."""


def target(label: Label) -> Tensor:
    """y, with the axes of the output of layer `label`."""
    return Tensor("y", (N, size(label)))


def parameters(label: Label, kind: str = "dense") -> tuple[Tensor, ...]:
    """W^l and b^l, with the axes that the table of layers declares."""
    return declared(LAYERS[kind].parameters, label)


def layer(label: Label, below: Tensor | None = None) -> tuple[Equation, ...]:
    """The forward equations of the text's layer `label`, which reads a^{l-1}."""
    return equations_of(label, stages(label), below or output(sp.sympify(label, strict=True) - 1))


def loss(name: str | Loss, label: Label) -> tuple[Equation, ...]:
    """The equations of c and of the mean loss, from the output a^L with L = `label`."""
    last = sp.sympify(label, strict=True)
    return (*sample_loss(loss_function(name), last), Equation(Tensor("loss", ()), (), _mean(sp.S.One)))


def sample_loss(chosen: Loss, label: Label) -> tuple[Equation, ...]:
    """c of each sample, the sum over the units; with an equation for each r of which a part of it is a function."""
    a, y = VARIABLES()
    axes = output(label).axes
    entries = {a: output(label)[SAMPLE, UNIT], y: target(label)[SAMPLE, UNIT]}
    combinations: dict[str, Equation] = {}
    calls: dict[sp.Basic, sp.Basic] = {}
    for part in chosen.parts:
        combination = Tensor(part.tensor, axes)
        combinations[part.tensor] = Equation(combination, (SAMPLE, UNIT), part.r.xreplace(entries))
        calls[part.whole] = opaque(part.function)(combination[SAMPLE, UNIT])
    coefficient, rest = chosen.formula.xreplace(calls).as_coeff_Mul()
    value = coefficient * sp.Sum(rest.xreplace(entries), (UNIT, 1, axes[1]))
    return (*combinations.values(), Equation(Tensor("c", (N,)), (SAMPLE,), value))


def _mean(weight: sp.Expr) -> sp.Expr:
    return sp.Sum(weight * Tensor("c", (N,))[(SAMPLE,)], (SAMPLE, 1, N)) / N


def objective(architecture: Architecture) -> tuple[Equation, ...]:
    """The equations from the output to the loss: c, the penalty of each layer, and their weighted mean and sum."""
    weight = WEIGHTS[(SAMPLE,)] if architecture.sample_weights else sp.S.One
    penalties = [
        Equation(Tensor(named("penalty", label), ()), (), value)
        for label in range(1, architecture.depth + 1)
        if (value := _penalty(architecture.penalty, parameters(label)[0])) != 0
    ]
    total = _mean(weight) + sp.Add(*(equation.target for equation in penalties))
    last = sp.Integer(architecture.depth)
    return (*sample_loss(architecture.loss, last), *penalties, Equation(Tensor("loss", ()), (), total))


def _penalty(chosen: Penalty, weights: Tensor) -> sp.Expr:
    """What a penalty adds for the weights of one layer."""
    entry = weights[UNIT, INPUT]
    limits = [(i, 1, n) for i, n in zip((UNIT, INPUT), weights.axes, strict=True)]
    rows = ((chosen.l2 / (1 + chosen.half), entry**2), (chosen.l1, opaque("absolute")(entry)))
    total = sp.Add(*(sp.Rational(str(strength)) * sp.Sum(each, *limits) for strength, each in rows if strength))
    return total / N if chosen.over_samples else total


def functions(architecture: Architecture) -> dict[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]]:
    """What the opaque functions of the forward program stand for: an expression, and the symbols of its arguments."""
    found = {
        named("f", label): (f.formula, (Z, *f.symbols.values()))
        for label, f in enumerate(architecture.activations, 1)
        if f.elementwise
    }
    found |= {part.function: (part.h, (Z,)) for part in architecture.loss.parts}
    if architecture.penalty.l1:
        found["absolute"] = (sp.Piecewise((Z, Z > 0), (-Z, Z < 0), (sp.S.Zero, True)), (Z,))
    return found


def formula_in_z(function: Any, architecture: Architecture) -> sp.Expr:
    """What any function of one number in a forward or gradient program stands for, as an expression in Z."""
    if hasattr(function, "activation"):
        return concrete(function, functions(architecture))[0]
    return (sp.sqrt if function == ROOT else function)(Z)


def concrete(function: Any, known: Mapping[str, tuple[sp.Expr, tuple[sp.Symbol, ...]]]) -> tuple[sp.Expr, Any]:
    """The expression that an opaque function or its derivative stands for, and the symbols of its arguments."""
    formula, symbols = known[function.activation]
    for symbol, order in zip(symbols, function.orders, strict=True):
        formula = formula.diff(symbol, order) if order else formula
    return formula, symbols


def layer_stages(architecture: Architecture) -> dict[int, tuple[Stage, ...]]:
    """The stages of the layers 1..L."""
    rows = zip(architecture.activations, architecture.layers, strict=True)
    return {label: tuple(stages(sp.Integer(label), f, options)) for label, (f, options) in enumerate(rows, 1)}


def parameter_tensors(architecture: Architecture) -> tuple[Tensor, ...]:
    """W1, b1, W2, b2, …: the parameters in the order in which theta holds them."""
    tied = _tied(architecture)
    tensors = [t for steps in layer_stages(architecture).values() for stage in steps for t in stage.parameters]
    return tuple(_renamed(tensor, tied) for tensor in tensors)


def forward(architecture: Architecture) -> Program:
    """The forward program: from a0 (the input) and y to the loss, one layer after the other.

    >>> print(forward(Architecture([2, 1], ["tanh"])).equations[0])
    z1[s, i] = b1[i] + Sum(W1[i, j]*a0[s, j], (j, 1, n0))    for s in 1..N, i in 1..n1
    """
    depth = architecture.depth
    steps = layer_stages(architecture)
    tied = _tied(architecture)
    given = [mask(label) for label, options in enumerate(architecture.layers, 1) if options.dropout]
    given += [WEIGHTS] * architecture.sample_weights
    inputs = (output(0), target(depth), *given, *(t for s in steps.values() for stage in s for t in stage.parameters))
    equations = [e for label, own in steps.items() for e in equations_of(label, own, output(label - 1))]
    equations += objective(architecture)
    return check(
        Program(
            tuple(_renamed(tensor, tied) for tensor in inputs),
            tuple(replace(e, tensor=_renamed(e.tensor, tied), value=e.value.xreplace(tied)) for e in equations),
        )
    )


def _tied(architecture: Architecture) -> dict[sp.Basic, sp.Basic]:
    """Sizes that are one because a residual connection adds the layers: each by the first of them."""
    return {size(k): size(first) for k, first in enumerate(architecture.tied) if k != first}


def _renamed(tensor: Tensor, sizes: dict[sp.Basic, sp.Basic]) -> Tensor:
    return replace(tensor, axes=tuple(sizes.get(axis, axis) for axis in tensor.axes)) if sizes else tensor
