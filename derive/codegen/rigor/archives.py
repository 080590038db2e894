"""Arrays from an .npz file of anyone: nothing in it is run, and no more is unpacked than is asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from derive.model.errors import DeriveError, shorten
from derive.model.sources import check_regular

HEADER = 4096  # bytes that an array may have before its numbers


def unpacked(path: Path, room: Callable[[str], int], names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The arrays of the archive, or those of these names; each has at most `room(name)` bytes of numbers.

    Raises DeriveError for what is no such archive, whatever is wrong with it.
    """
    check_regular(path, streams=False)
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if (names is None or name in names) and info.file_size > room(name) + HEADER:
                    raise DeriveError(f"{shorten(name)} has {info.file_size} bytes; at most {room(name)} are expected")
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
    except Exception as error:  # zipfile, zlib and NumPy raise whatever comes to their mind about damaged bytes
        pickled = "it holds Python objects, which are not read" if "pickle" in str(error) else shorten(str(error), 120)
        raise DeriveError(f"{path}: not an .npz file that can be read: {pickled}") from None
