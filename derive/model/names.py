"""Names that end up in source code and file names: plain ASCII identifiers."""

from __future__ import annotations

import keyword
import re

from derive.model.errors import DeriveError, shorten
from derive.model.limits import LIMITS

MAX_NAME = LIMITS["name"].most


def identifier(value: object, what: str, where: str = "") -> str:
    """`value` if it is a plain ASCII identifier, otherwise a DeriveError that says what would be."""
    prefix = f"{where}: " if where else ""
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value)
        or keyword.iskeyword(value)
        or len(value) > MAX_NAME
    ):
        raise DeriveError(
            f"{prefix}the {what} name {shorten(value)} is not an identifier; use up to {MAX_NAME} letters, "
            "digits and underscores, a letter first, and no Python keyword"
        )
    return value
