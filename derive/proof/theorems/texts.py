"""The verdicts about a text: each formula is read under the conventions that its file states."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from derive.algebra.gradient import Derivation
from derive.model.budget import budget
from derive.model.errors import DeriveError
from derive.model.loss import Loss
from derive.model.tables import LOSSES
from derive.proof.certificate import Certificate, Verdict
from derive.proof.formulas.claims import Claim, Text, from_toml, read_text
from derive.proof.formulas.conventions import CHOICES, usual
from derive.proof.formulas.matrices import LayerError
from derive.proof.theorems.alternatives import convention_that_fits, in_grammar, stated
from derive.proof.theorems.decide import decide

LOSS = next(iter(LOSSES))
"""What a text speaks about if neither it nor a network says."""
TRUSTS = (
    "SymPy's diff of a single equation",
    "the chain rule for a composition of layers",
    "the file's transcription of the text, and the conventions that it states",
)
NOT_COVERED = ("floating point: every equality is one of real numbers",)


def shipped() -> tuple[str, ...]:
    """The names of the texts that come with derive."""
    found = (path.name for path in (files("derive") / "texts").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def find_text(name: str) -> Text:
    """The text in the file `name`, or the shipped one of that name."""
    path = Path(name)
    if name in shipped() and not path.exists():
        return from_toml((files("derive") / "texts" / f"{name}.toml").read_text(encoding="utf-8"), name)
    if not path.exists() and path.suffix != ".toml":
        raise DeriveError(f"--text: there is no file {name}, and no text of that name: {', '.join(shipped())}")
    return read_text(path)


def text_certificate(text: Text) -> Certificate:
    """The verdicts about `text` alone, for every network."""
    trusts = (*TRUSTS, *(f"convention: {words}" for words in _conventions(text)))
    return Certificate(text.title, text_verdicts(text), trusts, NOT_COVERED, kind="text")


def text_verdicts(text: Text, derivation: Derivation | None = None) -> tuple[Verdict, ...]:
    """The verdicts about the formulas of `text`, in its order; numbered layers are those of `derivation`."""
    loss = text.loss or (derivation.architecture.loss if derivation else LOSS)
    try:
        with budget("the formulas", "file"):
            return tuple(verdict for claim in text.claims for verdict in claim_verdicts(claim, loss, derivation))
    except DeriveError as error:
        raise DeriveError(f"{text.where}: {error}" if text.where else str(error)) from None


def claim_verdicts(claim: Claim, loss: str | Loss, given: Derivation | None = None) -> tuple[Verdict, ...]:
    """The verdicts about a claim (two for an erratum), each with the formula as the text writes it.

    The note of a formula that is wrong, but would be right under another convention, names that convention.
    Raises DeriveError, with the label, for what cannot be read under any.
    """
    read_as = claim
    try:
        read_as = in_grammar(claim, stated(claim))
        found = decide(read_as, loss, given)
    except DeriveError as error:
        message = str(error).removeprefix(f"{claim.label}: ")
        # A layer that does not exist as the layers are counted may exist if they are counted otherwise.
        note = convention_that_fits(claim, loss, given) if isinstance(error, LayerError) else ""
        if not note:
            reading = _reading(claim.formula, read_as.formula)
            placed = f"; {claim.formula} was {reading}" if reading else ""
            raise DeriveError(f"{claim.label}: {message}{placed}") from None
        return (Verdict(claim.label, claim.formula, "refuted", "layers", "", "proved", (("layers", message),), note),)
    verdicts = []
    for verdict, own, read in zip(
        found, (claim.formula, claim.corrected), (read_as.formula, read_as.corrected), strict=False
    ):
        note = verdict.note
        if verdict.verdict == "refuted" and verdict.expected == "proved":
            meant = replace(claim, formula=own, corrected="")
            note = "; ".join(filter(None, (note, convention_that_fits(meant, loss, given))))
        note = "; ".join(filter(None, (note, _reading(own, read))))
        higher = "; the text counts its layers one higher" if stated(claim).input_layer and verdict.validity else ""
        verdicts.append(replace(verdict, formula=own, validity=verdict.validity + higher, note=note))
    return tuple(verdicts)


def _reading(own: str, read: str) -> str:
    return f"read as {read}" if "".join(own.split()) != "".join(read.split()) else ""


def _conventions(text: Text) -> tuple[str, ...]:
    """What the text states beyond the grammar's own, in words; what only some formulas state, with their labels."""
    said: dict[str, list[str]] = {}
    for claim in text.claims:
        conventions, plain = stated(claim), usual(claim.layout)
        changed = tuple(key for key in CHOICES if getattr(conventions, key) != getattr(plain, key))
        said.setdefault(conventions.words(changed), []).append(claim.label)
    usually = max(said, key=lambda words: len(said[words]))
    return tuple(
        words if words == usually else f"{words} (in: {', '.join(labels)})" for words, labels in said.items() if words
    )
