"""Matrix formulas as trees: what a learner wrote, what is right, and what a slip makes of it.

A `Term` knows no sizes, so the same tree is evaluated at distinct and at coinciding widths, and rewritten
whether or not its shapes fit.

    >>> truth = Term("*", (Term("@", (leaf("delta", 3), leaf("W", 3))), derivative(2)))
    >>> show(truth)
    "(delta3 @ W3) * f'(z2)"
    >>> show(truth, relative("l", 2))
    "(delta[l+1] @ W[l+1]) * f'(z[l])"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from derive.proof.formulas.values import CONSTANTS

NO_LAYER = -1
DERIVATIVES = ("delta", "dW", "db", "da")
LEAVES = ("W", "b", "z", "a", *DERIVATIVES)
BINARY = {">": 0, "<": 0, ">=": 0, "<=": 0, "+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "**": 4}
"""Operator → how tightly it binds."""
UNARY, ATOM = 3, 5
NUMBERS = ("number", "N", "n", *CONSTANTS)
"""Heads of terms that are numbers, the same for every sample and unit."""
ORDERS = {"f": 0, "df": 1}
"""Head of an activation → how often it is differentiated."""


@dataclass(frozen=True)
class Term:
    """One node: a quantity of a layer, a number, or an operation on the terms below it."""

    head: str
    parts: tuple[Term, ...] = ()
    layer: int = NO_LAYER
    number: Fraction = Fraction(0)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.head, self.parts, self.layer, self.number)))

    def __hash__(self) -> int:
        return self._hash

    def with_parts(self, *parts: Term) -> Term:
        """The same operation on other terms."""
        return Term(self.head, parts, self.layer, self.number)

    @property
    def is_number(self) -> bool:
        """Whether it is made of numbers, N and widths alone."""
        return all(part.parts or part.head in NUMBERS for part in self.walk())

    def walk(self) -> Iterator[Term]:
        """This term and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


Rule = Callable[[Term], Iterable[Term]]
Labels = Callable[[int], str]
"""How a layer's number stands behind a letter: 3 → "3", or "[l+1]"."""


def split_name(name: str) -> tuple[str, int]:
    """("delta", 3) for delta3."""
    base = name.rstrip("0123456789")
    digits = name[len(base) :]
    return base, int(digits) if digits else NO_LAYER


def leaf(head: str, layer: int = NO_LAYER) -> Term:
    """A quantity of a layer."""
    return Term(head, (), layer)


def number(value: Fraction | int) -> Term:
    return Term("number", (), NO_LAYER, Fraction(value))


def derivative(layer: int, argument: Term | None = None) -> Term:
    """f' of a layer, at its z unless another argument is given."""
    return Term("df", (argument or leaf("z", layer),), layer)


def transposed(term: Term) -> Term:
    """The transpose; that of a transpose is what was transposed."""
    return term.parts[0] if term.head == "T" else Term("T", (term,))


def times(left: Term, right: Term) -> Term:
    """The matrix product."""
    return Term("@", (left, right))


def entrywise(left: Term, right: Term) -> Term:
    """The product entry by entry."""
    return Term("*", (left, right))


def rewrites(term: Term, rule: Rule) -> Iterator[Term]:
    """Every term that `rule` makes of `term` at one place in it."""
    yield from rule(term)
    for position, part in enumerate(term.parts):
        for new in rewrites(part, rule):
            yield term.with_parts(*term.parts[:position], new, *term.parts[position + 1 :])


def expanded(term: Term, definition: Callable[[Term], Term | None]) -> Term:
    """`term` with every quantity that has a definition replaced by it, once."""
    found = definition(term)
    return found if found is not None else term.with_parts(*(expanded(part, definition) for part in term.parts))


def numbered(layer: int) -> str:
    return str(layer)


def relative(variable: str, at: int) -> Labels:
    """Labels counted from a variable that stands for the layer `at`."""

    def label(layer: int) -> str:
        offset = layer - at
        return f"[{variable}{offset:+d}]" if offset else f"[{variable}]"

    return label


def show(term: Term, labels: Labels = numbered) -> str:
    """`term` in the grammar of formulas."""
    return _shown(term, labels)[0]


def _shown(term: Term, labels: Labels) -> tuple[str, int]:
    """The text, and how tightly its outermost operation binds."""
    match term.head, term.parts:
        case "number", ():
            value = term.number
            return str(value), ATOM if value >= 0 and value.denominator == 1 else 2
        case "T", (inner,):
            return f"{_within(inner, ATOM, labels)}.T", ATOM
        case "negative", (inner,):
            return f"-{_within(inner, UNARY, labels)}", UNARY
        case "units", (inner,):
            return f"sum({_shown(inner, labels)[0]}, units)", ATOM
        case "mean of units", (inner,):
            return f"mean({_shown(inner, labels)[0]}, units)", ATOM
        case operator, (left, right) if operator in BINARY:
            strength = BINARY[operator]
            tighter = (1, 0) if operator == "**" else (0, 1)  # a power is read from the right
            shown = tuple(
                _operand(x, operator, strength + t, labels) for x, t in zip((left, right), tighter, strict=True)
            )
            return f" {operator} ".join(shown), strength
        case ("f" | "df") as head, (argument,):
            own = argument == leaf("z", term.layer)
            name = "f" + ("" if own else labels(term.layer)) + "'" * ORDERS[head]
            return f"{name}({_shown(argument, labels)[0]})", ATOM
        case head, ():
            return head + (labels(term.layer) if term.layer != NO_LAYER else ""), ATOM
        case head, parts:
            return f"{head}({', '.join(_shown(part, labels)[0] for part in parts)})", ATOM
    raise AssertionError(term)


def _operand(term: Term, operator: str, least: int, labels: Labels) -> str:
    """An operand; products of different kinds in brackets, since nobody remembers which goes first."""
    mixed = operator in "*@/" and term.head in ("*", "@") and term.head != operator
    return f"({_shown(term, labels)[0]})" if mixed else _within(term, least, labels)


def _within(term: Term, least: int, labels: Labels) -> str:
    text, strength = _shown(term, labels)
    return text if strength >= least else f"({text})"
