"""Sealed certificates: JSON that carries a digest of its own content, written and read back.

The seal shows that a certificate was changed. It is no signature: who changes it can seal it again, and then only
the redoing of its verdicts shows what is wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derive.model.errors import DeriveError, shorten
from derive.model.limits import LIMITS
from derive.model.sources import read_text

FIELDS: dict[str, type] = {
    "subject": str,
    "kind": str,
    "holds": bool,
    "formulas": list,
    "trusts": list,
    "not_covered": list,
    "specification": str,
    "digest": str,
    "versions": dict,
    "seal": str,
}
"""What a certificate has to have, and of which type."""
FORMULA_FIELDS: dict[str, type] = {
    "label": str,
    "formula": str,
    "verdict": str,
    "method": str,
    "validity": str,
    "expected": str,
    "counterexample": dict,
    "note": str,
    "holds": bool,
    "range": dict,
}
"""What each of its formulas has to have."""
NAMES = {str: "text", bool: "true or false", list: "a list", dict: "an object"}


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with its seal."""
    return {**content, "seal": seal(content)}


def seal(content: Mapping[str, Any]) -> str:
    """The digest of everything but the seal itself; the order of the keys and the white space do not matter."""
    rest = {key: value for key, value in content.items() if key != "seal"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def read_certificate(path: Path) -> dict[str, Any]:
    """The certificate in the file at `path`. Raises DeriveError if it is none; whether it is true is not asked."""
    text = read_text(path, LIMITS["certificate"])
    try:
        content = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
        _checked(content, FIELDS, "the certificate")
        for position, formula in enumerate(content["formulas"], 1):
            _checked(formula, FORMULA_FIELDS, f"formula {position}")
        if len(content["formulas"]) > LIMITS["verdicts"].most:
            raise DeriveError(LIMITS["verdicts"].exceeded(len(content["formulas"])))
        seal(content)  # what cannot be sealed cannot be compared
    except json.JSONDecodeError as error:
        raise DeriveError(f"{path}: not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise DeriveError(f"{path}: not a certificate: nested too deeply") from None
    except DeriveError as error:
        raise DeriveError(f"{path}: {error}") from None
    except ValueError:  # a number with thousands of digits
        raise DeriveError(f"{path}: not a certificate: a number in it is too long") from None
    result: dict[str, Any] = content
    return result


def _checked(value: Any, fields: Mapping[str, type], what: str) -> None:
    if not isinstance(value, dict):
        raise DeriveError(f"{what} is {shorten(value)}, not an object with the keys {', '.join(fields)}")
    for key, kind in fields.items():
        if key not in value:
            raise DeriveError(f"{what} lacks the key {key!r}; `derive generate --certificate` writes whole ones")
        if not isinstance(value[key], kind):
            raise DeriveError(f"{what}: {key} is {shorten(value[key])}, not {NAMES[kind]}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DeriveError(f"the key {shorten(key)} stands twice")
        found[key] = value
    return found


def _no_number(name: str) -> Any:
    raise DeriveError(f"{name} is not a number in JSON")
