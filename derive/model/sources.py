"""Reading files that come from anyone: bounded, UTF-8, and with errors of one line that name the file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from derive.model.errors import DeriveError

MAX_BYTES = 1_000_000


def read_text(path: Path, what: str, most: int = MAX_BYTES) -> str:
    """The text of the file at `path`; `what` names the kind of file in messages."""
    try:
        if path.stat().st_size > most:
            raise DeriveError(f"{path}: larger than {most} bytes, which no {what} needs")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeriveError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeriveError(f"{path}: cannot be read: it is not UTF-8 text") from None


def toml_table(text: str, where: str) -> dict[str, Any]:
    """The table that TOML `text` writes; `where` opens the error message."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # a TOMLDecodeError, or a number with thousands of digits
        raise DeriveError(f"{where}: not valid TOML: {error}") from None
    except RecursionError:
        raise DeriveError(f"{where}: not valid TOML: nested too deeply") from None
