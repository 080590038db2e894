"""Array expressions: the small language between index notation and NumPy text.

A node is an operation on whole arrays; `axes` are the symbolic sizes of its result. The table
`OPERATIONS` is all that the printers know, so what is not in it cannot be emitted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sympy as sp

from derive.model.errors import DeriveError

Size: TypeAlias = Any


@dataclass(frozen=True)
class Node:
    """`operation` applied to `arguments`; leaves are "name" and "number" and carry their text."""

    operation: str
    arguments: tuple[Node, ...] = ()
    axes: tuple[Size, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        return self.text or f"{self.operation}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class Assign:
    """`target = value`; `note` is the equation of the text that this line computes."""

    target: str
    value: Node
    note: str = ""


@dataclass(frozen=True)
class Operation:
    """How an operation is written: infix or as a call, how tightly it binds, and NumPy's name for it.

    `ufunc` names the NumPy function that takes `out`; operations without one are views or reductions.
    """

    written: str
    binds: int = 100
    ufunc: str = ""


OPERATIONS: dict[str, Operation] = {
    "add": Operation("{} + {}", 10, "add"),
    "subtract": Operation("{} - {}", 10, "subtract"),
    "multiply": Operation("{} * {}", 20, "multiply"),
    "divide": Operation("{} / {}", 20, "divide"),
    "floor_divide": Operation("{} // {}", 20, "floor_divide"),
    "matmul": Operation("{} @ {}", 20, "matmul"),
    "negative": Operation("-{}", 30, "negative"),
    "power": Operation("{}**{}", 40, "power"),
    "square": Operation("{}**2", 40, "square"),
    "exp": Operation("np.exp({})", ufunc="exp"),
    "expm1": Operation("np.expm1({})", ufunc="expm1"),
    "log": Operation("np.log({})", ufunc="log"),
    "log1p": Operation("np.log1p({})", ufunc="log1p"),
    "sqrt": Operation("np.sqrt({})", ufunc="sqrt"),
    "tanh": Operation("np.tanh({})", ufunc="tanh"),
    "sinh": Operation("np.sinh({})", ufunc="sinh"),
    "cosh": Operation("np.cosh({})", ufunc="cosh"),
    "sin": Operation("np.sin({})", ufunc="sin"),
    "cos": Operation("np.cos({})", ufunc="cos"),
    "atan": Operation("np.arctan({})", ufunc="arctan"),
    "asinh": Operation("np.arcsinh({})", ufunc="arcsinh"),
    "sign": Operation("np.sign({})", ufunc="sign"),
    "abs": Operation("np.abs({})", ufunc="abs"),
    "maximum": Operation("np.maximum({}, {})", ufunc="maximum"),
    "minimum": Operation("np.minimum({}, {})", ufunc="minimum"),
    "less": Operation("{} < {}", 5, "less"),
    "less_equal": Operation("{} <= {}", 5, "less_equal"),
    "greater": Operation("{} > {}", 5, "greater"),
    "greater_equal": Operation("{} >= {}", 5, "greater_equal"),
    "where": Operation("np.where({}, {}, {})"),
    "full": Operation("np.full({}, {}, DTYPE)"),
    "transpose": Operation("{}.T"),
    "column": Operation("{}[:, np.newaxis]"),
    "sum": Operation("{}.sum()"),
    "vdot": Operation("np.vdot({}, {})"),
    "sum0": Operation("{}.sum(axis=0)"),
    "sum1": Operation("{}.sum(axis=1)"),
    "max1": Operation("{}.max(axis=1)"),
    "max0": Operation("{}.max(axis=0)"),
    "copy": Operation("{}"),
    "flat": Operation("{}.reshape(-1)"),
    "row": Operation("{}[np.newaxis]"),
    "inner": Operation("{}.dot({})"),
    "call": Operation("{}"),
}

ELEMENTWISE = frozenset(name for name, op in OPERATIONS.items() if op.ufunc and name != "matmul") | {"where"}
COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal"})


def operation_of(operation: str) -> Operation:
    """How an operation is written; one that begins with an underscore is a function of the module (see `kernels`)."""
    own = operation.startswith("_")
    return Operation(f"{operation}({{}})", ufunc=operation) if own else OPERATIONS[operation]


def elementwise(operation: str) -> bool:
    """Whether an operation may write over one of its operands."""
    return operation in ELEMENTWISE or operation.startswith("_")


def name(text: str, axes: tuple[Size, ...] = ()) -> Node:
    """An array or a number that is in scope under the name `text`."""
    return Node("name", (), axes, text)


WHOLE = 2**63
"""NumPy takes a whole number from here on for an object; as a float it is one."""


def number(value: sp.Expr | int, as_float: bool = False) -> Node:
    """A rational constant, exactly: a whole number or a decimal. See `literal`."""
    value = sp.Rational(value)
    text = literal(value)
    if text is None and value.is_Integer:
        return Node("call", (Node("number", text=str(value)),), text="float")
    if text is None:
        raise ValueError(f"{value} has no finite decimal; write it as a quotient")
    return Node("number", text=str(float(text)) if as_float else text)


def is_exact(value: sp.Rational) -> bool:
    """Whether `number` can write `value`."""
    return value.is_Integer or literal(value) is not None


def literal(value: sp.Rational) -> str | None:
    """`value` as Python writes it, if the decimal is exact; None for a number such as 1/3 or 10**30 + 1.

    Raises DeriveError for what is larger than any float.
    """
    if value.is_Integer and abs(value) < WHOLE:
        return str(value)
    if abs(value) > sys.float_info.max:
        raise DeriveError(f"a constant of about {sp.N(value, 3)} is too large for a float64")
    text = repr(float(value))
    return text if sp.Rational(text) == value else None


def written(node: Node, outer: int = 0) -> str:
    """`node` as a NumPy expression, with no more brackets than needed."""
    if node.operation in ("name", "number"):
        return f"({node.text})" if node.text.startswith("-") and outer > OPERATIONS["divide"].binds else node.text
    if node.operation == "call":
        return f"{node.text}({', '.join(written(a) for a in node.arguments)})"
    operation = operation_of(node.operation)
    if node.operation == "full":
        return operation.written.format(f"({as_tuple(node.axes)})", *(written(a) for a in node.arguments))
    if operation.ufunc == node.operation and node.operation.startswith("_"):
        return operation.written.format(", ".join(written(a) for a in node.arguments))
    tight = operation.binds
    if operation.written.startswith("np."):
        return operation.written.format(*(written(a) for a in node.arguments))
    is_power = tight == OPERATIONS["square"].binds
    # at equal strength the right operand needs brackets; so does the left one of **, which Python reads from the right
    parts = [written(a, tight + (position > 0 or is_power)) for position, a in enumerate(node.arguments)]
    text = operation.written.format(*parts)
    if is_power and (parts[0].startswith("(") or parts[-1].startswith("(")):
        base, _, exponent = text.rpartition("**") if len(parts) == 1 else (parts[0], "", parts[1])
        text = f"{base} ** {exponent}"  # as formatters set it
    return f"({text})" if tight < outer else text


def as_tuple(parts: Iterable[object]) -> str:
    """The inside of a tuple display: with one part, a comma makes it a tuple."""
    shown = [str(part) for part in parts]
    return ", ".join(shown) + "," * (len(shown) == 1)
