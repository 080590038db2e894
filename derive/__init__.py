"""derive: from a layer's equation on the blackboard to its proved gradient and an audited NumPy module.

The names below are loaded when they are first used, so `import derive` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from derive.algebra.gradient import differentiate
    from derive.codegen.audit import audit
    from derive.codegen.emit import emit, load
    from derive.model.activation import Activation
    from derive.model.architecture import Architecture
    from derive.model.errors import DeriveError
    from derive.proof.prove import prove
    from derive.proof.words.theorems import prove_claims
    from derive.teach.explain import explain
    from derive.teach.grading import Grade, grade
    from derive.teach.lesson import Lesson, lesson

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "Architecture",
    "DeriveError",
    "Grade",
    "Lesson",
    "audit",
    "differentiate",
    "emit",
    "explain",
    "grade",
    "lesson",
    "load",
    "prove",
    "prove_claims",
]

_HOME = {
    "Activation": "derive.model.activation",
    "Architecture": "derive.model.architecture",
    "DeriveError": "derive.model.errors",
    "differentiate": "derive.algebra.gradient",
    "prove": "derive.proof.prove",
    "prove_claims": "derive.proof.words.theorems",
    "emit": "derive.codegen.emit",
    "load": "derive.codegen.emit",
    "audit": "derive.codegen.audit",
    "grade": "derive.teach.grading",
    "Grade": "derive.teach.grading",
    "explain": "derive.teach.explain",
    "lesson": "derive.teach.lesson",
    "Lesson": "derive.teach.lesson",
}
"""Public name → the module that defines it."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'derive' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
