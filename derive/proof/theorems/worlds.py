"""The programs that a formula is compared with: a piece of a network, with its gradients.

A formula about every layer lives in a fragment: layers l and l+1 with delta^{l+1} taken as known, or
layer L and the loss. A formula about numbered layers lives in a chain, or in a given network. Every
such world holds the forward equations, the reverse sweep of one sample's c (`per_sample`, lifted back
to all samples) and that of the mean loss. Where the mean loss's delta is taken as known it is 1/N times
that of c; the batching lemmas prove this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import sympy as sp

from derive.algebra.forward import layer, loss, parameters, target
from derive.algebra.gradient import Derivation, adjoint_name, reverse
from derive.algebra.notation import L, Label, N, index, named
from derive.algebra.program import Equation, Program, Tensor, check
from derive.algebra.stages import output
from derive.model.errors import DeriveError
from derive.model.loss import Loss
from derive.proof.formulas.scope import Scope
from derive.proof.formulas.values import DERIVATIVES, SAMPLE, per_sample_name

Mentions = Iterable[tuple[str, Label]]


@dataclass(frozen=True)
class World:
    """A program that defines what formulas mention, and which networks it speaks about."""

    program: Program
    validity: str


class CoupledError(DeriveError):
    """The samples of a program do not stay apart."""


def per_sample(program: Program) -> Program:
    """The program for one sample: the axis of the samples dropped, and with it the mean over them.

    Raises CoupledError if a row is computed from any other sample's row.
    """
    single = {name: Tensor(name, tuple(x for x in t.axes if x != N)) for name, t in program.tensors.items()}
    equations = []
    for equation in (e for e in program.equations if N in e.tensor.axes):  # all but the mean loss
        own = equation.indices[equation.tensor.axes.index(N)]
        if any(own == name or high == N for total in equation.value.atoms(sp.Sum) for name, _, high in total.limits):
            raise CoupledError(f"{equation.target} sums over the samples")
        entries = {}
        for entry in equation.value.atoms(sp.Indexed):
            axes = program.tensors[str(entry.base.label)].axes
            if {i for i, x in zip(entry.indices, axes, strict=True) if x == N} - {own}:
                raise CoupledError(f"{equation.target} reads the row of another sample: {entry}")
            kept = tuple(i for i, x in zip(entry.indices, axes, strict=True) if x != N)
            entries[entry] = single[str(entry.base.label)][kept]
        value = equation.value.xreplace(entries)
        indices = tuple(i for i in equation.indices if i != own)
        equations.append(Equation(single[equation.tensor.name], indices, value))
    return check(Program(tuple(single[t.name] for t in program.inputs), tuple(equations)))


def lifted(equations: Iterable[Equation], names: Mapping[str, str]) -> tuple[Equation, ...]:
    """The equations of one sample for all samples: those tensors in `names` get an index s and their new name."""
    result = []
    for equation in equations:
        entries: dict[sp.Basic, sp.Basic] = {}
        for entry in equation.value.atoms(sp.Indexed):
            if new := names.get(str(entry.base.label)):
                entries[entry] = sp.IndexedBase(new)[(SAMPLE, *entry.indices)]
        name = names.get(equation.tensor.name, equation.tensor.name)
        tensor = Tensor(name, (N, *equation.tensor.axes))
        result.append(Equation(tensor, (SAMPLE, *equation.indices), equation.value.xreplace(entries)))
    return tuple(result)


def sampled_names(program: Program) -> dict[str, str]:
    """The tensors of `program` that every sample has its own of, under their own names."""
    return {name: name for name, tensor in program.tensors.items() if N in tensor.axes}


def fragment(labels: Sequence[Label], loss_name: str | Loss = "") -> Program:
    """The forward program of the layers `labels`, with the loss after the last if it is named."""
    inputs = (output(labels[0] - 1), *(t for label in labels for t in parameters(label)))
    equations = tuple(e for label in labels for e in layer(label))
    if loss_name:
        inputs, equations = (*inputs, target(labels[-1])), (*equations, *loss(loss_name, labels[-1]))
    return check(Program(inputs, equations))


@cache
def swept(labels: tuple[Label, ...], loss_name: str | Loss = "", seed: str = "", seed_mean: bool = False) -> Program:
    """The fragment of some layers with its gradients; the same few are asked for again and again."""
    return with_gradients(fragment(labels, loss_name), seed, seed_mean=seed_mean)


def with_gradients(forward: Program, seed: str = "", *, seed_mean: bool = False) -> Program:
    """`forward` with both reverse sweeps behind it: of each sample's c, and of the mean loss.

    `seed` names the tensor whose adjoint is taken as known; without one they start from c and the loss.
    Known is the derivative of c, and that of the mean loss is 1/N of it; with `seed_mean`, the other
    way round.
    """
    sample = per_sample(forward)
    wrt = [t.name for t in forward.inputs if t.name != "y"]
    names = sampled_names(forward)
    names |= {adjoint_name(name): per_sample_name(adjoint_name(name)) for name in forward.tensors}
    link: tuple[Equation, ...] = ()
    inputs = list(forward.inputs)
    if seed:
        known = Tensor(adjoint_name(seed), forward.tensors[seed].axes)
        own, _ = reverse(sample, {seed: Tensor(known.name, sample.tensors[seed].axes)}, wrt)
        mean, _ = reverse(forward, {seed: known}, wrt)
        each = Tensor(per_sample_name(known.name), known.axes)
        indices = (SAMPLE, index("i"))
        if seed_mean:
            link = (Equation(each, indices, known[indices] * N),)
            inputs.append(known)
        else:
            link = (Equation(known, indices, each[indices] / N),)
            inputs.append(each)
    else:
        own, _ = reverse(sample, {"c": sp.S.One}, wrt)
        mean, _ = reverse(forward, {"loss": sp.S.One}, wrt)
    equations = (*forward.equations, *link, *lifted(own.equations, names), *mean.equations)
    return check(Program(tuple(inputs), equations))


def world_for(mentions: Mentions, scope: Scope, loss_name: str | Loss, given: Derivation | None = None) -> World:
    """The smallest world in which everything that a formula mentions is defined.

    Raises DeriveError where layers counted from l and from L, or from 1, come together.
    """
    found = set(mentions)
    if scope.depth != L and given is not None:
        return World(_given(given, found), f"{_sizes(given)}: any widths, any number of samples, any activation")
    anchors = {_anchor(label) for _, label in found} or {sp.S.Zero}
    if len(anchors) > 1:
        shown = " and ".join(sorted("the input" if anchor == 0 else str(anchor) for anchor in anchors))
        raise DeriveError(f"a formula counts its layers from one label, but this one from {shown}")
    anchor = anchors.pop()
    everywhere = "every width, every number of samples, every activation"
    if anchor == 0:
        top = max((int(label) for _, label in found), default=0)
        if _derived(found):
            raise DeriveError("derivatives in numbered layers are those of a given network: give one, or write [l]")
        program = fragment([sp.Integer(k) for k in range(1, top + 1)]) if top else Program((output(0),), ())
        return World(program, f"every network with at least {max(top, 1)} layer{'s' * (top > 1)}; {everywhere}")
    offsets = [label - anchor + int(base in ("a", "da")) for base, label in found if base not in ("y", "loss")]
    tops = [label - anchor for _, label in found]
    low = min([*offsets, *([sp.S.Zero] if anchor == L else [])], default=sp.S.Zero)
    high = sp.S.Zero if anchor == L else max(tops)
    labels = [anchor + k for k in range(int(min(low, high)), int(high) + 1)]
    ranges = "every depth" if anchor == L else f"every layer {scope.ranges} of every depth"
    validity = f"{ranges}; {everywhere}"
    own_loss = loss_name if anchor == L else ""
    if not _derived(found):
        return World(fragment(labels, own_loss), validity)
    if anchor == L:
        return World(swept(tuple(labels), own_loss), validity)
    letter = "a" if ("da", labels[-1]) in found else "z"
    return World(swept(tuple(labels), "", named(letter, labels[-1]), scope.layout == "rows"), validity)


def _anchor(label: sp.Expr) -> sp.Expr:
    """l for l+1, L for L-1, 0 for a number."""
    _, anchor = sp.sympify(label, strict=True).as_coeff_Add()
    return anchor


def _sizes(given: Derivation) -> str:
    return "-".join(map(str, given.architecture.sizes))


def _given(given: Derivation, mentions: set[tuple[str, Label]]) -> Program:
    """The derivation's own programs, and the sweep of one sample's c."""
    forward = given.forward
    own = [e for e in with_gradients(forward).equations if _is_per_sample(e)] if _derived(mentions) else []
    return Program(forward.inputs, (*forward.equations, *given.gradient.equations, *own))


def _derived(mentions: set[tuple[str, Label]]) -> bool:
    """Whether a derivative is among them."""
    return not {base for base, _ in mentions}.isdisjoint(DERIVATIVES.values())


def _is_per_sample(equation: Equation) -> bool:
    return "_c" in equation.tensor.name
