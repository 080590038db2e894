"""How tensors are called in a lesson: delta2 is δ with a 2 above it, dW2 the derivative of the loss by W2.

Nothing is known here about layers or losses: a name is taken apart into its letters and its layer, and a
derivative is recognised by what it is taken by. So tensors of new equations have names as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp

from derive.algebra.gradient import Derivation, adjoint_name
from derive.teach.setting.boxes import NOTHING, Box, fraction, matrix, name, number, operator, row, scripts

GREEK = {"delta": "δ", "alpha": "α", "beta": "β", "loss": "ℒ", "theta": "θ", "sigma": "σ", "mu": "μ", "rho": "ρ"}
"""Names and letters that are not what they are called."""
LOSS, SAMPLE_LOSS = "ℒ", "c"


@dataclass(frozen=True)
class Letters:
    """The names of one derivation; `of` says for a derivative what it is taken by."""

    of: Mapping[str, str] = field(default_factory=dict)

    def symbol(self, text: str, below: Box = NOTHING, *, whole: bool = False, loss: str = LOSS) -> Box:
        """A tensor's name with its layer above and `below` as its indices; `whole` sets it in bold.

        Derivatives are those of `loss`: the mean loss, or one sample's c.
        """
        if (by := self.of.get(text)) and not text.startswith("delta"):
            return fraction(row(operator("∂"), name(loss)), row(operator("∂"), self.symbol(by, below, whole=whole)))
        letters, layer = split(text)
        shown = GREEK.get(letters, letters)
        return scripts(matrix(shown) if whole else name(shown), below, number(layer) if layer else NOTHING)

    def entry(self, text: str, indices: Iterable[sp.Expr]) -> Box:
        """The entry of a tensor at these indices."""
        return self.symbol(text, row(*map(index, indices)))


def split(text: str) -> tuple[str, str]:
    """("delta", "2") of delta2."""
    found = re.fullmatch(r"(.*?[A-Za-z_\]])(\d*)", text)
    return (found[1], found[2]) if found else (text, "")


def index(symbol: sp.Expr) -> Box:
    """An index; what the derivation calls s_ is another s, so it gets a prime."""
    text = str(symbol)
    return name(text.rstrip("_") + "′" * (len(text) - len(text.rstrip("_"))))


def letters_of(derivation: Derivation) -> Letters:
    """The names of a derivation."""
    return Letters({adjoint_name(tensor): tensor for tensor in derivation.forward.tensors})
