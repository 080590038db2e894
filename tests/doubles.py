"""Certificates to stand in for those of the rooms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from derive.proof.certificate import Certificate, Verdict

GOOD = Certificate("a text", (Verdict("place", "a = b", "proved", "a method", "every width"),))
BAD = Certificate("a text", (Verdict("place", "a = c", "refuted", counterexample=(("a", "1"), ("c", "2"))),))


def holding(**changes: Any) -> Certificate:
    """A certificate with one verdict, changed as told."""
    return replace(GOOD, verdicts=(replace(GOOD.verdicts[0], **changes),))
