"""`explain`: the lesson of a network as text for a terminal, a LaTeX document, a notebook or a page.

>>> from derive.model.architecture import Architecture
>>> text = explain(Architecture((2, 1), ("tanh",)))
>>> "δ¹ₛᵢ = ∂ℒ/∂a¹ₛᵢ f′₁(z¹ₛᵢ)" in text
True
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from derive.codegen.emit import environment
from derive.codegen.header import title
from derive.model.architecture import Architecture
from derive.model.errors import DeriveError, unknown
from derive.model.limits import LIMITS
from derive.teach.lesson import Lesson, lesson
from derive.teach.notebook import notebook
from derive.teach.setting.boxes import Box
from derive.teach.setting.latex import escaped, latex
from derive.teach.setting.plain import plain
from derive.teach.setting.shown import Showing

WIDTH = 80
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
    """The lesson as lines of Unicode, none wider than `WIDTH` where it has a space to break at."""
    text = environment(autoescape=False).get_template("lesson/lesson.txt.jinja").render(_context(Showing(found, plain)))
    lines = text.splitlines()
    return "".join(f"{_wrapped(line)}\n" for line in lines)


def _wrapped(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        WIDTH,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def document(found: Lesson) -> str:
    """The lesson as a LaTeX document that needs amsmath, graphicx and nothing rare."""
    return tex_environment().get_template("lesson/lesson.tex.jinja").render(_context(Showing(found, _as_markup)))


def _as_markup(box: Box) -> Markup:
    """A formula as LaTeX that the template leaves as it is; names in it are escaped already."""
    return Markup(latex(box))


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


def _context(showing: Showing) -> dict[str, Any]:
    return {
        "title": title(showing.lesson.architecture),
        "conventions": showing.conventions(),
        "sections": showing.sections(),
    }


def tex_environment() -> Environment:
    """Jinja for LaTeX: everything that is put in is escaped, but for formulas, which are Markup."""
    return environment(autoescape=False, finalize=_escaped_tex)


def _escaped_tex(value: object) -> str:
    return value if isinstance(value, Markup) else escaped(str(value))
