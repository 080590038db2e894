"""Errors for people: one line that says what is wrong, where, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DeriveError(ValueError):
    """An input that cannot be used. The message is one line, fit to be shown as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class FormulaError(DeriveError):
    """A formula that cannot be read. `column` is where, counted from 1; 0 if it has no place."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.column = column


def unknown(kind: str, name: object, known: Iterable[str], where: str = "", meant: str = "") -> DeriveError:
    """The error for a name that is not in a table: which names exist, and which is meant, or else nearest."""
    names = sorted(known)
    nearest = [meant] if meant else difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
    prefix = f"{where}: " if where else ""
    return DeriveError(f"{prefix}unknown {kind} {shorten(name)}{hint} Known: {', '.join(names)}.")


def shorten(text: object, limit: int = 60) -> str:
    """`repr` of `text`, cut to about `limit` characters so that a message stays one line."""
    try:
        shown = repr(text)
    except (ValueError, RecursionError):  # an integer with thousands of digits, a list within thousands of others
        return f"a very long {type(text).__name__}"
    return shown if len(shown) <= limit else shown[: limit - 3] + "..."


def shown(text: object, limit: int = 5000) -> str:
    """Foreign text as one line of printable characters, cut to `limit` of them: it cannot steer a terminal."""
    return printable(" ".join(str(text)[: 2 * limit].split()), limit)


def printable(line: str, limit: int) -> str:
    """A line with its spaces, and whatever a terminal would obey written out, cut to `limit` characters."""
    line = line[: limit + 1]
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return escaped if len(escaped) <= limit else escaped[: limit - 3] + "..."


def short_path(path: object, limit: int = 200) -> str:
    """A path for a message: its beginning and its end if it is a long one."""
    text = str(path)
    return text if len(text) <= limit else f"{text[: limit // 2 - 3]}...{text[-limit // 2 :]}"
