"""Passes over array statements that make NumPy do the same in less time; what each saves was measured.

A NumPy call costs half a microsecond before it does anything, a sum along an axis three times as much as a matrix
product of the same size, and a masked copy twenty times as much as a product with the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from derive.algebra.notation import N
from derive.codegen.statements.arrays import COMPARISONS, Assign, Node, name
from derive.codegen.statements.schedule import Instruction, leaves

ONES = name("ones", (N,))
"""A one for each sample."""

OPPOSITE = {"less": "greater_equal", "less_equal": "greater", "greater": "less_equal", "greater_equal": "less"}
Rule = Callable[[Node], Node | None]


def rewritten(node: Node, rules: Iterable[Rule]) -> Node:
    """`node` with the rules applied from the leaves upwards, until none fits."""
    rules = tuple(rules)
    node = replace(node, arguments=tuple(rewritten(a, rules) for a in node.arguments))
    for rule in rules:
        found = rule(node)
        if found is not None:
            return rewritten(found, rules)
    return node


def masked(node: Node) -> Node | None:
    """where(x <= 0, 0, da) is da * (x > 0), if da is a name: a masked copy guesses every entry, and waits if wrong."""
    if node.operation != "where":
        return None
    condition, inside, outside = node.arguments
    if condition.operation not in COMPARISONS or inside.text not in ("0", "0.0") or outside.operation != "name":
        return None
    if outside.axes != condition.axes:
        return None
    return Node("multiply", (outside, replace(condition, operation=OPPOSITE[condition.operation])), node.axes)


def summed(node: Node) -> Node | None:
    """A sum of everything as one product: sum(x**2) is vdot(x, x), sum(x * y) is vdot(x, y), a factor stays outside."""
    if node.operation != "sum":
        return None
    (inside,) = node.arguments
    match inside:
        case Node("square", (x,)):
            return Node("vdot", (x, x))
        case Node("multiply", (x, y)) if x.axes == y.axes != ():
            return Node("vdot", (x, y))
        case Node("multiply", (x, y)) if not x.axes:
            return Node("multiply", (x, Node("sum", (y,))))
        case Node("divide", (x, k)) if not k.axes:
            return Node("divide", (Node("sum", (x,)), k))
        case Node("negative", (x,)):
            return Node("negative", (Node("sum", (x,)),))
        case Node("sum1" | "sum0", (x,)):
            return Node("sum", (x,))
    return None


def divided(node: Node) -> Node | None:
    """Two divisions by numbers are one, and scalars of numerator and denominator are put together."""
    match node:
        case Node("divide", (Node("divide", (x, k)), m)) if not k.axes and not m.axes:
            return Node("divide", (x, Node("multiply", (k, m))), node.axes)
        case Node("divide", (Node("multiply", (s, x)), Node("multiply", (u, y)))) if (
            not s.axes and not u.axes and x.axes and y.axes
        ):
            return Node("divide", (Node("multiply", (Node("divide", (s, u)), x), x.axes), y), node.axes)
    return None


def spread(node: Node) -> Node | None:
    """da * (1 - u) is da - da * u: a number among the operands costs a third of a small call."""
    match node:
        case Node("multiply", (Node("name") as da, Node("subtract", (Node("number", text="1"), u)))) if (
            da.axes == u.axes != ()
        ):
            return Node("subtract", (da, Node("multiply", (da, u), node.axes)), node.axes)
    return None


def inlined(statements: list[Assign], target: str) -> list[Assign]:
    """The statements with what `target` alone reads of the losses of single samples written into it."""
    (place,) = (k for k, s in enumerate(statements) if s.target == target)
    only = statements[place]
    for k, statement in enumerate(statements):
        readers = [s for s in statements if statement.target in leaves(s.value)]
        once = list(leaves(only.value)).count(statement.target) == 1
        if statement.target == "c" and readers == [only] and once:
            value = _put(only.value, statement.target, statement.value)
            note = "; ".join(filter(None, (statement.note, only.note)))
            merged = replace(only, value=value, note=note)
            return [merged if s is only else s for i, s in enumerate(statements) if i != k]
    return statements


def _put(node: Node, text: str, value: Node) -> Node:
    if node.operation == "name":
        return value if node.text == text else node
    return replace(node, arguments=tuple(_put(a, text, value) for a in node.arguments))


def counted(instructions: Iterable[Instruction]) -> Iterator[Instruction]:
    """Sums over the samples as products with ones: a reduction along axis 0 takes four times as long."""
    for each in instructions:
        (first, *_) = each.arguments
        if each.operation == "sum0" and first.operation == "name" and len(first.axes) == 2 and first.axes[0] == N:
            yield replace(each, operation="matmul", arguments=(ONES, first))
        else:
            yield each


RULES: tuple[Rule, ...] = (masked, summed, divided, spread)


def faster(statements: Iterable[Assign], value: str) -> list[Assign]:
    """The statements after all passes; `value` is the name of the loss."""
    found = [*inlined(list(statements), value)]
    return [replace(s, value=rewritten(s.value, RULES)) for s in found]
