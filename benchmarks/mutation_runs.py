"""Running the tests on one mutant: in a forked process that has SymPy and pytest already, likely killers first.

Nothing is written: the mutated text takes the place of its module when that is imported. One run under coverage says
which lines each test executes; a test that does not execute a mutated line cannot tell the mutant from the module, so
only those that do are run, quick ones first, until one fails or the budget is spent. A line that is executed on import
concerns every test. A mutant that Python warns about is killed, since to the tests a warning is an error.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from itertools import accumulate
from pathlib import Path
from types import CodeType
from typing import Any

os.environ["CI"] = "1"  # hypothesis then draws the same examples every time
for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

PRELOADED = ("sympy", "numpy", "pytest", "hypothesis", "jinja2", "click", "rich.progress", "rich.table")
ROOT = Path(__file__).parents[1]
TARGET = "derive/proof"
SUITE = (
    "tests/proof",
    "tests/teach",
    "derive/proof",
    "derive/teach",
    "tests/test_bad_input.py",
    "tests/test_certificates.py",
    "tests/hostile/test_limits.py",
)
UNTIMED = "not ends_quickly and not real_process"
"""Tests of time are left out: under coverage, and beside other mutants, they say nothing. A process that a test starts
reads the module as it is.
"""
CHOSEN = ("-m", "", "-k", UNTIMED)
"""Slow tests too."""
OPTIONS = ("-x", "-q", "-p", "no:xdist", *CHOSEN, "--tb=line", "-W", "ignore::pytest.PytestAssertRewriteWarning")
SECONDS = 20.0
"""Processor time beyond ten times what a test takes, after which a mutant hangs and is counted as killed."""
MEMORY = 6 << 30
BUDGET = 40.0
"""Seconds, as measured under coverage, of tests on one mutant: what the quickest tests do not kill in it survives."""


@dataclass(frozen=True)
class Covered:
    """What one run of all tests on the module as it is has shown."""

    seconds: dict[str, float]
    """Test → how long it took."""
    lines: dict[tuple[str, int], set[str]]
    """(file, line) → the tests that execute it; "" stands for an import."""
    texts: dict[str, str]
    """File → its text."""
    failed: tuple[str, ...] = ()
    """Tests that were left out."""

    @cached_property
    def words(self) -> dict[str, set[str]]:
        """Name → the tests that execute a line in which it occurs."""
        found: dict[str, set[str]] = {}
        for (file, line), tests in self.lines.items():
            for word in set(re.findall(r"\w+", self.texts[file].splitlines()[line - 1])):
                found.setdefault(word, set()).update(tests)
        return found

    @cached_property
    def own_words(self) -> dict[str, set[str]]:
        """Name → the tests in whose own text it stands, such as one about the property of a table."""
        found: dict[str, set[str]] = {}
        for test in self.seconds:
            path, _, name = test.partition("::")
            for word in functions_of(path).get(name.partition("[")[0], ()):
                found.setdefault(word, set()).add(test)
        return found

    def tests(self, file: str, line: int) -> list[str]:
        """The tests that can tell a mutant of this line, likely and quick ones first."""
        near = {test for each in statement(self.texts[file], line) for test in self.lines.get((file, each), ())}
        if near and "" not in near:
            return self._quickest(near, near)
        names = defined(self.texts[file], line)
        told = (words.get(name, ()) for words in (self.words, self.own_words) for name in names)
        return self._quickest(set(self.seconds), near.union(*told))

    def _quickest(self, tests: set[str], likely: set[str]) -> list[str]:
        """`tests` in order, as many as the budget allows: quick ones first, and of many alike only a few."""
        seen: Counter[str] = Counter()
        cost = {}
        for test in sorted(tests, key=lambda test: (self.seconds[test], test)):
            seen[test.partition("[")[0]] += 1
            cost[test] = max(self.seconds[test], 0.01) * seen[test.partition("[")[0]]
        ordered = sorted(tests, key=lambda test: (test not in likely, cost[test], test))
        total = list(accumulate(self.seconds[test] for test in ordered))
        return [test for test, seconds in zip(ordered, total, strict=True) if seconds <= BUDGET]


@cache
def functions_of(path: str) -> dict[str, set[str]]:
    """The words in the text of each function in a file of tests, with its decorators."""
    if not path.endswith(".py") or not (ROOT / path).exists():
        return {}
    text = (ROOT / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = set(re.findall(r"\w+", "\n".join(lines[begins(node) - 1 : node.end_lineno])))
    return found


def begins(node: ast.stmt) -> int:
    """The first line of a statement, with its decorators."""
    return min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])


def statement(text: str, line: int) -> range:
    """The lines of the smallest statement around `line`; of a compound one, those of its head."""
    best = range(line, line + 1)
    size = 10**9
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and node.end_lineno is not None:
            first = begins(node)
            body = getattr(node, "body", None)
            last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno
            if first <= line <= last and last - first < size:
                best, size = range(first, last + 1), last - first
    return best


def defined(text: str, line: int) -> set[str]:
    """The names that the smallest definition around `line` gives; of a decorator's line, its keywords too."""
    found: tuple[int, set[str]] = (10**9, set())
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef) and node.end_lineno:
            first = begins(node)
            if first <= line <= node.end_lineno and node.end_lineno - first < found[0]:
                targets = getattr(node, "targets", [getattr(node, "target", None)])
                names = {t.id for t in targets if isinstance(t, ast.Name)} | {getattr(node, "name", "")}
                for decorator in getattr(node, "decorator_list", []):
                    if decorator.lineno <= line <= decorator.end_lineno and isinstance(decorator, ast.Call):
                        names |= {keyword.arg for keyword in decorator.keywords}
                found = node.end_lineno - first, names - {""}
    return found[1]


class Loader(SourceFileLoader):
    """Gives a module the mutated text."""

    mutated = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.mutated, self.path, "exec", dont_inherit=True)


@dataclass(frozen=True)
class Finder:
    """Finds the mutated module before anything else does."""

    name: str
    path: str
    text: str

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != self.name:
            return None
        loader = Loader(name, self.path)
        loader.mutated = self.text
        return spec_from_file_location(name, self.path, loader=loader)


def dotted(file: str) -> str:
    """derive.proof.grading.terms, of derive/proof/grading/terms.py."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(eq=False)
class Chosen:
    """Runs the chosen tests in the given order, each for a limited time."""

    seconds: dict[str, float]
    tests: list[str]
    finder: Any

    def pytest_sessionstart(self) -> None:
        sys.meta_path.insert(0, self.finder)  # before pytest's own, which reads modules with doctests from the disk

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        place = {test: k for k, test in enumerate(self.tests)}
        new = len(place)  # a test that the mutant has given another name
        own = [item for item in items if item.nodeid in place or item.nodeid not in self.seconds]
        items[:] = sorted(own, key=lambda item: place.get(item.nodeid, new))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_PROF, SECONDS + 10 * self.seconds.get(nodeid, 0))


def start(file: str, text: str, tests: list[str], seconds: dict[str, float]) -> int:
    """Begin the tests on `file` with another text; the process, for `killed`."""

    def run() -> int:
        import pytest

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        signal.setitimer(signal.ITIMER_PROF, 3 * SECONDS)  # for the imports
        finder = Finder(dotted(file), str(ROOT / file), text)
        sys.meta_path.insert(0, finder)  # type: ignore[arg-type]
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        return int(pytest.main([*files, *OPTIONS], plugins=[Chosen(seconds, tests, finder)]))

    return forked(run)


def outcome(status: int) -> str:
    """Of a finished process: "survived", "killed", or "killed, out of time"."""
    if os.WIFSIGNALED(status):
        return "killed, out of time" if os.WTERMSIG(status) == signal.SIGPROF else "killed"
    return "killed" if os.WEXITSTATUS(status) else "survived"


def forked(action: Callable[[], int]) -> int:
    """Run `action` in a silent child process; its exit status is what comes back."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        log = os.open(os.environ.get("MUTATION_LOG", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        status = action()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def preload() -> None:
    """Import what every child needs and no mutant changes."""
    for name in PRELOADED:
        importlib.import_module(name)
