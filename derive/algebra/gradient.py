"""The reverse sweep: from a forward program to the program of its gradients.

The equations are visited backwards. An equation t[i] = value(u, …) hands the adjoint of t on to every
tensor u that it reads,

    du[p] += Sum_i dt[i] * d value[i] / d u[p],

where SymPy's `diff` gives the local derivative, with Kronecker deltas, and `contract` collapses them.
Adjoints have the text's names: `delta2` for z2, `dW2`, `db2`, `da1`. Every move is kept, so that its steps can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import sympy as sp

from derive.algebra.contraction import contract, rename_indices
from derive.algebra.forward import forward, parameter_tensors
from derive.algebra.layers import in_layer_1
from derive.algebra.notation import Largest, index
from derive.algebra.program import Equation, Program, Tensor, check, entries
from derive.algebra.steps import Contribution, Step, Trail, steps_of
from derive.model.architecture import Architecture


@dataclass(frozen=True)
class Derivation:
    """The forward program of an architecture, the gradient program derived from it, and how it was."""

    architecture: Architecture
    forward: Program
    gradient: Program
    trail: Trail

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The steps that led to the gradient program, one rule at a time."""
        return steps_of(self.trail)

    @cached_property
    def parameters(self) -> tuple[Tensor, ...]:
        """W1, b1, W2, b2, …: the order in which the parameter vector holds them."""
        return parameter_tensors(self.architecture)

    def __str__(self) -> str:
        return f"{self.forward}\n{self.gradient}"

    def _repr_latex_(self) -> str:
        return Program((), self.forward.equations + self.gradient.equations)._repr_latex_()


@lru_cache(maxsize=16)
def differentiate(architecture: Architecture) -> Derivation:
    """The gradients of the loss with respect to every weight and bias, for any widths.

    >>> d = differentiate(Architecture([2, 1], ["tanh"]))
    >>> print(d.gradient.definitions["dW1"])
    dW1[i, j] = Sum(a0[s, j]*delta1[s, i], (s, 1, N))    for i in 1..n1, j in 1..n0
    """
    program = forward(architecture)
    gradient, trail = reverse(program, {"loss": sp.S.One}, [t.name for t in parameter_tensors(architecture)])
    return Derivation(architecture, program, gradient, trail)


OF_THE_TEXT = re.compile(r"[za](\d+|\[.*\])")
"""Tensors whose derivatives the text's formulas speak about."""


def adjoint_name(name: str) -> str:
    """The text's name for the derivative of the loss by a tensor: delta2 for z2, dW2 for W2."""
    return "delta" + name[1:] if re.fullmatch(r"z(\d+|\[.*\])", name) else "d" + name


def reverse(program: Program, seeds: Mapping[str, sp.Expr | Tensor], wrt: Iterable[str]) -> tuple[Program, Trail]:
    """The gradient program of `program`, and what led to it, move by move.

    `seeds` gives the adjoints of the outputs: a number for a scalar, or a tensor that is taken as
    known. `wrt` names the tensors whose adjoints are wanted; only the paths to them are followed.
    """
    wanted = set(wrt)
    active = _depending_on(program, wanted)
    home = _home_indices(program)
    first_reader = {name: e for e in reversed(program.equations) for name in e.reads}
    paths: dict[str, list[sp.Expr]] = {}
    adjoints: dict[str, sp.Expr | Tensor] = dict(seeds)
    equations: list[Equation] = []
    trail: list[Contribution | Step] = []

    def settle(name: str) -> None:
        """All paths into `name` are known: add them up and give the adjoint its equation."""
        if name in adjoints or name not in paths:
            return
        total = sp.Add(*paths[name])
        tensor = Tensor(adjoint_name(name), program.tensors[name].axes)
        if len(paths[name]) > 1:
            trail.append(Step("sum over paths", tensor[home[name]], total, total))
        if name in wanted or OF_THE_TEXT.fullmatch(name) or set(home[name]) <= total.free_symbols:
            equations.append(Equation(tensor, home[name], total))
            adjoints[name] = tensor
        else:  # the same along an index, as 1/N is for every c: it needs no tensor of its own
            adjoints[name] = sp.Lambda(home[name], total)

    for equation in reversed(program.equations):
        settle(equation.tensor.name)
        if equation.tensor.name not in adjoints or isinstance(equation.value, Largest):
            continue
        for name in _reads(equation, program):
            if name in active:
                contribution = _pull_back(equation, adjoints[equation.tensor.name], name, home[name])
                paths.setdefault(name, []).append(contribution.result)
                trail.append(contribution)
                if name not in program.definitions and first_reader[name] is equation:
                    settle(name)
    known = (*program.tensors.values(), *(seed for seed in seeds.values() if isinstance(seed, Tensor)))
    return check(Program(known, tuple(equations))), tuple(trail)


def _pull_back(equation: Equation, adjoint: sp.Expr | Tensor, name: str, home: tuple[sp.Symbol, ...]) -> Contribution:
    """What `equation`, t[i] = value, contributes to the adjoint of the tensor `name`."""
    rename = {i: index(f"{i}_") for i in {*equation.indices, *_bound(equation.value)}}
    indices = tuple(rename[i] for i in equation.indices)
    value = equation.value.xreplace(rename)
    entry = Tensor(name, ())[home]
    outer = adjoint[indices] if isinstance(adjoint, Tensor) else adjoint
    outer = outer(*indices) if isinstance(outer, sp.Lambda) else outer
    over = tuple(zip(indices, equation.tensor.axes, strict=True))
    output = equation.tensor[indices]
    local, result = in_layer_1(_derived, value, entry, output, outer, sp.Tuple(*over), sp.Tuple(*home))
    return Contribution(
        Tensor(adjoint_name(name), ())[home],
        entry,
        (output, value),
        outer,
        local,
        over,
        tuple((fresh, i) for i, fresh in rename.items() if i not in home),
        result,
    )


@lru_cache(maxsize=1024)
def _derived(
    value: sp.Expr, entry: sp.Expr, output: sp.Expr, outer: sp.Expr, over: sp.Tuple, home: sp.Tuple
) -> tuple[sp.Expr, sp.Expr]:
    """The derivative of `output` = `value` by `entry`, and the sum of `outer` times it over the output's indices."""
    local = remembered(value.diff(entry), value, output)
    return local, rename_indices(contract(outer * local, over), home)


def remembered(slope: sp.Expr, value: sp.Expr, target: sp.Expr) -> sp.Expr:
    """The derivative of an equation in terms of its own output: exp' = exp and sqrt' = 1/(2 sqrt) need no new call."""
    if isinstance(value, sp.exp):
        return slope.xreplace({value: target})
    if isinstance(value, sp.Pow) and value.exp == sp.Rational(1, 2):
        return slope.xreplace({1 / value: 1 / target})
    return slope


def _bound(expr: sp.Expr) -> set[sp.Symbol]:
    return {name for total in expr.atoms(sp.Sum) for name, _, _ in total.limits}


def _reads(equation: Equation, program: Program) -> list[str]:
    """The tensors that an equation reads, in order of definition, last first."""
    return sorted((n for n in equation.reads if n in program.order), key=program.order.__getitem__, reverse=True)


def _depending_on(program: Program, wanted: set[str]) -> set[str]:
    """The tensors that carry a derivative: the wanted ones and all that is computed from them."""
    active = set(wanted)
    for equation in program.equations:
        if active & equation.reads:
            active.add(equation.tensor.name)
    return active


def _home_indices(program: Program) -> dict[str, tuple[sp.Symbol, ...]]:
    """The indices that each tensor is written with where it first occurs."""
    home: dict[str, tuple[sp.Symbol, ...]] = {t.name: () for t in program.tensors.values() if not t.axes}
    for equation in program.equations:
        for entry in entries(equation.value):
            home.setdefault(str(entry.base.label), entry.indices)
        home.setdefault(equation.tensor.name, equation.indices)
    return home
