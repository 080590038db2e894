"""Functions that forms are written in where plain arithmetic would lose digits, with what each of them means.

SymPy reorders products and merges exponentials, so the order in which factors are multiplied is lost in it. These
functions keep that order. `meaning` writes them out again, which is how forms that contain them are proved.

    HalfExp(u)          exp(u/2)
    Squared(h)          h**2
    Size(u)             |u|
    Scaled(x, h)        (x*h)*h: finite and accurate where h**2 would already be subnormal
    NormalCdf(z, x)     x*Phi(z), Phi(z) = (1 + erf(z/sqrt(2)))/2, with no cancellation in the left tail
    Kernel              a function of one variable that is emitted under its own name; see `kernel`

`NormalCdf`, `erf` and every `Kernel` become functions of the emitted module; their text is in `codegen.forms.kernels`.
"""

from __future__ import annotations

import re
import zlib
from functools import cache
from typing import Any

import sympy as sp

from derive.model.expression import Z

NORMAL_CDF = (1 + sp.erf(Z / sp.sqrt(2))) / 2
"""Phi(z), the distribution function of the standard normal."""


class Accurate(sp.Function):  # type: ignore[misc]
    """A function with an exact meaning in plain ones."""

    def exact(self) -> sp.Expr:
        """What it means."""
        raise NotImplementedError


class HalfExp(Accurate):
    """exp(u/2)."""

    def exact(self) -> sp.Expr:
        return sp.exp(self.args[0] / 2)


class Squared(Accurate):
    """h**2."""

    def exact(self) -> sp.Expr:
        return self.args[0] ** 2


class Size(Accurate):
    """|u|; SymPy would write |beta*z| as |beta|*|z|."""

    def exact(self) -> sp.Expr:
        return sp.Abs(self.args[0])


class Scaled(Accurate):
    """(x*h)*h."""

    def exact(self) -> sp.Expr:
        return self.args[0] * self.args[1] ** 2


class NormalCdf(Accurate):
    """x*Phi(z), of the arguments z and x."""

    def exact(self) -> sp.Expr:
        return self.args[1] * NORMAL_CDF.subs(Z, self.args[0])


class Kernel(Accurate):
    """A function of one variable with its own name in the module: an exponential, or one that vanishes at 0."""

    body: sp.Expr
    """What it computes, in z."""
    form: sp.Expr | None
    """For a function that vanishes at 0: the form that is accurate away from 0. None for an exponential."""
    title: str

    def exact(self) -> sp.Expr:
        return self.body.subs(Z, self.args[0])


KNOWN: dict[str, type[Kernel]] = {}
"""Every kernel made so far, by its name in a module."""

SPOKEN = {"-": "minus", "+": "plus", "/": "over"}
MAX_TITLE = 32


@cache
def kernel(body: sp.Expr, form: sp.Expr | None = None) -> Any:
    """The `Kernel` that computes `body`, an expression in z; its name comes from its text."""
    words = re.findall(r"[A-Za-z]\w*|\d+|[-+/]", str(body).replace("**2", " squared").replace("**3", " cubed"))
    title = "_" + "_".join(SPOKEN.get(word, word) for word in words)
    if len(title) > MAX_TITLE:
        title = f"{title[:MAX_TITLE].rstrip('_')}_{zlib.crc32(str((body, form)).encode()) % 10**6}"
    made = type(title, (Kernel,), {"body": body, "form": form, "title": title, "nargs": 1})
    if KNOWN.setdefault(title, made) is not made:
        raise ValueError(f"two functions would be called {title}")
    return made


def meaning(expr: sp.Expr) -> sp.Expr:
    """`expr` without functions of this module."""
    return expr.replace(lambda e: isinstance(e, Accurate), lambda e: e.exact()) if expr.has(Accurate) else expr
