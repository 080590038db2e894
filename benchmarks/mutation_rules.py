"""Which mutants of a module compute the same as the module: by stated rules on syntax trees, or by a list of reasons.

A rule takes what cannot matter out of a tree; a mutant is equivalent by it if nothing else is different. What no rule
sees stands in `mutation_equivalents.toml`, under the text of the line before and after, so that entries remain valid
when lines move.
"""

from __future__ import annotations

import ast
import operator
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

LISTED = Path(__file__).with_name("mutation_equivalents.toml")
CACHES = ("cache", "lru_cache")

Rule = Callable[[ast.Module], None]
"""Takes out of a tree what cannot matter."""
Key = tuple[str, str, str]
"""Module, the changed lines before, and after."""


def without_annotations(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                setattr(node, field, ast.Constant(None))


def without_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]  # type: ignore[attr-defined]


def without_caches(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [d for d in node.decorator_list if name_of(d) not in CACHES]


def without_abstract_marks(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [d for d in node.decorator_list if name_of(d) != "abstractmethod"]


def unchecked_lengths(original: ast.Module, mutated: ast.Module) -> bool:
    """Whether the mutant only lacks a strict=True of zip."""
    strict = [_strict_zips(tree) for tree in (original, mutated)]
    if len(strict[0]) <= len(strict[1]):
        return False
    texts = []
    for tree, found in zip((original, mutated), strict, strict=True):
        for keyword in found:
            keyword.value = ast.Constant(False)
        texts.append(ast.dump(tree))
        for keyword in found:
            keyword.value = ast.Constant(True)
    return texts[0] == texts[1]


def _strict_zips(tree: ast.Module) -> list[ast.keyword]:
    calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "zip")
    return [k for call in calls for k in call.keywords if k.arg == "strict" and getattr(k.value, "value", 0) is True]


def with_one_test_of_a_choice(tree: ast.Module) -> None:
    """Comparisons of one of few texts, or of a length, with a constant: in their place, for which values they hold."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            match node.left, node.ops, node.comparators:
                case ast.Call(func=ast.Name(id="len")), [sign], [ast.Constant(value=int(constant))]:
                    values: tuple[Any, ...] = tuple(range(abs(constant) + 2))
                case left, [sign], [ast.Constant(value=str(constant))]:
                    values = CHOICES.get(ast.unparse(left).split(".")[-1], ())
                    values = values if constant in values else ()
                case _:
                    continue
            if values and type(sign) in COMPARISONS:
                compare = COMPARISONS[type(sign)]
                holds = f"{len(values)}: {[value for value in values if compare(value, constant)]}"
                node.ops, node.comparators = [ast.Eq()], [ast.Constant(holds)]


def without_identities(tree: ast.Module) -> None:
    """`is` with an object of SymPy's that there is once: in its place, ==."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            others = zip(node.ops, node.comparators, strict=True)
            node.ops = [SAME.get(type(sign), type(sign))() if _is_single(other) else sign for sign, other in others]


SAME: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Is: ast.Eq, ast.IsNot: ast.NotEq}


def _is_single(node: ast.expr) -> bool:
    text = ast.unparse(node).lstrip("-")
    return text in ("sp.oo", "sp.true", "sp.false", "ONE") or text.startswith("sp.S.")


CHOICES = {
    "layout": ("rows", "columns"),
    "base": (
        "W",
        "b",
        "z",
        "a",
        "dW",
        "db",
        "delta",
        "da",
        "x",
        "y",
        "n",
        "w",
        "c",
        "loss",
        "f",
        "N",
        "h",
        "dh",
        "gain",
        "shift",
        "mu",
        "sigma",
        "r",
    ),
    "cost": ("mean", "sample", "sum"),
    **dict.fromkeys(("verdict", "outcome", "expected"), ("proved", "refuted", "undecided")),
}
"""Name → the texts that it can be."""
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def name_of(decorator: ast.expr) -> str:
    """cache, of @cache and of @functools.cache(...)."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    return inner.attr if isinstance(inner, ast.Attribute) else getattr(inner, "id", "")


RULES: dict[str, Rule] = {
    "an annotation: no module of derive evaluates them": without_annotations,
    "a docstring or another text that is no part of an expression": without_docstrings,
    "@abstractmethod: every class below defines the method, so the mark changes nothing that is made": (
        without_abstract_marks
    ),
    "a layout, a cost, a verdict is one of few texts, and a length no less than 0, in whichever way that is asked": (
        with_one_test_of_a_choice
    ),
    "1, 1/2, oo and true are one object each in SymPy: what is equal to it is that object": without_identities,
    "a cache: the cached functions are pure, so a cache's size or absence changes the time only": without_caches,
}


def reason_by_rule(original: str, mutated: str) -> str | None:
    """Why `mutated` computes the same as `original`, or None if no rule says so; "" if it does not parse."""
    try:
        trees = ast.parse(original), ast.parse(mutated)
    except SyntaxError:
        return ""
    if unchecked_lengths(*trees):
        return "strict=True of zip asserts what holds by construction: both have one length"
    for reason, rule in RULES.items():
        rule(trees[0])
        rule(trees[1])
        if ast.dump(trees[0]) == ast.dump(trees[1]):
            return reason
    return None


def listed(path: Path = LISTED) -> dict[Key, str]:
    """(module, line before, line after) → why the two compute the same."""
    found: dict[Key, str] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8"))["equivalent"]:
        for after in entry["becomes"]:
            found[entry["module"], entry["line"], after] = entry["reason"]
    return found


def changed_lines(original: str, mutated: str) -> tuple[str, str]:
    """The lines in which two texts of as many lines differ, before and after, stripped and joined."""
    pairs = zip(original.splitlines(), mutated.splitlines(), strict=False)
    different = [(mine.strip(), other.strip()) for mine, other in pairs if mine != other]
    return " ".join(mine for mine, _ in different), " ".join(other for _, other in different)
