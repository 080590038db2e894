"""What the terminal sees while a command runs: one line for every error, and a bar while it waits."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from derive.model.errors import DeriveError, short_path, shown

SHORTFALL, UNUSABLE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 1, 2, 70, 130, 141
"""Exit statuses: a formula falls short, input that cannot be used, a fault of ours, Ctrl-C, nobody reads."""

LONGEST = 1000
"""Characters of a message."""
Progress = Callable[[str, float], None]
"""(what is being done, the fraction of it that is done)."""


class ShortfallError(Exception):
    """The input was fine, but what was to be shown about it does not hold: exit status 1."""


def guarded(command: Callable[[], int]) -> int:
    """Run `command` and return the exit status; whatever goes wrong becomes one line on stderr."""
    if sys.stderr is None:  # closed; the first file that is opened would get its number, and what is said
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if sys.stdout is None:
        return complain("standard output is closed; send it to a file, or to /dev/null", UNUSABLE)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # an ASCII terminal shows \u03b4 rather than failing
    try:
        status = command()
        sys.stdout.flush()
        return status
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        return complain(_with_usage(error), UNUSABLE)
    except DeriveError as error:
        return complain(str(error), UNUSABLE)
    except ShortfallError as error:
        return complain(str(error), SHORTFALL)
    except (KeyboardInterrupt, click.Abort):
        return complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _silence(1)
        return BROKEN_PIPE
    except OSError as error:
        name = f"{short_path(error.filename)}: " if error.filename else ""
        return complain(f"{name}{error.strerror or error}", UNUSABLE)
    except Exception as error:
        if os.environ.get("DERIVE_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        return complain(f"a fault in derive, not in your input: {what}; set DERIVE_DEBUG=1 for the traceback", INTERNAL)


def complain(message: str, status: int) -> int:
    """Write `derive: message` as one line of printable characters to stderr; returns `status`."""
    line = shown(message, 10 * len(message) + 10)  # an escape has ten characters at most
    if len(line) > LONGEST:  # the file is named in front, and the reason stands at the end
        line = f"{line[: LONGEST // 2]}...{line[-LONGEST // 2 :]}"
    try:
        click.echo(f"derive: {line}", err=True)
    except OSError:  # on a full disk there is only the status
        _silence(2)
    return status


def _silence(descriptor: int) -> None:
    """Send what is still to be written nowhere: the interpreter flushes at exit, and a failure changes the status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def echo_json(text: str) -> None:
    """Write JSON to stdout; what is not printable in its texts is escaped, which means the same."""
    safe = (c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text.removesuffix("\n"))
    click.echo("".join(safe))


def _with_usage(error: click.ClickException) -> str:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    return f"{message} See '{context.command_path} --help'." if context else message


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on stderr that vanishes when the work is done; nothing at all if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda what, fraction: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield lambda what, fraction: bar.update(task, description=what, completed=fraction)
