"""What the audit of somebody's code finds out, as it comes back from the process that the code was run in."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeAlias, get_args

from derive.model.errors import DeriveError, shown
from derive.proof.certificate import Outcome, Verdict
from derive.teach.code.apart import EndedError, apart
from derive.teach.code.observed import Source, described, where
from derive.teach.code.timed import TooLongError

Findings: TypeAlias = tuple[str, tuple[Verdict, ...]]
"""How the function was run, and the verdicts."""
FIELDS = ("label", "formula", "verdict", "method", "validity", "note")
"""Of a verdict, as they come back."""
MOST_TEXT = 2000
"""Characters of one of them."""
FAULT = "this changes what derive runs on, such as NumPy, or derive has a fault; DERIVE_DEBUG=1 shows where"


def answered(find: Callable[[], Findings], source: Source) -> Findings:
    """What `find` gives back from a process of its own; one undecided verdict if the code keeps it from that.

    Raises the DeriveError that it raises.
    """
    try:
        answer = apart(lambda: _answer(find, source), source.clock)
        if "refused" in answer:
            raise DeriveError(_text(answer["refused"]))
        verdicts = tuple(_verdict(each) for each in answer["verdicts"])
        return _text(answer["how"]), verdicts
    except EndedError as error:
        note = str(error)
    except (TypeError, KeyError, AttributeError):  # the code may have written to the pipe, too
        note = "it sends another answer than derive does"
    return "", (_undecided(source, note),)


def does_not_run(source: Source, note: str, validity: str = "") -> Verdict:
    """The verdict about a function that gives no gradients back."""
    return Verdict(source.function, "computes the gradients", "refuted", "run in floats", validity, note=note)


def _answer(find: Callable[[], Findings], source: Source) -> dict[str, Any]:
    """The findings as JSON types, whatever happens."""
    try:
        how, verdicts = find()
    except DeriveError as error:
        return {"refused": str(error)}
    except TooLongError as error:
        how, verdicts = "", (_undecided(source, f"{error}{where(error, source)}"),)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not source.clock.apart:
            raise
        if os.environ.get("DERIVE_DEBUG"):
            traceback.print_exc()
        how, verdicts = "", (_undecided(source, f"after it was run derive met {described(error, source)}: {FAULT}"),)
    return {"how": how, "verdicts": [{name: asdict(each)[name] for name in FIELDS} for each in verdicts]}


def _undecided(source: Source, note: str) -> Verdict:
    return replace(does_not_run(source, note), verdict="undecided")


def _verdict(sent: Any) -> Verdict:
    """A verdict that was sent. Raises TypeError or KeyError if it is none."""
    fields = {name: _text(sent[name]) for name in FIELDS}
    if fields["verdict"] not in get_args(Outcome):
        raise KeyError(fields["verdict"])
    return Verdict(**fields)  # type: ignore[arg-type]


def _text(sent: Any) -> str:
    if not isinstance(sent, str):
        raise TypeError(sent)
    return shown(sent, MOST_TEXT)
