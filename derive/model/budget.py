"""A budget of computation for what is read from anyone: counted, not timed, so that it is the same on every machine.

What is counted are the calls of Python functions. SymPy consists of them, so that whatever a formula sets off in it
comes to an end. What SymPy imports at its first use does not count: that would be more than most formulas take.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import _bootstrap
from typing import Any

from derive.model.errors import DeriveError
from derive.model.limits import LIMITS

IMPORT = _bootstrap._find_and_load.__code__  # type: ignore[attr-defined]
"""What Python runs for an import of a module that is not there yet, from beginning to end."""


class _SpentError(BaseException):
    """Not an Exception, so that nobody on the way takes it for an error of his own."""


@contextmanager
def budget(what: str) -> Iterator[None]:
    """Let the body call as many functions as the limit `steps` says. Raises DeriveError, which begins with `what`.

    A budget within another one is the outer one's; under a profiler, which counts calls in the same way, there is none.
    """
    if sys.getprofile() is not None:
        yield
        return
    left = LIMITS["steps"].most
    importing = 0
    over = False

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal left, importing
        if frame.f_code is IMPORT:
            importing += {"call": 1, "return": -1}.get(event, 0)
        left -= not importing
        if left < 0 and not over:
            raise _SpentError

    sys.setprofile(count)
    try:
        yield
    except _SpentError:
        raise DeriveError(f"{what}: {LIMITS['steps'].exceeded()}; write it more simply") from None
    finally:
        over = True
        sys.setprofile(None)
