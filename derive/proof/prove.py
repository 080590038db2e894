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
from derive.model.penalty import Penalty
from derive.model.specification import to_toml
from derive.proof.certificate import UNAUDITED, Certificate, Verdict
from derive.proof.formulas.claims import Text, source_text
from derive.proof.theorems.duality import duality
from derive.proof.theorems.instances import instances
from derive.proof.theorems.lemmas import batching, induction
from derive.proof.theorems.oracle import is_polynomial, oracle
from derive.proof.theorems.pieces import every_pattern, in_pieces
from derive.proof.theorems.sensitivities import along_directions, sensitivities
from derive.proof.theorems.texts import find_text, text_verdicts

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
    polynomial = is_polynomial(derivation.forward)
    verdicts = [
        *text_verdicts(chosen, derivation),
        *(_chain(derivation, source) if _is_the_texts(derivation.architecture) else duality(derivation)),
        oracle(derivation) if polynomial else along_directions(derivation),
        *([every_pattern(derivation)] if in_pieces(derivation.architecture) and polynomial else []),
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


def _is_the_texts(architecture: Architecture) -> bool:
    """Whether the network is a perceptron as the text has it, and its loss a plain mean."""
    return architecture.plain and architecture.penalty == Penalty() and not architecture.sample_weights


def _chain(derivation: Derivation, source: Text) -> list[Verdict]:
    """For the text's perceptron: the lemmas about every layer of every depth, and their instances."""
    loss = derivation.architecture.loss
    return [*batching(loss), *induction(source, loss), *instances(derivation, source)]


def _kinks(architecture: Architecture) -> tuple[str, ...]:
    """The convention for f' and f'' where an activation has a kink, in words."""
    found = {f.name: f.expression for f in architecture.activations if "where" in f.expression}
    told = "f' and f'' of {} at its kink: those of the branch it falls into, {}"
    return tuple(told.format(name, expression) for name, expression in found.items())
