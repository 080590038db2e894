"""Data for grading: every quantity of a network at random residues, in either layout.

All arrays have three axes, (samples, rows, columns). In rows the first is 1 and the samples are rows; in
columns every sample has its own column. The mean loss of one sample is its c, so what columns need is
the derived program at N = 1, once for each sample.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derive.algebra.evaluate import evaluate
from derive.algebra.gradient import Derivation
from derive.algebra.notation import N, named, size
from derive.algebra.program import Program
from derive.algebra.residues import PRIME, Residues
from derive.proof.functions import ResidueFunctions
from derive.proof.terms import Term
from derive.proof.truth import split_name
from derive.proof.values import Layout

Raw = dict[str, Any]
"""A program's tensors by name, as `evaluate` gives them."""

DISTINCT = ((3, (4, 2, 5, 6, 7)), (2, (3, 5, 4, 6, 7)))
"""N and the widths n0, n1, …, which repeat in deep networks; twice, so that N is told from a number."""
COINCIDING = ((3, (3,)), (4, (4,)))
SAMPLED = ("z", "a", "delta", "da")


@dataclass(frozen=True)
class Data:
    """One draw: the raw values (one for all samples in rows, one for each in columns), and what f does."""

    layout: Layout
    depth: int
    samples: int
    sizes: Mapping[sp.Expr, int]
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
        return _data(self.layout, self.depth, self.samples, self.sizes, tuple(raws), self.functions)

    def unstacked(self, term: Term, array: Any, sample: int) -> Any:
        """One sample's part of an array with three axes, as the program has it."""
        own = np.broadcast_to(array, self.values[term].shape)[sample]
        if term.head == "dW" or self.layout == "rows":
            return own[0] if term.head == "db" else own
        return own[:, 0] if term.head == "db" else own.T


def draw(derivation: Derivation, layout: Layout, samples: int, widths: tuple[int, ...], seed: int) -> Data:
    """Random residues for everything that the network takes as given, and all that follows from them."""
    depth = derivation.architecture.depth
    generator = random.Random(f"grading {seed}")
    sizes: dict[sp.Expr, int] = {size(k): widths[k % len(widths)] for k in range(depth + 1)}
    sizes[N] = samples
    inputs = {t.name: _residues(tuple(sizes[axis] for axis in t.axes), generator) for t in derivation.forward.inputs}
    if derivation.architecture.loss.targets == "distribution":
        inputs["y"][:, -1] = (1 - inputs["y"][:, :-1].sum(axis=1)) % PRIME
    functions = ResidueFunctions(derivation.architecture.activations, generator, derivation.architecture)
    program = Program(derivation.forward.inputs, (*derivation.forward.equations, *derivation.gradient.equations))
    if layout == "rows":
        raw = (evaluate(program, sizes, inputs, functions, Residues()),)
        return _data(layout, depth, samples, sizes, raw, functions)
    sizes[N] = 1
    of_samples = ("y", named("a", 0))
    raws = tuple(
        evaluate(
            program,
            sizes,
            {name: array[[s]] if name in of_samples else array for name, array in inputs.items()},
            functions,
            Residues(),
        )
        for s in range(samples)
    )
    return _data(layout, depth, samples, sizes, raws, functions)


def _residues(shape: tuple[int, ...], generator: random.Random) -> Any:
    count = int(np.prod(shape))
    return np.array([generator.randrange(1, PRIME) for _ in range(count)], dtype=np.int64).reshape(shape)


def _data(
    layout: Layout,
    depth: int,
    samples: int,
    sizes: Mapping[sp.Expr, int],
    raw: tuple[Raw, ...],
    functions: ResidueFunctions,
) -> Data:
    values = {}
    for name in raw[0]:
        base, layer = split_name(name)
        if (stacked := stack(base, layout, [own[name] for own in raw])) is not None:
            values[Term(base, (), layer)] = stacked
    return Data(layout, depth, samples, sizes, raw, functions, values)


def stack(base: str, layout: Layout, arrays: list[Any]) -> Any:
    """The arrays of one quantity, one for all samples or one for each, with three axes; None for other names."""
    if base in SAMPLED or base == "y":
        return arrays[0][None] if layout == "rows" else np.stack([own.T for own in arrays])
    if base == "W":
        return arrays[0][None]
    if base == "dW":
        return np.stack(arrays)
    if base in ("b", "db"):
        own = arrays[:1] if base == "b" else arrays
        return np.stack([a[None] if layout == "rows" else a[:, None] for a in own])
    return None
