"""The text's formulas at the layers of a given network, against the equations derived for it.

Each derived equation gets its own verdict, for any widths: z_k and a_k, the derivative of the loss by a^L,
then delta_k, dW_k and db_k. The text speaks of one sample's c, the derivation of the mean loss; between
them stands d(c, .) = N d(loss, .), which the batching lemmas prove.
"""

from __future__ import annotations

import re
from dataclasses import replace

import sympy as sp

from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, index, named
from derive.algebra.program import Equation, Program, Tensor, check
from derive.model.loss import COMBINATIONS
from derive.proof.certificate import Verdict
from derive.proof.formulas.claims import Text
from derive.proof.formulas.scope import Scope
from derive.proof.formulas.sides import Sides
from derive.proof.formulas.values import ROW, SAMPLE, Value, per_sample_name
from derive.proof.theorems.canonical import SwellError, equal, unfold
from derive.proof.theorems.decide import decide_formula
from derive.proof.theorems.lemmas import LEMMAS, right_side
from derive.proof.theorems.refute import counterexample
from derive.proof.theorems.worlds import World


def instances(derivation: Derivation, text: Text) -> tuple[Verdict, ...]:
    """A verdict for each derived equation of `derivation`, layer by layer from the last, as they are derived."""
    depth = derivation.architecture.depth
    world = World(linked(derivation), "any widths, any number of samples, any activation")
    verdicts = [_decided(world, depth, k, quantity, formula) for k, quantity, formula in _forward(text, depth)]
    if text.loss == derivation.architecture.loss.name:
        verdicts += [_decided(world, depth, depth, name, formula) for name, formula in _losses(text, depth)]
    verdicts.append(output_derivative(derivation))
    verdicts += [_decided(world, depth, k, quantity, formula) for k, quantity, formula in _backward(text, depth)]
    return tuple(verdicts)


def _forward(text: Text, depth: int) -> list[tuple[int, str, str]]:
    z, a = right_side(text, "z[l]"), "F[l](z[l])"
    return [
        (k, name, f"{name}{k} = {at_layer(right, k)}")
        for k in range(1, depth + 1)
        for name, right in (("z", z), ("a", a))
    ]


def _losses(text: Text, depth: int) -> list[tuple[str, str]]:
    return [(name, f"{name} = {at_layer(right_side(text, name), depth, 'L')}") for name in ("c", "loss")]


def _backward(text: Text, depth: int) -> list[tuple[int, str, str]]:
    output, step, weights = (right_side(text, *LEMMAS[name]) for name in ("output", "step", "dW"))
    found = []
    for k in range(depth, 0, -1):
        delta = at_layer(output, k, "L") if k == depth else at_layer(step, k)
        found += [
            (k, "delta", f"d(loss, z{k}) = 1/N * {delta}"),
            (k, "dW", f"d(loss, W{k}) = 1/N * sum({at_layer(weights, k)})"),
            (k, "db", f"d(loss, b{k}) = 1/N * sum(d(c, b{k}))"),
        ]
    return found


def at_layer(formula: str, layer: int, variable: str = "l") -> str:
    """`formula` with the label variable replaced by a layer's number: W3 for W[l+1] at layer 2.

    >>> at_layer("diag(f'(z[l](x))) @ W[l+1].T", 2)
    "diag(f'(z2(x))) @ W3.T"
    """

    def numbered(found: re.Match[str]) -> str:
        letter, label = found[1], layer + int(found[2] or 0)
        return f"{letter}[{label}]" if letter in ("f", "F", "df") else f"{letter}{label}"

    return re.sub(rf"\b([A-Za-z]+)\[{variable}([+-]\d+)?\]", numbered, formula)


def linked(derivation: Derivation) -> Program:
    """The network's programs, with one sample's derivatives given by d(c, .) = N d(loss, .).

    Raises DeriveError if they are not well typed.
    """
    links = []
    i = index("i")
    tensors = derivation.gradient.tensors
    depth = derivation.architecture.depth
    for k in range(1, depth + 1):
        mean = tensors.get(named("delta", k))
        if mean is not None:
            name = per_sample_name(named("db", k))
            links.append(Equation(Tensor(name, mean.axes), (SAMPLE, i), N * mean[SAMPLE, i]))
    mean = tensors.get(named("da", depth))
    if mean is not None:
        links.append(Equation(Tensor(per_sample_name(mean.name), mean.axes), (SAMPLE, i), N * mean[SAMPLE, i]))
    equations = (*derivation.forward.equations, *derivation.gradient.equations, *links)
    return check(Program(derivation.forward.inputs, equations))


def _decided(world: World, depth: int, layer: int, quantity: str, formula: str) -> Verdict:
    found = decide_formula(formula, Scope("columns", depth=sp.Integer(depth)), lambda _: world)
    name = quantity if quantity in ("c", "loss") else named(quantity, layer)
    equation = world.program.definitions.get(name)
    return Verdict(
        label=f"Derived, layer {layer}, {name}",
        formula=formula,
        verdict=found.outcome,
        method=found.method,
        validity=found.validity,
        counterexample=found.counterexample,
        note=found.note or f"derived: {equation}",
    )


def output_derivative(derivation: Derivation) -> Verdict:
    """That the derived d loss / d a^L is SymPy's `diff` of the loss equations, for any width.

    The text leaves this derivative as it is, so it is compared with the loss itself.
    """
    depth = derivation.architecture.depth
    name = named("da", depth)
    output = derivation.forward.tensors[named("a", depth)]
    _, units = output.axes
    left = Value(sp.IndexedBase(name)[SAMPLE, ROW], (units, sp.S.One))
    losses = {n: e for n, e in derivation.forward.definitions.items() if n in ("c", "loss", *COMBINATIONS)}
    p, q = sp.Dummy(integer=True, positive=True), sp.Dummy(integer=True, positive=True)  # not the loss's own indices
    truth = unfold(sp.Symbol("loss"), losses).diff(output[p, q]).xreplace({p: SAMPLE, q: ROW})
    label, formula = f"Derived, layer {depth}, {name}", f"d(loss, a{depth}) = diff(loss, a{depth})"
    method = "canonical form against SymPy's diff of the loss equations"
    validity = "any widths, any number of samples"
    equation = derivation.gradient.definitions.get(name)
    if equation is None:
        return Verdict(label, formula, "undecided", f"{name} is not derived")
    behind = {n: e for n, e in derivation.gradient.definitions.items() if n[1:] in COMBINATIONS}
    renamed = unfold(equation.at((SAMPLE, ROW)), behind | losses)
    try:
        if equal(renamed, truth):
            return Verdict(label, formula, "proved", method, validity, note=f"derived: {equation}")
    except SwellError:
        pass
    right = Value(truth, left.shape)
    sides = Sides(left, right, f"d(loss, a{depth})", Scope("columns"), frozenset({("a", depth)}), {}, {})
    pairs = counterexample(replace(sides, right=right), linked(derivation))
    return Verdict(label, formula, "refuted" if pairs else "undecided", method, validity, counterexample=pairs)
