"""Which slips an example is asked about, and in which line of the text each is made.

A slip has many forms (`proof.grading.slips`); here it stands for the first that it gives to the right line.
"""

from __future__ import annotations

from functools import cache

from derive.proof.grading.slip_rules import Setting, distributed
from derive.proof.grading.slips import SLIPS, Slip
from derive.proof.grading.terms import Term, relative, show
from derive.proof.grading.truth import line

LINES = {"step": "delta", "dW": "dW", "db": "db", "output": "delta"}
"""The four lemmas and what they define, in the order in which one is looked for where a slip can be made."""
WHOLE = {"transposed-layout": "dW"}
"""Where a slip in a whole line is made, if not in the output's."""
NEEDS = {"z-for-a": "a layer below that is not the input", "broadcast": "a single output"}
"""What an example has to have so that a slip can be made at all, if that is not a hidden layer."""
FORKED: dict[str, str] = {"missing-path": "it needs a fork, such as a residual connection"}
"""Slips that only an example with a fork can show, and why."""
SHOWN_DEPTH, SHOWN_LAYER = 4, 2
"""A network deep enough, and a layer in its midst, to write a formula for l."""
SHOWN_FORK = (0, 0, 1, 0)
"""Where its residual connection is, for the slips that need one."""
Around = tuple[int, ...]
"""For each layer around how many layers its residual connection goes; () if there is none."""


def has_fork(around: Around) -> bool:
    """Whether the output of a layer is read twice."""
    return any(own and own < layer for layer, own in enumerate(around, 1))


def asked(around: Around = ()) -> tuple[Slip, ...]:
    """The slips that an example is asked about: all, if it has a fork."""
    return tuple(slip for slip in SLIPS if has_fork(around) or slip.tag not in FORKED)


def not_asked(around: Around = ()) -> dict[str, str]:
    """The slips that the example is not asked about, and why."""
    return {} if has_fork(around) else FORKED


@cache
def line_of(slip: Slip) -> str:
    """The lemma in which the slip is made."""
    if slip.whole:
        return WHOLE.get(slip.tag, "output")
    around = SHOWN_FORK if slip.tag in FORKED else ()
    return next(
        name
        for name in LINES
        if form_of(slip, name, SHOWN_DEPTH if name == "output" else SHOWN_LAYER, SHOWN_DEPTH, around) is not None
    )


@cache
def form_of(slip: Slip, name: str, layer: int, depth: int, around: Around = ()) -> Term | None:
    """What the slip makes of a lemma; None where it cannot be made."""
    truth, setting = line(LINES[name], layer, depth, around), Setting("rows", depth)
    return next((form for term in (truth, distributed(truth)) for form in slip.slipped(term, setting)), None)


def layers_of(slip: Slip, depth: int, around: Around = ()) -> tuple[int, ...]:
    """The layers in which the slip can be made."""
    name = line_of(slip)
    where = {"output": range(depth, depth + 1), "step": range(1, depth)}.get(name, range(1, depth + 1))
    return tuple(layer for layer in where if form_of(slip, name, layer, depth, around) is not None)


def formula(slip: Slip) -> str:
    """The slip's form in rows for any layer l, with what it would define."""
    name = line_of(slip)
    layer, letter = (SHOWN_DEPTH, "L") if name == "output" else (SHOWN_LAYER, "l")
    form = form_of(slip, name, layer, SHOWN_DEPTH, SHOWN_FORK if slip.tag in FORKED else ())
    assert form is not None
    return f"{LINES[name]}[{letter}] = {show(form, relative(letter, layer))}"
