"""A budget of computation for what is read from anyone: counted, not timed, so that it is the same on every machine.

What is counted are the calls of Python functions. SymPy consists of them, so that whatever a formula sets off in it
comes to an end. What SymPy imports at its first use does not count: that would be more than most formulas take.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import _bootstrap
from typing import TYPE_CHECKING, Any

from derive.model.errors import DeriveError
from derive.model.limits import LIMITS

if TYPE_CHECKING:
    import sympy as sp

    from derive.model.architecture import Architecture

MAX_POWERS = 24
"""So much may the exponents in a formula add up to without a budget."""
IMPORT = _bootstrap._find_and_load.__code__  # type: ignore[attr-defined]
"""What Python runs for an import of a module that is not there yet, from beginning to end."""


class _SpentError(BaseException):
    """Not an Exception, so that nobody on the way takes it for an error of his own."""


def for_high_powers(architecture: Architecture) -> AbstractContextManager[None]:
    """A budget for what functions with high powers set off in SymPy: what is short may be long when multiplied out.

    Others have none, since counting takes about as long as what is counted.
    """
    formulas = (architecture.loss.formula, *(f.formula for f in architecture.activations if f.elementwise))
    if all(_powers(formula) <= MAX_POWERS for formula in formulas):
        return nullcontext()
    return budget("the functions in it", "work", 2 + architecture.depth)


def _powers(formula: sp.Expr) -> sp.Rational:
    import sympy as sp  # here, so that reading a network does not wait for it

    return sum(abs(power.exp) for power in formula.atoms(sp.Pow) if power.exp.is_Rational)


@contextmanager
def budget(what: str, limit: str = "steps", times: int = 1) -> Iterator[None]:
    """Let the body call as many functions as the limit says, `times` over. Raises DeriveError, beginning with `what`.

    A budget within another one is the outer one's; under a profiler, which counts calls in the same way, there is none.
    """
    if sys.getprofile() is not None:
        yield
        return
    left = LIMITS[limit].most * times
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
        raise DeriveError(f"{what}: {LIMITS[limit].exceeded()}; write it more simply") from None
    finally:
        over = True
        sys.setprofile(None)
