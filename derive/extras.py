"""What only an extra of derive's brings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from derive.model.errors import DeriveError


def required(name: str, extra: str) -> Any:
    """The module `name`, imported. Raises DeriveError, which says what brings it, if it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise DeriveError(f"{error.name or name} is not installed; pip install 'derive[{extra}]' brings it") from None
