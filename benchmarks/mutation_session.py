"""One pytest session for many mutants: the tests are collected once, and a forked child runs them on changed code.

A change inside a function is made in place, by giving the function another code object; that takes no time. It is not
enough where the line was executed on import or on collection, or where the change is outside of functions: such mutants
are left to `mutation_runs`. The session's first child runs everything under coverage and says which test executes what.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from benchmarks.mutation_runs import OPTIONS, ROOT, SECONDS, SUITE, TARGET, Covered, dotted, forked, outcome, statement

Job = tuple[int, str, int, str]
"""Number, file, line, mutated text."""
MOST_FAILED = 5
"""Tests that fail on the modules as they are, on a busy machine say, are left out, if they are no more than this."""
KILLERS = 10
"""So many of the tests that have killed mutants of the same file are run first."""


@dataclass(eq=False)
class Watched:
    """Notes the lines that each group of tests executes, and the time of each test.

    A group is one test function with all its parameters, or one section of the goldens: they share what is cached.
    """

    coverage: Any
    seconds: dict[str, float] = field(default_factory=dict)
    current: str = ""
    started: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)
    """Test → what it said when it failed."""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed[report.nodeid] = report.longreprtext

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if group(nodeid) != self.current:
            self.current = group(nodeid)
            forget()
        self.started = time.process_time()
        self.coverage.switch_context(self.current)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.seconds[nodeid] = time.process_time() - self.started
        self.coverage.switch_context("")

    def pytest_fixture_setup(self, fixturedef: Any) -> None:
        if fixturedef.scope != "function":  # what it computes is seen by every test of its file
            self.coverage.switch_context(f"{self.current.partition('::')[0]}::")

    def pytest_runtest_call(self) -> None:
        self.coverage.switch_context(self.current)


def group(test: str) -> str:
    """tests/x.py::test_y, of tests/x.py::test_y[z]; a section of the goldens is a group by itself."""
    name = test.partition("[")[0]
    return test if name.endswith("test_what_is_said_has_not_changed") else name


def forget() -> None:
    """Empty every cache of derive.proof, so that each group executes what it needs."""
    for name, module in list(sys.modules.items()):
        if name.startswith("derive.proof"):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear") and value.__module__.startswith("derive.proof"):
                    value.cache_clear()


def lines_of(measured: Any, seconds: dict[str, float]) -> dict[tuple[str, int], set[str]]:
    """(file, line) → tests, of a finished measurement; "" for an import."""
    members: dict[str, set[str]] = {"": {""}}
    for test in seconds:
        for name in (group(test), f"{test.partition('::')[0]}::"):
            members.setdefault(name, set()).add(test)
    data = measured.get_data()
    return {
        (str(Path(path).relative_to(ROOT)), line): set().union(*(members[context] for context in contexts))
        for path in data.measured_files()
        for line, contexts in data.contexts_by_lineno(path).items()
    }


def packed(watched: Watched) -> str:
    """What was watched as one line of JSON: the outcome, the time of each test, and which of them execute each line."""
    number = {test: k for k, test in enumerate(watched.seconds)} | {"": -1}
    found = lines_of(watched.coverage, watched.seconds)
    lines = [[*place, sorted(number[test] for test in tests)] for place, tests in found.items()]
    return json.dumps({"failed": watched.failed, "seconds": watched.seconds, "lines": lines})


def unpacked(content: str) -> Covered:
    """The inverse of `packed`, without the tests that failed. Raises RuntimeError if those are many, or all."""
    watched = json.loads(content or '{"failed": {"collection": "an error"}, "seconds": {}}')
    failed = watched["failed"]
    if len(failed) > MOST_FAILED or not watched["seconds"]:
        raise RuntimeError(f"the tests fail on the modules as they are: {failed}")
    tests = [*watched["seconds"], ""]  # the last is number -1
    lines = {(file, line): {tests[k] for k in numbers} - set(failed) for file, line, numbers in watched["lines"]}
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file, _ in lines}
    return Covered({t: s for t, s in watched["seconds"].items() if t not in failed}, lines, texts, tuple(failed))


@dataclass(eq=False)
class Session:
    """Takes the place of pytest's own loop over the collected tests."""

    coverage: Any
    jobs: list[Job]
    workers: int
    result: int
    """The pipe that the results are written to."""
    kept: Path | None
    """A file with what the tests execute; it is written if there is none."""

    def pytest_runtestloop(self, session: Any) -> bool:
        content = self.kept.read_text(encoding="utf-8") if self.kept and self.kept.exists() else self._watched(session)
        self.coverage.stop()
        with os.fdopen(self.result, "w") as pipe:
            print(content, file=pipe, flush=True)
            known = unpacked(content)
            if self.kept:
                self.kept.write_text(content, encoding="utf-8")
            for found in self._run(session, known):
                print(json.dumps(found), file=pipe, flush=True)
        return True

    def _watched(self, session: Any) -> str:
        """Every test under coverage, in a child."""
        reading, writing = os.pipe()

        def run() -> int:
            watched = Watched(self.coverage)
            session.config.pluginmanager.register(watched)
            for item, following in pairwise([*session.items, None]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            self.coverage.stop()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(packed(watched).encode())
            return 0

        child = forked(run)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            content = pipe.read()
        os.waitpid(child, 0)
        return content.decode()

    def _run(self, session: Any, known: Covered) -> Iterator[tuple[int, str]]:
        """The outcomes of those mutants that a change in place can make."""
        items = {item.nodeid: item for item in session.items}
        functions = functions_of_target()
        running: dict[int, int] = {}
        kills: dict[str, Counter[str]] = {}
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        for number, file, line, text in self.jobs:
            tests = known.tests(file, line)
            lines = {t for each in statement(known.texts[file], line) for t in known.lines.get((file, each), ())}
            change = changed_function(ROOT / file, known.texts[file], text)
            if "" in lines or change is None or not tests:
                continue
            live = functions.get((str(ROOT / file), change.co_qualname, change.co_firstlineno), [])
            if len(live) != 1:
                continue
            if len(running) == self.workers:
                yield from reaped(running)
                note_kills(reading, kills)
            first = [test for test, _ in kills.get(file, Counter()).most_common(KILLERS) if test in tests]
            chosen = [items[test] for test in dict.fromkeys([*first, *tests])]

            def run(
                file: str = file, function: FunctionType = live[0], code: CodeType = change, chosen: Any = chosen
            ) -> int:
                function.__code__ = code
                session.config.pluginmanager.register(Limited(known.seconds))
                killer = run_items(session, chosen)
                os.write(writing, f"{file}\t{killer}\n".encode() if killer else b"")
                return bool(killer)

            running[forked(run)] = number
        while running:
            yield from reaped(running)


def reaped(running: dict[int, int]) -> Iterator[tuple[int, str]]:
    child, status = os.wait()
    yield running.pop(child), outcome(status)


def note_kills(pipe: int, kills: dict[str, Counter[str]]) -> None:
    """Count which tests have killed mutants of a file; they are the likeliest to kill its next."""
    with contextlib.suppress(BlockingIOError):
        for line in os.read(pipe, 1 << 16).decode().splitlines():
            file, _, test = line.partition("\t")
            kills.setdefault(file, Counter())[test] += 1


@dataclass(eq=False)
class Limited:
    """Ends the process at a test that takes far too long."""

    seconds: dict[str, float]

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        signal.setitimer(signal.ITIMER_PROF, SECONDS + 10 * self.seconds[nodeid])


def run_items(session: Any, items: list[Any]) -> str:
    """Run tests until one fails; that test, or "" if there is none."""
    forget()
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return str(item.nodeid)
    return ""


def functions_of_target() -> dict[tuple[str, str, int], list[FunctionType]]:
    """(file, qualified name, line) → the functions with such a code object."""
    found: dict[tuple[str, str, int], list[FunctionType]] = {}
    for value in gc.get_objects():
        if isinstance(value, FunctionType) and value.__code__.co_filename.startswith(str(ROOT / TARGET)):
            code = value.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(value)
    return found


def changed_function(path: Path, original: str, mutated: str) -> CodeType | None:
    """The code of the one function in which two texts of a module differ; None if it is not so."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            own, other = (compile(text, str(path), "exec", dont_inherit=True) for text in (original, mutated))
        except (SyntaxError, Warning):  # is an error to the tests, too, if they import it
            return None
    return _changed(own, other)


def _changed(own: CodeType, other: CodeType) -> CodeType | None:
    if own.co_flags & 2:  # a function, not the body of a module or of a class
        return other if own.co_freevars == other.co_freevars else None
    if len(own.co_consts) != len(other.co_consts):
        return None
    pairs = [(a, b) for a, b in zip(own.co_consts, other.co_consts, strict=True) if not _same(a, b)]
    if own.replace(co_consts=(), co_linetable=b"") != other.replace(co_consts=(), co_linetable=b""):
        return None
    if len(pairs) != 1:
        return None
    (one, changed) = pairs[0]
    return _changed(one, changed) if isinstance(one, CodeType) and isinstance(changed, CodeType) else None


def _same(one: Any, other: Any) -> bool:
    return bool(type(one) is type(other) and one == other)


def run_session(jobs: list[Job], workers: int, kept: Path | None = None) -> Iterator[Any]:
    """First what the tests execute, then (number, outcome) of each mutant that needs no new import.

    What the tests execute is read from the file `kept`, or written there. Raises RuntimeError if many tests fail on the
    modules as they are.
    """
    reading, writing = os.pipe()

    def run() -> int:
        import coverage
        import pytest

        os.close(reading)
        measured = coverage.Coverage(data_file=None, source=[str(ROOT / TARGET)], branch=False)
        if not (kept and kept.exists()):
            measured.start()
        for file in sorted((ROOT / TARGET).rglob("*.py")):
            importlib.import_module(dotted(str(file.relative_to(ROOT))))
        return int(pytest.main([*SUITE, *OPTIONS], plugins=[Session(measured, jobs, workers, writing, kept)]))

    child = forked(run)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        yield unpacked(pipe.readline())
        yield from map(json.loads, pipe)
    os.waitpid(child, 0)
