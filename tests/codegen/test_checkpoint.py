"""Checkpoints of `train`: whatever stops a training, the same call goes on with it and ends with the same bytes."""

from __future__ import annotations

import errno
import io
import json
import operator
import os
import pickle
import resource
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from functools import lru_cache, partial, reduce
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.audit import audit
from derive.codegen.emit import digest, emit, load
from derive.model.architecture import Architecture

STYLES = ("readable", "fast")
DRAW = np.random.default_rng(2)
X, Y = DRAW.normal(size=(22, 3)), DRAW.normal(size=(22, 2))
OFTEN = {"checkpoint_seconds": 0}


@lru_cache(maxsize=32)
def text(style: str, **rest: Any) -> str:
    return emit(differentiate(Architecture((3, 4, 2), ("tanh", "identity"), **rest)), style)


def made(style: str = "fast", optimizer: str = "adam") -> ModuleType:
    return load(text(style, optimizer=optimizer))


def trained(module: ModuleType, path: Path | str | None = None, **arguments: Any) -> tuple[bytes, Any]:
    """theta, as bytes, and the history of a short training."""
    given: dict[str, Any] = {"epochs": 4, "batch_size": 8, "learning_rate": 0.05, "rng": 7, **arguments}
    theta, history = module.train(module.initialize(0), X, Y, checkpoint=path, **given)
    return theta.tobytes(), history


def written(module: ModuleType, monkeypatch: pytest.MonkeyPatch, path: Path) -> list[bytes]:
    """A list that receives the bytes of each checkpoint that the module writes."""
    found: list[bytes] = []
    write = module._Checkpoint.write

    def recorded(self: Any, *numbers: Any) -> None:
        write(self, *numbers)
        found.append(path.read_bytes())

    monkeypatch.setattr(module._Checkpoint, "write", recorded)
    return found


@pytest.mark.parametrize("style", [pytest.param("readable", marks=pytest.mark.slow), "fast"])
@pytest.mark.parametrize(
    ("optimizer", "generator", "rest"),
    [
        pytest.param("adam", "PCG64", {}, marks=pytest.mark.slow),
        ("momentum", "MT19937", OFTEN),
        ("rmsprop", "Philox", {**OFTEN, "validation": (X[:5], Y[:5]), "patience": 2, "epochs": 9}),
        ("adagrad", "SFC64", {**OFTEN, "validation": (X + 1, Y - 1)}),
        ("sgd", "PCG64DXSM", OFTEN),
    ],
)
def test_from_every_checkpoint_it_goes_on_to_the_same_bytes(
    style: str, optimizer: str, generator: str, rest: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, path = made(style, optimizer), tmp_path / "run.npz"

    def run(path: Path | None) -> tuple[Any, bytes]:
        rng = np.random.Generator(getattr(np.random, generator)(3))
        arguments = {**rest, "rng": rng}
        if path is None:
            del arguments["checkpoint_seconds"]
        return trained(module, path, **arguments), rng.bytes(20)

    expected = run(None) if rest else (trained(module, rng=np.random.Generator(np.random.PCG64(3))), None)
    states = written(module, monkeypatch, path)
    assert run(path)[0] == expected[0]
    monkeypatch.undo()
    assert len(set(states)) >= (8 if rest else 5)
    for state in states[:: 1 + len(states) // 12]:
        path.write_bytes(state)
        result = run(path)
        assert result == (expected if rest else (expected[0], result[1]))  # the caller's generator ends there too
        assert path.read_bytes() == states[-1]
    assert list(tmp_path.iterdir()) == [path]


def test_weights_and_dropout_go_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = Architecture(
        (3, 4, 2), ("tanh", "identity"), sample_weights=True, layers=[{"dropout": 0.3}, {}], optimizer="nesterov"
    )
    module, path = load(emit(differentiate(architecture), "fast")), tmp_path / "run"
    weights = {"weights": np.linspace(0, 1, 22), "validation": (X, Y, np.linspace(0, 2, 22))}
    states = written(module, monkeypatch, path)
    expected = trained(module, path, **weights, **OFTEN)
    for state in states[::3]:
        path.write_bytes(state)
        assert trained(module, path, **weights) == expected
    with pytest.raises(ValueError, match="another training: weights, validation differ"):
        trained(module, path, weights=weights["weights"] / 2, validation=(X, Y))


def test_without_a_checkpoint_nothing_is_different(tmp_path: Path) -> None:
    assert trained(made()) == trained(made(), tmp_path / "a") == trained(made(), str(tmp_path / "b"), **OFTEN)


def test_when_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rest, count in (({}, 4), (OFTEN, 12), ({"checkpoint_seconds": 3600}, 0)):  # and at the start and the end
        module, path = made(), tmp_path / str(count)
        states = written(module, monkeypatch, path)
        trained(module, path, **rest)
        assert len(states) == count + 2


def test_a_training_that_has_ended_is_not_done_again(tmp_path: Path) -> None:
    seen: list[int] = []
    arguments = {"callback": lambda epoch, history: seen.append(epoch)}
    assert trained(made(), tmp_path / "run", **arguments) == trained(made(), tmp_path / "run", **arguments)
    assert seen == [0, 1, 2, 3]


def test_what_a_callback_raises_costs_at_most_its_epoch(tmp_path: Path) -> None:
    seen: list[int] = []

    def stop(epoch: int, history: Any) -> None:
        seen.append(epoch)
        if seen == [0, 1]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(made(), tmp_path / "run", callback=stop)
    assert trained(made(), tmp_path / "run", callback=stop) == trained(made())
    assert seen == [0, 1, 1, 2, 3]


def test_without_a_seed_it_goes_on_with_the_generator_it_began_with(tmp_path: Path) -> None:
    def stop(epoch: int, history: Any) -> None:
        if epoch == 2:
            (tmp_path / "copy").write_bytes((tmp_path / "run").read_bytes())

    expected = trained(made(), tmp_path / "run", rng=None, callback=stop)
    assert trained(made(), tmp_path / "copy", rng=None) == expected
    with pytest.raises(ValueError, match="another training: rng differ"):
        trained(made(), tmp_path / "copy", rng=0)


@pytest.mark.parametrize("style", STYLES)
def test_it_diverges_as_it_did(style: str, tmp_path: Path) -> None:
    errors = []
    for _ in range(2):
        module = made(style, "sgd")
        with np.errstate(all="ignore"), pytest.raises(module.DivergedError) as error:
            trained(module, tmp_path / "run", learning_rate=30.0, epochs=200, **OFTEN)
        errors.append((str(error.value), error.value.theta.tobytes(), error.value.history))
    assert errors[0] == errors[1]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "run")
    trained(made(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


# Checkpoints that cannot be used.


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 5}, "epochs"),
        ({"batch_size": 9}, "batch_size"),
        ({"learning_rate": 0.04}, "learning_rate"),
        ({"rng": 8}, "rng"),
        ({"rng": np.random.Generator(np.random.MT19937(7))}, "rng"),
        ({"validation": (X, Y)}, "validation"),
        ({"validation": (X, Y), "patience": 3}, "validation, patience"),
    ],
)
def test_other_arguments_are_refused(change: dict[str, Any], named: str, tmp_path: Path) -> None:
    trained(made(), tmp_path / "run")
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(ValueError, match=f"/run is the checkpoint of another training: {named} differ; expected"):
        trained(made(), tmp_path / "run", **change)
    assert (tmp_path / "run").read_bytes() == before


@pytest.mark.parametrize("name", ["theta", "X", "Y"])
def test_other_data_are_refused(name: str, tmp_path: Path) -> None:
    module = made()
    data = {"theta": module.initialize(0), "X": X, "Y": Y}
    module.train(**data, epochs=1, checkpoint=tmp_path / "run")
    other = data[name].copy()
    other.flat[-1] += 1e-15
    with pytest.raises(ValueError, match=f"another training: {name} differ"):
        module.train(**{**data, name: other}, epochs=1, checkpoint=tmp_path / "run")


def test_the_checkpoint_of_another_module_is_refused(tmp_path: Path) -> None:
    trained(made("fast"), tmp_path / "run")
    for module in (made("readable"), made("fast", "sgd")):
        with pytest.raises(ValueError, match="another training: the module differ"):
            trained(module, tmp_path / "run")


def refused(path: Path, state: bytes, module: ModuleType) -> bool:
    """Whether a file is refused as damaged; then it is left as it is. Otherwise its training has to end as it does."""
    path.write_bytes(state)
    try:
        assert trained(module, path) == trained(module)
    except ValueError as caught:
        message = str(caught)
    else:
        return False
    assert f"{path} is a damaged checkpoint, or none (" in message
    assert "remove it to begin again" in message
    assert path.read_bytes() == state
    return True


def test_no_part_of_a_file_passes_for_a_checkpoint(tmp_path: Path) -> None:
    module, path = made(), tmp_path / "run"
    trained(module, path)
    whole = path.read_bytes()
    assert not refused(path, whole, module)
    assert all(refused(path, whole[:length], module) for length in (0, 1, 22, *range(100, len(whole), 397)))
    assert refused(path, b"\0" * len(whole), module)


@pytest.mark.parametrize("start", range(4))
def test_damage_is_found_or_does_not_matter(start: int, tmp_path: Path) -> None:
    module, path = made(), tmp_path / "run"
    trained(module, path)
    whole, found = bytearray(path.read_bytes()), 0
    for place in range(start, len(whole), 53):
        damaged = whole.copy()
        damaged[place] ^= 1 << place % 8
        found += refused(path, bytes(damaged), module)
    assert found > len(whole) / 53 * 0.7  # the rest lies in dates and other fields that nobody reads


class Trap:
    """Shows itself if it is ever unpickled."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    "kind", ["pickle", "object array", "compressed", "other arrays", "npy", "numbers", "deep", "lying"]
)
def test_what_is_no_checkpoint_is_refused(kind: str, tmp_path: Path) -> None:
    module, path = made(), tmp_path / "run"
    trained(module, path)
    with np.load(path) as saved:
        arrays = dict(saved)
    file = io.BytesIO()
    rest = arrays["rest"].tobytes()
    if kind == "pickle":
        file.write(pickle.dumps(Trap()))
    elif kind == "object array":
        np.savez(file, **arrays | {"theta": np.array([Trap()])})
    elif kind == "compressed":
        np.savez_compressed(file, **arrays | {"rest": np.zeros(10**6, np.uint8)})
    elif kind == "other arrays":
        np.savez(file, **arrays | {"theta": arrays["theta"][:-1]})
    elif kind == "npy":
        np.save(file, arrays["theta"])
    elif kind == "numbers":
        np.savez(file, **arrays | {"rest": np.frombuffer(rest.replace(b'"numbers": [0', b'"numbers": ['), np.uint8)})
    elif kind == "deep":
        np.savez(file, **arrays | {"rest": np.frombuffer(b"[" * 100_000, np.uint8)})
    else:  # about how many entries there are: memory would be taken for them
        entry = io.BytesIO()
        np.lib.format.write_array_header_1_0(entry, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
        np.savez(file, **{name: array for name, array in arrays.items() if name != "theta"})
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("theta.npy", entry.getvalue())
    assert refused(path, file.getvalue(), module)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("numbers", 0), -8),
        (("numbers", 0), 22),
        (("numbers", 0), 8.0),
        (("numbers", 1), "1"),
        (("numbers", 1), np.nan),
        (("numbers", 2), None),
        (("numbers", 2), np.nan),
        (("numbers", 3), {}),
        (("numbers", 3, "loss"), ["1"]),
        (("numbers", 3, "best_epoch"), -1),
        (("numbers", 3, "best_epoch"), 1),
        (("numbers", 4), {}),
        (("numbers", 4, "state", "pos"), 625),  # beyond this NumPy reads whatever lies in memory, or crashes
        (("generator", "state", "pos"), -1),
        (("generator", "state", "key"), [1, 2]),
        (("t",), -1),
        (("t",), 10**400),
    ],
    ids=lambda part: str(part)[:40],
)
def test_numbers_that_no_training_has_written_are_refused(place: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    module, path = made(), tmp_path / "run"
    arguments = {**OFTEN, "rng": np.random.Generator(np.random.MT19937(1)), "validation": (X, Y), "patience": 3}

    def stop(epoch: int, history: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        trained(module, path, callback=stop, **arguments)
    with np.load(path) as saved:
        arrays = dict(saved)
    rest = json.loads(arrays["rest"].tobytes())
    assert rest["numbers"][0] > 0
    inner = reduce(operator.getitem, place[:-1], rest)
    inner[place[-1]] = value
    file = io.BytesIO()
    np.savez(file, **arrays | {"rest": np.frombuffer(json.dumps(rest).encode(), np.uint8)})
    path.write_bytes(file.getvalue())
    with pytest.raises(ValueError, match="is a damaged checkpoint"):
        trained(module, path, **{**arguments, "rng": np.random.Generator(np.random.MT19937(1))})


def test_a_good_checkpoint_is_not_called_damaged_for_lack_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, path = made(), tmp_path / "run"
    whole = trained(module, path)

    def no_memory(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 3 GiB")

    with monkeypatch.context() as patched:
        patched.setattr(module.json, "loads", no_memory)
        with pytest.raises(MemoryError, match=r"run cannot be read, for lack of memory \(Unable to allocate 3 GiB\)$"):
            trained(module, path)
    assert trained(module, path) == whole


# Checkpoints that cannot be written.


class Full:
    """A file on a disk that is full after so many bytes."""

    def __init__(self, room: int, file: Any) -> None:
        self.room, self.file = room, file

    def write(self, data: Any) -> int:
        self.room -= len(memoryview(data).cast("B"))
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self.file.write(data))

    def __enter__(self) -> Full:
        return self

    def __exit__(self, *_: Any) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def opened(room: int, name: str, mode: str) -> Any:
    """In place of `open`: what is written goes to a disk that is full."""
    file = Path(name).open(mode)  # noqa: SIM115 - the module closes it
    return file if mode == "rb" else Full(room, file)


@pytest.mark.parametrize("style", STYLES)
def test_a_full_disk_leaves_the_last_good_one(style: str, tmp_path: Path) -> None:
    module, path = made(style), tmp_path / "run"
    trained(module, path)
    whole = path.read_bytes()
    for room in range(0, len(whole), 211):
        for before in (None, whole):
            path.unlink(missing_ok=True)
            if before is not None:
                path.write_bytes(before)
            module.open = partial(opened, room)
            with pytest.raises(OSError, match=r"cannot be written \(No space left on device\); what was") as error:
                trained(module, path)
            assert error.value.errno == errno.ENOSPC
            assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == ({} if before is None else {"run": before})
    del module.open
    assert trained(module, path) == trained(module)


@pytest.mark.slow
def test_a_disk_that_fills_up_while_training(tmp_path: Path) -> None:
    """The limit on a file's size stands for a full disk; the history outgrows it."""
    (tmp_path / "module.py").write_text(text("fast"), encoding="utf-8")
    program = (
        "import module, numpy as np\n"
        "X, Y = np.ones((4, 3)), np.ones((4, 2))\n"
        "try: module.train(module.initialize(0), X, Y, epochs=900, batch_size=4, rng=0, checkpoint='run')\n"
        "except OSError as error: print(error)\n"
    )

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", program]
    out = subprocess.run(command, cwd=tmp_path, env=environment, preexec_fn=limited, capture_output=True, text=True)
    assert "the checkpoint cannot be written (File too large)" in out.stdout, out.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["module.py", "run"]
    with np.load(tmp_path / "run") as saved:  # the last good one
        assert b'"history": ' not in saved["rest"].tobytes()
        assert np.isfinite(saved["theta"]).all()
    assert 4000 < (tmp_path / "run").stat().st_size <= 5000


@pytest.mark.parametrize("place", ["os.fsync", "os.replace", "numpy.lib.format.write_array"])
def test_whatever_fails_leaves_nothing_half_written(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, path = made(), tmp_path / "run"
    trained(module, path)
    whole = path.read_bytes()

    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(place, fails)
        with pytest.raises(OSError, match=r"\(Input/output error\)"):
            trained(module, path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"run": whole}


@pytest.mark.parametrize(("name", "reason"), [("no/run", "No such file"), ("file/run", "Not a directory")])
def test_a_place_that_cannot_be_written_is_found_before_training(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=reason):
        trained(made(), tmp_path / name, callback=lambda *_: pytest.fail("it trained"))


def test_a_folder_without_permission_is_found_before_training(tmp_path: Path) -> None:
    module = made()

    def denied(name: str, mode: str) -> Any:
        raise (FileNotFoundError if mode == "rb" else PermissionError)(errno.EACCES, "Permission denied", name)

    module.open = denied
    with pytest.raises(PermissionError, match=r"cannot be written \(Permission denied\)"):
        trained(module, tmp_path / "run", callback=lambda *_: pytest.fail("it trained"))


@pytest.mark.parametrize(
    "arguments", [{"checkpoint_seconds": -1}, {"checkpoint_seconds": np.nan}, {"checkpoint_seconds": "often"}]
)
def test_bad_intervals_are_refused(arguments: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"checkpoint_seconds is .*; expected a number >= 0, and a checkpoint"):
        trained(made(), tmp_path / "run", **arguments)


def test_an_interval_without_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match=r"checkpoint_seconds is 60; expected .* and a checkpoint"):
        trained(made(), checkpoint_seconds=60)


# Runs that were killed, and others at the same time.


def test_what_a_killed_run_left_is_cleared_up_and_nothing_else(tmp_path: Path) -> None:
    kept = ["run.tmp", "run.0123456789abcde.tmp", "run.0123456789abcdeX.tmp", "other.0123456789abcdef.tmp"]
    for name in (*kept, "run.0123456789abcdef.tmp"):
        (tmp_path / name).touch()
    trained(made(), tmp_path / "run")
    assert {p.name for p in tmp_path.iterdir()} == {*kept, "run"}


def test_a_run_whose_temporary_file_is_cleared_away_writes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace: Callable[..., None] = os.replace
    cleared: list[str] = []

    def late(source: str, target: str) -> None:
        if len(cleared) < 3 and source not in cleared and not (cleared and cleared[-1] == "written"):
            cleared.append("written")
            os.remove(source)
        else:
            cleared.append(source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    assert trained(made(), tmp_path / "run") == trained(made())
    assert cleared[0] == "written"


def test_two_runs_with_one_checkpoint(tmp_path: Path) -> None:
    """They waste their time, but both end right."""
    expected, found = trained(made()), []

    def run() -> None:
        found.append(trained(load(text("fast", optimizer="adam")), tmp_path / "run", **OFTEN))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


# The audit.


@pytest.mark.parametrize(
    "planted",
    [
        ("os.fsync(file.fileno())", "pass"),
        ("allow_pickle=False", "allow_pickle=True"),
        ('    """The output of the network', '    os.system("")\n    """The output of the network'),
        ("def predict(theta, X):", "def predict(theta, X, _=os):"),
        ("class DivergedError", "try:\n    os.remove('x')\nexcept Exception:\n    pass\n\n\nclass DivergedError"),
        ("import glob\n", "import glob, socket\n"),
        ("    N = len(X)\n", "    N = len(X)\n    _remove('x')\n"),
        ("class DivergedError", "open('x', 'w')\n\n\nclass DivergedError"),
    ],
)
def test_what_writes_checkpoints_serves_nothing_else(planted: tuple[str, str]) -> None:
    whole = text("fast")
    assert planted[0] in whole
    changed = whole.replace(*planted, 1)
    signed = changed.replace(load(whole).DIGEST, digest(changed))
    found = audit(signed, to_the_end=False)
    assert "frame" in {verdict.label for verdict in found.verdicts if not verdict.holds}
