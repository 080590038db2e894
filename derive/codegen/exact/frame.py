"""What surrounds the equations of an emitted module, as syntax: constants, helper functions, the door.

What these lines do shows only with bad input, files or random numbers, which exact arithmetic does not
meet. So they have to be as derive writes them, word for word up to comments.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit
from derive.codegen.forms.kernels import called, meanings
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, shorten
from derive.model.limits import LIMITS
from derive.model.reader import deeper_than
from derive.model.tables import STYLES

FRAME = (
    *("unpack", "pack", "initialize", "standardize", "train", "_batches", "check_gradient", "new_state"),
    *("Parameters", "State", "_buffers", "_buffers_one", "scheduled", "_orthogonal"),
    *("DivergedError", "_overflow", "_diverged"),
    *("_real", "_theta", "_in_place", "_matrix", "_data", "_finite", "_prepare"),
    *("_one_hot", "_targets", "_weights", "_mask", "_converted", "_is_number", "_rate", "_generator", "_started"),
    *("_Checkpoint", "_remove", "_checksum", "_listed", "_is_kept"),
    *("PART", "GATHERED"),
)
"""What emitted modules have around their equations, all of them or those that need it."""

DOOR = (
    *("_theta", "_in_place", "_matrix", "_data", "_finite", "_one_hot", "_weights", "_mask"),
    *("_prepare", "_rate", "_generator", "_started", "float"),
)
"""Calls that do nothing to good input; each function has to make those that derive writes."""

CHECKPOINTING = ("glob", "json", "os", "time", "zipfile", "zlib")
"""What emitted modules import for `train` to write checkpoints with."""

IMPORTS = (
    "from __future__ import annotations",
    "from typing import NamedTuple",
    "import numpy as np",
    *(f"import {name}" for name in CHECKPOINTING),
)
"""What emitted modules import, each in a line of its own."""

WRITERS = ("open", "_Checkpoint", "_remove", "train")
"""What reaches files; it is for the functions around the equations only."""


DECIDED = re.compile(r"isfinite|np\.inf|is not state\.")
"""What decisions are about that have to be taken as derive writes them."""


STATED: dict[str, type] = {"NAME": str, "SPEC": str, "SIZES": tuple, "DIGEST": str}
"""What modules state about themselves, and of which type."""
WORD = re.compile(r"\w+|[^\w\s]")


def constants(text: str, where: str) -> dict[str, Any]:
    """The constants that a module states about itself, read without running it."""
    _check_stated(lambda name: re.search(rf"\b{name}\b", text) is not None, where)  # before Python reads it all
    tree = read_syntax(text, where)
    if deeper_than(tree, LIMITS["depth"].most):
        raise DeriveError(f"{where}: {LIMITS['depth'].exceeded()}")
    for number in ast.walk(tree):
        match number:
            case ast.Constant(value=int(value)) if value.bit_length() > LIMITS["whole"].most:
                raise DeriveError(f"{where}: {LIMITS['whole'].exceeded(value.bit_length())}, line {number.lineno}")
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if names and names[0] in STATED:
                found[names[0]] = _stated(names[0], node.value, where)
    _check_stated(found.__contains__, where)
    return found


def _check_stated(is_there: Callable[[str], bool], where: str) -> None:
    for name in STATED:
        if name != "NAME" and not is_there(name):
            raise DeriveError(f"{where}: {name} is missing; only modules that derive emitted have it")


def read_syntax(text: str, where: str) -> ast.Module:
    """The syntax tree of somebody's text, to be read. Raises DeriveError if it is too long or no Python."""
    _check_amount(text, where)
    _check_encoding(text, where)
    try:
        return syntax(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DeriveError(f"{where}: not Python{_not_python(error)}") from None


def _check_amount(text: str, where: str) -> None:
    """Raise DeriveError for more than derive ever writes: Python takes a thousand times as much memory to read it."""
    lines = text.count("\n") + text.count(";")
    if lines > LIMITS["lines"].most:
        raise DeriveError(f"{where}: {LIMITS['lines'].exceeded(lines)}")
    words = sum(1 for _ in WORD.finditer(text))
    if words > LIMITS["words"].most:
        raise DeriveError(f"{where}: {LIMITS['words'].exceeded(words)}")


def _check_encoding(text: str, where: str) -> None:
    """Raise DeriveError for a text that Python would read as another one, since it says so in a comment on top."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode("utf-8", "surrogatepass")).readline)
    except SyntaxError as error:
        encoding = str(error)
    if encoding != "utf-8":
        raise DeriveError(f"{where}: its first lines name another encoding ({encoding[:80]}); expected UTF-8")


def _not_python(error: Exception) -> str:
    """Why Python cannot read a text, and in which line."""
    if isinstance(error, MemoryError | RecursionError):  # which have no words of their own
        return ": nested too deeply"
    line, words = getattr(error, "lineno", None), str(getattr(error, "msg", error))
    why = LIMITS["whole"].exceeded() if "int_max_str_digits" in words else words[:200]
    return f"{f', line {line}' if line else ''}: {why}"


def _stated(name: str, value: ast.expr, where: str) -> Any:
    """The literal that the module states under this name."""
    try:
        found = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise DeriveError(f"{where}: {name} is not a literal, so it cannot be read") from None
    sizes = found if name == "SIZES" and type(found) is tuple else ()
    if type(found) is not STATED[name] or any(type(size) is not int for size in sizes):
        expected = {"SPEC": "TOML text", "SIZES": "a tuple of whole numbers"}.get(name, "text")
        raise DeriveError(f"{where}: {name} is {shorten(found)}; expected {expected}")
    return found


@lru_cache(maxsize=4)
def syntax(text: str) -> ast.Module:
    """The syntax tree of a module, to be read and not to be changed: whoever asks for the same text gets it too."""
    return parsed(text)


def parsed(text: str) -> ast.Module:
    """The syntax tree of a module, without the warnings that Python writes about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def changed(text: str, architecture: Architecture) -> list[str]:
    """The definitions around the equations that are not those that derive emits for this architecture."""
    found = _definitions(text)
    style = "fast" if "_sweep" in found else "readable"
    emitted = _definitions(_text(architecture, style))
    twice = [name for name in emitted if len(found.get(name, ())) > 1]
    different = {
        name for name in (*FRAME, *twice, *called(_text(architecture, style))) if found.get(name) != emitted.get(name)
    }
    return sorted(different | _doors(text, architecture, style) | set(_reaching_out(text)))


def _reaching_out(text: str) -> Iterator[str]:
    """What else than the functions around the equations imports, or uses what checkpoints are written with."""
    for node in syntax(text).body:
        name = getattr(node, "name", f"line {node.lineno}")
        if name in FRAME or ast.unparse(node) in IMPORTS:
            continue
        for inner in ast.walk(node):
            named = getattr(inner, "id", "")
            if isinstance(inner, ast.Import | ast.ImportFrom) or named in (*CHECKPOINTING, *WRITERS):
                yield name
                break


def exact_functions(text: str, architecture: Architecture) -> dict[str, Any]:
    """What the functions with a name of their own stand for in the text that derive writes, by their names."""
    emitted = _text(architecture, "fast" if "_sweep" in _definitions(text) else "readable")
    return meanings(called(emitted))


def resized(text: str, sizes: tuple[int, ...]) -> str:
    """The module with the literal of SIZES replaced, and nothing else."""
    for node in syntax(text).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "SIZES":
            lines = text.encode().splitlines(keepends=True)
            start, end = node.value.lineno - 1, node.value.end_lineno or node.value.lineno
            first, last = lines[start], lines[end - 1]
            replaced = first[: node.value.col_offset] + repr(sizes).encode() + last[node.value.end_col_offset :]
            return b"".join([*lines[:start], replaced, *lines[end:]]).decode()
    raise DeriveError("the module has no SIZES")


def written_for(architecture: Architecture) -> tuple[str, ...]:
    """What derive writes for this architecture, in each style."""
    return tuple(_text(architecture, style) for style in STYLES)


@lru_cache(maxsize=16)
def _text(architecture: Architecture, style: str) -> str:
    return emit(differentiate(architecture), style)


@lru_cache(maxsize=8)
def _definitions(text: str) -> dict[str, list[str]]:
    """All that gives a name of a module its meaning, as syntax: it may be bound twice, or within a choice."""
    found: dict[str, list[str]] = {}
    for statement in syntax(text).body:
        for name in _bound(statement):
            found.setdefault(name, []).append(ast.dump(statement))
    return found


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a statement of a module binds, not those within functions and classes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    for inner in ast.iter_child_nodes(node):
        yield from _bound(inner)


def defined(statement: ast.stmt) -> str:
    """The function, class or constant that a statement of a module defines; "" for any other."""
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement
    return str(getattr(target, "id", getattr(target, "name", "")))


def _doors(text: str, architecture: Architecture, style: str) -> set[str]:
    """The functions that treat what comes in or goes out differently from what derive emits."""
    found, emitted = _calls(text), _calls_emitted(architecture, style)
    return {name for name in emitted if found.get(name) != emitted[name]}


@lru_cache(maxsize=16)
def _calls_emitted(architecture: Architecture, style: str) -> dict[str, list[str]]:
    return _calls(_text(architecture, style))


def _calls(text: str) -> dict[str, list[str]]:
    """For every function its arguments, the calls at the door and what is decided about them."""
    return {
        node.name: [ast.dump(node.args), *_at_door(node)]
        for node in syntax(text).body
        if isinstance(node, ast.FunctionDef)
    }


def _at_door(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("_data(", "_matrix(")):
            yield " ".join(map(ast.dump, node.targets))
        if isinstance(node, ast.If | ast.IfExp) and DECIDED.search(ast.unparse(node.test)):
            yield ast.dump(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DOOR:
            rest = [] if node.func.id == "float" else node.args
            yield " ".join([node.func.id, *map(ast.dump, rest)])
