r"""Equations in index notation as LaTeX, for notebooks: W2[i, j] is W^{2}_{i j}.

>>> from derive.algebra.notation import index
>>> typeset(sp.IndexedBase("delta2")[index("s"), index("i")])
'{\\delta}^{2}_{s i}'
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from derive.algebra.notation import Largest, is_opaque

GREEK = ("delta", "mu", "sigma", "theta", "alpha", "beta", "gamma")


class _Printer(LatexPrinter):  # type: ignore[misc]
    """SymPy's printer, with the layer of a tensor above it, and opaque functions with their primes."""

    def _print_Indexed(self, expr: Any) -> str:
        indices = " ".join(self._print(i) for i in expr.indices)
        return f"{_name(str(expr.base.label))}_{{{indices}}}"

    def _helper_print_standard_power(self, expr: Any, template: str) -> str:
        base = self._print(expr.base)
        if expr.base.is_Symbol or isinstance(expr.base, sp.Indexed):  # a layer may stand above it already
            return _raised(base, self._print(expr.exp))
        return str(super()._helper_print_standard_power(expr, template))

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        text = str(expr)
        if text.endswith("_"):
            return f"{text.rstrip('_')}{chr(39) * (len(text) - len(text.rstrip('_')))}"
        return str(super()._print_Symbol(expr)) if re.fullmatch(r"[nN]\d*|[a-zA-Z]", text) else _name(text)

    def _print_Largest(self, expr: Largest) -> str:
        below = ",".join(self._print(i) for i, _, _ in expr.limits)
        return rf"\max_{{{below}}} {self._print(expr.function)}"

    def _print_Function(self, expr: Any, exp: str | None = None) -> str:
        if not is_opaque(expr):
            return str(super()._print_Function(expr, exp))
        letters, layer = _split(type(expr).activation)
        orders = type(expr).orders
        marks = "'" * orders[0] if not any(orders[1:]) else rf"^{{({','.join(map(str, orders))})}}"
        inner = ", ".join(self._print(argument) for argument in expr.args)
        base = letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"
        return _raised(rf"{base}{marks}{f'_{{{layer}}}' if layer else ''}\left({inner}\right)", exp)


def _raised(text: str, exp: str | None) -> str:
    return rf"\left({text}\right)^{{{exp}}}" if exp else text


def _split(text: str) -> tuple[str, str]:
    base = text.rstrip("0123456789")
    return base, text[len(base) :]


def _name(text: str) -> str:
    letters, layer = _split(text)
    start = r"\mathrm{d}" if letters[0] == "d" and letters not in GREEK and len(letters) > 1 else ""
    own = letters[1:] if start else letters
    shown = "\\" + own if own in GREEK else own if len(own) == 1 else rf"\mathrm{{{own}}}"
    return f"{start}{{{shown}}}" + (f"^{{{layer}}}" if layer else "")


def typeset(expr: sp.Basic) -> str:
    """`expr` as LaTeX that stands in mathematics."""
    return str(_Printer().doprint(expr))
