"""The page: what the template is given, and the data that its scripts work on.

The scripts compute with the derived programs, given as plain data, and compare answers with formulas made here.
So nothing is derived a second time in the browser.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from markupsafe import Markup

from derive.algebra.residues import PRIME
from derive.codegen.emit import load
from derive.codegen.forms.naming import template_folders
from derive.codegen.header import title
from derive.teach.exercises.exercises import assumed, grading_data
from derive.teach.lesson import Lesson, listing
from derive.teach.setting.boxes import Box, name
from derive.teach.setting.index_view import MOST_TERMS
from derive.teach.setting.mathml import inner, mathml
from derive.teach.setting.picture import picture
from derive.teach.setting.shown import Showing
from derive.teach.setting.trees import page_programs

SCRIPTS = ("trees", "residues", "grammar", "shapes", "values", "grade", "numbers", "training", "exercises", "page")
"""The files under templates/lesson that are put into the page, in this order."""
PLACE = "@"
"""Stands for the indices in a tensor's name."""


def page_context(found: Lesson) -> dict[str, Any]:
    """Everything that the template puts in its place."""
    showing = Showing(found, as_markup)
    sections = showing.sections()
    lines = {passage.line.number: passage.name for passage in found.passages if passage.line}
    return {
        "title": title(found.architecture).rstrip("."),
        "conventions": showing.conventions(),
        "sections": sections,
        "picture": picture(found.architecture),
        "listing": [
            {"number": line.number, "text": line.text, "name": lines.get(line.number, "")}
            for line in listing(found.source)
        ],
        "certificate": found.certificate,
        "assumed": assumed(found.architecture),
        "inputs": _inputs(found),
        "shrunk": found.example.widths != found.architecture.sizes,
        "widths": "-".join(map(str, found.example.widths)),
        "samples": len(found.example.inputs["a0"]),
        "styles": Markup(_file("page.css")),
        "scripts": Markup("\n".join(_file(f"{script}.js") for script in SCRIPTS)),
        "data": Markup(safe_json(page_data(found))),
    }


def page_data(found: Lesson) -> dict[str, Any]:
    """The data of the scripts, as JSON types."""
    derivation, example = found.derivation, found.example
    tensors = {**derivation.forward.tensors, **derivation.gradient.tensors}
    return {
        "prime": PRIME,
        "most_terms": MOST_TERMS,
        "example": {
            "sizes": {str(axis): n for axis, n in example.sizes.items()},
            "inputs": {text: np.asarray(array).tolist() for text, array in example.inputs.items()},
        },
        **page_programs(derivation),
        "parameters": [tensor.name for tensor in derivation.parameters],
        "symbols": {
            text: inner(found.letters.symbol(text, name(PLACE)))
            for text in (*tensors, *(p.name for p in found.passages))
        },
        "widths": [2, *(min(n, 8) for n in found.architecture.sizes[1:-1]), min(found.architecture.sizes[-1], 3)],
        "starts": starts(found),
        "grading": grading_data(found.architecture),
    }


def starts(found: Lesson) -> dict[str, float]:
    """The value that each parameter starts from which is not a matrix, as the emitted module begins."""
    module = load(found.source)
    parameters = module.unpack(module.initialize(0))._asdict()
    return {name: float(np.ravel(values)[0]) for name, values in parameters.items() if np.ndim(values) < 2}


def as_markup(box: Box) -> Markup:
    """A formula as MathML that the template leaves as it is; names in it are escaped already."""
    return Markup(mathml(box))


def safe_json(data: Any) -> str:
    """JSON that can stand inside a <script> element, whatever its strings hold."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _inputs(found: Lesson) -> list[dict[str, Any]]:
    """The fields for the example's numbers: a table for each tensor that is given."""
    fields = []
    for tensor in found.derivation.forward.inputs:
        array = np.asarray(found.example.inputs[tensor.name])
        grid = array if array.ndim == 2 else array.reshape(1, -1)
        rows = [
            [
                {
                    "value": f"{value:g}",
                    "at": f"{r},{c}" if array.ndim == 2 else f"{c}",
                    "label": _label(tensor.name, array.ndim, r, c),
                }
                for c, value in enumerate(row)
            ]
            for r, row in enumerate(grid)
        ]
        fields.append(
            {"name": tensor.name, "symbol": as_markup(found.letters.symbol(tensor.name, whole=True)), "rows": rows}
        )
    return fields


def _label(name: str, axes: int, row: int, column: int) -> str:
    return f"{name}, row {row + 1}, column {column + 1}" if axes == 2 else f"{name}, entry {column + 1}"


def _file(name: str) -> str:
    """The text of a file that is put into the page."""
    for folder in template_folders():
        path = folder / "lesson" / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise FileNotFoundError(f"templates/lesson/{name}")
