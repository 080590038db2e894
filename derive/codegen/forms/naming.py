"""Names of functions in an emitted module: a user's own may be called as something that stands in it already.

>>> free("swish", set()), free("loss", set()), free("W1", set())
('swish', 'loss_', 'W1_')
"""

from __future__ import annotations

import builtins
import re
import sys
from functools import cache
from pathlib import Path


def template_folders() -> list[Path]:
    """Where the templates are: in the wheel, or in the source tree."""
    package = Path(sys.modules["derive"].__file__ or "").parent
    return [package / "templates", package.parent / "templates"]


@cache
def _words() -> frozenset[str]:
    """Every word of the templates, and every name of Python's own."""
    texts = [path.read_text(encoding="utf-8") for folder in template_folders() for path in folder.glob("*.jinja")]
    return frozenset(word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text)) | frozenset(dir(builtins))


def free(name: str, taken: set[str]) -> str:
    """`name`, changed if it is a name of derive's, one of `taken`, or could be one made of those by a suffix.

    Names that end in digits are those of tensors and of repeated parts.
    """
    while any(name == other or f"{name}_".startswith(f"{other}_") or other.startswith(f"{name}_") for other in taken):
        name = f"own{name}"
    while name in _words() or name[-1].isdigit() or name in taken:
        name += "_"
    return name
