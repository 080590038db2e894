"""A lesson's parts as strings, by one of the printers: what templates put into their places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from derive.algebra.notation import N, l, size
from derive.algebra.steps import PICK
from derive.proof.grading.terms import show
from derive.teach.lesson import MATRIX_FORM, Lesson, Passage
from derive.teach.meanings import RULES
from derive.teach.setting.boxes import NOTHING, Box, equation, name, number, operator, row, scripts
from derive.teach.setting.index_view import IndexView, Plugged, decimal
from derive.teach.setting.matrix_view import MatrixView

Printer = Callable[[Box], str]


@dataclass(frozen=True)
class Showing:
    """A lesson and the printer that it is shown by."""

    lesson: Lesson
    printer: Printer

    def sections(self) -> list[dict[str, Any]]:
        """Titles, and the passages of each."""
        return [
            {
                "title": section.title,
                "key": section.key,
                "layer": section.layer,
                "backward": section.backward,
                "passages": [self.passage(passage) for passage in section.passages],
            }
            for section in self.lesson.sections
        ]

    def passage(self, passage: Passage) -> dict[str, Any]:
        """Everything about one tensor, as strings."""
        view = IndexView(self.lesson.letters)
        target = view.set(passage.target)
        return {
            "name": passage.name,
            "symbol": self.printer(self.lesson.letters.symbol(passage.name, whole=True)),
            "meaning": passage.meaning,
            "layer": passage.layer,
            "shape": self.shape(passage),
            "given": not passage.steps,
            "moves": self.moves(passage, view),
            "index": self.printer(equation(target, view.set(passage.value))),
            "matrix": self.matrices(passage),
            "numbers": self.printer(equation(*self.plugged(passage))),
            "code": passage.line.text.partition("  # ")[0] if passage.line else "",
            "line": passage.line.number if passage.line else 0,
            "verdict": passage.verdict.verdict if passage.verdict else "",
            "validity": passage.verdict.validity if passage.verdict else "",
            "statement": passage.verdict.formula if passage.verdict else "",
            "lemma": passage.lemma.formula if passage.lemma else "",
            "lemma_validity": passage.lemma.validity if passage.lemma else "",
        }

    def moves(self, passage: Passage, view: IndexView) -> list[dict[str, Any]]:
        """The steps, each with its rule, why it may be applied, and the formula after it."""
        target = view.set(passage.target)
        shown = [
            {
                "rule": step.rule,
                "why": RULES.get(step.rule, ""),
                "formula": self.printer(equation(target, view.set(step.after))),
                "picks": ", ".join(picked(step.before)) if step.rule == PICK else "",
            }
            for step in passage.steps
            if step.after != step.before or step.rule == "sum over paths"
        ]
        for layout, form in list(passage.forms.items())[:1] if passage.steps else []:
            matrix = MatrixView(self.lesson.letters, layout)
            formula = self.printer(equation(matrix.quantity(passage.name), matrix.set(form)))
            shown.append({"rule": MATRIX_FORM, "why": RULES[MATRIX_FORM], "formula": formula, "picks": ""})
        return shown

    def matrices(self, passage: Passage) -> list[dict[str, str]]:
        """The matrix form in each layout, set and as it is written in answers; then with the line above put in."""
        found = []
        above = ", with the line above" if passage.forms else ", with all lines above put in"
        for forms, how in ((passage.forms, ""), (passage.whole, above)):
            for layout, form in forms.items():
                view = MatrixView(self.lesson.letters, layout)
                formula = self.printer(equation(view.quantity(passage.name), view.set(form)))
                written = f"{passage.name} = {show(form)}"
                found.append({"layout": f"{layout}{how}", "formula": formula, "written": written})
        return found

    def plugged(self, passage: Passage) -> tuple[Box, ...]:
        """The first entry of the tensor: its name, the equation with numbers plugged in, and what that is."""
        example = self.lesson.example
        indices = passage.target.indices if isinstance(passage.target, sp.Indexed) else ()
        at = dict.fromkeys(indices, 1)
        view = Plugged(self.lesson.letters, example.values, example.sizes, at)
        ones = row(*(number(1) for _ in indices)) if indices else NOTHING
        target = self.lesson.letters.symbol(passage.name, ones)
        middle = view.set(passage.value)
        if passage.name not in example.values:
            return target, middle
        result = decimal(float(example.values[passage.name][tuple(0 for _ in indices)]))[0]
        return (target, middle) if middle == result else (target, middle, result)

    def shape(self, passage: Passage) -> str:
        """N × n₂, set."""
        return self.printer(sizes(*passage.tensor.axes)) if passage.tensor.axes else ""

    def conventions(self) -> list[dict[str, str]]:
        """What is agreed upon: a name, words, and a formula where there is one."""
        loss = self.lesson.derivation.forward.definitions.get("c")
        view = IndexView(self.lesson.letters)
        formulas = {
            "The loss of a sample": equation(view.set(loss.target), view.set(loss.value)) if loss else NOTHING,
            "Weights": sizes(size(l), size(l - 1)),
        }
        return [
            {"name": name, "text": text, "formula": self.printer(formulas[name]) if name in formulas else ""}
            for name, text in self.lesson.conventions
        ]


def sizes(*axes: sp.Expr) -> Box:
    """Sizes joined by ×."""
    shown = [name("N") if axis == N else scripts(name("n"), index(str(axis)[1:].strip("[]"))) for axis in axes]
    return row(*[part for axis in shown for part in (operator("×"), axis)][1:])


def index(text: str) -> Box:
    """A layer's number, or l and what is added to it."""
    letter, sign, offset = text.partition("-")
    return (
        row(name(letter), operator("−"), number(offset)) if sign else number(text) if text.isdecimal() else name(text)
    )


def picked(expr: sp.Expr) -> list[str]:
    """What the Kronecker deltas in `expr` say: which summed index becomes which."""
    bound = {i for total in expr.atoms(sp.Sum) for i, _, _ in total.limits}
    pairs = []
    for delta in sorted(expr.atoms(sp.KroneckerDelta), key=str):
        gone, stays = delta.args if delta.args[0] in bound else reversed(delta.args)
        pairs.append(f"{_primed(gone)} = {_primed(stays)}")
    return pairs


def _primed(symbol: sp.Basic) -> str:
    text = str(symbol)
    return text.rstrip("_") + "′" * (len(text) - len(text.rstrip("_")))
