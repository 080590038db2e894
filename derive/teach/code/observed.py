"""Running a function that somebody wrote, with every array that its lines assign noted on the way."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from derive.codegen.emit import read_module
from derive.codegen.exact.frame import read_syntax
from derive.model.errors import DeriveError, shorten, shown
from derive.teach.code.timed import Clock, TooLongError, quietly

INPUTS = {**dict.fromkeys(("X", "x", "a0", "A0"), "X"), **dict.fromkeys(("Y", "y", "T", "t"), "Y"), "theta": "theta"}
"""Argument names → what is meant."""
ALIASES = {"gamma": "gain", "beta": "shift"}
"""Names of parameters → the derivation's."""
AUDITED = "audited"
"""The name of the module that a file is run as."""
MOST_INSIDE = 64
"""Entries of a dict or a list that are looked at."""
MOST = 5000
"""Assignments that are noted: what loops over every weight is not followed to the end."""
MOST_NAMES, MOST_SAID = 8, 300
"""Names that a message lists; characters of it that somebody's code, or Python about it, has written."""
T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """The text of a file, and the function in it that computes the gradients."""

    path: str
    text: str
    function: str
    arguments: tuple[str, ...]
    clock: Clock = field(default_factory=Clock, compare=False)


@dataclass(frozen=True)
class Failure:
    """What somebody's code raised, in words: the type, the text and the line."""

    words: str


def attempt(source: Source, work: Callable[[], T]) -> T | Failure:
    """What `work`, which runs the code, gives back, or what the code raised, if only to end this program."""
    with quietly(source.clock):
        try:
            return work()
        except (DeriveError, TooLongError):
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not source.clock.apart:  # it may be the user's
                raise
            return Failure(described(error, source))


def described(error: BaseException, source: Source) -> str:
    """The type of an error, its text and its line in the file, on one line; the code may have made its class."""
    try:
        return f"{shown(f'{type(error).__name__}: {error}', MOST_SAID).removesuffix(':')}{where(error, source)}"
    except TooLongError:
        raise
    except BaseException:
        return "an exception that cannot be shown"


def where(error: BaseException, source: Source) -> str:
    """The line of the file at which an error was raised, in words."""
    trace, line = error.__traceback__, 0
    while trace:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == source.path else line
        trace = trace.tb_next
    return f" (line {line})" if line else ""


@dataclass(frozen=True)
class Noted:
    """A line gave a variable this value."""

    line: int
    name: str
    value: Any


@dataclass
class Trace:
    """What was assigned, in the order in which it was."""

    path: str
    noted: list[Noted] = field(default_factory=list)

    @contextmanager
    def watching(self, really: bool = True) -> Iterator[None]:
        """Note the assignments of everything that runs inside and stands in the file, up to `MOST` of them."""
        before = sys.gettrace()
        if really:
            sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(before)

    def _called(self, frame: Any, event: str, argument: Any) -> Any:
        if len(self.noted) > MOST or frame.f_code.co_filename != self.path or frame.f_code.co_name == "<module>":
            return None
        seen = {name: _copy(value) for name, value in _named(frame.f_locals)}
        current = [frame.f_lineno]

        def local(frame: Any, event: str, argument: Any) -> Any:
            if len(self.noted) > MOST:
                return None
            if event in ("line", "return"):
                for name, value in _named(frame.f_locals):
                    copy = _copy(value)
                    if copy is not None and not _same(copy, seen.get(name)):
                        seen[name] = copy
                        self.noted.append(Noted(current[0], name, copy))
                current[0] = frame.f_lineno
            return local

        return local


def _named(variables: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every variable, and what lies in dicts, lists and objects of the file's own classes, by names as in the code."""
    for name, value in variables.items():
        yield name, value
        match value:
            case dict() if len(value) <= MOST_INSIDE:
                yield from ((f"{name}[{key!r}]", inner) for key, inner in value.items() if type(key) in (str, int))
            case list() | tuple() if len(value) <= MOST_INSIDE:
                yield from ((f"{name}[{position}]", inner) for position, inner in enumerate(value))
            case _ if type(value).__module__ == AUDITED and hasattr(value, "__dict__"):
                yield from ((f"{name}.{key}", inner) for key, inner in vars(value).items())


def _copy(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.size <= 10**5:
        return np.array(value, dtype=float)
    return np.array(value, dtype=float) if isinstance(value, float | np.floating) else None


def _same(left: Any, right: Any) -> bool:
    return right is not None and left.shape == right.shape and bool(np.array_equal(left, right, equal_nan=True))


def read_source(path: Path, function: str | None, text: str | None = None) -> Source:
    """The function that the file is to be audited for. Raises DeriveError if it is not clear which one.

    `text` is what is in the file, if that is known already.
    """
    text = read_module(path) if text is None else text
    defined = {
        node.name: tuple(a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))
        for node in read_syntax(text, str(path)).body
        if isinstance(node, ast.FunctionDef)
    }
    fitting = [name for name, arguments in defined.items() if _fits(arguments)]
    if function is not None and function not in defined:
        found = _listed(list(dict.fromkeys([*fitting, *defined]))) or "none"
        raise DeriveError(f"--function: {path} has no function {shorten(function)}; it has {found}")
    if function is None and len(fitting) != 1:
        found = f"has several: {_listed(fitting)}; choose one with --function" if fitting else "has none"
        raise DeriveError(f"{path}: expected one function of W1, b1, …, X, Y or of theta, X, Y; it {found}")
    name = function or fitting[0]
    return Source(str(path), text, name, defined[name])


def _fits(arguments: tuple[str, ...]) -> bool:
    meant = {INPUTS.get(name, name) for name in arguments}
    return {"X", "Y"} <= meant and ("theta" in meant or "W1" in meant)


def call(function: Callable[..., Any], source: Source, given: dict[str, Any]) -> Any:
    """What the function returns for the parameters and data that its arguments are named after."""
    values = {}
    defaults = inspect.signature(function).parameters
    for name in source.arguments:
        known = INPUTS.get(name, plain(name))
        if known in given:
            values[name] = given[known]
        elif defaults[name].default is inspect.Parameter.empty:
            names = _listed([known for known in given if known not in ("theta", "X", "Y")])
            what = f"{shown(source.function, 60)} takes {shorten(name)}"
            raise DeriveError(f"{source.path}: {what}; expected {names}, X, Y or theta, X, Y")
    return function(**values)


def plain(name: str) -> str:
    """gain1 for gamma1 or gain_1: the name of a parameter in the derivation."""
    found = re.fullmatch(r"([A-Za-z]+?)_?(\d+)", name)
    return f"{ALIASES.get(found[1], found[1])}{found[2]}" if found else name


def load_function(source: Source) -> Callable[..., Any] | Failure:
    """The function, after the whole file has been run as it is."""
    scope: dict[str, Any] = {"__name__": AUDITED, "__file__": source.path}

    def load() -> Callable[..., Any]:
        exec(compile(source.text, source.path, "exec"), scope)
        found: Callable[..., Any] = scope[source.function]
        return found

    return attempt(source, load)


def _listed(names: Sequence[str]) -> str:
    """The first of the names, and how many there are if these are not all."""
    first = ", ".join(shown(name, 60) for name in names[:MOST_NAMES])
    return first if len(names) <= MOST_NAMES else f"{first}, … ({len(names)} in all)"
