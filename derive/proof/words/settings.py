"""Where a statement is made: a piece of every network, with its gradients, and the small network that stands for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from derive.algebra.forward import layer, parameters, target
from derive.algebra.gradient import reverse
from derive.algebra.notation import L, N, index, l, named
from derive.algebra.program import Equation, Program, Tensor, check
from derive.algebra.stages import output
from derive.proof.theorems.worlds import swept
from derive.proof.words.statements import Equality, Statement, condition, equalities

EVERY = "every width, every number of samples, every activation (elementwise)"


@dataclass(frozen=True)
class Setting:
    """A program in which statements are proved, and the layers by number that a counterexample is looked for in."""

    validity: str
    program: Callable[[], Program]
    labels: Mapping[str, int]
    """What l and L are in the small network."""


def _hidden() -> Program:
    return swept((l, l + 1), "", named("z", l + 1), True)


@cache
def _any_loss() -> Program:
    """Layer L with c = sum of phi(a[i], y[i]), where nothing is known of phi."""
    inputs = (output(L - 1), *parameters(L))
    s, i = index("s"), index("i")
    width, last = output(L).axes[1], sp.IndexedBase(named("a", L))
    c = Equation(Tensor("c", (N,)), (s,), sp.Sum(misfit()(last[s, i], sp.IndexedBase("y")[s, i]), (i, 1, width)))
    mean = Equation(Tensor("loss", ()), (), sp.Sum(sp.IndexedBase("c")[s], (s, 1, N)) / N)
    forward = check(Program((*inputs, target(L)), (*layer(L), c, mean)))
    gradient, _ = reverse(forward, {"loss": sp.S.One}, [t.name for t in inputs])
    return check(Program(forward.inputs, (*forward.equations, *gradient.equations)))


@cache
def misfit(orders: tuple[int, int] = (0, 0)) -> Any:
    """phi(a, y), or its derivative of the given orders, as a function of which nothing is known."""

    def fdiff(self: Any, argindex: int) -> Any:
        step = list(orders)
        step[argindex - 1] += 1
        return misfit((step[0], step[1]))(*self.args)

    shown = "phi" + "".join(f"_{letter * order}" for letter, order in zip("ay", orders, strict=True) if order)
    return type(shown, (sp.Function,), {"fdiff": fdiff, "nargs": 2})


SETTINGS: dict[str, Setting] = {
    "hidden": Setting(f"every layer l = 1..L-1 of every depth; {EVERY}", _hidden, {"l": 1, "L": 2}),
    "any loss": Setting(
        f"layer L of every depth; {EVERY}; every loss that is a sum over the outputs", _any_loss, {"L": 1}
    ),
}
"""Name → what it is about; `hidden` takes delta[l+1] as given, so that it holds whatever comes after."""


@dataclass(frozen=True)
class Reading:
    """A statement in index notation."""

    given: tuple[Equality, ...]
    then: tuple[Equality, ...]


def read(statement: Statement, tensors: Mapping[str, Tensor], labels: Mapping[str, Any]) -> Reading:
    """`statement` about the layers that `labels` give to l and L."""
    return Reading(
        tuple(condition(text, tensors, labels) for text in statement.given),
        tuple(e for text in statement.then for e in equalities(text, tensors, labels)),
    )


def read_generally(statement: Statement, program: Program) -> Reading:
    """`statement` about every layer."""
    return read(statement, program.tensors, {"l": l, "L": L})
