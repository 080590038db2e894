"""A budget of computation for what is read from anyone: counted, not timed, so that it is the same on every machine.

What is counted are the calls of Python functions. SymPy consists of them, so that whatever a formula sets off in it
comes to an end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from derive.model.errors import DeriveError
from derive.model.limits import LIMITS


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
    import_module("sympy")  # else its import, nearly a million calls, would be the formula's
    left = LIMITS["steps"].most
    over = False

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal left
        left -= 1
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
