"""Certificates to stand in for those of the rooms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from derive.model.errors import DeriveError
from derive.proof.certificate import Certificate, Verdict

GOOD = Certificate("a text", (Verdict("place", "a = b", "proved", "a method", "every width"),))
BAD = Certificate("a text", (Verdict("place", "a = c", "refuted", counterexample=(("a", "1"), ("c", "2"))),))


def holding(**changes: Any) -> Certificate:
    """A certificate with one verdict, changed as told."""
    return replace(GOOD, verdicts=(replace(GOOD.verdicts[0], **changes),))


def refusal(function: Callable[..., Any], *arguments: Any) -> str:
    """The message with which `function` refuses its arguments; empty if it takes them."""
    try:
        function(*arguments)
    except DeriveError as error:
        return str(error)
    return ""
