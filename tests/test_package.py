"""The package as it is imported, and as it is installed."""

from __future__ import annotations

import subprocess
import sys
import tarfile
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


def test_a_network_can_be_named_without_sympy():
    code = "import sys, derive.model.architecture; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("extra", "module"), [("sklearn", "sklearn"), ("dask", "parallel")])
def test_without_an_extra_a_line_says_which(extra, module):
    code = (
        "import sys\n"
        "for name in ('sklearn', 'dask', 'distributed'): sys.modules[name] = None\n"
        "try:\n"
        f"    from derive import {module}\n"
        f"    {module}.persist(None, None)\n"
        "except (ImportError, ValueError) as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"is not installed; pip install 'derive[{extra}]' brings it" in done.stdout


def built(kind: str, folder: Path) -> Path:
    """The wheel or the sdist of the source tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.iterdir()
    return path


def test_the_wheel_holds_code_templates_and_texts(tmp_path):
    names = set(zipfile.ZipFile(built("wheel", tmp_path)).namelist())
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "derive").rglob("*.py")}
    texts = {str(p.relative_to(ROOT)) for p in (ROOT / "derive" / "texts").glob("*.toml")}
    templates = {f"derive/{p.relative_to(ROOT)}" for p in (ROOT / "templates").rglob("*") if p.is_file()}
    assert texts
    assert templates
    assert sources | texts | templates | {"derive/py.typed"} <= names
    assert not any(name.startswith(("tests/", "generated/", "benchmarks/")) for name in names)


def test_the_sdist_holds_what_builds_and_tests_it(tmp_path):
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("derive", "templates", "tests", "generated", "interop", "docs")
    sources = {str(p.relative_to(ROOT)) for folder in folders for p in (ROOT / folder).rglob("*.py")}
    assert sources | {"pyproject.toml", "README.md", "LICENSE", "Makefile", "templates/fast.py.jinja"} <= names
    assert not any(name.startswith((".venv", "build")) for name in names)


USE = """\
from derive import Architecture, differentiate, emit
reveal_type(differentiate(Architecture((2, 1), ["tanh"])))
emit("2-1")
"""


@pytest.mark.slow
@pytest.mark.parametrize("typed", [True, False])
def test_mypy_sees_the_types_of_the_installed_wheel(tmp_path, typed):
    """Without py.typed, a control, it does not."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    zipfile.ZipFile(built("wheel", tmp_path / "dist")).extractall(packages)
    if not typed:
        (packages / "derive" / "py.typed").unlink()
    (tmp_path / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--python-executable", tmp_path / "venv" / "bin" / "python", "use.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    seen = 'Revealed type is "derive.algebra.gradient.Derivation"', 'incompatible type "str"; expected "Derivation"'
    assert [text in done.stdout for text in seen] == [typed, typed], done.stdout
    assert ("missing library stubs or py.typed marker" in done.stdout) is not typed
