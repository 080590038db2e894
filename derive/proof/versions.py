"""What a certificate was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from derive import __version__


def versions() -> dict[str, str]:
    """The versions of derive, of what it computes with, and of Python."""
    return {
        "derive": __version__,
        "sympy": _installed("sympy"),
        "numpy": _installed("numpy"),
        "python": platform.python_version(),
    }


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
