"""The house: imports go downward only, Jinja stays where it is used, templates hold no mathematics, no text is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "derive").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.jinja"))

FLOORS = {"model": 0, "algebra": 1, "proof": 2, "codegen": 2, "teach": 3}
COMMANDS = 4
"""Whatever lies in derive/ itself is on the top floor: the command line and what belongs to it."""

EXCEPTIONS = {("derive.codegen.audit", "derive.proof.certificate")}
"""Across the landing: the audit may use the certificate's type."""

JINJA = ("derive.codegen.emit", "derive.teach")
OPTIONAL = {
    "sklearn": ("derive.sklearn", "derive.sklearn.data", "derive.sklearn.estimator", "derive.commands.demo"),
    "scipy": ("derive.fitting",),
    "torch": ("derive.interop.tensors", "derive.interop.torch_networks"),
    "onnx": ("derive.interop.onnx_export",),
    "dask": ("derive.parallel.chunks", "derive.parallel.shared"),
    "distributed": ("derive.parallel.chunks", "derive.parallel.workers"),
    "safetensors": ("derive.interop.parameters",),
}
"""What only an extra brings → the modules, all of them on the top floor, that may import it."""

RUNS_TEXT = {"derive.codegen.emit", "derive.codegen.exact.namespace", "derive.teach.code.observed"}
"""Modules that may execute source: what derive itself has emitted, and a module that is to be audited."""

FORBIDDEN = {"eval", "exec", "compile", "__import__", "parse_expr", "parse_latex", "lambdify", "S"}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str) -> Iterator[str]:
    """Everything that a module imports, also inside functions and for type checking."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor(module: str) -> int:
    room = module.split(".")[1] if "." in module else ""
    return FLOORS.get(room, COMMANDS)


def complaints(module: str, source: str) -> list[str]:
    """The house rules that `source`, as the text of `module`, breaks."""
    found = []
    for name in imports(source):
        own = name.startswith("derive.") and name.split(".")[1] in {*FLOORS, *TOP}
        if own and not allowed(module, name):
            found.append(f"{module} imports {name}")
        if name.split(".")[0] == "jinja2" and not module.startswith(JINJA):
            found.append(f"{module} imports jinja2")
        if module not in OPTIONAL.get(name.split(".")[0], (module,)):
            found.append(f"{module} imports {name}")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in FORBIDDEN and module not in RUNS_TEXT and ast.unparse(node.func) not in ("re.compile",):
                found.append(f"{module} calls {called}")
    return found


TOP = {path.stem for path in (ROOT / "derive").iterdir()} - {*FLOORS}
"""Modules and packages of the top floor."""


def allowed(module: str, name: str) -> bool:
    room, other = module.split(".")[1:2], name.split(".")[1:2]
    across = any(module == ours and name.startswith(theirs) for ours, theirs in EXCEPTIONS)
    return across or room == other or floor(module) > floor(name) or floor(module) == floor(name) == COMMANDS


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_every_module_keeps_the_rules(path):
    if path != ROOT / "derive" / "__init__.py":  # offers every room's names, lazily
        assert complaints(dotted(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("derive.model.tables", "from derive.algebra.program import Program", "imports derive.algebra.program"),
        ("derive.algebra.program", "def f():\n    import derive.cli", "imports derive.cli"),
        ("derive.model.names", "from derive.commands import console", "imports derive.commands.console"),
        ("derive.proof.prove", "from derive.codegen.emit import emit", "imports derive.codegen.emit"),
        (
            "derive.codegen.statements.lower",
            "from derive.proof.certificate import Verdict",
            "imports derive.proof.certificate",
        ),
        ("derive.codegen.audit", "from derive.proof.prove import prove", "imports derive.proof.prove"),
        ("derive.proof.prove", "import derive.teach.lesson", "imports derive.teach.lesson"),
        ("derive.cli", "import jinja2", "imports jinja2"),
        ("derive.codegen.statements.lower", "from jinja2 import Template", "imports jinja2"),
        ("derive.codegen.emit", "from derive.sklearn import DerivedClassifier", "imports derive.sklearn"),
        ("derive.teach.lesson", "from derive import fitting", "imports derive.fitting"),
        ("derive.fitting", "from sklearn.base import clone", "imports sklearn.base"),
        ("derive.codegen.emit", "def f():\n    import torch", "imports torch"),
        ("derive.fitting", "from dask.array import Array", "imports dask.array"),
        ("derive.teach.lesson", "from derive.parallel import train", "imports derive.parallel"),
        ("derive.model.expression", "def f(text):\n    return eval(text)", "calls eval"),
        ("derive.proof.grammar", "import sympy\nsympy.parse_expr('x')", "calls parse_expr"),
    ],
)
def test_a_planted_violation_is_found(module, source, complaint):
    assert any(complaint in found for found in complaints(module, source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("derive.codegen.audit", "from derive.proof.certificate import Certificate"),
        ("derive.cli", "from derive.proof.prove import prove"),
        ("derive.proof.certificate", "from derive import __version__"),
        ("derive.sklearn", "from sklearn.base import clone\nfrom derive.codegen.emit import emit"),
        ("derive.codegen.emit", "import re\nre.compile('x')"),
        ("derive.teach.lesson", "import jinja2\nfrom derive.proof.prove import prove"),
    ],
)
def test_what_is_allowed_is_left_alone(module, source):
    assert complaints(module, source) == []


ARITHMETIC = (nodes.BinExpr, nodes.UnaryExpr)
NOT_ARITHMETIC = (nodes.And, nodes.Or, nodes.Not)


def mathematics(source: str) -> list[str]:
    """The operators in a template: they belong into Python, where they are tested."""
    tree = Environment().parse(source)
    return [type(n).__name__ for n in tree.find_all(ARITHMETIC) if not isinstance(n, NOT_ARITHMETIC)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_no_mathematics(path):
    assert mathematics(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", ["{{ a * b }}", "{% for i in range(-n) %}{% endfor %}", "{% set x = n ** 2 %}"])
def test_mathematics_in_a_template_is_found(source):
    assert mathematics(source) != []


def test_modules_stay_readable_in_one_sitting():
    lengths = {dotted(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
