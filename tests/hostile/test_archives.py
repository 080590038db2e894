"""Archives of few bytes that say, or unpack to, many: refused before there is room made for them."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from derive import Architecture, differentiate, emit
from derive.codegen.rigor.archives import unpacked
from derive.codegen.rigor.data import one_hot, read_data
from derive.codegen.rigor.rounding import rounding
from derive.model.errors import DeriveError

NETWORK = Architecture((2, 1), ("tanh",))
GOOD = {"theta": np.zeros(3), "X": np.zeros((4, 2)), "Y": np.zeros((4, 1))}


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    """An array that says that it has this shape, and has nothing."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue()


def archive(folder, *members: tuple[str, bytes]):
    path = folder / "d.npz"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def array(value) -> bytes:
    file = io.BytesIO()
    np.save(file, value)
    return file.getvalue()


def members(**changes: bytes) -> list[tuple[str, bytes]]:
    return [(f"{name}.npy", changes.get(name, array(value))) for name, value in GOOD.items()]


@pytest.mark.parametrize(
    "changes",
    [{"X": np.zeros((10_000_000, 2), np.int8)}, {"Y": np.zeros(3_000_000)}, {"theta": np.zeros(1000)}],
    ids=lambda changes: next(iter(changes)),
)
def test_many_zeros(tmp_path, monkeypatch, changes):
    np.savez_compressed(tmp_path / "d.npz", **{**GOOD, **changes})
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(DeriveError, match=rf"d.npz: '{next(iter(changes))}' has \d+ bytes; at most \d+ are expected"):
        read_data(tmp_path / "d.npz", NETWORK)


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6, 10**6), (3_000_000, 1)])
def test_an_array_that_says_more_than_it_has(tmp_path, monkeypatch, shape):
    path = archive(tmp_path, *members(X=header(shape)))
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(DeriveError, match="'X' has"):
        read_data(path, NETWORK)


def test_numbers_of_no_bytes_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(DeriveError, match="'X' has"):
        read_data(archive(tmp_path, *members(X=header((10**12,), "|V0"))), NETWORK)


def test_an_array_that_stands_twice(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path, *members(), *members()[:1])
    with pytest.raises(DeriveError, match="'theta' stands twice"):
        read_data(path, NETWORK)
    with pytest.raises(DeriveError, match="'theta' stands twice"):
        read_data(archive(tmp_path, *members(), ("theta", array(GOOD["theta"]))), NETWORK)


def test_too_little_memory_is_said(tmp_path, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    path = archive(tmp_path, *members())
    assert set(unpacked(path, lambda name: 1000)) == set(GOOD)
    monkeypatch.setattr(np, "load", full)
    with pytest.raises(DeriveError, match=r"d.npz: needs more memory than there is"):
        read_data(path, NETWORK)


@pytest.mark.parametrize("bytes_", [1, 2, 4, 8, np.dtype("longdouble").itemsize])
def test_what_fits_is_read(tmp_path, bytes_):
    kind = {1: "i1", 2: "f2", 4: "f4", 8: "f8"}.get(bytes_, "longdouble")
    np.savez(tmp_path / "d.npz", more=np.zeros(10**6), **{name: value.astype(kind) for name, value in GOOD.items()})
    assert read_data(tmp_path / "d.npz", NETWORK).theta.dtype == "float64"


def test_labels_of_many_units(tmp_path, bounded):
    wide = Architecture((1, 200_000), ("softmax",), loss="cross_entropy")
    np.savez(tmp_path / "d.npz", theta=np.zeros(400_000), X=np.zeros((4, 1)), Y=np.array([0, 1, 2, 199_999]))
    assert read_data(tmp_path / "d.npz", wide).Y.sum() == 4
    np.savez(tmp_path / "d.npz", theta=np.zeros(400_000), X=np.zeros((40, 1)), Y=np.zeros(40, int))
    with pytest.raises(DeriveError, match="40 labels of 200000 units"):
        read_data(tmp_path / "d.npz", wide)
    assert (one_hot(np.array([1, 0]), 3) == [[0, 1, 0], [1, 0, 0]]).all()


def test_a_network_that_is_too_large_is_not_run(monkeypatch):
    monkeypatch.setattr("derive.codegen.rigor.rounding.load", None)
    with pytest.raises(DeriveError, match="take a smaller network"):
        rounding(emit(differentiate(Architecture((1000, 1000), ("tanh",)))))
