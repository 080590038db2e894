"""From layers to networks: batching, the premise of the induction, and the induction over l.

The text's formulas speak of one sample and of one layer. Two arguments carry them to the gradient of
the whole loss. *Batching*: rows never mix, so delta of the mean loss is 1/N times that of each sample's c
in layer L, and if it is in layer l+1, then in layer l. *Induction*: a^l is read by layer l+1 only, so its
derivative has one path, and the four lemmas (output, step, dW, db) give every layer of every depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import sympy as sp

from derive.algebra.forward import layer, loss
from derive.algebra.notation import L, l, named
from derive.algebra.program import Program
from derive.model.loss import Loss
from derive.proof.certificate import Verdict
from derive.proof.formulas.claims import Text
from derive.proof.formulas.scope import Scope, read_ranges
from derive.proof.formulas.sides import split
from derive.proof.theorems.canonical import equal
from derive.proof.theorems.decide import decide_formula
from derive.proof.theorems.worlds import CoupledError, World, fragment, lifted, per_sample, sampled_names, swept

EVERYWHERE = "every width, every depth, every number of samples, every activation"

LEMMAS: dict[str, tuple[str, str]] = {
    "output": ("d(c, b[L])", ""),
    "step": ("d(c, b[l])", "l = 1..L-1"),
    "dW": ("d(c, W[l])", "l = 1..L"),
}
"""The text's lemmas by their left sides; the fourth, db = delta, is what the text's delta means."""
DB_LEMMA = "d(c, b[l]) = d(c, z[l])"


def right_side(text: Text, left: str, ranges: str = "") -> str:
    """What `text` says that `left` is (corrected, if it is an erratum)."""
    for claim in text.claims:
        sides = split(claim.corrected or claim.formula)
        if sides[0] == left and (not ranges or read_ranges(claim.ranges, "columns") == read_ranges(ranges, "columns")):
            return sides[1]
    raise LookupError(f"{text.title} does not say what {left} is")


def batching(loss_name: str | Loss) -> tuple[Verdict, ...]:
    """That the rows which the code computes are the text's columns, and the means over samples are right."""
    hidden = fragment([l, l + 1])
    last = fragment([L], loss_name)
    output = swept((L,), loss_name)
    step = swept((l, l + 1), "", named("z", l + 1))
    return (
        _rows_are_columns("Batching, forward equations", (hidden, last)),
        _in_world("Batching, output layer", "d(loss, z[L]) = d(c, z[L]) / N", Scope("columns"), output),
        _in_world(
            "Batching, step from l+1 to l", "d(loss, z[l]) = d(c, z[l]) / N", read_ranges("l = 1..L-1", "columns"), step
        ),
    )


def _rows_are_columns(label: str, programs: Iterable[Program]) -> Verdict:
    """The forward equations of one sample, lifted to every row, are the forward equations."""
    formula = "row s of z[l], a[l] and c is computed from row s alone, as one sample's column"
    for program in programs:
        try:
            again = lifted(per_sample(program).equations, sampled_names(program))
        except CoupledError as error:
            return Verdict(label, formula, "refuted", "index s", EVERYWHERE, counterexample=(("reads", str(error)),))
        batched = [e for e in program.equations if e.tensor.name != "loss"]
        for one, other in zip(again, batched, strict=True):
            renamed = dict(zip(one.indices, other.indices, strict=True))
            if one.tensor != other.tensor or not equal(one.value.xreplace(renamed), other.value):
                return Verdict(label, formula, "undecided", f"{other.tensor.name}: canonical forms differ")
    return Verdict(label, formula, "proved", "the sample's index dropped and lifted again", EVERYWHERE)


def _in_world(label: str, formula: str, scope: Scope, program: Program) -> Verdict:
    found = decide_formula(formula, scope, lambda _: World(program, EVERYWHERE))
    return Verdict(
        label, formula, found.outcome, found.method, found.validity, "proved", found.counterexample, found.note
    )


def induction(text: Text, loss_name: str | Loss) -> tuple[Verdict, ...]:
    """The lemma db, and the induction over l that rests on the four lemmas, batching and its premise."""
    hidden = swept((l, l + 1), "", named("z", l + 1))
    last = swept((L,), loss_name)
    every, inner = (read_ranges(f"l = 1..{last}", "columns") for last in ("L", "L-1"))
    db = _in_world("Lemma db", DB_LEMMA, every, swept((l,), "", named("z", l)))
    top_weights = re.sub(r"\bl\b", "L", right_side(text, *LEMMAS["dW"]))
    steps = [
        _in_world("output", f"d(c, b[L]) = {right_side(text, *LEMMAS['output'])}", Scope("columns"), last),
        _in_world("step", f"d(c, b[l]) = {right_side(text, *LEMMAS['step'])}", inner, hidden),
        _in_world("dW", f"d(c, W[l]) = {right_side(text, *LEMMAS['dW'])}", inner, hidden),
        _in_world("dW", f"d(c, W[L]) = {top_weights}", Scope("columns"), last),
        db,
        *batching(loss_name),
    ]
    failing = [step.label for step in steps if step.verdict != "proved"]
    premise = chain_premise(loss_name)
    label = "Induction over l"
    formula = "the four lemmas give dW[l] and db[l] for l = L, L-1, ..., 1"
    method = (
        "base: lemma output gives delta[L]; step: lemma step gives delta[l] from delta[l+1]; lemmas dW and db "
        "give the gradients of layer l from delta[l]; premise: a[l] is read by layer l+1 only, a[L] by the loss only"
    )
    if failing or premise:
        note = "; ".join(filter(None, (f"not proved: {', '.join(failing)}" if failing else "", premise)))
        return db, Verdict(label, formula, "undecided", method, note=note)
    return db, Verdict(label, formula, "proved", method, EVERYWHERE)


def chain_premise(loss_name: str | Loss) -> str:
    """What breaks the premise that a^l has a single reader, layer l+1 (or the loss, if l = L); "" if nothing."""
    z, a = named("z", l), named("a", l)
    allowed = {z: {named("W", l), named("a", l - 1), named("b", l)}, a: {z}}
    for equation in layer(l):
        tensors = {str(entry.base.label) for entry in equation.value.atoms(sp.Indexed)}
        if extra := tensors.difference(allowed[equation.tensor.name]):
            return f"{equation.tensor.name} also reads {', '.join(sorted(extra))}"
    equations = loss(loss_name, L)
    own = {named("a", L), "y", *(equation.tensor.name for equation in equations)}
    for equation in equations:
        tensors = {str(entry.base.label) for entry in equation.value.atoms(sp.Indexed)}
        if extra := tensors.difference(own):
            return f"{equation.tensor.name} also reads {', '.join(sorted(extra))}"
    return ""
