"""`prove`: a verdict for every formula of a text and every derived equation of a network.

    >>> from derive.algebra.gradient import differentiate
    >>> certificate = prove(differentiate(Architecture([3, 2], ["tanh"])))
    >>> certificate.holds, certificate.count("refuted"), certificate.count("undecided")
    (True, 2, 0)

The two refuted formulas are the printed slips of the source text.
"""

from __future__ import annotations

from pathlib import Path

from derive.algebra.gradient import Derivation
from derive.model.architecture import Architecture
from derive.model.specification import to_toml
from derive.proof.certificate import UNAUDITED, Certificate
from derive.proof.claims import Text, source_text
from derive.proof.instances import instances
from derive.proof.lemmas import batching, induction
from derive.proof.oracle import oracle
from derive.proof.sensitivities import sensitivities
from derive.proof.texts import find_text, text_verdicts

TRUSTS = (
    "SymPy's diff of a single equation (the derived equations are compared with the text's, which do not use it)",
    "the chain rule for a composition of layers",
    "the text's definitions of the quantities that its formulas relate",
)
NOT_COVERED = (
    "floating point: every equality is one of real numbers",
    f"{UNAUDITED} (the audit checks that)",
)


def prove(derivation: Derivation, text: str | Path | Text | None = None) -> Certificate:
    """The certificate of `derivation`: formulas of the text, batching and induction, equations, oracles.

    `text` is a TOML file of formulas or the name of a shipped one, and None is the source text. Raises DeriveError,
    with file, label and place, for a formula that cannot be read; one that is wrong is refuted with a counterexample.
    """
    source = source_text()
    chosen = source if text is None else text if isinstance(text, Text) else find_text(str(text))
    own_loss = derivation.architecture.loss
    verdicts = [
        *text_verdicts(chosen, derivation),
        *batching(own_loss),
        *induction(source, own_loss),
        *instances(derivation, source),
        oracle(derivation),
        *sensitivities(derivation),
    ]
    sizes = "-".join(map(str, derivation.architecture.sizes))
    subject = f"{chosen.title}; {sizes} ({derivation.architecture.loss})"
    return Certificate(
        subject,
        tuple(verdicts),
        (*TRUSTS, *_kinks(derivation.architecture)),
        NOT_COVERED,
        specification=to_toml(derivation.architecture),
        kind="proof",
    )


def _kinks(architecture: Architecture) -> tuple[str, ...]:
    """The convention for f' and f'' where an activation has a kink, in words."""
    found = {f.name: f.expression for f in architecture.activations if "where" in f.expression}
    return tuple(f"f' and f'' of {name} at its kink: those of the branch it falls into, {e}" for name, e in found.items())
