"""Grading: a verdict on a learner's formula, with words that say what was written, what is wrong, and the rule.

>>> from derive.model.architecture import Architecture
>>> network = Architecture((3, 4, 2), ("tanh", "identity"))
>>> grade("delta1", "(delta2 @ W2) * (1 - a1**2)", network).verdict
'correct'
>>> grade("delta1", "delta2 @ W2", network).slip
'missing-derivative'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, FormulaError, unknown
from derive.proof.formulas.grammar import ELEMENTWISE
from derive.proof.formulas.values import Layout
from derive.proof.grading.alphabet import alphabet_of
from derive.proof.grading.answers import Asked, Line, ask, read_line, readable_start, split_line
from derive.proof.grading.recognise import NOTHING, Bench, Found, bench, name
from derive.proof.grading.terms import DERIVATIVES, Labels, Term, leaf, show
from derive.proof.numbers.reals import ORDERED, agree, differ, threshold
from derive.proof.numbers.small import counterexample
from derive.proof.numbers.valuation import NoValueError
from derive.teach.words import (
    circular,
    misfit,
    named_slips,
    not_fitting,
    right,
    shapes,
    undecided,
    unnamed,
    unreadable,
)

Verdict = Literal["correct", "incorrect", "unreadable", "undecided"]
TABLES = tuple(ELEMENTWISE)
"""Functions whose identities are not all known here: an answer with them is not called wrong for its value."""
OWN_NAMES = ("bias-not-summed", "missing-mean", "mean-twice")
"""Slips that make a formula right in the other layout, and keep their names nevertheless."""
LARGE = 1000
"""Beyond this, a number is looked at in real numbers too: modulo a prime, its multiples are 0."""
OTHER: dict[Layout, Layout] = {"rows": "columns", "columns": "rows"}


@dataclass(frozen=True)
class Grade:
    """A verdict on one formula."""

    verdict: Verdict
    slip: str | None = None
    read_as: str = ""
    message: str = ""
    corrected: str = ""
    counterexample: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """All fields as a JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"

    def __str__(self) -> str:
        return self.message


def grade(
    quantity: str,
    formula: str,
    architecture: Architecture,
    layout: str = "rows",
    given: Sequence[str] = (),
) -> Grade:
    """The verdict on `quantity = formula` in a network; `given` are the learner's own earlier lines.

    What cannot be read is a verdict of its own, never "incorrect". Raises DeriveError for a layout that
    does not exist.
    """
    own_layout = read_layout(layout)
    architecture = spoken_of(architecture, (quantity, formula, *given))
    asked: Asked | None = None
    try:
        asked = ask(quantity, alphabet_of(architecture))
        line = read_line(asked, formula, alphabet_of(architecture), own_layout)
    except FormulaError as error:
        return refused(asked, formula, architecture, error)
    try:
        earlier = [read_given(text, architecture, own_layout) for text in given]
    except FormulaError as error:
        return refused(None, formula, architecture, error)
    return judge(line, architecture, own_layout, earlier)


def spoken_of(architecture: Architecture, texts: Iterable[str]) -> Architecture:
    """The network that formulas are about: as it is taught, unless they name what only training has, such as masks."""
    taught = architecture.as_taught()
    if taught == architecture:
        return taught
    trained, plain = alphabet_of(architecture), alphabet_of(taught)
    words = {word for text in texts for word in re.findall(r"[A-Za-z_]+", text)}
    only = {letter for letter in trained.extra if letter not in plain.extra}
    return architecture if only & {trained.plain(word) for word in words} else taught


def read_layout(layout: str) -> Layout:
    """The layout that a name stands for."""
    for known in get_args(Layout):
        if layout == known:
            found: Layout = known
            return found
    raise unknown("layout", layout, get_args(Layout), "--layout")


def read_given(text: str, architecture: Architecture, layout: Layout) -> Line:
    """An earlier line of the learner's. Raises FormulaError, which says that it is the given line that is at fault."""
    try:
        left, formula = split_line(text)
        letters = alphabet_of(architecture)
        return read_line(ask(left, letters), formula, letters, layout)
    except FormulaError as error:
        raise FormulaError(f"the given line {text.strip()!r}: {error}", error.column) from None


def refused(asked: Asked | None, formula: str, architecture: Architecture, error: DeriveError) -> Grade:
    """The verdict on what cannot be read, with how far it could be."""
    start = readable_start(asked, formula, alphabet_of(architecture)) if asked else None
    read_as = show(start, asked.labels(asked.layers[0])) if start and asked else ""
    return Grade("unreadable", None, read_as, unreadable(error, read_as))


def judge(line: Line, architecture: Architecture, layout: Layout, earlier: Iterable[Line] = ()) -> Grade:
    """The verdict on a line that could be read, judged from earlier lines where those are wrong."""
    asked = line.asked
    plain = bench(architecture, layout)
    first = next(iter(line.terms), asked.layers[0])
    labels = asked.labels(first)
    read_as = f"{asked.text} = {show(line.terms[first], labels)}" if line.terms else f"{asked.text} = {line.text}"
    truths = plain.truth(asked.base, first)
    corrected = f"{asked.text} = {show(truths[0], labels)}" if truths else ""
    if truths and all(term.is_number for term in (truths[0], *line.terms.values())):
        line = replace(line, shape="")  # the derivative is the same number everywhere, and is written as that number
    earlier = tuple(earlier)
    followed_up = {layer: follow(plain, earlier, asked, layer) for layer in asked.layers}
    own = {layer: terms for layer, (terms, _) in followed_up.items()}
    benches = {layer: current for layer, (_, current) in followed_up.items()}
    wrong = None
    try:
        for layer in asked.layers:
            term = line.terms.get(layer)
            if not line.fits or term is None or not _is_right(benches[layer], plain, layout, asked.base, layer, term):
                wrong = layer if term is not None else first
                break
    except NoValueError as error:
        return Grade("undecided", None, read_as, undecided(read_as, str(error)), corrected)
    if wrong is None:
        if any(leaf(asked.base, layer) in line.terms[layer].walk() for layer in asked.layers):
            return Grade("undecided", None, read_as, circular(read_as, asked.text), corrected)
        if beyond := next(filter(None, (threshold(architecture, term) for term in line.terms.values())), None):
            reason = f"it compares with {show(beyond, labels)}, and numbers on both sides of it may not have been tried"
            return Grade("undecided", None, read_as, undecided(read_as, reason), corrected)
        followed = _followed(own, line.terms, labels)
        return Grade("correct", None, read_as, right(read_as, corrected, followed, line.only), corrected)
    answer = line.terms.get(wrong)
    if answer is None or (line.fits and _is_large(answer) and benches[wrong].is_right(asked.base, wrong, answer)):
        found = NOTHING  # names go by residues, to which it is right
    else:
        found = recognise(line, wrong, answer, benches[wrong], architecture, layout)
    truth = None if own[wrong] or not truths else plain.truth(asked.base, wrong)[0]
    if line.fits and not found.tags and _open(answer, truth, architecture, layout):
        reason = "not all identities of the functions in it are known here"
        return Grade("undecided", None, read_as, undecided(read_as, reason), corrected)
    trouble = _trouble(line, architecture)
    words = named_slips(found) if found.tags else unnamed(trouble)
    known = {
        k: Term("both", (*plain.truth(asked.base, k)[:1], *([term] if term else []))) for k, term in line.terms.items()
    }
    message = misfit(read_as, words, trouble, corrected, _followed(own, known, labels))
    example: dict[str, Any] = {}
    if answer is not None and truths:
        seen = _seen_from(plain.truth(asked.base, wrong), own[wrong])
        example = counterexample(
            architecture,
            layout,
            leaf(asked.base, wrong),
            answer,
            seen,
            own[wrong],
            fits=line.fits,
            labels=asked.labels(wrong),
        )
    example = example or shapes(line, architecture)
    slip = found.tags[0] if len(found.tags) == 1 else None
    return Grade("incorrect", slip, read_as, message, corrected, example)


def _followed(own: Mapping[int, Mapping[Term, Term]], terms: Mapping[int, Term], labels: Labels) -> str:
    """The learner's own quantities that stand in these terms."""
    found = [part for layer, term in terms.items() for part in term.walk() if part in own.get(layer, ())]
    return ", ".join(dict.fromkeys(show(part, labels) for part in found))


def completes(line: Line, architecture: Architecture, layout: Layout, earlier: Iterable[Line]) -> bool:
    """Whether a line is right only together with what earlier lines left out, such as a 1/N that comes later."""
    plain, base = bench(architecture, layout), line.asked.base
    found = [(layer, line.terms[layer], follow(plain, earlier, line.asked, layer)[1]) for layer in line.terms]
    return line.fits and all(
        own is not plain and not own.is_right(base, layer, term) and own.gives(base, layer, term, plain)
        for layer, term, own in found
    )


def _open(answer: Term | None, truth: Term | None, architecture: Architecture, layout: Layout) -> bool:
    """Whether a difference in value proves nothing, since functions occur of which not every identity is known."""
    if answer is None or not any(part.head in (*TABLES, *ORDERED) for part in answer.walk()):
        return False
    return truth is None or not differ(architecture, layout, answer, truth)


def _is_large(term: Term) -> bool:
    """Whether a number in it is large enough to make a multiple of the prime."""
    return any(part.number > LARGE for part in term.walk())


def _is_right(own: Bench, plain: Bench, layout: Layout, base: str, layer: int, term: Term) -> bool:
    """Whether a line is right as it follows from the earlier ones, or right altogether."""
    if own.is_right(base, layer, term):
        looked_at = own is plain and _is_large(term)
        return not looked_at or not differ(plain.derivation.architecture, layout, term, leaf(base, layer))
    if own is not plain and (plain.is_right(base, layer, term) or own.gives(base, layer, term, plain)):
        return True
    ordered = any(part.head in ORDERED for part in term.walk())
    return ordered and own is plain and agree(plain.derivation.architecture, layout, term, leaf(base, layer))


def follow(plain: Bench, earlier: Iterable[Line], asked: Asked, layer: int) -> tuple[dict[Term, Term], Bench]:
    """The learner's own quantities, and the bench on which they count.

    Those of earlier lines that fit, except where they are right, or follow from what came before them.
    """
    own: dict[Term, Term] = {}
    current = plain
    at = asked.values(layer)
    for line in earlier:
        base = line.asked.base
        place = at["l"] + line.asked.offset if line.asked.variable and at else line.asked.layers[0]
        term = line.terms.get(place)
        if not line.fits or base not in DERIVATIVES or (base, place) == (asked.base, layer) or term is None:
            continue
        try:
            if current.is_right(base, place, term) or current.gives(base, place, term, plain):
                continue
            changed = {**own, leaf(base, place): term}
            current = plain.changed(changed)
            own = changed
        except NoValueError:
            continue
    return own, current


def _seen_from(truths: Sequence[Term], own: dict[Term, Term]) -> Term:
    """The right formula in which the learner's own quantities occur, so that they count."""
    for truth in truths:
        if any(part in own for part in truth.walk()):
            return truth
    return truths[0]


def recognise(line: Line, layer: int, answer: Term, own: Bench, architecture: Architecture, layout: Layout) -> Found:
    """The name of what went wrong, in this layout or as a formula of the other one."""
    base = line.asked.base
    found = name(own, base, layer, answer)
    if found.tags and found.tags[0] in OWN_NAMES:
        return found
    if found.tags and len(found.tags) == 1 and line.fits:
        return found
    other_layout = OTHER[layout]
    try:
        text = show(answer)
        letters = alphabet_of(architecture)
        there = read_line(ask(f"{base}{layer}", letters), text, letters, other_layout)
        if not there.fits:
            return found
        other = bench(architecture, other_layout)
        if other.is_right(base, layer, answer):
            return Found(("transposed-layout",), None, answer)
        if not found.tags and (second := name(other, base, layer, answer)).tags:
            return Found(("transposed-layout", *second.tags), second.factor, second.form)
    except (DeriveError, NoValueError):
        pass
    return found


def _trouble(line: Line, architecture: Architecture) -> str:
    """What does not fit, in words with the sizes of this network."""
    if line.place_error:
        return line.place_error
    return not_fitting(line, architecture)
