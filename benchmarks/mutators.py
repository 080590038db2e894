"""Mutants of an emitted module's text: one small change each, made at the place of a node of its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from derive.codegen.emit import digest
from derive.codegen.exact.frame import FRAME


@dataclass(frozen=True)
class Mutant:
    """A changed text, with the line, what was changed there, and by which kind of change."""

    kind: str
    line: int
    change: str
    text: str


Edit = tuple[str, ast.AST, str]
"""Kind, the node that is replaced, and the text that takes its place."""

OPERATORS = {
    ast.Add: ("-", "*"),
    ast.Sub: ("+", "*"),
    ast.Mult: ("/", "+"),
    ast.Div: ("*", "-"),
    ast.MatMult: ("*", "+"),
    ast.Pow: ("*", "+"),
}
COMPARISONS = {
    ast.Lt: ("<=", ">", ">="),
    ast.LtE: ("<", ">", ">="),
    ast.Gt: (">=", "<", "<="),
    ast.GtE: (">", "<", "<="),
    ast.Eq: ("!=",),
    ast.NotEq: ("==", "<", ">"),
}
UFUNCS = {
    "add": ("subtract", "multiply"),
    "subtract": ("add", "multiply"),
    "multiply": ("divide", "add"),
    "divide": ("multiply", "subtract"),
    "dot": ("multiply",),
    "exp": ("expm1", "tanh"),
    "expm1": ("exp",),
    "log1p": ("log",),
    "tanh": ("sinh", "exp"),
    "square": ("negative", "abs"),
    "negative": ("square", "positive"),
    "abs": ("negative", "positive"),
    "maximum": ("minimum",),
    "minimum": ("maximum",),
    "less": ("less_equal", "greater"),
    "less_equal": ("less", "greater"),
    "greater": ("greater_equal", "less"),
    "greater_equal": ("greater", "less"),
    "empty_like": ("zeros_like",),
    "zeros_like": ("ones_like",),
    "zeros": ("ones", "empty"),
}
ORDERED = ("subtract", "divide", "dot", "power")
"""Functions whose two arguments cannot change places."""

NUMBERED = re.compile(r"^(v?(?:delta|da|dW|db|[Wbaz])|dd?f|t)(\d+)$")
KINDS = {
    "a": ("z", "da"),
    "z": ("a",),
    "delta": ("da",),
    "da": ("delta", "a"),
    "dW": ("W",),
    "db": ("b",),
    "b": ("db",),
    "W": ("vW",),
    "vW": ("W",),
    "vb": ("b",),
    "vz": ("z", "va"),
    "va": ("a", "vz"),
    "vdelta": ("delta", "vda"),
    "vda": ("da", "vdelta", "va"),
    "vdW": ("dW", "vW"),
    "vdb": ("db", "vb"),
    "df": ("ddf", "a"),
    "ddf": ("df",),
}
NEIGHBOURS = {
    "X": ("Y",),
    "Y": ("X",),
    "g": ("theta",),
    "v": ("g", "theta"),
    "theta": ("g",),
    "N": ("n0",),
    "bool": ("DTYPE",),
}


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant of the text outside its frame, signed, so that only what it computes can betray it."""
    lines = text.splitlines(keepends=True)
    seen = {signed(text)}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in FRAME:
            continue
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("NAME", "SPEC", "DIGEST"):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Expr):
            continue
        known = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        for kind, place, new in edits(node, known):
            changed = signed(replaced(lines, place, new))
            if changed not in seen:
                seen.add(changed)
                old = segment_of(lines, place)
                yield Mutant(kind, place.lineno, f"{old} → {new}", changed)


def signed(text: str) -> str:
    """The text with a digest that fits it."""
    return re.sub(r'^DIGEST = ".*"$', f'DIGEST = "{digest(text)}"', text, count=1, flags=re.MULTILINE)


def replaced(lines: list[str], node: ast.AST, new: str) -> str:
    """The text with a node replaced."""
    first, last = node.lineno - 1, node.end_lineno - 1
    head = lines[first].encode()[: node.col_offset].decode()
    tail = lines[last].encode()[node.end_col_offset :].decode()
    return "".join([*lines[:first], head + new + tail, *lines[last + 1 :]])


def segment_of(lines: list[str], node: ast.AST) -> str:
    """The text of a node, of its first line if it has several."""
    line = lines[node.lineno - 1].encode()
    return line[node.col_offset : node.end_col_offset if node.end_lineno == node.lineno else None].decode().strip()


def edits(root: ast.AST, known: set[str]) -> Iterator[Edit]:
    """Every change of every node, except in docstrings."""
    strings = {id(s.value) for s in ast.walk(root) if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)}
    for node in ast.walk(root):
        if id(node) in strings or (isinstance(node, ast.Expr) and id(node.value) in strings):
            continue
        for kind, make in MUTATORS.items():
            for place, new in make(node, known):
                yield kind, place, new


def operators(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.BinOp):
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        for symbol in OPERATORS.get(type(node.op), ()):
            yield node, f"(({left}) {symbol} ({right}))"
        if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult | ast.Pow):
            yield node, f"(({right}) {ast.unparse(node).split(left, 1)[1].split()[0]} ({left}))"
    if isinstance(node, ast.AugAssign):
        target, value = ast.unparse(node.target), ast.unparse(node.value)
        for symbol in ("+=", "-=", "*="):
            yield node, f"{target} {symbol} {value}"
    if isinstance(node, ast.UnaryOp):
        yield node, f"({ast.unparse(node.operand)})"
    if isinstance(node, ast.BinOp | ast.Call) and isinstance(node, ast.BinOp):
        yield node, f"(-({ast.unparse(node)}))"


def transposes(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node, ast.unparse(node.value)
    factors: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        factors = [node.left, node.right]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "np.dot":
        factors = node.args
    for factor in factors:
        if isinstance(factor, ast.Name):
            yield factor, f"{factor.id}.T"


def names(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if not isinstance(node, ast.Name):
        return
    candidates = list(NEIGHBOURS.get(node.id, ()))
    if found := NUMBERED.match(node.id):
        kind, label = found[1], int(found[2])
        candidates += [f"{kind}{label + step}" for step in (-1, 1)] + [f"{k}{label}" for k in KINDS.get(kind, ())]
    if size := re.match(r"^(n|END_[Wb])(\d+)$", node.id):
        candidates += [f"{size[1]}{int(size[2]) + step}" for step in (-1, 1)]
        known = {*known, *candidates}
    for name in candidates:
        if name in known or name in ("n0", "DTYPE"):
            yield node, name


def constants(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        for new in (node.value + 1e-6, node.value - 1e-6, node.value + 1, -node.value, 2 * node.value):
            if new != node.value:
                yield node, f"({new!r})"
    if isinstance(node, ast.Constant) and node.value in ("float64", "float32"):
        yield node, '"float32"' if node.value == "float64" else '"float64"'


def comparisons(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        for symbol in COMPARISONS.get(type(node.ops[0]), ()):
            yield node, f"({left} {symbol} {right})"


def statements(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Return | ast.If):
        yield node, "pass"


def functions(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
        for name in UFUNCS.get(node.attr, ()):
            yield node, f"np.{name}"


def arguments(node: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    """Arguments that change places, keywords that are left out or say the other axis."""
    if not isinstance(node, ast.Call):
        return
    called = ast.unparse(node.func)
    rest = [ast.unparse(argument) for argument in node.args]
    keywords = [ast.unparse(keyword) for keyword in node.keywords]
    if called.removeprefix("np.") in (*ORDERED, "where") and len(rest) >= 2:
        swapped = [*rest[:-2], rest[-1], rest[-2]]
        yield node, f"{called}({', '.join([*swapped, *keywords])})"
    for position, keyword in enumerate(node.keywords):
        others = [*keywords[:position], *keywords[position + 1 :]]
        yield node, f"{called}({', '.join([*rest, *others])})"
        if keyword.arg == "axis" and isinstance(keyword.value, ast.Constant):
            yield keyword.value, str(1 - int(keyword.value.value))
        if keyword.arg == "where":
            yield keyword.value, f"~{ast.unparse(keyword.value)}"


MUTATORS: dict[str, Callable[[ast.AST, set[str]], Iterator[tuple[ast.AST, str]]]] = {
    "operator": operators,
    "transpose": transposes,
    "name": names,
    "constant": constants,
    "comparison": comparisons,
    "dropped statement": statements,
    "function": functions,
    "argument": arguments,
}


def everywhere(text: str) -> Iterator[Mutant]:
    """The same change wherever the same expression stands: in `predict`, in `loss` and in the gradient at once."""
    lines = text.splitlines(keepends=True)
    places: dict[tuple[str, str, str], list[ast.AST]] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name not in FRAME:
            known = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            for kind, place, new in edits(node, known):
                if kind in ("operator", "constant", "name", "function", "comparison"):
                    segment = lines[place.lineno - 1].strip() + segment_of(lines, place)
                    places.setdefault((kind, segment, new), []).append(place)
    for (kind, _, new), nodes in places.items():
        if len(nodes) > 1 and len({n.lineno for n in nodes}) == len(nodes):
            changed = lines
            for place in sorted(nodes, key=lambda n: -n.lineno):
                changed = replaced(changed, place, new).splitlines(keepends=True)
            old = segment_of(lines, nodes[0])
            yield Mutant(f"{kind} everywhere", nodes[0].lineno, f"{old} → {new}", signed("".join(changed)))
