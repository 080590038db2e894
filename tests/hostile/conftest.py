"""What keeps a test of hostile input from hanging when it fails."""

from __future__ import annotations

import resource
import signal

import pytest

HANGS = 20
"""Seconds of processor time; each takes a fraction of one."""


@pytest.fixture
def bounded():
    """A hang or a lack of memory ends as an error."""

    def late(*_):
        raise TimeoutError

    before, limits = signal.signal(signal.SIGVTALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, limits[1]))
    signal.setitimer(signal.ITIMER_VIRTUAL, HANGS)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)
    resource.setrlimit(resource.RLIMIT_AS, limits)
