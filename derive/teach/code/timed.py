"""The time in which somebody's code may run, and the quiet in which it does."""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

SECONDS = 20.0
"""How long somebody's code may run, from the loading of the file to the last of the calls together."""


class TooLongError(BaseException):
    """Somebody's code ran longer than it may; not an Exception, so that no `except Exception` in it goes on."""


@dataclass
class Clock:
    """The time in which the code of one file may run: all of it, and what is left."""

    most: float = field(default_factory=lambda: SECONDS)
    left: float = field(init=False)
    apart: bool = False
    """Whether the code has a process of its own."""
    tell: Callable[[float | None], None] = lambda left: None
    """Who is told how long the code may run when it starts, and None when it is done."""

    def __post_init__(self) -> None:
        self.left = self.most

    @contextmanager
    def running(self) -> Iterator[None]:
        """What runs too long inside is stopped, if this is the main thread and the system has alarms."""
        alarms = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        started, message = monotonic(), f"it is not done after {self.most:g} seconds"
        if self.left <= 0:
            raise TooLongError(message)
        self.tell(self.left)
        try:
            with _alarm(self.left, message) if alarms else nullcontext():
                yield
        finally:
            self.left -= monotonic() - started
            self.tell(None)


@contextmanager
def quietly(clock: Clock) -> Iterator[None]:
    """Run somebody's code in time, so that what it prints is in no certificate's way, and warnings are no matter."""
    depth = sys.getrecursionlimit()
    with np.errstate(all="ignore"), redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with clock.running():
                yield
        finally:
            sys.setrecursionlimit(max(depth, sys.getrecursionlimit()))


@contextmanager
def _alarm(seconds: float, message: str) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooLongError(message)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
