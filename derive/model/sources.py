"""Reading files that come from anyone: bounded, UTF-8, and with errors of one line that name the file."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from derive.model.errors import DeriveError, short_path, shorten
from derive.model.limits import LIMITS, Limit

STREAM = re.compile(r"/dev/stdin|(/dev|/proc/self)/fd/[0-9]+")
"""Where somebody has opened a pipe already, so that reading it does not wait for ever."""
PART = r"""(?:[\w-]++|"(?:[^"\\\n]++|\\.)*+"?+|'[^'\n]*+'?+)"""
NEXT = rf"(?:[ \t]*+\.[ \t]*+{PART})"
TOKENS = re.compile(
    rf'''#[^\n]*+|"""(?:[^"\\]++|\\[\s\S]|"(?!""))*+"*+|{"'" * 3}(?:[^']++|'(?!''))*+'*+'''
    rf"|(?P<long>{PART}{NEXT}{{{LIMITS['key'].most}}})|{PART}{NEXT}*+"
)
"""Comments, texts and keys. What is never closed is a token too, up to its end: so no place is looked at twice.

`long` is a key of more parts than any has; tomllib's memory grows with their square.
"""
TOO_LONG = 10 ** LIMITS["digits"].most


def check_regular(path: Path, *, streams: bool = True) -> None:
    """Raise DeriveError for what is no file with an end: a folder, a device, a pipe that nobody may write into.

    With `streams=False` also for a pipe that is open, which can be read only once.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if stat.S_ISDIR(mode):
        raise unreadable(path, "it is a folder; name a file in it")
    if not stat.S_ISREG(mode) and not (streams and STREAM.fullmatch(str(path))):
        raise unreadable(path, "it is a device or a pipe, and no file")


def unreadable(path: Path, why: str | OSError | ValueError) -> DeriveError:
    """The error about a file that cannot be read."""
    reason = why.strerror if isinstance(why, OSError) else why
    return DeriveError(f"{short_path(path)}: cannot be read: {reason}")


def read_text(path: Path, limit: Limit) -> str:
    """The text of the file at `path`, at most as long as the limit says."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit.most + 1)
        if len(data) > limit.most:
            raise DeriveError(f"{short_path(path)}: {limit.exceeded()}")
        return "\n".join(data.decode("utf-8").replace("\r\n", "\n").split("\r"))
    except OSError as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError:
        raise unreadable(path, "it is not UTF-8 text") from None


def plain(text: str, what: str, but: str = "\n\t") -> str:
    """`text` if every character of it can be shown; what steers a terminal or turns the direction is refused."""
    for character in text:
        if not character.isprintable() and character not in but:
            raise DeriveError(f"{what} has the character U+{ord(character):04X}, which cannot be shown")
    return text


def toml_table(text: str, where: str, limit: Limit = LIMITS["specification"]) -> dict[str, Any]:
    """The table that TOML `text` writes, at most as long as the limit says; `where` opens the error message."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limit.most:
        raise DeriveError(f"{where}: {limit.exceeded(size)}")
    for token in TOKENS.finditer(text):
        if token["long"]:
            raise DeriveError(f"{where}: not valid TOML: {shorten(token[0])}: {LIMITS['key'].exceeded()}")
    try:
        table = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise DeriveError(f"{where}: not valid TOML: {str(error)[:200]}") from None
    except ValueError:  # thousands of decimal digits, of which Python speaks in its own words
        raise DeriveError(f"{where}: not valid TOML: {LIMITS['digits'].exceeded()}") from None
    except RecursionError:
        raise DeriveError(f"{where}: not valid TOML: nested too deeply") from None
    values: list[Any] = [table]
    while values:
        value = values.pop()
        if isinstance(value, dict | list):
            values += value.values() if isinstance(value, dict) else value
        elif isinstance(value, int) and abs(value) >= TOO_LONG:  # of any base: Python would not write it in decimals
            raise DeriveError(f"{where}: {LIMITS['digits'].exceeded()}")
    return table
