"""`prove_claims`: a verdict for everything that the source text claims in words and that a statement can be made of.

    >>> certificate = prove_claims()
    >>> certificate.holds, certificate.count("undecided")
    (True, 0)

A claim that does not hold as printed is refuted and its correction proved; of every proved statement each condition is
dropped in turn, and a counterexample shows that it is needed. What depends on the activation is decided from its
expression, what depends on the optimiser from its update equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from derive.model.activation import Activation, activation
from derive.model.architecture import Architecture, Update
from derive.model.errors import DeriveError
from derive.model.specification import to_toml
from derive.model.tables import ACTIVATIONS
from derive.proof.certificate import Certificate, Outcome, Verdict
from derive.proof.theorems.texts import LOSS
from derive.proof.words.experiment import Found, experiments
from derive.proof.words.facts import fact, zero_weights
from derive.proof.words.far import far_out, vanishes
from derive.proof.words.implied import follows
from derive.proof.words.settings import EVERY, SETTINGS, read_generally
from derive.proof.words.updates import judge, optimizers
from derive.proof.words.words import Claim, Words, source_words

TRUSTS = (
    "SymPy's diff of a single equation, and its limits",
    "the chain rule for a composition of layers; induction over layers and over steps",
    "the reading of the words as the statements that are shown",
)
NOT_COVERED = (
    "floating point: every equality is one of real numbers",
    "layers that are not the text's (softmax, normalisation, residual connections, dropout), and penalties",
    "constants of an activation that are trained: f is what it is at the step",
)
EXACT = "a network in exact numbers that meets every condition"
OPTIMISERS = "the optimisers"
CHECKS = 12
"""Networks that an induction is tried on."""

Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Judged(Verdict):
    """A verdict about a claim in words."""

    place: str = ""
    """Where the words stand in the text."""
    words: str = ""
    """As printed."""
    conditions: tuple[str, ...] = ()
    """Under which the formula was decided."""


@dataclass(frozen=True)
class Bench:
    """What is at hand to decide claims with: activations and optimisers, and what was decided before."""

    activations: tuple[Activation, ...]
    updates: tuple[Update, ...]
    decided: dict[str, Judged] = field(default_factory=dict)


def prove_claims(
    architecture: Architecture | None = None, words: Words | None = None, *, report: Report = lambda what, done: None
) -> Certificate:
    """The verdicts about the claims: with the activations and the optimiser of `architecture`, or all of the tables.

    Theorems are about every network; counterexamples are small ones. `report` is told what is being decided, and how
    much is done. Raises DeriveError for claims that cannot be read.
    """
    text = words or source_words()
    table = [activation(name) for name in ACTIVATIONS]
    own = [f for f in dict.fromkeys(architecture.activations) if f.elementwise] if architecture else []
    fixed = tuple(f for f in dict.fromkeys([*table, *own]) if not f.trained)
    bench = Bench(fixed, optimizers(architecture.optimizer if architecture else None))
    verdicts: list[Verdict] = []
    for position, claim in enumerate(text.claims):
        report(claim.label, position / len(text.claims))
        try:
            verdicts += verdicts_about(claim, bench)
        except DeriveError as error:
            raise DeriveError(f"{claim.label}: {error}") from None
    beyond = _beyond(architecture)
    verdicts += [zero_weights(architecture)] if architecture and not beyond else []
    verdicts += [fact(function) for function in (own if architecture else table)]
    left = tuple(f'not formalised: "{printed}": {reason}' for printed, reason in text.left)
    return Certificate(
        text.title,
        tuple(verdicts),
        TRUSTS,
        (*NOT_COVERED, *beyond, *left),
        specification=to_toml(architecture) if architecture else "",
        kind="claims",
    )


def _beyond(architecture: Architecture | None) -> tuple[str, ...]:
    """What a network has that the theorems do not speak of."""
    if architecture is None:
        return ()
    rows = zip(architecture.layers, architecture.activations, strict=True)
    other = [str(label) for label, (options, f) in enumerate(rows, 1) if not options.plain or not f.elementwise]
    return (
        *([f"this network's layers {', '.join(other)}, which are not the text's"] if other else []),
        *(
            ["this network's penalty, whose gradient is that of no unit"]
            if architecture.penalty.l1 or architecture.penalty.l2
            else []
        ),
    )


def verdicts_about(claim: Claim, bench: Bench) -> list[Judged]:
    """The verdicts about a claim: as printed, corrected, and without each of the conditions of what was proved."""
    printed = decide(claim, bench)
    if claim.corrected is None:
        found, right = [printed], claim
    else:
        corrected = decide(claim.corrected, bench)
        known = f"it does not hold like this; what holds: {claim.corrected.statement}"
        note = "; ".join(filter(None, (known, printed.note)))
        found, right = [replace(printed, expected="refuted", note=note), corrected], claim.corrected
    bench.decided.update({verdict.label: verdict for verdict in found})
    if right.setting in SETTINGS and found[-1].verdict == "proved":
        for condition in right.statement.given:
            weaker = replace(
                right, label=f"{right.label}, without {condition}", statement=right.statement.without(condition)
            )
            verdict = decide(replace(weaker, place="", words=""), bench)
            needed = f"the condition {condition} is needed" if verdict.verdict == "refuted" else verdict.note
            found.append(replace(verdict, expected="refuted", note=needed))
    return found


def decide(claim: Claim, bench: Bench) -> Judged:
    """The verdict about one statement, expected to be proved."""
    verdict = DECIDE[claim.setting](claim, bench)
    return replace(verdict, place=claim.place, words=claim.words, conditions=claim.statement.given)


def _judged(claim: Claim, outcome: Outcome, method: str, validity: str = "", **rest: object) -> Judged:
    verdict = Judged(claim.label, str(claim.statement), outcome, method, validity)
    return replace(verdict, **rest)  # type: ignore[arg-type]


def _in_setting(claim: Claim, bench: Bench) -> Judged:
    """Proved by canonical form for all sizes, or refuted by a small network."""
    setting = SETTINGS[claim.setting]
    program = setting.program()
    reading = read_generally(claim.statement, program)
    if all(follows(equation, reading.given, program) for equation in reading.then):
        return _judged(
            claim, "proved", "canonical form against the reverse sweep, with what is given put in", setting.validity
        )
    return _experiment(claim, bench, setting.labels)


def _experiment(claim: Claim, bench: Bench, labels: Mapping[str, int]) -> Judged:
    if found := next(filter(None, _experiments(claim, bench, labels)), None):
        return _judged(claim, "refuted", f"counterexample: {EXACT}", counterexample=found.pairs)
    return _judged(
        claim, "undecided", "canonical form, small networks in exact numbers", note="no proof, no counterexample"
    )


def _experiments(claim: Claim, bench: Bench, labels: Mapping[str, int]) -> Iterator[Found | None]:
    functions = (*((claim.activation,) if claim.activation else ()), *bench.activations)
    return experiments(claim.statement, labels, functions, LOSS, claim.steps)


def _training(claim: Claim, bench: Bench) -> Judged:
    """What training does can only be refuted here; `induction` proves."""
    return _experiment(claim, bench, {"L": claim.depth})


def _update(claim: Claim, bench: Bench) -> Judged:
    judgements = [judge(claim.statement, update) for update in bench.updates]
    by: dict[str, list[str]] = {"proved": [], "refuted": [], "undecided": []}
    for judgement in judgements:
        by[judgement.outcome].append(judgement.optimizer)
    said = "; ".join(f"{outcome} for {', '.join(names)}" for outcome, names in by.items() if names)
    if by["refuted"]:
        first = next(j for j in judgements if j.outcome == "refuted")
        return _judged(
            claim, "refuted", "the update equations at small numbers", counterexample=first.counterexample, note=said
        )
    if by["undecided"]:
        return _judged(claim, "undecided", "the update equations", note=said)
    validity = f"{OPTIMISERS} {', '.join(dict.fromkeys(by['proved']))}; every learning rate"
    return _judged(claim, "proved", "the update equations, which treat every parameter alone", validity)


def _induction(claim: Claim, bench: Bench) -> Judged:
    """Proved if all that it rests on is, unless training in exact numbers shows otherwise."""
    method = f"{claim.because}; rests on: {', '.join(claim.rests)}"
    tried = 0
    for check in claim.checks:
        found = list(islice(_experiments(check, bench, {"L": check.depth}), CHECKS))
        if against := next(filter(None, found), None):
            return _judged(claim, "refuted", f"counterexample: {EXACT}", counterexample=against.pairs)
        if not found:
            return _judged(claim, "undecided", method, note=f"no network meets {', '.join(check.statement.given)}")
        tried += len(found)
    found_before = [bench.decided[label] for label in claim.rests]
    if failing := [verdict.label for verdict in found_before if verdict.verdict != "proved"]:
        return _judged(claim, "undecided", method, note=f"not proved: {', '.join(failing)}")
    shown = f"; {tried} networks in exact numbers agree" if tried else ""
    # What the steps do depends on the optimiser: it is as good as the statement about one step.
    optimised = dict.fromkeys(v.validity for v in found_before if v.validity.startswith(OPTIMISERS))
    return _judged(claim, "proved", method + shown, "; ".join(("every depth", EVERY, *optimised)))


def _far(claim: Claim, bench: Bench) -> Judged:
    functions: Sequence[Activation] = (claim.activation,) if claim.activation else bench.activations
    found = far_out(claim.loss, functions)
    names = ", ".join(dict.fromkeys(each.activation.name for each in found))
    claim = replace(claim, statement=replace(claim.statement, given=(f"c[s] = {claim.loss}",)))
    method = "limit of delta[L] from the expressions of f and c"
    known = [vanishes(each) for each in found]
    if False in known:
        return _judged(claim, "refuted", method, counterexample=found[known.index(False)].pairs)
    if not found or None in known:
        return _judged(claim, "undecided", method, note=f"a limit was not found: {names}")
    return _judged(claim, "proved", method, f"the activations {names}, where f' tends to 0; targets 0 and 1")


DECIDE: dict[str, Callable[[Claim, Bench], Judged]] = {
    **dict.fromkeys(SETTINGS, _in_setting),
    "training": _training,
    "update": _update,
    "induction": _induction,
    "far": _far,
}
"""Setting of a claim → how it is decided."""
