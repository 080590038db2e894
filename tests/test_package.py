"""The package as it is imported, and as it is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import derive

ROOT = Path(__file__).parents[1]


def test_the_public_names_are_there():
    for name in derive.__all__:
        assert getattr(derive, name).__module__.startswith("derive.")
        assert name in dir(derive)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'derivate'"):
        derive.derivate  # noqa: B018


def test_importing_the_package_imports_no_dependency():
    code = (
        "import sys, derive; named = {'sympy', 'numpy', 'rich', 'jinja2', 'click', 'sklearn', 'scipy'}; "
        "sys.exit(', '.join(named & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_wheel_holds_code_templates_and_texts(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "derive").rglob("*.py")}
    texts = {str(p.relative_to(ROOT)) for p in (ROOT / "derive" / "texts").glob("*.toml")}
    templates = {f"derive/{p.relative_to(ROOT)}" for p in (ROOT / "templates").rglob("*") if p.is_file()}
    assert texts
    assert templates
    assert sources | texts | templates | {"derive/py.typed"} <= names
    assert not any(name.startswith(("tests/", "generated/", "benchmarks/")) for name in names)
