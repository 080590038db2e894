"""Everything that the proof room says about a table of questions, word for word, to be compared with what it said.

    python -m tests.proof.goldens      writes tests/proof/golden/*.json again; read the difference before you commit it

A section is a table of questions and a function that answers one in lines of text. What is right about the answers is
tested elsewhere; here nothing that a person reads, and no number drawn, changes unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from derive import Architecture, differentiate, grade
from derive.algebra.gradient import Derivation
from derive.algebra.notation import L, l
from derive.model.activation import Activation, activation
from derive.model.errors import DeriveError
from derive.proof.certificate import Verdict
from derive.proof.examples.blindspots import Setting as Example
from derive.proof.examples.blindspots import blindspots, findings_of
from derive.proof.examples.example import Example as ExactExample
from derive.proof.formulas.claims import Claim, from_toml
from derive.proof.formulas.grammar import FormulaReader
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.formulas.sides import read_sides
from derive.proof.formulas.spelling import spelled
from derive.proof.grading.answers import ask, read_line
from derive.proof.grading.recognise import bench
from derive.proof.grading.terms import show
from derive.proof.grading.truth import NoMatrixFormError, matrix_form
from derive.proof.numbers.network_data import draw
from derive.proof.numbers.small import small
from derive.proof.prove import prove
from derive.proof.theorems.decide import decide
from derive.proof.theorems.duality import duality
from derive.proof.theorems.oracle import is_polynomial, oracle
from derive.proof.theorems.sensitivities import along_directions, sensitivities
from derive.proof.theorems.texts import text_verdicts
from derive.proof.words.facts import fact
from derive.proof.words.settings import SETTINGS
from derive.proof.words.statements import Statement, condition, equalities
from derive.proof.words.theorems import Bench, Judged, verdicts_about
from derive.proof.words.updates import judge, optimizers
from derive.proof.words.words import source_words
from tests.proof import forms, inner, questions

FOLDER = Path(__file__).with_name("golden")
SWISH = Activation("swish", "z / (1 + exp(-beta*z))", (("beta", 1.5),))
NETWORKS = {
    "tanh": Architecture((4, 3, 2), ("tanh", "sigmoid")),
    "square": Architecture((3, 3, 3), ("tanh", "identity")),
    "deep": Architecture((3, 4, 5, 2), ("tanh", "sigmoid", "tanh")),
    "relu": Architecture((2, 3, 1), ("relu", "softplus")),
    "swish": Architecture((3, 2, 2), (SWISH, "tanh")),
    "one": Architecture((3, 2), ("sigmoid",)),
    "five": Architecture((2, 2, 3, 2, 2, 1), ("tanh", "tanh", "sigmoid", "relu", "identity")),
    **questions.RICH,
}


@cache
def derivation(name: str) -> Derivation:
    return differentiate(NETWORKS[name])


def refusal(error: DeriveError) -> list[str]:
    column = getattr(error, "column", None)
    return [f"{type(error).__name__}: {error}"] + ([f"column {column}"] if column is not None else [])


def verdict(formula: str, ranges: str, layout: Any, network: str) -> list[str]:
    """A formula decided in a network, or in any ("")."""
    given = derivation(network) if network else None
    (found,) = decide(Claim("asked", formula, layout, ranges), "least_squares", given)
    pairs = [f"{name} = {value}" for name, value in found.counterexample]
    return [found.verdict, found.method, found.validity, found.note, *pairs]


def reading(text: str, layout: Any, ranges: str) -> list[str]:
    """One side of a formula."""
    scope = read_ranges(ranges, layout) if ranges else Scope(layout, least=3)
    reader = FormulaReader(scope)
    value = reader.read(text)
    mentions = sorted(f"{base} {label}" for base, label in reader.mentions)
    kept = [*map(str, reader.inverses.items()), *map(str, reader.ranges.items())]
    return [value.shown, str(value.expr), str(value.input_of), ", ".join(mentions), *kept]


def both(formula: str, layout: Any, ranges: str) -> list[str]:
    """Both sides of a formula."""
    sides = read_sides(formula, read_ranges(ranges, layout))
    return [str(sides.left), str(sides.right), str(sides.names), str(sides.free), str(sides.counts)]


def graded(quantity: str, formula: str, network: str, layout: str, *given: str) -> list[str]:
    """What a learner is told."""
    found = grade(quantity, formula, NETWORKS[network], layout, given)
    numbers = json.dumps(found.counterexample, ensure_ascii=False)
    return [found.verdict, str(found.slip), found.read_as, found.message, found.corrected, numbers]


def line(quantity: str, formula: str, network: str, layout: Any) -> list[str]:
    """What is read of a learner's line."""
    asked = ask(quantity, NETWORKS[network].depth)
    read = read_line(asked, formula, NETWORKS[network].depth, layout)
    terms = [f"{layer}: {show(term, asked.labels(layer))}" for layer, term in read.terms.items()]
    words = [read.text, str(read.shape_error), read.shape, read.wanted, read.place_error, read.only, str(read.fits)]
    return [str(asked), *terms, *words]


def slipped(base: str, layer: int, network: str, layout: Any) -> list[str]:
    """The right formulas of a quantity, and every single slip in them."""
    own = bench(NETWORKS[network], layout)
    truths = [show(term) for term in own.truth(base, layer)]
    return [*truths, *dict.fromkeys(f"{tag}: {show(form)}" for tag, form in own.singles(base, layer, 1))]


def numbers(network: str, layout: Any, samples: int, seed: int) -> list[str]:
    """What is drawn for a network: residues as one sum for each quantity, small numbers as they are."""
    widths = NETWORKS[network].sizes
    drawn = draw(derivation(network), layout, samples, widths, seed).values
    residues = [f"{show(term)} {array.shape} {_digest(array)}" for term, array in drawn.items()]
    values = small(NETWORKS[network], layout, samples, widths, seed)
    return [*sorted(residues), *sorted(f"{term}: {array.tolist()}" for term, array in values.values.items())]


def formed(text: str) -> list[str]:
    """An equation in index notation as a matrix formula, in rows and in columns."""

    def written(layout: Any) -> str:
        try:
            return show(matrix_form(forms.EQUATIONS[text], forms.TENSORS, layout))
        except NoMatrixFormError as error:
            return f"none: {error}"

    return [written(layout) for layout in ("rows", "columns")]


def exact(sizes: tuple[int, ...], samples: int, around: tuple[int, ...], *names: str) -> list[str]:
    """The numbers of a worked example."""
    functions = tuple(activation(name) if name else None for name in names)
    values = ExactExample(sizes, samples, functions, 0, around=around).values
    return [f"{name}: {[[str(v) for v in row] for row in array.tolist()]}" for name, array in values.items()]


def _digest(array: Any) -> int:
    weights = np.arange(1, array.size + 1, dtype=object)
    return int((array.ravel().astype(object) * weights).sum() % 1_000_003)


def certificate(network: str, text: str) -> list[str]:
    """A whole certificate."""
    found = prove(derivation(network), text or None).to_dict()
    rest = {key: value for key, value in found.items() if key not in ("versions", "seal", "formulas")}
    return [json.dumps(part, ensure_ascii=False) for part in (*found["formulas"], *rest.items())]


def planted(head: str, formula: str, ranges: str, network: str) -> list[str]:
    """A formula in a text with conventions of its own."""
    text = from_toml(f'{head}\n[[formula]]\nlabel = "planted"\nformula = "{formula}"\nfor = "{ranges}"\n', "book.toml")
    given = derivation(network) if network else None
    return [f"{v.verdict} | {v.method} | {v.validity} | {v.note}" for v in text_verdicts(text, given)]


def claimed(label: str) -> list[str]:
    """A claim in words, with its correction and without each of its conditions."""
    return [_content(verdict) for verdict in _about(label)]


@cache
def _about(label: str) -> list[Judged]:
    claim = next(claim for claim in source_words().claims if claim.label == label)
    rests = [*claim.rests, *(claim.corrected.rests if claim.corrected else ())]
    known = {verdict.label: verdict for rest in rests for verdict in _about(rest.removesuffix(", corrected"))}
    return verdicts_about(claim, Bench(questions.FUNCTIONS, optimizers(), known))


def _content(verdict: Verdict) -> str:
    return json.dumps(verdict.to_dict(), ensure_ascii=False)


def stated(text: str) -> list[str]:
    """An equation of a statement, and whether it can be a condition."""
    tensors, labels = SETTINGS["hidden"].program().tensors, {"l": l, "L": L}
    found = [f"{e.left} = {e.right} for {e.ranges} ({e.text})" for e in equalities(text, tensors, labels)]
    return [*found, *said(lambda: [str(condition(text, tensors, labels).text)], ())]


def stepped(given: str, then: str) -> list[str]:
    """A statement about one step of each optimiser."""
    statement = Statement(tuple(filter(None, given.split("; "))), (then,))
    return [str(judge(statement, update)) for update in (*optimizers(), *questions.UPDATES)]


def described(expression: str, constants: tuple[tuple[str, float], ...], trained: tuple[str, ...]) -> list[str]:
    """What is said of an activation."""
    return [_content(fact(Activation("own", expression, constants, trained)))]


def halved(network: str, adjoint: str) -> Derivation:
    """A network's gradients, with one of the equations halved, unless it is ""."""
    own = differentiate(questions.BEYOND[network])
    equations = tuple(replace(e, value=e.value / 2) if e.tensor.name == adjoint else e for e in own.gradient.equations)
    return replace(own, gradient=replace(own.gradient, equations=equations))


def adjoints(network: str, adjoint: str) -> list[str]:
    """The equations of the reverse sweep of a network beyond the text's."""
    return list(map(_line, duality(halved(network, adjoint))))


def directions(network: str, adjoint: str) -> list[str]:
    """What SymPy's diff says of a network at small widths."""
    given = halved(network, adjoint)
    return list(
        map(
            _line,
            [
                *([oracle(given)] if is_polynomial(given.forward) else []),
                along_directions(given),
                *sensitivities(given),
            ],
        )
    )


def _line(verdict: Verdict) -> str:
    pairs = [f"{name} = {value}" for name, value in verdict.counterexample]
    return " | ".join(
        [verdict.label, verdict.formula, verdict.verdict, verdict.method, verdict.validity, verdict.note, *pairs]
    )


def example(sizes: tuple[int, ...], samples: int, *activations: str) -> list[str]:
    """What an example hides and why."""
    report = blindspots(Architecture(sizes, activations), samples)
    found = [f"{f.slip.tag}: {dict(f.layers)} {f.why}" for f in report.findings]
    return [report.setting.shown, *found, report.proposal.shown if report.proposal else "nothing"]


def hidden(sizes: tuple[int, ...], samples: int, *activations: str) -> list[str]:
    """How every slip shows in an example."""
    functions = Architecture(sizes, activations).activations
    return [f"{f.slip.tag}: {dict(f.layers)}" for f in findings_of(Example(sizes, samples, functions))]


@dataclass(frozen=True)
class Section:
    """Questions of one kind, and how one is answered."""

    answer: Callable[..., list[str]]
    questions: Iterable[tuple[Any, ...]]

    def answered(self) -> dict[str, list[str]]:
        return {named(question): said(self.answer, question) for question in self.questions}


def named(question: tuple[Any, ...]) -> str:
    return " | ".join(map(str, question))


def said(answer: Callable[..., list[str]], question: tuple[Any, ...]) -> list[str]:
    """The answer, or the refusal of the question."""
    try:
        return answer(*question)
    except DeriveError as error:
        return refusal(error)


SECTIONS = {
    "verdicts": Section(verdict, questions.VERDICTS),
    "readings": Section(reading, questions.READINGS),
    "sides": Section(both, questions.SIDES),
    "grades": Section(graded, questions.GRADES),
    "spellings": Section(lambda text, layout: [spelled(text, layout)], questions.SPELLED),
    "beyond": Section(graded, questions.BEYOND_THE_TEXT),
    "lines": Section(line, questions.LINES),
    "slips": Section(slipped, questions.SLIPPED),
    "numbers": Section(numbers, questions.NUMBERS),
    "forms": Section(formed, [(text,) for text in forms.EQUATIONS]),
    "exact": Section(exact, questions.EXACT),
    "certificates": Section(certificate, questions.CERTIFICATES),
    "conventions": Section(planted, questions.PLANTED),
    "examples": Section(example, questions.EXAMPLES),
    "hidden": Section(hidden, questions.HIDDEN_IN),
    "claims": Section(claimed, questions.CLAIMED),
    "statements": Section(stated, [(text,) for text in questions.STATED]),
    "steps": Section(stepped, questions.STEPPED),
    "activations": Section(described, questions.DESCRIBED),
    "adjoints": Section(adjoints, questions.ADJOINTS),
    "directions": Section(directions, questions.DIRECTIONS),
    "changes": Section(inner.changed, inner.CHANGED),
    "alphabets": Section(inner.alphabet, inner.ALPHABETS),
    "letters": Section(inner.lettered, inner.LETTERED),
    "values": Section(inner.valued, inner.VALUED),
    "tables": Section(inner.tables, inner.TABLES),
    "factors": Section(inner.factors, inner.FACTORS),
    "asked": Section(inner.about, inner.ASKED),
    "quantities": Section(inner.quantity, inner.QUANTITIES),
}


def golden(section: str) -> dict[str, list[str]]:
    """What was said before."""
    found: dict[str, list[str]] = json.loads((FOLDER / f"{section}.json").read_text(encoding="utf-8"))
    return found


def main() -> None:
    for name, section in SECTIONS.items():
        text = json.dumps(section.answered(), indent=0, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
