"""Every limit on what is read from anyone, in one table: how much, of what, and how the message names it.

Input beyond a limit is refused in one line. The limits are far beyond what is of use, and low enough that what stays
below them is read within about two seconds.

    >>> LIMITS["answer"].exceeded(2000)
    '2000 characters in an answer; at most 1000'
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """At most so many of something."""

    most: int
    of: str
    """What is counted, in words."""

    def exceeded(self, found: object = "") -> str:
        """The message about `found` of them; without a number if counting was given up."""
        count = f"{found} {self.of}" if found != "" else f"too many {self.of}"
        return f"{count}; at most {self.most}"


HUGE = 10**1000
"""Of a value: what lies beyond costs time and holds no information."""
LIMITS: dict[str, Limit] = {
    # Files
    "specification": Limit(250_000, "bytes in a specification"),
    "text": Limit(250_000, "bytes in a list of formulas"),
    "derivation": Limit(200_000, "bytes in a derivation"),
    "module": Limit(4_000_000, "bytes in a module"),
    "certificate": Limit(5_000_000, "bytes in a certificate"),
    "answers": Limit(5_000_000, "bytes in a record of answers"),
    "archive": Limit(2**24, "bytes in an array of data"),
    # Lists
    "layers": Limit(256, "layers in a network"),
    "formulas": Limit(500, "formulas in a text"),
    "equations": Limit(200, "equations in a derivation"),
    "verdicts": Limit(20_000, "formulas in a certificate"),
    "constants": Limit(16, "constants of one function"),
    "exercises": Limit(50, "exercises on a sheet"),
    "lesson": Limit(40, "layers in a lesson"),
    "key": Limit(16, "parts of a key, joined by dots"),
    # Sizes
    "name": Limit(60, "characters in a name"),
    "width": Limit(10**7, "units in a layer"),
    "parameters": Limit(10**9, "parameters of a network"),
    "audited": Limit(10**8, "parameters of an audited module"),
    "samples": Limit(10**9, "samples of an example"),
    # Formulas
    "formula": Limit(4000, "characters in a formula"),
    "expression": Limit(1000, "characters in an expression"),
    "answer": Limit(1000, "characters in an answer"),
    "depth": Limit(60, "levels of nesting in a formula"),
    "digits": Limit(40, "digits in a number"),
    "exponent": Limit(64, "as the size of an exponent"),
    "nested": Limit(4, "functions within one another in an expression"),
    "functions": Limit(16, "functions in an expression"),
    "cases": Limit(2, "cases that depend on cases in an expression"),
    "steps": Limit(1_500_000, "steps of computation for a formula"),
    "file": Limit(20_000_000, "steps of computation for a file of formulas"),
    "limit": Limit(20_000_000, "steps of computation for a limit"),
    "work": Limit(8_000_000, "steps of computation for each layer"),
    # Modules under audit
    "lines": Limit(150_000, "lines and semicolons in a module"),
    "words": Limit(1_500_000, "words and signs in a module"),
    "run": Limit(3_000_000, "steps of computation"),
    "whole": Limit(1000, "bits in a whole number"),
    "weight": Limit(2000, "as the size of an expression"),
    "power": Limit(1000, "as an exponent in a module"),
    "levels": Limit(16, "functions within one another in a module"),
}
"""Name → the limit. Each has a test on both of its sides."""
