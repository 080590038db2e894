"""Writing a file so that whoever reads it sees the old text or the new one, never a part of either."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from derive.model.errors import DeriveError, short_path
from derive.model.sources import check_regular, unreadable

PROTECTED = "the file is write-protected"


def write_whole(path: Path, text: str | bytes) -> None:
    """Write `text` to `path`, as UTF-8 if it is not bytes: into a new file beside it, which then takes its place.

    The mode of an existing file is kept, and a symbolic link still points to the same file afterwards.
    If anything fails, `path` is as it was and nothing else is left behind. Raises DeriveError.
    """
    write_all({path: text})


def write_all(texts: Mapping[Path, str | bytes]) -> None:
    """The same for several files: none takes its place before all of them have been written."""
    made: list[tuple[Path, Path, Path]] = []
    devices: list[tuple[Path, bytes]] = []
    try:
        for path, text in texts.items():
            data = text.encode() if isinstance(text, str) else text
            with _named(path):
                before = _mode(path)
                if before is not None and not stat.S_ISREG(before):  # a device or a pipe has nothing to keep whole
                    devices.append((path, data))
                    continue
                target = Path(os.path.realpath(path))
                if before is not None and not os.access(target, os.W_OK):
                    raise PermissionError(None, PROTECTED)
                name = target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}.tmp")
                made.append((path, name, target))
                _make(name, data, stat.S_IMODE(before) if before is not None else None)
        for path, data in devices:
            with _named(path):
                path.write_bytes(data)
        for path, name, target in made:
            with _named(path):
                name.replace(target)
    finally:  # also on Ctrl-C
        for _, name, _ in made:
            with suppress(OSError):  # most are gone: they have taken their places, or were never made
                name.unlink()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error becomes one that says which file could not be written."""
    try:
        yield
    except OSError as error:
        raise DeriveError(f"{short_path(path)}: cannot be written: {_reason(error, path)}") from None
    except ValueError as error:  # a name that no file can have
        raise DeriveError(f"{short_path(path)}: cannot be written: {error}") from None


def check_writable(path: Path) -> None:
    """Raise DeriveError if `path` can be seen beforehand not to be writable, before any work is done for it."""
    target = Path(os.path.realpath(path))
    folder, shown = target.parent, short_path(path)
    if path.exists() and not target.exists():  # a pipe that is open has no name
        target = path
    if target.is_dir():
        raise DeriveError(f"{shown}: cannot be written: it is a folder; name a file, as in {shown}/network.py")
    if not folder.is_dir():
        fault = "is not a folder" if folder.exists() else "does not exist; make the folder first"
        raise DeriveError(f"{shown}: cannot be written: {short_path(folder)} {fault}")
    if not os.access(folder, os.W_OK | os.X_OK) and not (target.exists() and not target.is_file()):
        raise DeriveError(f"{shown}: cannot be written: no permission to write into {short_path(folder)}")
    if target.exists() and not os.access(target, os.W_OK):
        raise DeriveError(f"{shown}: cannot be written: {PROTECTED}")


def _make(name: Path, data: bytes, mode: int | None) -> None:
    """A new file with this mode, or that of a new file, and these bytes, which are on the disk afterwards."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(name, flags, 0o666 if mode is None else 0o600)  # less the umask
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if mode is not None:
        name.chmod(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _reason(error: OSError, path: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"the folder {short_path(os.path.dirname(os.path.realpath(path)))} does not exist"
    return error.strerror or str(error)


def check_readable(path: Path) -> None:
    """Raise DeriveError if `path` is not a file that can be read."""
    check_regular(path)
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
