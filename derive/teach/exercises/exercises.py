"""Exercises as data: what is asked for and what is right, what every slip makes of it, derivations with one slip.

A page only has to read, evaluate and compare formulas; what is right and what the slips are comes from the tables
that `derive grade` uses, as formulas in its grammar, and so do the words.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import sympy as sp

from derive.algebra.gradient import differentiate
from derive.algebra.notation import named
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.formulas.grammar import ELEMENTWISE
from derive.proof.formulas.values import CONSTANTS, QUANTITIES, Layout
from derive.proof.grading.recognise import Bench, Found, bench
from derive.proof.grading.slips import SLIPS
from derive.proof.grading.terms import Term, show
from derive.proof.numbers.functions import gaps_of
from derive.proof.numbers.network_data import COINCIDING, DISTINCT
from derive.proof.numbers.reals import CLOSE, EXACT_TRIES, ORDERED, TRIES
from derive.proof.numbers.valuation import MISFIT
from derive.teach import words
from derive.teach.exercises.hints import hints, hints_of
from derive.teach.grading import OWN_NAMES, TABLES, grade
from derive.teach.setting.trees import page_programs

LAYOUTS: tuple[Layout, ...] = ("rows", "columns")
PUZZLES = 12


@dataclass(frozen=True)
class Asked:
    """A quantity that is asked for, and what there is to compare an answer with, as formulas."""

    base: str
    layer: int
    layout: Layout
    truth: str
    slips: tuple[tuple[str, str], ...]
    """(tag, formula) of every slipped form that differs from what is right."""
    near: frozenset[str]
    """Those of the formulas that have the slip in the line itself, and not in a line above that is written out."""
    pairs: tuple[tuple[tuple[str, ...], str], ...]
    """(tags, formula) of two slips in the line itself, up to a factor."""

    @property
    def quantity(self) -> str:
        return f"{self.base}{self.layer}"


@lru_cache(maxsize=4)
def asked_of(architecture: Architecture) -> tuple[Asked, ...]:
    """All that can be asked about a network, from the output to the first layer, in both layouts.

    It is about the network as `grade` sees it, see `assumed`, and leaves out what has no matrix formula, such as the
    error before a normalisation.
    """
    taught = architecture.as_taught()
    return tuple(
        _asked(own, base, layer, layout)
        for layout in LAYOUTS
        for own in [bench(taught, layout)]
        for layer in range(taught.depth, 0, -1)
        for base in ("delta", "dW", "db")
        if _can_be_asked(own, base, layer)
    )


HEADS = frozenset(
    {"number", "N", "y", "f", "df", "T", "negative", "+", "-", "*", "/", "@", "**", "sum", "diag", "outer", "inv"}
    | {"n", "units", "mean of units", *CONSTANTS, *ORDERED, *QUANTITIES, *ELEMENTWISE}
)
"""What a page can read and evaluate; see templates/lesson/grammar.js and values.js."""


def _readable(term: Term) -> bool:
    return all(part.head in HEADS for part in term.walk())


def _known_to_pages(term: Term, own: Bench) -> bool:
    """Whether a page can read it, and no exponential of what is made of logarithms is in it: pages know none."""
    equations = own.derivation.forward.equations
    logarithms = {e.tensor.name for e in equations if e.tensor.name[0] in "za" and e.value.has(sp.log)}
    exponents = (part for power in term.walk() if power.head == "exp" for part in power.walk())
    return _readable(term) and not any(named(part.head, part.layer) in logarithms for part in exponents)


def _can_be_asked(own: Bench, base: str, layer: int) -> bool:
    """Whether there is a formula, and `grade` says that it is right.

    In columns derivatives are those of one sample's c, which a penalty on the weights is no part of.
    """
    architecture, layout = own.derivation.architecture, own.setting.layout
    if base == "dW" and layout == "columns" and (architecture.penalty.l1 or architecture.penalty.l2):
        return False
    truths = own.truth(base, layer)
    if not truths or not _known_to_pages(truths[0], own):
        return False
    return grade(f"{base}{layer}", show(truths[0]), architecture, layout).verdict == "correct"


ASSUMPTIONS: tuple[tuple[Callable[[Architecture], bool], str], ...] = (
    (lambda a: any(options.dropout for options in a.layers), "no unit is dropped, as in predict"),
    (
        lambda a: any(f.trained for f in a.activations),
        "activations have the constants that training starts from",
    ),
    (lambda a: a.sample_weights, "every sample counts the same"),
)
"""What a network may have that formulas do not speak of, and what they assume instead."""


def assumed(architecture: Architecture) -> tuple[str, ...]:
    """What is assumed in exercises about this network, in words."""
    return tuple(words for has, words in ASSUMPTIONS if has(architecture))


def _asked(own: Bench, base: str, layer: int, layout: Layout) -> Asked:
    truths = own.truth(base, layer)
    table, both = own.table(base, layer).values(), own.pairs(base, layer).values()
    slips = tuple((found.tags[0], show(found.form)) for found in table if found.form and _readable(found.form))
    pairs = tuple(
        (found.tags, show(found.form)) for found in both if found.tags and found.form and _readable(found.form)
    )
    near = frozenset(show(form) for _, form in own.singles(base, layer, 0))
    return Asked(base, layer, layout, show(truths[0]), slips, near, pairs)


@dataclass(frozen=True)
class Puzzle:
    """A derivation in which one line is wrong."""

    layout: Layout
    lines: tuple[tuple[str, str], ...]
    """(quantity, formula) from the output to the first layer."""
    wrong: int
    tag: str
    """The slip in the wrong line."""
    right: str
    """What that line should say."""


def puzzles(architecture: Architecture, count: int = PUZZLES, seed: str = "planted") -> tuple[Puzzle, ...]:
    """Derivations with one slip each, which `grade` names as it was planted; no slip twice in one layout."""
    draw = random.Random(seed)
    found = asked_of(architecture)
    made: list[Puzzle] = []
    unused = {layout: [slip.tag for slip in SLIPS] for layout in LAYOUTS}
    while len(made) < count:
        layout = LAYOUTS[len(made) % 2]
        lines = [a for a in found if a.layout == layout]
        choices = [(a, tag, text) for a in lines for tag, text in a.slips if tag in unused[layout] and text in a.near]
        if not choices:
            break
        wrong, tag, text = draw.choice(choices)
        unused[layout].remove(tag)
        if grade(wrong.quantity, text, architecture, layout).slip == tag:
            shown = tuple((a.quantity, text if a is wrong else a.truth) for a in lines)
            made.append(Puzzle(layout, shown, lines.index(wrong), tag, wrong.truth))
    return tuple(made)


def grading_data(architecture: Architecture) -> dict[str, Any]:
    """What a page needs to grade answers as `grade` does."""
    depth, taught = architecture.depth, architecture.as_taught()
    questions: dict[str, dict[str, Any]] = {}
    for one in asked_of(architecture):
        entry = questions.setdefault(
            one.quantity, {"base": one.base, "layer": one.layer, "hints": hints(one.base, one.layer, architecture)}
        )
        entry[one.layout] = {"truth": one.truth, "slips": _grouped(one.slips), "pairs": _grouped(one.pairs)}
    return {
        "depth": depth,
        "sizes": architecture.sizes,
        "tied": architecture.tied,
        "programs": None if taught == architecture else page_programs(differentiate(taught)),
        "questions": questions,
        "distinct": DISTINCT,
        "coinciding": COINCIDING,
        "gaps": [[int(gap.p), int(gap.q)] for gap in gaps_of(architecture.activations, architecture)],
        "misfit": MISFIT,
        "quantities": {
            name: {"axes": q.axes, "sampled": q.sampled, "first": q.first, "of": q.of} for name, q in QUANTITIES.items()
        },
        "elementwise": list(ELEMENTWISE),
        "constants": list(CONSTANTS),
        "tables": TABLES,
        "tries": TRIES,
        "close": CLOSE,
        "ordered": ORDERED,
        "exact_tries": EXACT_TRIES,
        "own_names": OWN_NAMES,
        "words": _words(),
        "slips": {slip.tag: {"what": slip.what, "rule": slip.rule, "hints": hints_of(slip.tag)} for slip in SLIPS},
        "puzzles": [asdict(puzzle) for puzzle in puzzles(architecture)],
    }


def _grouped(forms: tuple[tuple[Any, str], ...]) -> list[list[Any]]:
    """(tags, all their forms) in the order in which the tags first occur."""
    groups: dict[Any, list[str]] = {}
    for tags, form in forms:
        groups.setdefault(tags, []).append(form)
    return [[tags, texts] for tags, texts in groups.items()]


def _words() -> dict[str, str]:
    """The sentences of a grade, with names in braces where something is put in."""
    misfits = {
        f"wrong{'_trouble' * bool(trouble)}{'_words' * bool(said)}": words.misfit(
            "{read}", said, trouble, "{corrected}", ""
        )
        for trouble in ("", "{trouble}")
        for said in ("", "{words}")
    }
    return {
        "right": words.right("{read}", "{read}", "", ""),
        "another": words.right("{read}", "{corrected}", "", ""),
        "undecided": words.undecided("{read}", "{reason}"),
        "circular": words.circular("{read}", "{asked}"),
        "unreadable": words.unreadable(DeriveError("{error}"), ""),
        "unnamed": words.unnamed(""),
        "shape": words.wrong_shape("{asked}", "{wanted}", "{found}"),
        "fit": words.do_not_fit("{left}", "{left_shape}", "{right}", "{right_shape}", "{so}"),
        **{f"repair {name}": text for name, text in words.REPAIRS.items()},
        "together": words.together("{count}", "{whats}", "{rules}"),
        **{f"named {slip.tag}": words.named_slips(Found((slip.tag,))) for slip in SLIPS},
        **misfits,
    }
