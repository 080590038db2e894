"""Definitions in one line: an expression, then its constants, each with the value that it has or starts from.

z / (1 + exp(-beta*z)); beta = 1.5
where(z > 0, z, slope*z); train slope = 0.25
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from derive.model.errors import DeriveError, shorten

TRAIN = "train "
"""What stands before a constant that is learnt with the weights."""


@dataclass(frozen=True)
class Definition:
    """An expression with its constants; `trained` names those that are learnt."""

    expression: str
    constants: tuple[tuple[str, float], ...] = ()
    trained: tuple[str, ...] = ()


@cache
def read_definition(text: str) -> Definition:
    """The definition that `text` writes. Raises DeriveError for a constant that is not NAME = NUMBER.

    >>> read_definition("where(z > 0, z, slope*z); train slope = 0.25")
    Definition(expression='where(z > 0, z, slope*z)', constants=(('slope', 0.25),), trained=('slope',))
    """
    expression, *rest = (part.strip() for part in text.split(";"))
    constants, trained = [], []
    for part in filter(None, rest):
        left, _, value = (piece.strip() for piece in part.partition("="))
        key = left.removeprefix(TRAIN).strip()
        try:
            constants.append((key, float(value)))
        except ValueError:
            raise DeriveError(f"{shorten(part)} is not a constant with its value, such as beta = 1.5") from None
        if left.startswith(TRAIN):
            trained.append(key)
    return Definition(expression, tuple(constants), tuple(trained))


def written(definition: Definition) -> str:
    """The definition in one line, as `read_definition` reads it."""
    parts = [f"{TRAIN * (key in definition.trained)}{key} = {value:g}" for key, value in definition.constants]
    return "; ".join([" ".join(definition.expression.split()), *parts])
