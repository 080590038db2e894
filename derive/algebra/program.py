"""`Program`: equations in index notation, each tensor assigned once, every axis with a symbolic size.

    z1[s, i] = Sum(W1[i, j]*a0[s, j], (j, 1, n0)) + b1[i]        s in 1..N, i in 1..n1

`check` is the type checker: it says which equation breaks which rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TypeVar

import sympy as sp

from derive.algebra.notation import Largest, index
from derive.model.errors import DeriveError

Step = TypeVar("Step")


@dataclass(frozen=True)
class Tensor:
    """A named array; `axes` are its symbolic sizes, () for a scalar."""

    name: str
    axes: tuple[sp.Expr, ...]

    def __getitem__(self, indices: tuple[sp.Expr, ...]) -> sp.Expr:
        """The entry at `indices` as a SymPy expression: Indexed, or a Symbol for a scalar."""
        return sp.IndexedBase(self.name)[indices] if indices else sp.Symbol(self.name)

    def __str__(self) -> str:
        return f"{self.name}: {' x '.join(map(str, self.axes)) or 'scalar'}"


@dataclass(frozen=True)
class Equation:
    """`tensor[indices] = value` for all values of the indices; every other index in `value` is summed."""

    tensor: Tensor
    indices: tuple[sp.Symbol, ...]
    value: sp.Expr

    @property
    def target(self) -> sp.Expr:
        return self.tensor[self.indices]

    def at(self, indices: tuple[sp.Expr, ...]) -> sp.Expr:
        """The value at other indices; a sum over a letter that is one of them gets another letter."""
        given = {str(name) for each in indices for name in each.free_symbols}
        bound = {name for total in self.value.atoms(sp.Sum, Largest) for name, _, _ in total.limits}
        taken = given | {str(name) for name in self.value.free_symbols | bound}
        moved: dict[sp.Basic, sp.Basic] = dict(zip(self.indices, indices, strict=True))
        for name in sorted((name for name in bound if str(name) in given), key=str):
            letter = next(new for k in count(1) if (new := f"{name}{'_' * k}") not in taken)
            taken.add(letter)
            moved[name] = index(letter)
        return self.value.xreplace(moved)

    @cached_property
    def reads(self) -> frozenset[str]:
        """The names that the value mentions: tensors, scalars, sizes and indices."""
        names = {str(e.base.label) for e in self.value.atoms(sp.Indexed)}
        return frozenset(names | {str(s) for s in self.value.atoms(sp.Symbol)})

    def __str__(self) -> str:
        ranges = ", ".join(f"{i} in 1..{n}" for i, n in zip(self.indices, self.tensor.axes, strict=True))
        return f"{self.target} = {self.value}" + (f"    for {ranges}" if ranges else "")


@dataclass(frozen=True)
class Program:
    """Declared `inputs` and `equations` that define further tensors from them, in order."""

    inputs: tuple[Tensor, ...]
    equations: tuple[Equation, ...]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by its name, inputs first."""
        return {t.name: t for t in (*self.inputs, *(e.tensor for e in self.equations))}

    @cached_property
    def order(self) -> dict[str, int]:
        """The position of each tensor: inputs first, then as they are defined."""
        return {name: position for position, name in enumerate(self.tensors)}

    @cached_property
    def definitions(self) -> dict[str, Equation]:
        """The equation that defines each tensor."""
        return {e.tensor.name: e for e in self.equations}

    def needed(self, results: Iterable[str]) -> Program:
        """The program without the equations that the results do not need."""
        kept = needed(self.equations, results, lambda e: e.tensor.name, lambda e: e.reads)
        return Program(self.inputs, tuple(kept))

    def __str__(self) -> str:
        return "\n".join(map(str, self.equations))

    def _repr_latex_(self) -> str:
        from derive.algebra.typeset import typeset  # SymPy's LaTeX printer is slow to import

        rows = r" \\ ".join(f"{typeset(e.target)} &= {typeset(e.value)}" for e in self.equations)
        return rf"$\begin{{aligned}} {rows} \end{{aligned}}$"


def needed(
    steps: Iterable[Step], results: Iterable[str], written: Callable[[Step], str], read: Callable[[Step], Iterable[str]]
) -> list[Step]:
    """The steps, of any kind and in order, that the named results need: `written` and `read` say what a step does."""
    names = set(results)
    kept = []
    for step in reversed(list(steps)):
        if written(step) in names:
            kept.append(step)
            names |= set(read(step))
    return kept[::-1]


def entries(expr: sp.Expr) -> list[sp.Indexed]:
    """The tensor entries in `expr`, in a fixed order."""
    return sorted(expr.atoms(sp.Indexed), key=sp.default_sort_key)


def check(program: Program) -> Program:
    """`program`, if it is well typed; otherwise a DeriveError with the equation and the rule it breaks.

    The rules: a tensor is assigned once and read only after that; it has as many indices as axes; an
    index has one range; the free indices of a value are those of its target.
    """
    known = {tensor.name: tensor for tensor in program.inputs}
    if len(known) != len(program.inputs):
        raise DeriveError("two inputs have the same name")
    for equation in program.equations:
        for complaint in _complaints(equation, known):
            raise DeriveError(f"{equation.target} = {equation.value}: {complaint}")
        known[equation.tensor.name] = equation.tensor
    return program


def _complaints(equation: Equation, known: dict[str, Tensor]) -> Iterator[str]:
    if equation.tensor.name in known:
        yield f"{equation.tensor.name} is assigned twice"
    if len(equation.indices) != len(equation.tensor.axes) or len(set(equation.indices)) != len(equation.indices):
        yield f"{equation.tensor.name} needs {len(equation.tensor.axes)} distinct indices"
    ranges = dict(zip(equation.indices, equation.tensor.axes, strict=False))
    yield from _misplaced(equation.value, ranges, known)


def _misplaced(expr: sp.Expr, ranges: dict[sp.Expr, sp.Expr], known: dict[str, Tensor]) -> Iterator[str]:
    """What is wrong in `expr`, where the indices in `ranges` are the ones in scope."""
    if isinstance(expr, sp.Sum | Largest):
        for name, low, high in expr.limits:
            if name in ranges:
                yield f"the index {name} is both summed and free"
            if low != 1:
                yield f"the sum over {name} starts at {low}, not at 1"
            ranges = {**ranges, name: high}
        yield from _misplaced(expr.function, ranges, known)
    elif isinstance(expr, sp.Indexed):
        yield from _misindexed(expr, ranges, known)
    else:
        for argument in expr.args:
            yield from _misplaced(argument, ranges, known)


def _misindexed(entry: sp.Indexed, ranges: dict[sp.Expr, sp.Expr], known: dict[str, Tensor]) -> Iterator[str]:
    tensor = known.get(str(entry.base.label))
    if tensor is None:
        yield f"{entry.base.label} is read before it is defined"
    elif len(entry.indices) != len(tensor.axes):
        yield f"{tensor.name} has {len(tensor.axes)} axes, but {len(entry.indices)} indices here"
    else:
        for position, axis in zip(entry.indices, tensor.axes, strict=True):
            if position not in ranges:
                yield f"the index {position} of {entry} is neither summed nor on the left"
            elif ranges[position] != axis:
                yield f"the index {position} of {entry} runs to {ranges[position]}, the axis to {axis}"
