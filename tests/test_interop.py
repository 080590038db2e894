"""Parameters in .npz files: there and back, and files that cannot be used. `make interop` has the other formats."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from derive import Architecture, differentiate, emit, load
from derive.interop import load_parameters, save_parameters
from derive.model.errors import DeriveError

MODULE = load(emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"]))))


def test_there_and_back(tmp_path):
    theta, path = MODULE.initialize(0), tmp_path / "theta.npz"
    save_parameters(path, MODULE, theta)
    first = path.read_bytes()
    assert set(np.load(path)) == {"W1", "b1", "W2", "b2"}
    np.testing.assert_array_equal(load_parameters(path, MODULE), theta)
    save_parameters(path, MODULE, theta)
    assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W1": np.zeros((2, 3))}, r"'W1' is float64\(2, 3\); expected reals, \(3, 2\)"),
        ({"W1": np.zeros((3, 2), complex)}, "'W1' is complex128"),
        ({"W1": np.full((3, 2), np.nan)}, r"theta.npz: 'W1' has nan at \[0, 0\]; expected finite numbers"),
        ({"b1": np.array([0, 1, -np.inf])}, r"'b1' has -inf at \[2\]"),
        ({"W9": np.zeros(1)}, "'W9' is unknown"),
        ({"b1": np.array([{}, {}, {}], object)}, "not an .npz file that can be read: it holds Python objects"),
        ({"b1": np.zeros(100_000)}, "b1' has 800128 bytes; at most 48 are expected"),
        ({"b2": None}, "b2 is missing; expected W1, b1, W2, b2"),
    ],
)
def test_arrays_that_are_not_the_modules(tmp_path, change, message):
    path = tmp_path / "theta.npz"
    arrays = {**MODULE.unpack(MODULE.initialize(0))._asdict(), **change}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(DeriveError, match=message):
        load_parameters(path, MODULE)


def test_files_that_cannot_be_used(tmp_path):
    path = tmp_path / "theta.npz"
    save_parameters(path, MODULE, MODULE.initialize(0))
    whole = path.read_bytes()
    for text in (b"", b"PK", whole[: len(whole) // 2], whole.replace(b"NUMPY", b"NUMPI"), b"x" * 500):
        path.write_bytes(text)
        with pytest.raises(DeriveError, match=r"not an .npz file"):
            load_parameters(path, MODULE)
    path.write_bytes(b"front" + whole)
    with pytest.raises(DeriveError, match=r"not an .npz file .* other bytes in front of the archive"):
        load_parameters(path, MODULE)
    with pytest.raises(DeriveError, match="cannot be read"):
        load_parameters(tmp_path / "none.npz", MODULE)
    with pytest.raises(DeriveError, match=r"unknown kind of file '.pkl'"):
        save_parameters(tmp_path / "theta.pkl", MODULE, MODULE.initialize(0))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W1", b"no array")
    with pytest.raises(DeriveError):
        load_parameters(path, MODULE)


@pytest.mark.parametrize("names", [("W1.npy", "W1.npy"), ("W1.npy", "W1")])
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_an_array_that_is_there_twice(tmp_path, names):
    """Which of the two would be read is an accident."""
    path, theta = tmp_path / "theta.npz", MODULE.initialize(0)
    save_parameters(path, MODULE, theta)
    assert load_parameters(path, MODULE)[0] == theta[0]
    with zipfile.ZipFile(path) as archive:
        others = {name: archive.read(name) for name in archive.namelist() if name != "W1.npy"}
        twice = archive.read("W1.npy")
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (*others.items(), *((name, twice) for name in names)):
            archive.writestr(name, data)
    with pytest.raises(DeriveError, match="'W1' is in it 2 times; expected each array once"):
        load_parameters(path, MODULE)


def test_one_number_among_the_parameters(tmp_path):
    module = load(emit(differentiate(Architecture((2, 3, 1), ["prelu", "identity"]))))
    theta, path = module.initialize(0), tmp_path / "theta.npz"
    save_parameters(path, module, theta)
    assert np.load(path)["slope1"].shape == ()
    np.testing.assert_array_equal(load_parameters(path, module), theta)


def test_numbers_that_are_too_large_for_the_module(tmp_path):
    single = load(emit(differentiate(Architecture((2, 3, 1), ["tanh", "identity"], dtype="float32"))))
    theta, path = MODULE.initialize(0), tmp_path / "theta.npz"
    save_parameters(path, MODULE, theta)
    np.testing.assert_array_equal(load_parameters(path, single), theta.astype("float32"))
    theta[-1] = 1e300
    save_parameters(path, MODULE, theta)
    with pytest.raises(DeriveError, match=r"theta.npz: b2\[0\] is 1e\+300, which is too large for float32"):
        load_parameters(path, single)


@pytest.mark.parametrize("name", ["a\0.npz", "none\0/a.npz"])
def test_a_name_that_no_file_can_have(tmp_path, name):
    for call in (load_parameters, lambda path, module: save_parameters(path, module, module.initialize(0))):
        with pytest.raises(DeriveError, match="embedded null"):
            call(tmp_path / name, MODULE)


def test_the_names_of_pytorch(tmp_path):
    """Sorted as text, as some files have them: 0.bias, 0.weight, 10.bias, 10.weight, 2.bias, …"""
    module = load(emit(differentiate(Architecture((2, *(2,) * 6, 1), ["tanh"] * 6 + ["identity"]))))
    theta, path = np.arange(float(module.PARAMETER_COUNT)), tmp_path / "theta.npz"
    names = [f"{2 * layer}.{kind}" for layer in range(7) for kind in ("weight", "bias")]
    arrays = dict(zip(names, module.unpack(theta), strict=True))
    np.savez(path, **{name: arrays[name] for name in sorted(names)})
    np.testing.assert_array_equal(load_parameters(path, module), theta)
    np.savez(path, **{name.replace("weight", "kernel"): array for name, array in arrays.items()})
    with pytest.raises(DeriveError, match="W1 is missing; expected W1, b1"):
        load_parameters(path, module)


def test_names_of_pytorch_leave_no_room_for_more(tmp_path):
    path = tmp_path / "theta.npz"
    arrays = {"0.weight": np.zeros((3, 2)), "0.bias": np.zeros(3), "2.weight": np.zeros((1, 3))}
    np.savez(path, **arrays, **{"2.bias": np.zeros(100_000)})
    with pytest.raises(DeriveError, match=r"2\.bias' has 800128 bytes; at most 16 are expected"):
        load_parameters(path, MODULE)


def test_a_disk_that_cannot_be_written_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "theta.npz"
    theta = MODULE.initialize(0)
    save_parameters(path, MODULE, theta)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DeriveError, match="No space left"):
        save_parameters(path, MODULE, theta + 1)
    np.testing.assert_array_equal(load_parameters(path, MODULE), theta)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("extra", ["torch", "onnx", "safetensors"])
def test_without_an_extra_a_line_says_which(extra):
    code = (
        "import sys\n"
        f"sys.modules[{extra!r}] = None\n"
        "from derive import Architecture, differentiate, emit, load\n"
        "from derive.interop import save_parameters, to_onnx, to_torch\n"
        "m = load(emit(differentiate(Architecture((1, 1), ['tanh']))))\n"
        "calls = {'torch': to_torch, 'onnx': to_onnx, 'safetensors': lambda *a: save_parameters('x.safetensors', *a)}\n"
        f"try: calls[{extra!r}](m, m.initialize(0))\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"pip install 'derive[{extra}]' brings it" in done.stdout
