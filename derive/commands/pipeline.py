"""The whole path for one network: differentiate, prove, emit, and audit the very text that was emitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from derive.commands.console import Progress, ShortfallError

if TYPE_CHECKING:
    from derive.model.architecture import Architecture
    from derive.proof.certificate import Certificate


@dataclass(frozen=True)
class Module:
    """A module's source text, with the certificates of its formulas and of the text itself."""

    source: str
    proof: Certificate
    audit: Certificate


def proved_and_audited(architecture: Architecture, style: str, report: Progress) -> Module:
    """The module of `architecture`. Raises ShortfallError if its proof or its audit does not hold."""
    report("deriving the gradients", 0.0)
    from derive.algebra.gradient import differentiate
    from derive.codegen.audit import audit
    from derive.codegen.emit import emit
    from derive.proof.prove import prove

    derivation = differentiate(architecture)
    report("proving the formulas", 0.1)
    proof = _insist(prove(derivation), "the proof")
    report("writing the module", 0.3)
    source = emit(derivation, style=style, certificate=proof)
    audited = audit(source, architecture, progress=lambda what, done: report(what, 0.4 + 0.6 * done))
    return Module(source, proof, _insist(audited, "the audit"))


def unchecked(architecture: Architecture, style: str, report: Progress) -> str:
    """The source text of the module alone, neither proved nor audited, and its header says so."""
    report("deriving the gradients", 0.0)
    from derive.algebra.gradient import differentiate
    from derive.codegen.emit import emit

    derivation = differentiate(architecture)
    report("writing the module", 0.5)
    return emit(derivation, style=style)


def _insist(certificate: Certificate, what: str) -> Certificate:
    if not certificate.holds:
        short = next((verdict for verdict in certificate.verdicts if not verdict.holds), None)
        detail = f"{short.label}: {short.formula} is {short.verdict}" if short else "there are no verdicts"
        raise ShortfallError(f"{what} does not hold, so nothing was written: {detail}")
    return certificate
