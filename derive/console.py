"""What the terminal sees: one line for every error, a bar while it waits, tables of verdicts."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from derive.model.errors import DeriveError

if TYPE_CHECKING:
    from derive.proof.certificate import Certificate, Verdict

SHORTFALL, UNUSABLE, INTERNAL, INTERRUPTED, BROKEN_PIPE = 1, 2, 70, 130, 141
"""Exit statuses: a formula falls short, input that cannot be used, a fault of ours, Ctrl-C, nobody reads."""

Progress = Callable[[str, float], None]
"""(what is being done, the fraction of it that is done)."""


class Shortfall(Exception):
    """The input was fine, but what was to be shown about it does not hold: exit status 1."""


def guarded(command: Callable[[], int]) -> int:
    """Run `command` and return the exit status; whatever goes wrong becomes one line on stderr."""
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
    except Shortfall as error:
        return complain(str(error), SHORTFALL)
    except (KeyboardInterrupt, click.Abort):
        return complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that the interpreter can flush at exit
        return BROKEN_PIPE
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return complain(f"{name}{error.strerror or error}", UNUSABLE)
    except Exception as error:
        if os.environ.get("DERIVE_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        return complain(
            f"a fault in derive, not in your input: {what}; set DERIVE_DEBUG=1 for the traceback", INTERNAL
        )


def complain(message: str, status: int) -> int:
    """Write `derive: message` as one line of printable characters to stderr; returns `status`."""
    line = " ".join(message.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in line)
    click.echo(f"derive: {shown}", err=True)
    return status


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


def print_certificate(certificate: Certificate) -> None:
    """The table of verdicts, what they rest on, and one line that sums up."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    piped = None if sys.stdout.isatty() else io.StringIO()
    console = Console(file=piped, width=_width() if piped else None, highlight=False)
    table = Table(title=Text(certificate.subject, "bold"), title_justify="left", box=None, pad_edge=False)
    for heading, ratio in (("", 0), ("where", 3), ("formula", 5), ("verdict", 2), ("valid for, and how it was shown", 6)):
        table.add_column(heading, header_style="dim", overflow="fold", ratio=ratio or None)
    for verdict in certificate.verdicts:
        mark, style, words = _outcome(verdict)
        table.add_row(
            Text(mark, style), Text(verdict.label), Text(verdict.formula), Text(words, style), _reasons(verdict)
        )
    console.print(table)
    for heading, lines in (("trusts", certificate.trusts), ("not covered", certificate.not_covered)):
        if lines:
            console.print(Padding(Text(f"{heading}: {'; '.join(lines)}", "dim"), (1, 0, 0, 0)))
    console.print()
    console.print(_summary(certificate))
    if piped:
        click.echo("\n".join(line.rstrip() for line in piped.getvalue().splitlines()))


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and 20 <= int(columns) <= 1000 else 140


def _outcome(verdict: Verdict) -> tuple[str, str, str]:
    """Mark, colour and words of a verdict. A slip that was found is good news and looks like it."""
    if verdict.verdict == "undecided":
        return "?", "yellow", "undecided"
    if not verdict.holds:
        return "✗", "bold red", verdict.verdict
    if verdict.verdict == "refuted":
        return "✓", "cyan", "refuted, as it should be"
    return "✓", "green", verdict.verdict


def _reasons(verdict: Verdict) -> object:
    from rich.text import Text

    parts = [part for part in (verdict.validity, verdict.method) if part]
    lines = Text("; ".join(parts))
    if verdict.counterexample:
        values = ", ".join(f"{name} = {value}" for name, value in verdict.counterexample)
        lines.append(f"\ndiffers at {values}" if parts else f"differs at {values}", "cyan" if verdict.holds else "red")
    if verdict.note:
        lines.append(f"\n{verdict.note}" if str(lines) else verdict.note, "dim")
    return lines


def _summary(certificate: Certificate) -> object:
    from rich.text import Text

    verdicts = certificate.verdicts
    slips = sum(v.holds and v.verdict == "refuted" for v in verdicts)
    short = sum(not v.holds for v in verdicts)
    proved = sum(v.holds and v.verdict == "proved" for v in verdicts)
    parts = [f"{proved} proved"]
    if slips:
        parts.append(f"{slips} known slip{'s' * (slips > 1)} refuted, as it should be")
    if short:
        parts.append(f"{short} fall{'s' * (short == 1)} short")
    count = f"{len(verdicts)} formula{'s' * (len(verdicts) != 1)}"
    end = "The certificate holds." if certificate.holds else "The certificate does not hold."
    return Text(f"{count}: {', '.join(parts)}. {end}", "bold green" if certificate.holds else "bold red")
