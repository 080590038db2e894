"""Lets tests run against the installed derive: puts the source tree behind it on the path. Run by tox."""

from __future__ import annotations

import site
from importlib.metadata import version
from pathlib import Path

import derive

TREE = Path(__file__).resolve().parents[1]
PACKAGES = Path(site.getsitepackages()[0])

if __name__ == "__main__":
    (PACKAGES / "source_tree.pth").write_text(f"{TREE}\n", encoding="utf-8")
    home = Path(derive.__file__).resolve()
    if PACKAGES.resolve() not in home.parents:
        raise SystemExit(f"derive is imported from {home}, not from {PACKAGES}")
    named = ("numpy", "sympy", "mpmath", "jinja2", "click", "rich", "scipy", "scikit-learn", "dask")
    print(", ".join(f"{name} {version(name)}" for name in named))
