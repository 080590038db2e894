"""What became of each mutant, one JSON line as soon as it is known, so that a run that was cut short can go on.

The first line is a digest of all that an outcome depends on; a log of other modules or other tests is not gone on with.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDERS = tuple(Path(__file__).parents[1] / name for name in ("derive", "templates", "tests"))


class OtherSourcesError(ValueError):
    """The log was written by other modules or tests."""


def digest_of(folders: tuple[Path, ...]) -> str:
    """Of all files in some folders, names and contents."""
    found = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        if "__pycache__" not in path.parts:
            found.update(f"{path}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()


@dataclass(frozen=True)
class Log:
    """The outcomes so far; without a path, of this run only."""

    path: Path | None = None
    known: dict[str, str] = field(default_factory=dict)
    """`key` of a mutant → outcome."""

    @property
    def covered(self) -> Path | None:
        """The file that keeps which test executes what."""
        return self.path and self.path.with_suffix(".covered")

    def outcome(self, file: str, text: str) -> str | None:
        return self.known.get(key(file, text))

    def note(self, file: str, text: str, outcome: str, **about: Any) -> None:
        self.known[key(file, text)] = outcome
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as lines:
                print(json.dumps({"key": key(file, text), "outcome": outcome, "file": file, **about}), file=lines)


def key(file: str, text: str) -> str:
    return hashlib.sha256(f"{file}\0{text}".encode()).hexdigest()[:16]


def opened(path: Path | None, folders: tuple[Path, ...] = FOLDERS) -> Log:
    """The log in a file, which is begun if there is none; a last line that was cut short is left out.

    Raises OtherSourcesError if the modules or the tests have changed since it was begun.
    """
    if path is None:
        return Log()
    own = digest_of(folders)
    if not path.exists():
        path.write_text(json.dumps({"sources": own}) + "\n", encoding="utf-8")
        path.with_suffix(".covered").unlink(missing_ok=True)
        return Log(path)
    first, *rest = [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    if json.loads(first)["sources"] != own:
        raise OtherSourcesError(f"{path}: derive or its tests have changed since this log was begun: take another file")
    path.write_text("".join([first, *rest]), encoding="utf-8")
    return Log(path, {entry["key"]: entry["outcome"] for entry in map(json.loads, rest)})
