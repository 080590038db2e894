"""`Lesson`: the derivation as something to read, from what was derived, proved and emitted.

Nothing is typed twice: the moves are the recorded steps, the matrix forms are those that answers are graded by,
the verdicts are the certificate's, the lines are the emitted module's, and the numbers are the programs' values.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

import sympy as sp

from derive.algebra.gradient import Derivation, differentiate
from derive.algebra.notation import N, is_opaque
from derive.algebra.program import Equation, Tensor
from derive.algebra.steps import Step
from derive.codegen.emit import emit
from derive.codegen.statements.lower import RENAMED
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError
from derive.proof.certificate import Certificate, Verdict
from derive.proof.formulas.values import Layout
from derive.proof.grading.terms import Term
from derive.proof.grading.truth import NoMatrixFormError, matrix_form, truths
from derive.proof.prove import prove
from derive.proof.theorems.lemmas import DB_LEMMA, LEMMAS
from derive.teach.example import Example, example
from derive.teach.meanings import MEANINGS, OVERALL
from derive.teach.setting.letters import Letters, letters_of, split

MATRIX_FORM = "back to matrix form"
LAYOUTS: tuple[Layout, ...] = ("rows", "columns")


@dataclass(frozen=True)
class Line:
    """A line of the emitted module: its number, from 1, and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Passage:
    """How one tensor is computed: its equation, how that was derived, proved and emitted."""

    tensor: Tensor
    layer: int
    target: sp.Expr
    value: sp.Expr
    steps: tuple[Step, ...]
    """The recorded steps; none for a forward equation, which is given."""
    forms: dict[Layout, Term]
    """The matrix form in each layout, where there is one."""
    whole: dict[Layout, Term]
    """The same with the derivatives that nobody keeps written out, where that is another form: as texts have it."""
    line: Line | None
    verdict: Verdict | None
    lemma: Verdict | None
    """The formula of the text that holds for every layer, of which this is an instance."""
    equation: Equation | None
    """None where the derivative is put into the next line and not kept."""
    of: str = ""
    """For a derivative: the tensor that it is taken by."""

    @property
    def name(self) -> str:
        return self.tensor.name

    @property
    def meaning(self) -> str:
        """What the tensor is, in words; "" if there are none for it."""
        letters, layer = split(self.name)
        words = (MEANINGS if layer else OVERALL).get(letters, "").format(layer=self.layer)
        return words or (f"the derivative by {self.of}" if self.of else "")


@dataclass(frozen=True)
class Section:
    """The passages of one layer, forwards or backwards."""

    layer: int
    backward: bool
    passages: tuple[Passage, ...]

    @property
    def title(self) -> str:
        return f"Layer {self.layer}, {'backwards' if self.backward else 'forwards'}"

    @property
    def key(self) -> str:
        """A name for links."""
        return f"{'backward' if self.backward else 'forward'}-{self.layer}"


@dataclass(frozen=True)
class Lesson:
    """Everything that a page, a document or a notebook shows about one network."""

    derivation: Derivation
    certificate: Certificate
    source: str
    """The emitted module, in the readable style."""
    sections: tuple[Section, ...]

    @property
    def architecture(self) -> Architecture:
        """The network that the lesson is about."""
        return self.derivation.architecture

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """All of them, in the order in which they are computed."""
        return tuple(passage for section in self.sections for passage in section.passages)

    @cached_property
    def example(self) -> Example:
        """The network in small numbers."""
        return example(self.derivation)

    @cached_property
    def letters(self) -> Letters:
        """The letters that its equations are written with."""
        return letters_of(self.derivation)

    @property
    def conventions(self) -> tuple[tuple[str, str], ...]:
        """What has to be agreed upon before a formula means anything: a name, and what is in force here."""
        return (
            ("Layers", f"are counted from 0, the input, to L = {self.architecture.depth}, the output."),
            ("Indices", "run from 1 to the size of their axis: s over the N samples, i, j, k over units."),
            ("A sample", "is a row in the code, and a column in the text. Both are shown."),
            ("Weights", "have a row for each unit that they lead to, and a column for each that they come from."),
            ("The mean", "over the samples is the loss, so in rows every derivative carries 1/N, once."),
            ("The loss of a sample", "is where the derivation begins."),
            ("The error", "of layer l, δ, is the derivative of the loss by z of layer l."),
            ("The Kronecker delta", "is written [i = k]: 1 where both indices agree, otherwise 0."),
            *(
                (f"The kink of {f.name}", f"is decided by {f.expression}: the derivative there is that of its branch.")
                for f in dict.fromkeys(self.architecture.activations)
                if "where" in f.expression
            ),
        )


@lru_cache(maxsize=4)
def lesson(architecture: Architecture) -> Lesson:
    """The lesson of a network: derived, proved and emitted here and now.

    Where the proof cannot speak about a network, the certificate has no verdicts and says so.
    """
    derivation = differentiate(architecture)
    try:
        certificate = prove(derivation)
    except DeriveError as error:
        certificate = Certificate(str(architecture.name), (), not_covered=(f"this network: {error}",))
    return lesson_of(derivation, certificate)


def lesson_of(derivation: Derivation, certificate: Certificate) -> Lesson:
    """The lesson of a derivation with the verdicts of a certificate."""
    source = emit(derivation, style="readable", certificate=certificate if certificate.verdicts else None)
    return Lesson(derivation, certificate, source, tuple(_sections(derivation, certificate, source)))


def _sections(derivation: Derivation, certificate: Certificate, source: str) -> Iterator[Section]:
    lines = emitted_lines(source)
    tensors = {**derivation.forward.tensors, **derivation.gradient.tensors}
    depth, taken_by = derivation.architecture.depth, letters_of(derivation).of

    def passage(tensor: Tensor, target: sp.Expr, value: sp.Expr, equation: Equation | None) -> Passage:
        forms = _forms(equation, tensors) if equation else {}
        verdict = _verdict(certificate, tensor.name, taken_by.get(tensor.name, ""))
        return Passage(
            tensor,
            _layer(tensor.name, depth),
            target,
            value,
            tuple(step for step in derivation.steps if step.target == target),
            forms,
            _whole(derivation, tensor.name, forms),
            lines.get(RENAMED.get(tensor.name, tensor.name)),
            verdict,
            _lemma(certificate, verdict, tensor.name, depth),
            equation,
            taken_by.get(tensor.name, ""),
        )

    forward = [passage(e.tensor, e.target, e.value, e) for e in derivation.forward.equations]
    definitions = derivation.gradient.definitions
    completed = {step.target: position for position, step in enumerate(derivation.steps)}
    backward = []
    for target in sorted(completed, key=completed.__getitem__):
        name = str(target.base.label) if isinstance(target, sp.Indexed) else str(target)
        equation = definitions.get(name)
        last = next(step for step in reversed(derivation.steps) if step.target == target)
        by = derivation.forward.tensors.get(taken_by.get(name, ""))
        tensor = equation.tensor if equation else Tensor(name, by.axes if by else ())
        backward.append(passage(tensor, target, equation.value if equation else last.after, equation))
    for found, behind in ((forward, False), (backward, True)):
        for layer in sorted({p.layer for p in found}, reverse=behind):
            yield Section(layer, behind, tuple(p for p in found if p.layer == layer))


def _layer(name: str, depth: int) -> int:
    """The layer of a tensor; the loss belongs to the last."""
    digits = split(name)[1]
    return int(digits) if digits else depth


def _forms(equation: Equation, tensors: dict[str, Tensor]) -> dict[Layout, Term]:
    """The equation with matrix products, in each layout in which it has such a form."""
    forms: dict[Layout, Term] = {}
    if any(is_opaque(part) and len(type(part).orders) > 1 for part in sp.preorder_traversal(equation.value)):
        return forms  # a trained constant has no place in them
    for layout in LAYOUTS:
        indices = [axis for axis in equation.tensor.axes if layout == "rows" or axis != N]
        if len(indices) in (1, 2):
            try:
                forms[layout] = matrix_form(equation, tensors, layout)
            except NoMatrixFormError:
                continue
    return forms


def _whole(derivation: Derivation, name: str, forms: dict[Layout, Term]) -> dict[Layout, Term]:
    """The matrix forms by the errors of the layer above, where they differ from `forms`."""
    base, layer = split(name)
    if base not in ("delta", "dW", "db") or not layer:
        return {}
    found = {layout: truths(derivation, layout, base, int(layer), 0) for layout in LAYOUTS}
    return {layout: terms[0] for layout, terms in found.items() if terms and terms[0] != forms.get(layout)}


def emitted_lines(source: str) -> dict[str, Line]:
    """Target → the line of `loss_and_gradient` that computes it, read from the module's own text."""
    text = source.splitlines()
    return {
        node.targets[0].id: Line(node.lineno, text[node.lineno - 1].strip())
        for node in _sweep(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def listing(source: str) -> tuple[Line, ...]:
    """The lines of `loss_and_gradient`, as they stand in the module."""
    text, function = source.splitlines(), _sweep(source)
    return tuple(Line(n, text[n - 1]) for n in range(function.lineno, (function.end_lineno or function.lineno) + 1))


def _sweep(source: str) -> ast.FunctionDef:
    """The definition of `loss_and_gradient` in a module's text."""
    nodes = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    return next(node for node in nodes if node.name == "loss_and_gradient")


PROVED = ("Derived", "Adjoint")
"""How the labels of verdicts about single equations begin: proved from the text, or from what an adjoint is."""


def _verdict(certificate: Certificate, tensor: str, of: str) -> Verdict | None:
    """The verdict about the derived equation of a tensor; `of` says for a derivative what it is taken by."""
    wanted = {"Shift": of, **dict.fromkeys(PROVED, tensor)}
    for verdict in certificate.verdicts:
        kind, _, rest = verdict.label.partition(", ")
        if kind in wanted and rest.rpartition(", ")[2] == wanted[kind]:
            return verdict
    return None


def _lemma(certificate: Certificate, own: Verdict | None, name: str, depth: int) -> Verdict | None:
    """The verdict about the formula for every layer that the equation is an instance of.

    It is one if it was proved by the text's formulas.
    """
    if own is None or not own.label.startswith(PROVED[0]):
        return None
    letters, layer = split(name)
    key = "output" if letters == "delta" and layer == str(depth) else {"delta": "step"}.get(letters, letters)
    left = DB_LEMMA.partition(" = ")[0] if key == "db" else LEMMAS.get(key, ("",))[0]
    whole = DB_LEMMA if key == "db" else f"{left} = "
    return next((v for v in certificate.verdicts if left and v.holds and v.formula.startswith(whole)), None)
