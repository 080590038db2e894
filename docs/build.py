"""The API reference, from the docstrings: `python -m docs.build FOLDER`. A warning is an error."""

from __future__ import annotations

import inspect
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pdoc

import derive

ROOT = Path(__file__).parents[1]
EMITTED = ROOT / "generated" / "first_readable.py"

PAGES = ("derive", "derive.sklearn", "derive.interop", "derive.parallel")
"""Modules whose names in `__all__` are what users import."""

BEHIND = (
    *("derive.sklearn.estimator", "derive.algebra.gradient", "derive.proof.certificate", "derive.parallel.workers"),
    *("derive.model.activation", "derive.model.architecture", "derive.model.loss", "derive.model.layers"),
    *("derive.model.penalty", "derive.model.training", "derive.model.errors"),
)
"""Modules with what these take and give back."""


def build(folder: Path) -> None:
    """Write the pages into `folder`. Raises on any warning, and for a public name without a docstring."""
    for name in derive.__all__:
        getattr(derive, name)  # names are loaded when they are first used, and pdoc looks only at those there are
    silent = undocumented()
    if silent:
        raise SystemExit(f"public names without a docstring: {', '.join(silent)}")
    sys.modules.setdefault("np", numpy)  # an annotation such as np.ndarray is looked up in another module than its own
    pdoc.render.configure(
        docformat="markdown",
        show_source=True,
        footer_text=f"derive {derive.__version__}",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(*PAGES, *BEHIND, str(EMITTED), output_directory=folder)


def public(module: ModuleType) -> dict[str, Any]:
    """The names that a module offers, and what they stand for."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if name[0] != "_" and inspect.isroutine(value) and value.__module__ == module.__name__
    ]
    return {name: getattr(module, name) for name in names}


def undocumented() -> list[str]:
    """The public names, and the public methods of classes among them, that have no docstring of their own."""
    found = []
    for page in PAGES:
        for name, value in public(import_module(page)).items():
            members = {name: value}
            if inspect.isclass(value):
                members |= {f"{name}.{key}": member for key, member in vars(value).items() if key[0] != "_"}
            found += [f"{page}.{key}" for key, member in members.items() if _callable(member) and not _doc(member)]
    return found


def _callable(member: Any) -> bool:
    return inspect.isclass(member) or inspect.isroutine(member) or isinstance(member, property)


def _doc(member: Any) -> str:
    """The docstring, if it is more than the signature that a dataclass makes up."""
    text = (member.__doc__ or "").strip()
    return "" if text.startswith(f"{getattr(member, '__name__', '')}(") else text


if __name__ == "__main__":
    build(Path(sys.argv[1]))
    print(f"wrote {Path(sys.argv[1]) / 'index.html'}")
