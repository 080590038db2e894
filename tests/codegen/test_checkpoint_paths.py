"""Where checkpoints are written, who may read them, and what of a callback's own numbers they keep."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.codegen.test_bad_data import says
from tests.codegen.test_checkpoint import made, refused, trained


@pytest.mark.parametrize("path", [5, True, "a\0b", io.BytesIO(), ["run"]], ids=lambda path: type(path).__name__)
def test_what_is_no_path_is_said(path: Any) -> None:
    says(lambda: trained(made(), path), "checkpoint is .*; expected the path of a file: ")


@pytest.mark.parametrize("kind", ["folder", "current folder", "fifo", "device"])
def test_what_is_no_file_is_said(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")  # to open it would be to wait for whoever writes into it
    (tmp_path / "folder").mkdir()
    path = {"current folder": "", "device": "/dev/zero"}.get(kind, kind)
    says(lambda: trained(made(), path), ".* is no file; expected the path of a checkpoint, or of none yet$")


def test_a_link_to_itself_is_said(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match=r"the checkpoint cannot be read \(Too many levels of symbolic links\)"):
        trained(made(), tmp_path / "loop")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_who_may_read_it_stays(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "run"
    trained(made(), path, epochs=2, callback=lambda *_: path.chmod(mode))
    assert path.stat().st_mode & 0o777 == mode


# A callback may add to the history; what comes back is the same as without an interruption.


class _StoppedError(Exception):
    pass


def _resumed(callback: Any, path: Path) -> Any:
    """The history of a training that was stopped in its third epoch, and went on."""

    def stopping(epoch: int, history: Any) -> None:
        if epoch == 2:
            raise _StoppedError
        callback(epoch, history)

    with pytest.raises(_StoppedError):
        trained(made(), path, callback=stopping)
    return trained(made(), path, callback=callback)[1]


KEPT: dict[str, Any] = {
    "an integer": 3,
    "an np.int64": np.int64(3),
    "an np.float32": np.float32(0.1),
    "a truth value of NumPy's": np.bool_(True),
    "a text": "half \ud800 way",
    "a list": [1, 0.1, None],
    "a dict": {"right": [1], "wrong": {"first": True}},
}


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_what_a_callback_adds_is_kept(value: Any, tmp_path: Path) -> None:
    def adding(epoch: int, history: Any) -> None:
        history.setdefault("own", []).append(value)

    assert _resumed(adding, tmp_path / "run") == trained(made(), callback=adding)[1]


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
LOST: dict[str, Any] = {
    "an array": np.zeros(3),
    "a tuple": (1, 2),
    "keys that are numbers": {1: 2},
    "a complex number": 1j,
    "a longdouble": np.longdouble(0.1),
    "bytes": b"1",
    "something within": [[{"a": (1,)}]],
    "a time": np.timedelta64(3, "s"),  # an integer to NumPy
    "a list within itself": ENDLESS,
}


@pytest.mark.parametrize("value", LOST.values(), ids=LOST)
def test_what_would_not_come_back_is_said_at_once(value: Any, tmp_path: Path) -> None:
    seen: list[int] = []

    def adding(epoch: int, history: Any) -> None:
        seen.append(epoch)
        history.setdefault("own", []).append(value)

    says(lambda: trained(made(), tmp_path / "run", callback=adding), r"history\['own'\] cannot be kept; expected lists")
    assert seen == [0]
    trained(made(), callback=adding)  # without a checkpoint anything may stand there


@pytest.mark.parametrize("value", [None, 7, 2.5, [1]])
def test_a_best_epoch_of_the_callback_is_its_own(value: Any, tmp_path: Path) -> None:
    def adding(epoch: int, history: Any) -> None:
        history["best_epoch"] = value

    assert _resumed(adding, tmp_path / "run") == trained(made(), callback=adding)[1]


def test_a_key_that_is_no_name_is_said(tmp_path: Path) -> None:
    def adding(epoch: int, history: Any) -> None:
        history[epoch] = 1

    says(lambda: trained(made(), tmp_path / "run", callback=adding), r"history\[0\] cannot be kept; expected lists")


# Arrays that no training has written.


@pytest.mark.parametrize("name", ["theta", "best"])
def test_arrays_that_are_not_finite_are_refused(name: str, tmp_path: Path) -> None:
    module, path, file = made(), tmp_path / "run", io.BytesIO()
    trained(module, path)
    with np.load(path) as saved:
        np.savez(file, **{**saved, name: np.full_like(saved[name], np.nan)})
    assert refused(path, file.getvalue(), module)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    module, path = made(), tmp_path / "run"
    trained(module, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("theta.npy", archive.read("theta.npy"))
    assert refused(path, path.read_bytes(), module)
