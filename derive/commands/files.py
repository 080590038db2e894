"""Writing a file so that whoever reads it sees the old text or the new one, never a part of either."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from derive.model.errors import DeriveError
from derive.model.sources import check_regular


def write_whole(path: Path, text: str | bytes) -> None:
    """Write `text` to `path`, as UTF-8 if it is not bytes: into a new file beside it, which then takes its place.

    The mode of an existing file is kept, and a symbolic link still points to the same file afterwards.
    If anything fails, `path` is as it was and nothing else is left behind. Raises DeriveError.
    """
    target = Path(path)
    data = text.encode() if isinstance(text, str) else text
    try:
        target = Path(os.path.realpath(path))
        before = _mode(target)
        if before is not None and not stat.S_ISREG(before):  # a device or a pipe has nothing to keep whole
            target.write_bytes(data)
            return
        if before is not None and not os.access(target, os.W_OK):
            raise PermissionError(None, "the file is write-protected")
        _replace(target, data, stat.S_IMODE(before) if before is not None else None)
    except OSError as error:
        raise DeriveError(f"{path}: cannot be written: {_reason(error, target)}") from None
    except ValueError as error:  # a name that no file can have
        raise DeriveError(f"{path}: cannot be written: {error}") from None


def check_writable(path: Path) -> None:
    """Raise DeriveError if `path` can be seen beforehand not to be writable, before any work is done for it."""
    target = Path(os.path.realpath(path))
    folder = target.parent
    if target.is_dir():
        raise DeriveError(f"{path}: cannot be written: it is a folder; name a file, as in {path}/network.py")
    if not folder.is_dir():
        fault = "is not a folder" if folder.exists() else "does not exist; make the folder first"
        raise DeriveError(f"{path}: cannot be written: {folder} {fault}")
    if not os.access(folder, os.W_OK | os.X_OK) and not (target.exists() and not target.is_file()):
        raise DeriveError(f"{path}: cannot be written: no permission to write into {folder}")


def _replace(target: Path, data: bytes, mode: int | None) -> None:
    """Put a file with this mode, or that of a new file, in the place of the target."""
    name = target.with_name(f".{target.name[:40]}.{os.urandom(8).hex()}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(name, flags, 0o666 if mode is None else 0o600)  # less the umask
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            name.chmod(mode)
        name.replace(target)
    except BaseException:  # also on Ctrl-C
        name.unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _reason(error: OSError, target: Path) -> str:
    if isinstance(error, FileNotFoundError):
        return f"the folder {target.parent} does not exist"
    return error.strerror or str(error)


def check_readable(path: Path) -> None:
    """Raise DeriveError if `path` is not a file that can be read."""
    check_regular(path)
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DeriveError(f"{path}: cannot be read: {reason}") from None
