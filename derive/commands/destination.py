"""Where a command writes: what -o says, or a file called after the network, which is nobody else's."""

from __future__ import annotations

import re
import stat
import sys
from pathlib import Path

from derive.commands.files import check_writable
from derive.commands.options import Request
from derive.model.errors import DeriveError

OTHERS = (
    *("numpy", "sympy", "mpmath", "jinja2", "markupsafe", "click", "rich", "pygments", "flint", "scipy", "sklearn"),
    *("torch", "safetensors", "onnx", "onnxruntime", "pandas", "matplotlib", "dask", "distributed", "derive"),
    *("pytest", "hypothesis", "conftest", "setup", "sitecustomize", "usercustomize"),
)
"""What Python, pytest and others would import or run by its name, from the folder they are started in."""
IMPORTED = frozenset(name.lower() for name in (*sys.stdlib_module_names, *OTHERS))
TITLE = re.compile(rb": the [\w-]+ perceptron \(")
"""What stands near the beginning of whatever derive writes, see `codegen.header.title`."""
BEGINNING = 100_000


def output(given: str | None, default: str, request: Request) -> Path | None:
    """The file to write, None for standard output. Raises DeriveError if it cannot be, or should not be, written.

    Specifications come from anyone. So a name from one, that nobody has typed, replaces only what derive has written,
    and makes no module that others would import in place of their own.
    """
    name = given or default
    if name == "-":
        return None
    path = Path(name)
    check_writable(path)
    if request.specification is not None:
        if path.exists() and path.samefile(request.specification):
            raise DeriveError(f"{path}: is the specification itself; name another file with -o")
        if not given and request.name is None:
            _check_called_after_the_network(path)
    return path


def _check_called_after_the_network(path: Path) -> None:
    if path.suffix == ".py" and path.stem.lower() in IMPORTED:
        raise DeriveError(f"{path}: would be taken for another module, {path.stem}; name the file with -o")
    if path.exists() and not _is_ours(path):
        raise DeriveError(f"{path}: exists and is not derive's; name another file with -o, or this one")


def _is_ours(path: Path) -> bool:
    """Whether derive has written the file."""
    if not stat.S_ISREG(path.stat().st_mode):
        return False
    try:
        with path.open("rb") as file:
            return TITLE.search(file.read(BEGINNING)) is not None
    except OSError:
        return False
