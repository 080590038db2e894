"""`Certificate`: what was claimed, what was decided about it, how, and what the decision rests on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from derive import __version__

Outcome = Literal["proved", "refuted", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """The decision about one formula.

    `expected` is "refuted" for the printed form of a known erratum and "proved" for all else; a verdict
    *holds* if it came out as expected. Undecided never holds.
    """

    label: str
    """Where the formula stands in its text, or the quantity that it defines."""
    formula: str
    """The formula as a person writes it."""
    verdict: Outcome
    method: str = ""
    """How it was decided."""
    validity: str = ""
    """For which widths, depths and activations, and what is excluded."""
    expected: Outcome = "proved"
    counterexample: tuple[tuple[str, str], ...] = ()
    """Values in small integers at which the two sides differ, for a refuted formula."""
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the verdict is the expected one."""
        return self.verdict == self.expected and self.verdict != "undecided"


@dataclass(frozen=True)
class Certificate:
    """The verdicts about one subject, with what they trust and what they do not cover."""

    subject: str
    verdicts: tuple[Verdict, ...]
    trusts: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    digest: str = ""
    """Of the module that was audited, if one was."""

    @property
    def holds(self) -> bool:
        """Whether there is at least one verdict and every one came out as expected."""
        return bool(self.verdicts) and all(verdict.holds for verdict in self.verdicts)

    def count(self, outcome: Outcome) -> int:
        """How many verdicts came out as `outcome`."""
        return sum(verdict.verdict == outcome for verdict in self.verdicts)

    def lines(self) -> tuple[str, ...]:
        """What was decided, in lines for the header of a module."""
        slips = sum(v.expected == "refuted" and v.holds for v in self.verdicts)
        refuted = f"; {slips} printed slips refuted, as they have to be" if slips else ""
        broken = [v.label for v in self.verdicts if not v.holds]
        if broken:
            return (f"Certificate: {len(broken)} of {len(self.verdicts)} verdicts fall short: {', '.join(broken)}.",)
        return (
            f"Certificate: {self.count('proved')} formulas proved{refuted}. `derive verify` shows them,",
            "`derive audit` runs this file in exact arithmetic against its specification.",
        )

    def _repr_latex_(self) -> str:
        """The verdicts as a LaTeX array of two columns."""
        rows = r" \\ ".join(rf"\texttt{{{_escaped(v.formula)}}} & \text{{{v.verdict}}}" for v in self.verdicts)
        return rf"$\begin{{array}}{{ll}} {rows} \end{{array}}$"

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON types: `formulas` holds the verdicts."""
        return {
            "subject": self.subject,
            "holds": self.holds,
            "formulas": [
                {**asdict(v), "holds": v.holds, "counterexample": dict(v.counterexample)} for v in self.verdicts
            ],
            "trusts": list(self.trusts),
            "not_covered": list(self.not_covered),
            "digest": self.digest,
            "derive": __version__,
        }

    def to_json(self) -> str:
        """The certificate as JSON text, the same bytes for the same certificate."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _escaped(text: str) -> str:
    """`text` with what LaTeX reads as commands made harmless."""
    named = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(named.get(c, "\\" + c if c in "#$%&_{}" else c) for c in text)
