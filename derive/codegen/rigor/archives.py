"""Arrays from an .npz file of anyone: nothing in it is run, and no more is unpacked than is asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from derive.model.errors import DeriveError, shorten
from derive.model.sources import check_regular

HEADER = 4096  # bytes that an array may have before its numbers, and that one that nobody asked for may have of them
MAGIC = b"\x93NUMPY"


def unpacked(path: Path, room: Callable[[str], int], names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The arrays of the archive, or those of these names; each has at most `room(name)` bytes of numbers.

    Raises DeriveError for what is no such archive, whatever is wrong with it.
    """
    check_regular(path, streams=False)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _check_room(archive, room, names)
            if file.seek(0) or file.read(2) != b"PK":  # NumPy would take it for a pickle
                raise DeriveError("not an .npz file that can be read: it has other bytes in front of the archive")
        with np.load(path, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise DeriveError("it holds one array and no archive of arrays")
            found = {name: arrays[name] for name in arrays.files if names is None or name in names}
            for name, array in found.items():
                if not isinstance(array, np.ndarray):  # NumPy gives what does not begin as an array does as bytes
                    raise DeriveError(f"{shorten(name)} is no array")
            return found
    except DeriveError as error:
        raise DeriveError(f"{path}: {error}") from None
    except MemoryError:
        raise DeriveError(f"{path}: needs more memory than there is") from None
    except Exception as error:  # zipfile, zlib and NumPy raise whatever comes to their mind about damaged bytes
        pickled = "it holds Python objects, which are not read" if "pickle" in str(error) else shorten(str(error), 120)
        raise DeriveError(f"{path}: not an .npz file that can be read: {pickled}") from None


def _check_room(archive: zipfile.ZipFile, room: Callable[[str], int], names: tuple[str, ...] | None) -> None:
    """Raise DeriveError for more than there is room for, as the archive says of itself and as each array does.

    NumPy makes room for what an array says, and reads it again for every time that its name stands in the archive.
    """
    seen = set()
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if names is not None and name not in names:
            continue
        if name in seen:
            raise DeriveError(f"{shorten(name)} stands twice")
        seen.add(name)
        size = info.file_size if info.file_size > room(name) + HEADER else _stated(archive, info)
        if size > room(name) + HEADER:
            raise DeriveError(f"{shorten(name)} has {size} bytes; at most {room(name)} are expected")


def _stated(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """The bytes that an array says that it has; 0 if it does not begin as an array does."""
    with archive.open(info) as file:
        if file.read(len(MAGIC)) != MAGIC:
            return 0
        version = tuple(file.read(2))
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    return prod(shape) * max(dtype.itemsize, 1)
