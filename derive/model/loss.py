"""Losses: c for one unit of the output, an expression in its value a and its target y.

c of a sample is the sum over the units, and the loss the mean over the samples. A part that has branches, or functions
of functions, has to depend on a and y through one combination only, such as a - y or y*a: it is read as a function of
that combination, h(r), so that kinks have a place on the line, and stable forms are found as for an activation.
Where the whole expression is of this kind, c = h(r).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from derive.model.budget import budget
from derive.model.definition import read_definition
from derive.model.errors import DeriveError, FormulaError, shorten, unknown
from derive.model.limits import LIMITS
from derive.model.names import identifier
from derive.model.scalars import MAX_CONSTANT, RANGES, constant, ranged
from derive.model.tables import LOSSES, TARGETS

if TYPE_CHECKING:
    import sympy as sp


MOST_COMBINATIONS = 3
COMBINATIONS = tuple("r" * count for count in range(1, MOST_COMBINATIONS + 1))
"""The tensors that hold the combinations of a and y."""


@dataclass(frozen=True)
class Part:
    """A part of c, an expression in a and y: h(r), with r a polynomial in a and y and h in `model.expression.Z`."""

    whole: sp.Expr
    r: sp.Expr
    h: sp.Expr
    tensor: str
    function: str


@dataclass(frozen=True)
class Loss:
    """c(a, y), given by its expression, the constants in it, and what its targets have to be.

    `targets` is a key of the table TARGETS. Raises DeriveError for what cannot be trained with.

    >>> Loss("quartic", "(a - y)**4").formula
    (a - y)**4
    """

    name: str
    expression: str
    constants: tuple[tuple[str, float], ...] = ()
    targets: str = "real"

    def __post_init__(self) -> None:
        where = f"loss {shorten(self.name)}"
        identifier(self.name, "loss")
        if not isinstance(self.expression, str):
            raise DeriveError(f"{where}: the expression has to be text, not {shorten(self.expression)}")
        constants = self.constants.items() if isinstance(self.constants, Mapping) else self.constants
        object.__setattr__(self, "constants", tuple((str(key), self._constant(str(key), v)) for key, v in constants))
        if len(self.constants) > LIMITS["constants"].most:
            raise DeriveError(f"{where}: {LIMITS['constants'].exceeded(len(self.constants))}")
        if not isinstance(self.targets, str) or self.targets not in TARGETS:
            raise unknown("kind of targets", self.targets, TARGETS, where)
        if self == built_in_loss(self.name):
            return
        if self.name in LOSSES and self.expression != read_definition(LOSSES[self.name].definition).expression:
            raise DeriveError(f"{where} is built in as {LOSSES[self.name].definition}; give your own another name")
        try:
            with budget(where):
                self._check()
        except FormulaError as error:
            raise FormulaError(f"{where}: {error}", error.column) from None

    def __str__(self) -> str:
        return self.name

    def _constant(self, key: str, value: object) -> float:
        where = f"loss {shorten(self.name)}"
        identifier(key, "constant", where)
        if key in ("a", "y"):
            raise DeriveError(f"{where}: a is the output and y the target, so no constant can be called {key}")
        number = constant(where, key, value)
        return ranged(where, key, value, MAX_CONSTANT) if self.name in LOSSES and key in RANGES else number

    def _check(self) -> None:
        a, _ = VARIABLES()
        if not self.formula.has(a):
            raise FormulaError(f"{shorten(self.expression)} does not depend on the output a")
        _ = self.parts

    @cached_property
    def formula(self) -> sp.Expr:
        """c as a SymPy expression in the symbols `VARIABLES`."""
        from derive.model.expression import read_expression

        a, y = VARIABLES()
        return read_expression(self.expression, {"a": a, "y": y, **dict(self.constants)})

    @property
    def transcendental(self) -> bool:
        """Whether c is more than sums, products and cases, so that it might have no value somewhere."""
        import sympy as sp

        return bool(self.formula.atoms(sp.Function) - self.formula.atoms(sp.Piecewise)) or not bool(
            self.combined or self.formula.is_polynomial(*VARIABLES())
        )

    @property
    def combined(self) -> tuple[sp.Expr, sp.Expr] | None:
        """(r, h) where the whole of c is h(r); None if c has no such form."""
        whole = [part for part in self.parts if part.whole == self.formula]
        return (whole[0].r, whole[0].h) if whole else None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What of c is read as h(r). Raises FormulaError for a part that would have to be, and cannot."""
        found = []
        for node in _to_combine(self.formula):
            form = _form(node)
            if form is None:
                raise FormulaError(
                    f"{shorten(self.expression)}: a part with branches, or with functions of functions, may depend on "
                    "a and y through one combination only, such as a - y or y*a, and compare that with numbers"
                )
            found.append((node, *form))
        combinations = list(dict.fromkeys(r for _, r, _ in found))
        if len(combinations) > MOST_COMBINATIONS:
            raise FormulaError(
                f"{shorten(self.expression)} has branches, or functions of functions, in {len(combinations)} "
                f"combinations of a and y; at most {MOST_COMBINATIONS} can be kept apart"
            )
        return tuple(
            Part(node, r, h, COMBINATIONS[combinations.index(r)], "h" * (1 + place))
            for place, (node, r, h) in enumerate(found)
        )


def VARIABLES() -> tuple[sp.Symbol, sp.Symbol]:
    """The symbols of the output a and of the target y of one unit."""
    import sympy as sp

    return sp.Symbol("a", real=True), sp.Symbol("y", real=True)


def _to_combine(formula: sp.Expr) -> Iterator[sp.Expr]:
    """The parts of `formula`, from the outside inwards, that are to be functions of one combination of a and y."""
    import sympy as sp

    if formula.is_rational_function(*VARIABLES()):
        return
    if _form(formula) is not None:
        yield formula
    elif isinstance(formula, sp.Add | sp.Mul) or (isinstance(formula, sp.Pow) and formula.exp.is_Integer):
        for argument in formula.args:
            yield from _to_combine(argument)
    elif _nested(formula):
        yield formula


def _nested(formula: sp.Expr) -> bool:
    """Whether `formula` has branches, functions of functions, or functions below a fraction line."""
    import sympy as sp

    a, y = VARIABLES()
    return formula.has(sp.Piecewise) or any(
        not argument.is_rational_function(a, y)
        for node in formula.atoms(sp.Function, sp.Pow)
        if not (isinstance(node, sp.Pow) and node.exp.is_Integer and node.exp.is_positive)
        for argument in node.args
    )


def _form(formula: sp.Expr) -> tuple[sp.Expr, sp.Expr] | None:
    """(r, h) with formula = h(r), if there are such."""
    import sympy as sp

    from derive.model.expression import Z

    a, y = VARIABLES()
    compared = {_monic(relation.lhs - relation.rhs) for relation in formula.atoms(sp.core.relational.Relational)}
    if len(compared) > 1 or not formula.has(a):
        return None
    functions = formula.atoms(sp.Function) - formula.atoms(sp.Piecewise)
    arguments = {_monic(argument) for f in functions for argument in f.args if argument.has(a)}
    usual = (a - y, a * y, a + y, *sorted((r for r in arguments if r not in (None, a)), key=str))
    for r in compared or (*usual, *([a] if _nested(formula) else [])):
        if r is None or sp.degree(r, a) != 1:
            continue
        h = _without_y(formula, sp.solve(r - Z, a)[0])
        if h is not None and not h.has(a, y):
            return r, h
    return None


def _without_y(expr: sp.Expr, output: sp.Expr) -> sp.Expr:
    """`expr` with a replaced, each of its parts brought to lowest terms, so that y goes where it can."""
    import sympy as sp

    a, _ = VARIABLES()
    if isinstance(expr, sp.core.relational.Relational):
        return expr.func(sp.cancel(expr.lhs.subs(a, output) - expr.rhs.subs(a, output)), 0)
    if isinstance(expr, sp.logic.boolalg.BooleanFunction | sp.logic.boolalg.BooleanAtom):
        return expr.func(*(_without_y(part, output) for part in expr.args))
    if isinstance(expr, sp.Piecewise):
        return sp.Piecewise(
            *((_without_y(v, output), c if c == sp.true else _without_y(c, output)) for v, c in expr.args)
        )
    if expr.is_rational_function(a):
        return sp.cancel(expr.subs(a, output))
    return expr.func(*(_without_y(argument, output) for argument in expr.args)) if expr.args else expr


def _monic(difference: sp.Expr) -> sp.Expr | None:
    """The polynomial in a and y without its constant, scaled so that its leading coefficient is 1."""
    import sympy as sp

    a, y = VARIABLES()
    if not difference.is_polynomial(a, y):
        return None
    polynomial = sp.Poly(difference - difference.subs({a: 0, y: 0}), a, y)
    return polynomial.as_expr() / polynomial.LC()


def built_in_loss(name: str) -> Loss | None:
    """The loss that the table has under this name."""
    if name not in LOSSES:
        return None
    row = LOSSES[name]
    definition = read_definition(row.definition)
    made = object.__new__(Loss)
    for key, value in {
        "name": name,
        "expression": definition.expression,
        "constants": definition.constants,
        "targets": row.targets,
    }.items():
        object.__setattr__(made, key, value)
    return made


def loss_function(value: str | Mapping[str, Any] | Loss) -> Loss:
    """The loss that `value` names or describes: a name, a `Loss`, or a table with a name and constants.

    A table with an `expression` is the user's own: {"name": "quartic", "expression": "(a - y)**4"}.
    """
    if isinstance(value, Loss):
        return value
    table: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"name": value}
    name = table.pop("name", "own")
    known = built_in_loss(name) if isinstance(name, str) else None
    if "expression" in table:
        expression, targets = table.pop("expression"), table.pop("targets", "real")
        return Loss(name, expression, tuple(table.items()), targets)
    if known is None:
        raise unknown("loss", name, LOSSES)
    for key in table:
        if key not in dict(known.constants):
            raise unknown("constant", key, dict(known.constants), f"loss {name!r}")
    return Loss(name, known.expression, tuple({**dict(known.constants), **table}.items()), known.targets)
