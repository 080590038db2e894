"""Texts of any origin, such as names and what somebody's code raises or prints, as people are shown them."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMES = 8
"""Names that a message lists."""


def one_line(text: str, most: int = 300) -> str:
    """At most so many characters of a text of any origin, on one line."""
    return printable(" ".join(text[: 2 * most].split()), most)


def printable(text: str, most: int) -> str:
    """At most so many characters of a text of any origin, without what a terminal would obey."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def listed(names: Sequence[str]) -> str:
    """The first of the names, and how many there are if these are not all."""
    shown = ", ".join(printable(name, 60) for name in names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown}, … ({len(names)} in all)"
