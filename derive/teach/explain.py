"""`explain`: the lesson of a network as text for a terminal, a LaTeX document, a notebook or a page.

>>> from derive.model.architecture import Architecture
>>> text = explain(Architecture((2, 1), ("tanh",)))
>>> "δ¹ₛᵢ = ∂ℒ/∂a¹ₛᵢ f′₁(z¹ₛᵢ)" in text
True
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derive.codegen.header import title
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, unknown
from derive.model.limits import LIMITS
from derive.teach.latex import escaped, latex
from derive.teach.lesson import Lesson, lesson
from derive.teach.notebook import notebook
from derive.teach.plain import plain
from derive.teach.shown import Showing

MAX_LAYERS = LIMITS["lesson"].most
"""A lesson of more layers repeats itself, and nobody reads it."""


def explain(architecture: Architecture, format: str = "terminal") -> str:
    """The text of the lesson of a network, in one of `FORMATS`.

    Raises DeriveError for a format that does not exist, or a network too deep to be read about.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS, "--format")
    if architecture.depth > MAX_LAYERS:
        raise DeriveError(
            f"a lesson of {architecture.depth} layers repeats itself; explain a network of at most {MAX_LAYERS}, "
            "whose formulas are those of every depth"
        )
    return FORMATS[format](lesson(architecture))


def terminal(found: Lesson) -> str:
    """The lesson as lines of Unicode."""
    return _template("lesson.txt.jinja", Showing(found, plain))


def document(found: Lesson) -> str:
    """The lesson as a LaTeX document that needs amsmath and nothing rare."""
    return _template("lesson.tex.jinja", Showing(found, latex))


def page(found: Lesson) -> str:
    """The lesson as one HTML file that needs nothing else."""
    from derive.teach.page import page_context

    return environment(autoescape=True).get_template("lesson/page.html.jinja").render(page_context(found))


FORMATS: dict[str, Callable[[Lesson], str]] = {
    "terminal": terminal,
    "html": page,
    "latex": document,
    "notebook": notebook,
}
"""Name → how it is made."""


def _template(name: str, showing: Showing) -> str:
    architecture = showing.lesson.architecture
    context = {
        "title": title(architecture),
        "conventions": showing.conventions(),
        "sections": showing.sections(),
    }
    return environment(autoescape=False).get_template(f"lesson/{name}").render(context)


def environment(*, autoescape: bool) -> Environment:
    """Jinja, strict about names, with the templates of the wheel or of the source tree."""
    package = Path(sys.modules["derive"].__file__ or "").parent
    made = Environment(
        loader=FileSystemLoader([package / "templates", package.parent / "templates"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=autoescape,
    )
    made.filters["tex"] = escaped
    return made
