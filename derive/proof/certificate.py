"""`Certificate`: what was claimed, what was decided about it, how, and what the decision rests on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any, Literal

from derive.proof.seal import sealed
from derive.proof.versions import versions

Outcome = Literal["proved", "refuted", "undecided"]
Kind = Literal["", "text", "claims", "proof", "audit", "proof and audit"]

UNAUDITED = "the emitted source"
"""How a proof says that it does not cover the module."""

RANGE: dict[str, tuple[str, ...]] = {
    "all_widths": ("every width", "any widths"),
    "all_depths": ("every depth", "every network"),
    "all_samples": ("every number of samples", "any number of samples"),
    "all_activations": ("every activation", "any activation"),
    "at_a_kink": ("at the kink",),
}
"""Question about a verdict's range of validity → the words that answer it with yes."""


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

    def to_dict(self) -> dict[str, Any]:
        """The verdict as JSON types, with its range of validity in words and as answers."""
        return {
            **asdict(self),
            "holds": self.holds,
            "counterexample": dict(self.counterexample),
            "range": {question: any(w in self.validity for w in words) for question, words in RANGE.items()},
        }


@dataclass(frozen=True)
class Certificate:
    """The verdicts about one subject, with what they trust and what they do not cover."""

    subject: str
    verdicts: tuple[Verdict, ...]
    trusts: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = ()
    digest: str = ""
    """Of the module that was audited, if one was."""
    specification: str = ""
    """TOML text of the architecture that the verdicts are about, if they are about one."""
    kind: Kind = ""
    """Whether formulas were proved, a module was audited, or both."""

    @property
    def holds(self) -> bool:
        """Whether there is at least one verdict and every one came out as expected."""
        return bool(self.verdicts) and all(verdict.holds for verdict in self.verdicts)

    def count(self, outcome: Outcome) -> int:
        """How many verdicts came out as `outcome`."""
        return sum(verdict.verdict == outcome for verdict in self.verdicts)

    def with_audit(self, audit: Certificate) -> Certificate:
        """This proof together with the audit of the module that computes what it speaks about."""
        not_covered = (line for line in self.not_covered if not line.startswith(UNAUDITED))
        return replace(
            audit,
            subject=f"{audit.subject}; {self.subject}",
            verdicts=(*self.verdicts, *audit.verdicts),
            trusts=tuple(dict.fromkeys((*self.trusts, *audit.trusts))),
            not_covered=tuple(dict.fromkeys((*not_covered, *audit.not_covered))),
            kind="proof and audit",
        )

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

    def _repr_html_(self) -> str:
        """The verdicts as a table, for notebooks."""
        rows = "".join(
            f"<tr><td>{'✓' if v.holds else '✗'}</td><td>{escape(v.label)}</td><td><code>{escape(v.formula)}</code></td>"
            f"<td>{v.verdict}</td><td>{escape(v.validity)}</td></tr>"
            for v in self.verdicts
        )
        head = "<tr><th></th><th>where</th><th>formula</th><th>verdict</th><th>for</th></tr>"
        caption = f"{escape(self.subject)}: {'it holds' if self.holds else 'it does not hold'}"
        return f"<table><caption>{caption}</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"

    def to_dict(self) -> dict[str, Any]:
        """The certificate as JSON types: `formulas` holds the verdicts, `seal` is a digest of all the rest."""
        return sealed(
            {
                "subject": self.subject,
                "kind": self.kind,
                "holds": self.holds,
                "formulas": [v.to_dict() for v in self.verdicts],
                "trusts": list(self.trusts),
                "not_covered": list(self.not_covered),
                "specification": self.specification,
                "digest": self.digest,
                "versions": versions(),
            }
        )

    def to_json(self) -> str:
        """The certificate as JSON text, the same bytes for the same certificate."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _escaped(text: str) -> str:
    """`text` with what LaTeX reads as commands made harmless."""
    named = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(named.get(c, "\\" + c if c in "#$%&_{}" else c) for c in text)
