"""Code written by hand may do what it likes: its audit ends in time, with a verdict or one line, and leaves nothing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from derive.model.architecture import Architecture
from derive.proof.certificate import Certificate
from derive.teach.code import apart as processes
from derive.teach.code import timed
from derive.teach.code.answered import answered
from derive.teach.code.apart import EndedError, apart
from derive.teach.code.handwritten import audit_function
from derive.teach.code.observed import read_source
from derive.teach.code.timed import Clock, TooLongError, quietly
from derive.teach.code.tried import MOST_ENTRIES, numbers

NETWORK = Architecture((2, 1), ("identity",))
RIGHT = """import numpy as np

def g(W1, b1, X, Y):
    d = (X @ W1.T + b1 - Y) / len(X)
    return {"dW1": d.T @ X, "db1": d.sum(0)}
"""
FORKS = processes.FORKS
forks = pytest.mark.parametrize("really", [True, False] if FORKS else [False], ids=lambda really: f"fork={really}")
"""Both where processes fork and where they do not."""


def audited(folder: Path, text: str) -> Certificate:
    path = folder / "own.py"
    path.write_text(text)
    return audit_function(path, NETWORK)


def in_function(line: str) -> str:
    return RIGHT.replace("    d =", f"    {line}\n    d =")


@pytest.fixture
def hasty(monkeypatch):
    """Little time, so that what never ends is soon over; no test asks how long it took."""
    monkeypatch.setattr(timed, "SECONDS", 0.2)
    monkeypatch.setattr(processes, "GRACE", 0.1)


# What the code raises.


@forks
@pytest.mark.parametrize("place", ["file", "function"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("raise BaseException('x')", "raises BaseException: x (line "),
        ("raise GeneratorExit", "raises GeneratorExit (line "),
        ("raise SystemExit(0)", "raises SystemExit: 0 (line "),
        ("raise type('E', (Exception,), {'__str__': lambda self: 5})", "raises an exception that cannot be shown"),
        ("raise type('E', (Exception,), {'__str__': lambda self: 1 / 0})", "raises an exception that cannot be shown"),
    ],
)
def test_whatever_is_raised_is_said(tmp_path, monkeypatch, really, place, line, words):
    monkeypatch.setattr(processes, "FORKS", really)
    (verdict,) = audited(tmp_path, f"{RIGHT}\n{line}\n" if place == "file" else in_function(line)).verdicts
    assert verdict.verdict == "refuted"
    assert words in verdict.note


def test_an_interrupt_that_the_code_raises_is_not_the_users(tmp_path, monkeypatch):
    for text in (f"{RIGHT}\nraise KeyboardInterrupt\n", in_function("raise KeyboardInterrupt")):
        if FORKS:
            (verdict,) = audited(tmp_path, text).verdicts
            assert "raises KeyboardInterrupt (line " in verdict.note
    monkeypatch.setattr(processes, "FORKS", False)
    with pytest.raises(KeyboardInterrupt):
        audited(tmp_path, text)


def test_an_interrupt_of_the_user_ends_the_process_of_the_code(tmp_path, monkeypatch):
    seen = []

    def interrupted(process: int, *_: object) -> bool:
        seen.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "_listen", interrupted)
    if FORKS:
        with pytest.raises(KeyboardInterrupt):
            audited(tmp_path, f"{RIGHT}\nwhile True: pass\n")
        with pytest.raises(ProcessLookupError):
            os.kill(seen[0], 0)


@pytest.mark.parametrize("line", ["raise ValueError(text)", "raise type(text, (Exception,), {})(text)"])
def test_a_text_that_is_raised_is_shown_on_one_short_line(derive, line):
    Path("own.py").write_text(f"{RIGHT}\ntext = 'no\\x1b[31m\\n\\n\\u202e' * 10**5\n{line}\n")
    result = derive("audit", "own.py", "--layers", "2-1")
    assert result.status == 1
    assert "\\x1b[31m" in result.out
    assert not {"\x1b", "\u202e"} & {*result.out}
    assert len(result.out) < 2500


# What it returns.


@pytest.mark.parametrize("returned", ['{"dW1": [[10**400, 1]], "db1": [0]}', '{"dW1": 10**5000, "db1": 0}'])
def test_numbers_beyond_all_floats_are_no_gradient(tmp_path, returned):
    verdicts = audited(tmp_path, RIGHT.replace("return", f"return {returned}\n    return")).verdicts
    assert [v.verdict for v in verdicts] == ["refuted"] * 2
    assert verdicts[0].note == "what is returned as dW1 is no array of its size with real numbers"


def test_an_array_that_is_far_too_large_is_not_converted():
    huge = np.broadcast_to(np.int8(0), 2**45)  # no memory has room for it as floats
    assert numbers(huge, 6).size == 0
    assert numbers(huge[:MOST_ENTRIES], 6).size == MOST_ENTRIES
    assert numbers(huge[: MOST_ENTRIES + 1], MOST_ENTRIES + 1).size == MOST_ENTRIES + 1


def test_an_array_that_the_next_call_overwrites_is_kept_as_it_was():
    reused = np.zeros(3)
    kept = numbers(reused, 3)
    reused += 1
    assert not kept.any()


# What it does to Python, to NumPy and to the process.


CHANGES = {
    "np.add = None; np.array = None": "after it was run derive met TypeError",
    "import inspect, sys; sys.setrecursionlimit(len(inspect.stack(0)) + 12)": "",
    "import builtins; builtins.len = None": "after it was run derive met",
    "import sys; sys.modules.clear()": "",
    "import sys; sys.stdout = sys.stderr = None": "import sys",
    "import os; os.chdir('/')": "os.chdir",
    "import os; os._exit(0)": "it ended the process that it was run in, with status 0",
    "import os; os.kill(os.getpid(), 9)": "it ended the process that it was run in, by signal 9",
    "import os; os.killpg(0, 9)": "it ended the process that it was run in, by signal 9",
    "import os; os.closerange(0, 256)": "it ended the process",
    "import threading, time; threading.Thread(target=lambda: time.sleep(40)).start()": "import threading",
    "import os, time; os.fork() or time.sleep(40)": "os.fork",
    "import signal; signal.signal(signal.SIGALRM, signal.SIG_IGN); signal.alarm(1)": "import signal",
}
"""A line of a file → what the verdict says, all of them undecided."""


@pytest.mark.skipif(not FORKS, reason="without a process of its own the code would do it to this one")
@pytest.mark.parametrize("line", CHANGES)
def test_what_the_code_does_ends_with_its_process(tmp_path, line):
    def state() -> object:
        here = Path.cwd(), sys.stdout, sys.getrecursionlimit(), "os" in sys.modules
        return np.add, np.array, len, threading.active_count(), signal.getsignal(signal.SIGALRM), here

    before = state()
    certificate = audited(tmp_path, f"{RIGHT}\n{line}\n")
    assert {v.verdict for v in certificate.verdicts} == {"undecided"}
    assert CHANGES[line] in certificate.verdicts[0].note
    assert not certificate.holds
    assert state() == before


def test_a_question_to_the_user_has_no_answer(tmp_path):
    if FORKS:
        (verdict,) = audited(tmp_path, f"{RIGHT}\ninput('how many? ')\n").verdicts
        assert "EOFError" in verdict.note


SWALLOWS = "while True:\n    try:\n        while True:\n            x = 1; x = 2\n    except BaseException: x = 3"


@pytest.mark.skipif(not FORKS, reason="without a process of its own nothing stops such code")
@pytest.mark.parametrize(
    "endless",
    [
        "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
        SWALLOWS,
    ],
)
def test_what_is_not_to_be_stopped_is_ended_from_outside(tmp_path, hasty, endless):
    (verdict,) = audited(tmp_path, f"{RIGHT}\n{endless}\n").verdicts
    assert verdict.verdict == "undecided"
    assert verdict.note.startswith("it is not done after 0.2 seconds")


@pytest.mark.skipif(not FORKS, reason="without a process of its own nothing stops such code")
def test_what_keeps_derive_from_its_own_work_is_ended_too(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.5)
    endless = "def endless(*_, **__):\n    while True: pass\nnp.array = np.zeros = np.concatenate = endless"
    (verdict,) = audited(tmp_path, f"{RIGHT}\n{endless}\n").verdicts
    assert verdict.verdict == "undecided"


def test_the_time_counts_over_all_calls(monkeypatch):
    now = iter([0.0, 12.0, 20.0, 29.0, 30.0])
    monkeypatch.setattr(timed, "monotonic", lambda: next(now))
    clock = Clock()
    for left in (8.0, -1.0):
        with quietly(clock):
            pass
        assert clock.left == left
    with pytest.raises(TooLongError, match="not done after 20 seconds"), quietly(clock):
        pass


# What comes back.


def test_an_answer_comes_back_as_it_is_and_only_as_data():
    assert apart(lambda: {"δ": [1, None, "\ud800\n"]}, Clock()) == {"δ": [1, None, "\ud800\n"]}
    if FORKS:
        assert apart(os.getpid, Clock()) != os.getpid()
        with pytest.raises(EndedError, match="with status 0"):
            apart(lambda: object(), Clock())
        with pytest.raises(EndedError, match="with status 7"):
            apart(lambda: os._exit(7), Clock())


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"how": "", "verdicts": [{}]}, {"how": 1, "verdicts": []}, {"how": "", "verdicts": 1}]
)
def test_an_answer_that_derive_does_not_give_is_undecided(tmp_path, monkeypatch, answer):
    (tmp_path / "own.py").write_text(RIGHT)
    source = read_source(tmp_path / "own.py", None)
    monkeypatch.setattr("derive.teach.code.answered.apart", lambda work, clock: answer)
    how, (verdict,) = answered(lambda: ("", ()), source)
    assert (how, verdict.verdict) == ("", "undecided")
    assert verdict.note == "it sends another answer than derive does"


def test_what_is_printed_is_shown_in_part_and_obeyed_by_no_terminal(derive):
    Path("own.py").write_text(f"print('\\x1b[31mred', ' and  green')\nprint('more' * 10**6)\n{RIGHT}")
    result = derive("audit", "own.py", "--layers", "2-1", "--output", "identity")
    assert result.status == 0
    if FORKS:
        assert "\n\\x1b[31mred  and  green\nmoremore" in result.err
        assert "…" in result.err
        assert len(result.err) < 1000


# What is not run.


MANY = "".join(f"def function{k}(W1, b1, X, Y): pass\n" for k in range(1000))


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("def f(:\n", (), "not Python, line 1: invalid syntax"),
        (f"x = {'-' * 100_000}1\n", (), "not Python: nested too deeply"),
        ("x = 1\n", (), "it has none"),
        (MANY, (), "function7, … (1000 in all); choose one with --function"),
        (MANY, ("--function", "x"), "no function 'x'; it has function0, "),
        (f"def {'f' * 5000}(W1): pass\n", ("--function", "x"), "no function 'x'; it has ffff"),
    ],
)
def test_a_file_that_is_not_run_is_not_said_to_be(derive, text, options, words):
    Path("own.py").write_text(text)
    result = derive("audit", "own.py", "--layers", "2-1", *options)
    assert result.status == 2
    assert words in result.err
    assert result.err.count("\n") == 1
    assert len(result.err) < 400


def test_an_argument_that_nobody_knows_is_named_in_short(derive):
    Path("own.py").write_text(f"def g(W1, b1, X, Y, {'q' * 5000}): pass\n")
    result = derive("audit", "own.py", "--layers", "-".join("2" * 6))
    assert result.status == 2
    assert "g takes 'qqq" in result.err
    assert "W1, b1, W2, b2, W3, b3, W4, b4, … (10 in all), X, Y or theta, X, Y" in result.err
    assert len(result.err) < 400
