"""Running inputs: each with a limit on time and memory, and every failure as a finding that can be made again."""

from __future__ import annotations

import random
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath

from derive.model.errors import DeriveError

HANG, GIVEN_UP, MEMORY = 2.0, 10.0, 6 * 2**30
"""Seconds of computing time that are a finding, those after which an input is left; bytes of address space."""


class GivenUpError(BaseException):
    """An input that takes far too long; no Exception, so that nothing swallows it."""


@dataclass(frozen=True)
class Finding:
    """An input that did something else than to be accepted or refused in time."""

    target: str
    index: int
    what: str
    shown: str
    detail: str = ""


@dataclass
class Tally:
    """What became of the inputs of one target."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        self.counts += other.counts
        self.findings += other.findings
        self.slowest = max(self.slowest, other.slowest)
        self.seconds += other.seconds


def prepare() -> None:
    """Limits for a worker process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, _give_up)


def _give_up(*_: Any) -> None:
    raise GivenUpError


def key(seed: int, target: str, index: int) -> random.Random:
    """The generator of one input."""
    return random.Random(f"{seed} {target} {index}")


def attempt(target: str, index: int, data: Any, read: Callable[[Any], Any], tally: Tally) -> None:
    """One input through one target, and what became of it. What took too long is run again: the machine may have."""
    what, detail, spent = _outcome(data, read)
    if spent > HANG and what in ("accepted", "refused"):
        spent = min(spent, _outcome(data, read)[2])
        if spent > HANG:
            what, detail = "hang", f"{spent:.1f} s, then {what}: {detail}"
    tally.counts[what] += 1
    tally.seconds += spent
    tally.slowest = max(tally.slowest, spent)
    if what not in ("accepted", "refused", "left out"):
        tally.findings.append(Finding(target, index, what, repr(data)[:20000], detail))


def _outcome(data: Any, read: Callable[[Any], Any]) -> tuple[str, str, float]:
    """What became of one input, words about it, and the seconds that it took."""
    start = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, GIVEN_UP)
    what, detail = "accepted", ""
    try:
        read(data)
    except DeriveError as error:
        message = str(error)
        what = "refused" if message.isprintable() and len(message) < 1000 else "message"
        detail = message
    except GivenUpError:
        what, detail = "hang", traceback.format_exc()[-3000:]
        mpmath.mp.prec = 53  # it may have been stopped where SymPy had set another one for a while
    except BaseException as error:  # SystemExit and KeyboardInterrupt from inside a parser too
        if isinstance(error, KeyboardInterrupt):
            raise
        what, detail = "traceback", traceback.format_exc()[-3000:]
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return what, detail, time.process_time() - start
