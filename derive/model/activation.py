"""Activation functions: a name, a forward expression, and the checks that it can be trained with."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from derive.model.budget import budget
from derive.model.definition import read_definition
from derive.model.errors import DeriveError, FormulaError, shorten, unknown
from derive.model.limits import LIMITS
from derive.model.names import identifier
from derive.model.reader import parse
from derive.model.tables import ACTIVATIONS, ROW_ACTIVATIONS

if TYPE_CHECKING:
    import sympy as sp

RESERVED = frozenset(
    (
        *"WbzafcLNXYxygnsijkmetvurhpq",
        "mu",
        "sigma",
        "gain",
        "shift",
        "mask",
        "delta",
        "theta",
        "loss",
        "value",
        "rng",
        "learning_rate",
        "weights",
        "penalty",
        "total",
        "past",
    )
)
"""Names that the equations use already, so that no trained constant can have one."""
HUGE = 10**1000  # of an argument; what lies beyond costs time and holds no information


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
        try:
            _check_trainable(self.initial, self.expression, jumps=self.name in ACTIVATIONS)
            for name in self.trained:
                _check_constant(self.formula, name)
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
        if name in RESERVED or (name[0] == "d" and name[1:] in RESERVED):
            raise DeriveError(f"{where}: {name!r} stands for something else in every network; rename the constant")
    return found


def _check_constant(formula: sp.Expr, name: str) -> None:
    """Refuse a trained constant that moves a kink, or that nothing depends on."""
    import sympy as sp

    symbol = sp.Symbol(name, real=True)
    if any(relation.has(symbol) for relation in formula.atoms(sp.core.relational.Relational)):
        raise FormulaError(f"the trained constant {name!r} decides where a kink lies; it can only be a fixed one")
    slope, kinks = formula.diff(symbol), sorted(breakpoints(formula), key=lambda kink: float(kink))
    if all(_branch(slope, place) == 0 for place in _between(kinks)):
        raise FormulaError(f"nothing depends on the trained constant {name!r}")


def _between(kinks: list[sp.Expr]) -> list[sp.Expr]:
    """A place below the kinks, one above, and one between each two."""
    import sympy as sp

    middles = [(left + right) / 2 for left, right in pairwise(kinks)]
    return [kinks[0] - 1, *middles, kinks[-1] + 1] if kinks else [sp.S.Zero]


def _branch(formula: sp.Expr, place: sp.Expr) -> sp.Expr:
    """The smooth function that `formula` is around a place between its kinks."""
    import sympy as sp

    from derive.model.expression import Z

    def chosen(cases: sp.Piecewise) -> sp.Expr:
        return next(branch for branch, condition in cases.args if condition.subs(Z, place) == sp.true)

    return formula.replace(lambda part: isinstance(part, sp.Piecewise), chosen)


def _constant(where: str, key: object, value: object) -> float:
    key = identifier(key, "constant", where)
    if key == "z":
        raise DeriveError(f"{where}: z is the argument, so no constant can be called z")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e100:
        raise DeriveError(f"{where}: the constant {key} has to be a finite number, not {shorten(value)}")
    return float(value)


def _words(expression: str) -> set[str]:
    return {node.id for node in ast.walk(parse(expression)) if isinstance(node, ast.Name)}


def _check_trainable(formula: sp.Expr, expression: str, jumps: bool = False) -> None:
    """Refuse what is not a real, non-constant function of z on the whole line, continuous unless it may jump."""
    import sympy as sp

    from derive.model.expression import Z

    if not formula.has(Z):
        raise FormulaError(f"{shorten(expression)} is not a function of z")
    kinks = sorted(breakpoints(formula), key=lambda kink: float(kink))
    probes = [sp.Rational(k, 7) for k in (-703, -61, -11, -3, 0, 2, 13, 67, 709)] + kinks
    for probe in probes:
        value = _value(formula, probe, expression)
        if not (value.is_number and value.is_extended_real) or value in (sp.oo, -sp.oo, sp.nan):
            raise FormulaError(f"{shorten(expression)} has no real value at z = {sp.N(probe, 4)!s}")
    step = sp.Rational(1, 10**12)
    for kink in kinks:
        below, above = (_value(formula, kink + side * step, expression) for side in (-1, 1))
        if not jumps and abs(above - below) > 1e-6 * (1 + abs(above)):
            raise FormulaError(
                f"{shorten(expression)} jumps at z = {sp.N(kink, 4)!s} from {sp.N(below, 4)!s} to "
                f"{sp.N(above, 4)!s}, so it is not differentiable there"
            )
    slope = formula.diff(Z)
    probes += _between(kinks)
    if slope == 0 or all(_value(slope, probe, expression) == 0 for probe in probes):
        raise FormulaError(f"{shorten(expression)} has derivative 0 everywhere")


def _value(formula: sp.Expr, at: sp.Expr, expression: str) -> sp.Expr:
    """f(at) to 30 digits, from the inside out, so that exp(exp(exp(z))) is refused and not waited for."""
    import sympy as sp

    from derive.model.expression import Z

    def visit(node: sp.Basic) -> sp.Basic:
        if node == Z:
            return at
        if isinstance(node, sp.Piecewise):
            return visit(next(branch for branch, condition in node.args if condition.subs(Z, at) == sp.true))
        if not node.has(Z):
            return node
        arguments = [visit(argument) for argument in node.args]
        if isinstance(node, sp.Function):
            for size in (abs(sp.N(argument, 5)) for argument in arguments):
                if not size.is_finite:
                    raise FormulaError(f"{shorten(expression)} has no real value at z = {sp.N(at, 4)}")
                if size > HUGE:
                    raise FormulaError(f"{shorten(expression)} grows beyond every float at z = {sp.N(at, 4)}")
        return sp.N(node.func(*arguments), 30)

    return sp.N(visit(formula), 30)


def breakpoints(formula: sp.Expr) -> set[sp.Expr]:
    """Where the branches of `formula` meet: the kinks, as exact real numbers.

    Raises FormulaError for a condition that is not linear in z.
    """
    import sympy as sp

    from derive.model.expression import Z

    points: set[sp.Expr] = set()
    for relation in formula.atoms(sp.core.relational.Relational):
        difference = relation.lhs - relation.rhs
        slope = difference.diff(Z)
        if not slope.is_number or slope == 0:
            raise FormulaError(f"the condition {relation} is not linear in z; compare z with numbers")
        points.add(-difference.subs(Z, 0) / slope)
    return points
