"""Work that somebody's code takes part in, in a process of its own: what it does to Python or NumPy ends there.

A fork of this process does the work and sends back JSON, nothing that would be run when it is read. It is ended when
its time is over, with its threads and the processes that it started, whatever it does against being stopped inside.
Where processes do not fork, the work is done in this one.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import struct
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from time import monotonic
from typing import Any, NoReturn

from derive.model.errors import printable
from derive.teach.code.timed import Clock

FORKS = hasattr(os, "fork") and sys.platform not in ("darwin", "emscripten", "wasi")
"""Whether a process can go on as two; libraries of macOS do not bear it."""
GRACE = 1.0
"""Seconds after the end of the code's time in which it may still be stopped from inside, which shows the line."""
PATIENCE = 20.0
"""Seconds that derive itself may take between two runs of the code, which may have changed what derive runs on."""
MOST_SECONDS = 90.0
"""Of the whole work."""
MOST_ANSWER = 10**7
"""Bytes of an answer."""
MOST_OUTPUT = 4000
"""Bytes that are shown of what the code prints."""
MOST_COLUMNS = 200
"""Characters of one line of it."""


class EndedError(Exception):
    """There is no answer: what ended the process, in words."""


def apart(work: Callable[[], Any], clock: Clock) -> Any:
    """What `work` gives back, as JSON types. Raises EndedError if its process ends without that."""
    if not FORKS:
        return work()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()  # or the fork would have its own copy of what is not written yet
    shared, pipes = mmap(-1, 8), (*os.pipe(), *os.pipe())
    answer, answered, output, printed = pipes
    _tell(shared, PATIENCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, where libraries have threads
        process = os.fork()
    if process == 0:
        _work(work, clock, shared, answered, printed)
    for pipe in (answered, printed):
        os.close(pipe)
    late, heard, status = False, {answer: bytearray(), output: bytearray()}, 0
    try:
        late = _listen(process, shared, heard, answer)
    finally:
        status = _end(process)
        for pipe in heard:
            os.close(pipe)
    _show(heard[output])
    with suppress(ValueError, RecursionError):
        return json.loads(heard[answer])
    if late:
        raise EndedError(f"it is not done after {clock.most:g} seconds, and was ended")
    cause = f"by signal {-status}" if status < 0 else f"with status {status}"
    raise EndedError(f"it ended the process that it was run in, {cause}")


def _work(work: Callable[[], Any], clock: Clock, shared: mmap, answered: int, printed: int) -> NoReturn:
    """The fork: it does the work, sends the answer and is gone, without anything that Python does at its end."""
    leave, write, dumps = os._exit, os.write, json.dumps  # as they are before the code is run
    try:
        from fcntl import F_DUPFD_CLOEXEC, fcntl
        from resource import RLIMIT_CPU, setrlimit

        most = int(MOST_SECONDS) * (os.cpu_count() or 1)
        setrlimit(RLIMIT_CPU, (most, most))  # so that it ends, too, if the process that would end it is killed
        os.setsid()  # Ctrl-C in the terminal is not for the code, and what it does to its group is not for others
        answered, printed = (fcntl(pipe, F_DUPFD_CLOEXEC, 3) for pipe in (answered, printed))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
        sys.stdout = sys.stderr = shown = open(2, "w", 1, "utf-8", "backslashreplace", closefd=False)  # noqa: SIM115
        clock.apart = True
        clock.tell = lambda left: _tell(shared, PATIENCE if left is None else left + GRACE)
        data = dumps(work()).encode()
        shown.flush()
        while data:
            data = data[write(answered, data) :]
    finally:
        leave(0)


def _tell(shared: mmap, seconds: float) -> None:
    """Until when the process has to be heard of again."""
    shared[:] = struct.pack("d", monotonic() + seconds)


def _listen(process: int, shared: mmap, heard: dict[int, bytearray], answer: int) -> bool:
    """Read what comes from the process until it has ended, or its time is over: then the result is True."""
    end = monotonic() + MOST_SECONDS
    with selectors.DefaultSelector() as selector:
        for pipe in heard:
            selector.register(pipe, selectors.EVENT_READ)
        while True:
            left = min(end, *struct.unpack("d", shared[:])) - monotonic()
            if left <= 0 or len(heard[answer]) > MOST_ANSWER:
                return True
            ended = _ended(process)
            often = 0.05 if answer in selector.get_map() else 0.002  # the pipe is closed a moment before the end
            ready = {key.fd for key, _ in selector.select(0 if ended else min(left, often))}
            for pipe in ready:
                data = os.read(pipe, 2**16)
                if not data:
                    selector.unregister(pipe)
                elif pipe == answer or len(heard[pipe]) <= MOST_OUTPUT:
                    heard[pipe] += data
            if ended and not (answer in ready and answer in selector.get_map()):
                return False


def _ended(process: int) -> bool:
    """Whether the process has ended; it is left as it is, so that its number stays its own."""
    try:
        return os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:  # where nobody has to ask for the end of a process
        return True


def _end(process: int) -> int:
    """End the process and what it started, and give its status, -n if signal n ended it."""
    for kill in (os.killpg, os.kill):
        with suppress(OSError):
            kill(process, signal.SIGKILL)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except ChildProcessError:
        return 0


def _show(printed: bytearray) -> None:
    """The beginning of what the code printed, on stderr and without what a terminal would obey."""
    lines = printed[:MOST_OUTPUT].decode("utf-8", "replace").splitlines()
    if len(printed) > MOST_OUTPUT:
        lines.append("… (it prints more)")
    if sys.stderr:
        sys.stderr.writelines(f"{printable(line.expandtabs(), MOST_COLUMNS)}\n" for line in lines)
