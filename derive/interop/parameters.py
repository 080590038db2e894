"""Parameters in .npz and .safetensors files."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from derive.codegen.rigor.archives import unpacked
from derive.commands.files import check_readable, write_whole
from derive.extras import required
from derive.interop.tensors import check_names, fits, in_order, numbered, packed, shapes, vector
from derive.model.errors import DeriveError, shorten

Shapes = Mapping[str, tuple[int, ...]]


def save_parameters(path: str | Path, module: ModuleType, theta: Any) -> None:
    """Write W1, b1, … of `theta` to a .npz or a .safetensors file, by the end of `path`. Raises DeriveError."""
    tensors: dict[str, Any] = {name: np.array(view) for name, view in module.unpack(vector(theta))._asdict().items()}
    if _kind(path) == ".npz":
        buffer = io.BytesIO()
        np.savez(buffer, **tensors)
        write_whole(Path(path), buffer.getvalue())
    else:
        write_whole(Path(path), required("safetensors.numpy", "safetensors").save(tensors))


def load_parameters(path: str | Path, module: ModuleType) -> Any:
    """The theta whose parameters a .npz or .safetensors file holds.

    Its arrays are called W1, b1, …, or all of them as in a state_dict, with names that differ in their numbers alone:
    0.weight, 0.bias, …, or blocks.0.fc.weight, ….
    Raises DeriveError if the file cannot be read, or its arrays are not those of the module.
    """
    check_readable(Path(path))
    expected = shapes(module)
    tensors = _READERS[_kind(path)](Path(path), expected)
    theirs = _theirs(tensors, expected)
    for name in (*expected, *theirs):
        if name not in theirs or name not in expected:
            wrong = f"{name} is missing" if name in expected else f"{shorten(name)} is unknown"
            raise DeriveError(f"{path}: {wrong}; expected {', '.join(expected)}")
    check_names(theirs.values(), theirs, str(path))
    arrays = {name: tensors[theirs[name]] for name in expected}
    for name, found in arrays.items():
        if not fits(found.shape, expected[name]) or found.dtype.kind not in "fiu":
            kind = f"{shorten(theirs[name])} is {found.dtype}{found.shape}"
            raise DeriveError(f"{path}: {kind}; expected reals, {expected[name]}")
    return packed(module, {theirs[name]: found for name, found in arrays.items()}, str(path))


def _theirs(names: Iterable[str], expected: Shapes) -> dict[str, str]:
    """A name of the module → what the file calls it: the same, or PyTorch's name in the same place."""
    given = list(names)
    same = len(given) != len(expected) or not numbered(given)
    return dict(zip(given, given, strict=True) if same else zip(expected, in_order(given), strict=True))


def _bytes(shape: tuple[int, ...]) -> int:
    """What an array may take: twice float64."""
    return 16 * prod(shape)


def _npz(path: Path, expected: Shapes) -> dict[str, Any]:
    """The arrays of the archive; one that is larger than it should be is not unpacked."""
    names = _members(path)
    _check_once(path, names)
    room = {theirs: _bytes(expected.get(name, (0,))) for name, theirs in _theirs(names, expected).items()}
    return unpacked(path, lambda name: room.get(name, 0))


def _check_once(path: Path, names: Iterable[str]) -> None:
    """Raise DeriveError for an array that is there twice: which of them would be read is an accident."""
    for name, times in Counter(names).items():
        if times > 1:
            raise DeriveError(f"{path}: {shorten(name)} is in it {times} times; expected each array once")


def _members(path: Path) -> list[str]:
    """The names of the arrays in an archive; none if it is damaged, and then `unpacked` says so."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except Exception:  # of whatever kind, as there
        return []


def _safetensors(path: Path, expected: Shapes) -> dict[str, Any]:
    load = required("safetensors.numpy", "safetensors").load
    most = sum(map(_bytes, expected.values())) + 1_000_000  # for the header
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise DeriveError(f"{path}: larger than {most} bytes, more than the arrays of this module need")
    try:
        found: dict[str, Any] = load(data)
    except KeyError as error:  # a kind of number that NumPy does not have
        kind = shorten(error.args[0])
        raise DeriveError(f"{path}: numbers of dtype {kind} are not read; expected F64, F32 or F16") from None
    except Exception as error:  # its own errors, and NumPy's about the shapes and kinds of numbers in it
        reason = shorten(str(error), 120)
        raise DeriveError(f"{path}: not a .safetensors file that can be read: {reason}") from None
    header = data[8 : 8 + int.from_bytes(data[:8], "little")]
    _check_once(path, [name for name, _ in json.loads(header, object_pairs_hook=list)])
    return found


_READERS = {".npz": _npz, ".safetensors": _safetensors}


def _kind(path: str | Path) -> str:
    suffix = Path(path).suffix
    if suffix not in (".npz", ".safetensors"):
        raise DeriveError(f"{path}: unknown kind of file {suffix!r}; expected a name that ends in .npz or .safetensors")
    return suffix
