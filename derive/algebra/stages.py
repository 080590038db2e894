"""The stages of a layer, each a row of a table: z^l, normalisation, activation, dropout, residual connection.

A stage reads what the stage before it computed as x; the last one computes a^l. What is computed in between
keeps the name that its row gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import sympy as sp

from derive.algebra.blackboard import read_equation
from derive.algebra.notation import Label, N, named, size
from derive.algebra.program import Equation, Tensor
from derive.model.activation import Activation
from derive.model.expression import read_expression
from derive.model.layers import LayerOptions
from derive.model.tables import ACTIVATION, DROPOUT, LAYERS, NORMALIZATIONS, RESIDUAL, ROW_ACTIVATIONS


@dataclass(frozen=True)
class Stage:
    """Equations, the last of which is the stage's result; the parameters in them; what else they take as given."""

    equations: tuple[str, ...]
    parameters: tuple[Tensor, ...] = ()
    given: tuple[tuple[str, Tensor], ...] = ()
    constants: tuple[Tensor, ...] = ()


def output(label: Label) -> Tensor:
    """a^l for all samples: N rows of n_l entries."""
    return Tensor(named("a", label), (N, size(label)))


def mask(label: Label) -> Tensor:
    """What dropout multiplies the outputs of layer `label` by."""
    return Tensor(named("mask", label), (N, size(label)))


def declared(parameters: dict[str, str], label: Label) -> tuple[Tensor, ...]:
    """The parameters of a row of a table at layer `label`, such as {"W": "n[l], n[l-1]"}."""
    return tuple(
        Tensor(named(name, label), tuple(_axis(axis, label) for axis in axes.split(",")))
        for name, axes in parameters.items()
    )


def _axis(text: str, label: Label) -> sp.Expr:
    """The size that an axis such as n[l-1] has."""
    inside = text.strip().removeprefix("n[").removesuffix("]")
    return size(read_expression(inside, {"l": sp.sympify(label, strict=True)}))


def stages(label: Label, function: Activation | None = None, options: LayerOptions | None = None) -> Iterator[Stage]:
    """The stages of layer `label` in order; without a function and options those of the text's layer."""
    options = options or LayerOptions()
    dense = LAYERS["dense"]
    yield Stage(dense.equations, declared(dense.parameters, label))
    if options.normalization:
        row = NORMALIZATIONS[options.normalization]
        yield Stage(row.equations, declared(row.parameters, label))
    if function is not None and not function.elementwise:
        yield Stage(ROW_ACTIVATIONS[function.name])
    else:
        constants = tuple(Tensor(named(name, label), ()) for name in (function.trained if function else ()))
        yield Stage((ACTIVATION,), constants, (), constants)
    if options.dropout:
        yield Stage((DROPOUT,), (), ((mask(label).name, mask(label)),))
    if options.residual:
        past = replace(output(label - options.residual), axes=output(label).axes)
        yield Stage((RESIDUAL,), (), (("past", past),))


def equations_of(label: Label, steps: Iterable[Stage], below: Tensor) -> tuple[Equation, ...]:
    """The equations of a layer's stages, which read `below` as a^{l-1}; the last one defines a^l."""
    label = sp.sympify(label, strict=True)
    steps = tuple(steps)
    known = {below.name: below}
    result: list[Equation] = []
    for stage in steps:
        known |= {tensor.name: tensor for tensor in stage.parameters} | dict(stage.given)
        for text in stage.equations:
            last = stage is steps[-1] and text == stage.equations[-1]
            target, _, value = text.partition("=")
            target = f"a{target[target.index('[') :]}" if last else _own(target, stage is steps[-1])
            constants = tuple(tensor[()] for tensor in stage.constants)
            equation = read_equation(f"{target}={value}", known, {"l": label}, constants)
            known[equation.tensor.name] = equation.tensor
            result.append(equation)
        known["x"] = result[-1].tensor
    return tuple(result)


def _own(target: str, last: bool) -> str:
    """The target of an equation that is not a layer's last: an activation that is followed by more is called g."""
    return target if last or not target.startswith("a[") else f"g{target[1:]}"
