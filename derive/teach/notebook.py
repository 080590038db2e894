"""The lesson as a notebook: the derivation in cells of text, the emitted lines in cells that run.

The lines are executed one layer at a time on the small example, and each is compared with what the programs in
index notation give at the numbers that stand there; the last cell compares with the module as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from derive.codegen.header import title
from derive.codegen.statements.lower import RENAMED
from derive.model.specification import to_toml
from derive.teach.lesson import Lesson, Section
from derive.teach.setting.latex import latex
from derive.teach.setting.shown import Showing

SETUP = """import numpy as np
from derive import differentiate, emit, load
from derive.model.specification import from_toml
from derive.teach.example import values_of

architecture = from_toml({spec!r})
derivation = differentiate(architecture)
module = load(emit(derivation, style="readable"))
globals().update({{name: value for name, value in vars(module).items() if callable(value) and name[:2] != "__"}})"""
CHECK = """small = load(emit(differentiate(architecture.resized({widths})), style="readable"))
theta = small.pack(small.Parameters({parameters}))
value_of_module, gradient = small.loss_and_gradient(theta, X, Y{weights})
assert np.allclose(value, value_of_module)
assert np.allclose(gradient, small.pack(small.Parameters({gradients})))
print("the loss is", value_of_module, "and the gradient's largest entry", np.abs(gradient).max())"""


def notebook(found: Lesson) -> str:
    """The text of an .ipynb file, which runs from top to bottom."""
    return as_notebook(list(_cells(found)))


def as_notebook(cells: Iterable[tuple[str, str]]) -> str:
    """A notebook of (kind, text) cells; the same cells give the same bytes."""
    entries: list[dict[str, Any]] = []
    for position, (kind, text) in enumerate(cells):
        name = hashlib.sha256(f"{position} {text}".encode()).hexdigest()[:12]
        entry: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": text}
        entries.append(entry | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    book = {"cells": entries, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, ensure_ascii=False, indent=1) + "\n"


def _cells(found: Lesson) -> Iterable[tuple[str, str]]:
    showing = Showing(found, latex)
    conventions = "\n".join(
        f"- **{markdown(c['name'])}** {markdown(c['text'])}" + (f" ${c['formula']}$" if c["formula"] else "")
        for c in showing.conventions()
    )
    yield "markdown", f"# {markdown(title(found.architecture))}\n\n{conventions}"
    yield "code", SETUP.format(spec=to_toml(found.architecture))
    yield "markdown", "## A small example\n\nNumbers that can be followed by hand; change them and run on."
    yield "code", _inputs(found)
    for section, shown in zip(found.sections, showing.sections(), strict=True):
        yield "markdown", f"## {shown['title']}"
        for passage in shown["passages"]:
            yield "markdown", _text(passage)
        if lines := _lines(found, section):
            yield "code", lines
    if any(options.dropout for options in found.architecture.layers):
        return  # the module draws its masks itself
    yield "markdown", "## The module as a whole\n\nIt gives the same loss and the same gradient."
    parameters = [t.name for t in found.derivation.parameters]
    yield (
        "code",
        CHECK.format(
            widths=found.example.widths,
            weights=", weights=weights" * found.architecture.sample_weights,
            parameters=", ".join(parameters),
            gradients=", ".join(f"d{name}" for name in parameters),
        ),
    )


def _inputs(found: Lesson) -> str:
    """The inputs and weights as assignments, N and the sizes, and what all tensors should be."""
    example = found.example
    sizes = "\n".join(f"{axis} = {n}" for axis, n in example.sizes.items())
    arrays = "\n".join(
        f"{RENAMED.get(name, name)} = np.array({np.asarray(array).tolist()})" for name, array in example.inputs.items()
    )
    names = ", ".join(f"{name!r}: {RENAMED.get(name, name)}" for name in example.inputs)
    return f"{sizes}\n{arrays}\nexpected = values_of(derivation, {{{names}}})"


def _text(passage: dict[str, Any]) -> str:
    lines = [f"### ${passage['symbol']}$" + (f": {passage['meaning']}" if passage["meaning"] else "")]
    if passage["given"]:
        lines.append(f"$${passage['index']}$$")
    for move in passage["moves"]:
        picks = f": {move['picks']}" if move["picks"] else ""
        lines.append(f"$${move['formula']}$$\n*{move['rule']}*{picks}. {move['why']}")
    lines += [f"In {form['layout']}: ${form['formula']}$" for form in passage["matrix"]]
    lines.append(f"In numbers: ${passage['numbers']}$")
    if passage["verdict"]:
        lines.append(f"**{passage['verdict']}**: {passage['validity']}")
    return "\n\n".join(lines)


def _lines(found: Lesson, section: Section) -> str:
    """The emitted lines of a section, each followed by a comparison with the program in index notation."""
    lines = []
    for passage in section.passages:
        if passage.line:
            name = RENAMED.get(passage.name, passage.name)
            code = passage.line.text.partition("  # ")[0]
            lines.append(f'{code}\nassert np.allclose({name}, expected["{passage.name}"])')
    return "\n".join(lines)


def markdown(text: str) -> str:
    """`text` with what Markdown and HTML read as commands made harmless."""
    return "".join("\\" + c if c in "\\`*_{}[]<>#|$!" else "&amp;" if c == "&" else c for c in text)
