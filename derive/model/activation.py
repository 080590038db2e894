"""Activation functions: a name, a forward expression, and the checks that it can be trained with."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from derive.model.budget import budget
from derive.model.definition import read_definition
from derive.model.errors import DeriveError, FormulaError, shorten, unknown
from derive.model.limits import LIMITS
from derive.model.names import identifier
from derive.model.reader import parse
from derive.model.scalars import constant
from derive.model.tables import ACTIVATIONS, ROW_ACTIVATIONS

if TYPE_CHECKING:
    import sympy as sp

RESERVED = frozenset(
    (
        *"WbzafcLNXYxygnsijkmetvurhpq",
        *("mu", "sigma", "gain", "shift", "mask", "delta", "theta", "loss", "value", "rng", "learning_rate"),
        *("weights", "penalty", "total", "past"),
        *("np", "glob", "json", "os", "time", "zipfile", "zlib"),
    )
)
"""Names that the equations or the modules use already, so that no trained constant can have one."""


@dataclass(frozen=True)
class Activation:
    """An elementwise function a = f(z), given by its expression and the constants in it.

    The constants in `trained` are parameters of each layer that the activation stands in: they start from the
    given value and are learnt with the weights. A name of the table keeps its meaning, with other constants.

    >>> Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.0),)).formula
    z/(1 + exp(-z))
    """

    name: str
    expression: str
    constants: tuple[tuple[str, float], ...] = ()
    trained: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        where = f"activation {shorten(self.name)}"
        identifier(self.name, "activation")
        if not isinstance(self.expression, str):
            raise DeriveError(f"{where}: the expression has to be text, not {shorten(self.expression)}")
        constants = self.constants.items() if isinstance(self.constants, dict) else self.constants
        object.__setattr__(self, "constants", tuple((str(key), _constant(where, key, v)) for key, v in constants))
        if len(self.constants) > LIMITS["constants"].most:
            raise DeriveError(f"{where}: {LIMITS['constants'].exceeded(len(self.constants))}")
        object.__setattr__(self, "trained", _trained(where, self.trained, dict(self.constants)))
        if self == built_in(self.name):
            return
        if not self.elementwise:
            raise DeriveError(f"{where} is built in; give your own activation another name")
        with budget(where):
            self._check(where)

    def _check(self, where: str) -> None:
        from derive.model.trainable import check_constant, check_trainable

        try:
            check_trainable(self.initial, self.expression, jumps=self.name in ACTIVATIONS)
            for name in self.trained:
                check_constant(self.formula, name)
        except FormulaError as error:
            raise FormulaError(f"{where}: {error}", error.column) from None
        unused = [key for key, _ in self.constants if key not in _words(self.expression)]
        if unused:
            raise DeriveError(f"{where}: the constant {unused[0]!r} does not occur in {self.expression!r}")
        if self.name in ACTIVATIONS and not _same_meaning(self):
            raise DeriveError(f"{where} is built in as {ACTIVATIONS[self.name]}; give your own activation another name")

    @cached_property
    def formula(self) -> sp.Expr:
        """f(z) as a SymPy expression in `model.expression.Z`, and in a symbol for each trained constant."""
        from derive.model.expression import Z, read_expression

        if not self.elementwise:
            raise DeriveError(f"{self.name} is a function of a whole row, not of one number z")
        fixed = {key: value for key, value in self.constants if key not in self.trained}
        return read_expression(self.expression, {"z": Z, **fixed, **self.symbols})

    @property
    def elementwise(self) -> bool:
        """Whether a_i depends on z_i alone; softmax and its like are functions of a whole row."""
        return self.name not in ROW_ACTIVATIONS

    @cached_property
    def symbols(self) -> dict[str, sp.Symbol]:
        """The trained constants, in order, as symbols."""
        import sympy as sp

        return {name: sp.Symbol(name, real=True) for name in self.trained}

    @cached_property
    def initial(self) -> sp.Expr:
        """f(z) with the trained constants at the values that they start from."""
        from derive.model.expression import Z, read_expression

        if not self.elementwise:
            raise DeriveError(f"{self.name} is a function of a whole row, not of one number z")
        return read_expression(self.expression, {"z": Z, **dict(self.constants)})


def built_in(name: str) -> Activation | None:
    """The activation that the table has under this name."""
    if name not in ACTIVATIONS and name not in ROW_ACTIVATIONS:
        return None
    made = object.__new__(Activation)
    definition = read_definition(ACTIVATIONS[name] if name in ACTIVATIONS else ROW_ACTIVATIONS[name][-1])
    for key, value in {
        "name": name,
        "expression": definition.expression,
        "constants": definition.constants,
        "trained": definition.trained,
    }.items():
        object.__setattr__(made, key, value)
    return made


def activation(value: str | Activation, own: dict[str, Activation] | None = None) -> Activation:
    """The activation that `value` names, from the table or from `own`."""
    if isinstance(value, Activation):
        return value
    if own and isinstance(value, str) and value in own:
        return own[value]
    known = built_in(value) if isinstance(value, str) else None
    if known is None:
        raise unknown("activation", value, [*ACTIVATIONS, *ROW_ACTIVATIONS, *(own or {})])
    return known


def _same_meaning(own: Activation) -> bool:
    """Whether `own` is what the table has under its name, up to the names and the values of the constants."""
    from itertools import permutations

    import sympy as sp

    from derive.model.expression import Z, read_expression

    definition = read_definition(ACTIVATIONS[own.name])
    known = read_expression(definition.expression, {"z": Z, **{key: sp.Symbol(key) for key, _ in definition.constants}})
    candidates = [{key: sp.Symbol(key) for key, _ in own.constants}, dict(own.constants)]
    names = [key for key, _ in own.constants]
    candidates += [
        {key: sp.Symbol(other) for key, other in zip(names, order, strict=True)}
        for order in permutations([key for key, _ in definition.constants], len(names))
    ]
    values = {sp.Symbol(key): sp.Rational(str(value)) for key, value in definition.constants}
    for meaning in candidates:
        formula = read_expression(own.expression, {"z": Z, **meaning})
        if any(sp.expand(each) == 0 for each in (formula - known, formula - known.xreplace(values))):
            return True
    return False


def _trained(where: str, names: object, constants: dict[str, float]) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise DeriveError(f'{where}: trained is {shorten(names)}; write a list of constants, as in ["beta"]')
    found = tuple(names)
    for name in found:
        if not isinstance(name, str) or name not in constants:
            raise DeriveError(f"{where}: the trained constant {shorten(name)} has no value to start from")
        if name[-1].isdigit():
            raise DeriveError(
                f"{where}: {name!r} ends in a digit, where its layer's number follows; rename the constant"
            )
        derivative = name.lstrip("dv")  # as dW, and vdW along v
        if {name, derivative} & RESERVED or not derivative or name in dir(builtins) or name.startswith("END_"):
            raise DeriveError(f"{where}: {name!r} stands for something else in every network; rename the constant")
    return found


def _constant(where: str, key: object, value: object) -> float:
    key = identifier(key, "constant", where)
    if key == "z":
        raise DeriveError(f"{where}: z is the argument, so no constant can be called z")
    return constant(where, key, value)


def _words(expression: str) -> set[str]:
    return {node.id for node in ast.walk(parse(expression)) if isinstance(node, ast.Name)}
