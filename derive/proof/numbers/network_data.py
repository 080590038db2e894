"""Data for grading: every quantity of a network at random residues, in either layout.

All arrays have three axes, (samples, rows, columns). In rows the first is 1 and the samples are rows; in
columns every sample has its own column. The mean loss of one sample is its c, so what columns need is
the derived program at N = 1, once for each sample.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, named, size
from derive.algebra.program import Program, Tensor
from derive.algebra.residues import PRIME, Residues
from derive.proof.formulas.values import Layout
from derive.proof.grading.terms import Term, leaf, split_name
from derive.proof.numbers.functions import ResidueFunctions

Raw = dict[str, Any]
"""A program's tensors by name, as `evaluate` gives them."""

DISTINCT = ((3, (4, 2, 5, 6, 7)), (2, (3, 5, 4, 6, 7)))
"""N and the widths n0, n1, …, which repeat in deep networks; twice, so that N is told from a number."""
COINCIDING = ((3, (3,)), (4, (4,)))
CANDIDATES, MOST_CANDIDATES = 8, 2048
"""So many times as many samples are drawn, twice that for each root that is taken: half of all residues have none."""


@dataclass(frozen=True)
class Data:
    """One draw: the raw values (one for all samples in rows, one for each in columns), and what f does."""

    layout: Layout
    samples: int
    sizes: Mapping[sp.Expr, int]
    tensors: Mapping[str, Tensor]
    given: frozenset[str]
    """The tensors that are the same for all samples, since they are drawn."""
    raw: tuple[Raw, ...]
    functions: ResidueFunctions
    values: Mapping[Term, Any]

    def changed(self, derivation: Derivation, new: Mapping[Term, Any]) -> Data:
        """This draw with some derivatives given, and all that is derived from them computed again."""
        names = {named(term.head, term.layer): term for term in new}
        later = tuple(e for e in derivation.gradient.equations if e.tensor.name not in names)
        raws = []
        for sample, raw in enumerate(self.raw):
            own = {name: self.unstacked(term, new[term], sample) for name, term in names.items()}
            raws.append(evaluate(Program((), later), self.sizes, {**raw, **own}, self.functions, Residues()))
        return replace(self, raw=tuple(raws), values=stacked(self.tensors, self.given, self.layout, raws))

    def width(self, layer: int) -> int:
        """n of a layer, by the axes of what the layer hands on."""
        return self.sizes[self.tensors[named("a", layer)].axes[1]]

    def unstacked(self, term: Term, array: Any, sample: int) -> Any:
        """One sample's part of an array with three axes, as the program has it."""
        own = np.broadcast_to(array, self.values[term].shape)[sample]
        tensor = self.tensors[named(term.head, term.layer)]
        return own.reshape([self.sizes[axis] for axis in tensor.axes])


def is_sampled(tensor: Tensor) -> bool:
    """Whether every sample has its own."""
    return tensor.axes[:1] == (N,)


def draw(derivation: Derivation, layout: Layout, samples: int, widths: tuple[int, ...], seed: int) -> Data:
    """Random residues for everything that the network takes as given, and all that follows from them."""
    architecture, forward = derivation.architecture, derivation.forward
    generator = random.Random(f"grading {seed}")
    sizes: dict[sp.Expr, int] = {size(k): widths[k % len(widths)] for k in range(architecture.depth + 1)}
    sizes[N] = _candidates(forward, samples)
    inputs = {t.name: _residues(tuple(sizes[axis] for axis in t.axes), generator) for t in forward.inputs}
    own_targets(architecture.loss.targets, inputs["y"], generator)
    functions = ResidueFunctions(architecture.activations, generator, architecture)
    functions.settle({name: int(array) for name, array in inputs.items() if array.ndim == 0})
    of_samples = {t.name for t in forward.inputs if is_sampled(t)}
    if sizes[N] != samples:
        chosen = _with_roots(forward, sizes, inputs, functions, samples)
        inputs = {name: array[chosen] if name in of_samples else array for name, array in inputs.items()}
    program = Program(forward.inputs, (*forward.equations, *derivation.gradient.equations))
    sizes[N] = samples if layout == "rows" else 1
    parts = [slice(None)] if layout == "rows" else [slice(s, s + 1) for s in range(samples)]
    raws = tuple(
        evaluate(
            program,
            sizes,
            {name: array[part] if name in of_samples else array for name, array in inputs.items()},
            functions,
            Residues(),
        )
        for part in parts
    )
    for raw in raws:
        _know_exponentials(forward, sizes, raw, functions)
    given = frozenset(inputs) - of_samples
    return Data(
        layout, samples, sizes, program.tensors, given, raws, functions, stacked(program.tensors, given, layout, raws)
    )


def _know_exponentials(program: Program, sizes: Mapping[sp.Expr, int], raw: Raw, functions: ResidueFunctions) -> None:
    """Tell the functions what exp is of quantities that are made of logarithms, such as the output of log_softmax."""
    for equation in program.equations:
        power = sp.exp(equation.value)
        if equation.value.has(sp.log) and not power.has(sp.log):
            alone = Program((), (replace(equation, value=power),))
            found = evaluate(alone, sizes, raw, functions, Residues())[equation.tensor.name]
            for value, image in zip(raw[equation.tensor.name].ravel(), found.ravel(), strict=True):
                functions.known["exp", int(value)] = int(image)


def own_targets(kind: str, y: Any, generator: random.Random) -> None:
    """Make the drawn targets what the loss asks for: rows that sum to 1, or signs."""
    if kind == "distribution":
        y[:, -1] = (1 - y[:, :-1].sum(axis=1)) % PRIME
    if kind == "sign":
        y[...] = np.where(y % 2, 1, PRIME - 1)


def _roots(program: Program) -> list[str]:
    """The tensors that are square roots, such as the deviation in a normalisation."""
    return [e.tensor.name for e in program.equations if isinstance(e.value, sp.Pow) and e.value.exp == sp.S.Half]


def _candidates(program: Program, samples: int) -> int:
    roots = len(_roots(program))
    return min(samples * CANDIDATES * 2**roots, MOST_CANDIDATES) if roots else samples


def _with_roots(
    program: Program, sizes: Mapping[sp.Expr, int], inputs: Raw, functions: ResidueFunctions, samples: int
) -> Any:
    """So many samples for which every root that the forward pass takes exists, if there are that many."""
    values = evaluate(program, sizes, inputs, functions, Residues())
    fine = np.ones(sizes[N], dtype=bool)
    for name in _roots(program):
        fine &= np.array([int(v) in functions.roots for v in values[name].ravel()])
    return np.argsort(~fine, kind="stable")[:samples]


def _residues(shape: tuple[int, ...], generator: random.Random) -> Any:
    count = int(np.prod(shape))
    return np.array([generator.randrange(1, PRIME) for _ in range(count)], dtype=np.int64).reshape(shape)


def stacked(
    tensors: Mapping[str, Tensor], given: Collection[str], layout: Layout, raws: Sequence[Raw]
) -> dict[Term, Any]:
    """Every quantity with three axes, from what programs gave, one for all samples or one for each."""
    return {
        leaf(*split_name(name)): stack(tensor, layout, [own[name] for own in (raws[:1] if name in given else raws)])
        for name, tensor in tensors.items()
    }


def stack(tensor: Tensor, layout: Layout, arrays: list[Any]) -> Any:
    """The arrays of one tensor, one for all samples or one for each, with three axes."""
    lying = layout == "rows"
    match is_sampled(tensor), len(tensor.axes):
        case True, 2:
            return np.stack([own if lying else own.T for own in arrays])
        case True, _:
            return np.stack([own[:, None] for own in arrays])
        case _, 2:
            return np.stack(arrays)
        case _, 1:
            return np.stack([own[None] if lying else own[:, None] for own in arrays])
    return np.stack([np.reshape(own, (1, 1)) for own in arrays])
