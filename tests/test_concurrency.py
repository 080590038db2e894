"""Many at once: commands that write one file, processes that train with one module, threads that share one."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit, load
from derive.commands.files import write_whole
from derive.model.architecture import Architecture

STYLES = ("readable", "fast")
EVERYTHING: dict[str, Any] = {
    "sizes": (4, 8, 8, 3),
    "activations": ("gelu", "swish", "softmax"),
    "loss": "cross_entropy",
    "layers": [{"normalization": "layer_norm", "dropout": 0.1}, {"residual": True}, {}],
    "optimizer": "adam",
    "clip": 0.5,
    "sample_weights": True,
}


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


# Files.

COMMAND = "import sys; from derive.cli import main; raise SystemExit(main(sys.argv[1:]))"


@pytest.mark.slow
def test_two_commands_that_generate_one_file(tmp_path: Path) -> None:
    commands = [["--layers", sizes, "--no-audit", "--name", "one", "-o", "one.py"] for sizes in ("2-3-1", "5-40-30-4")]
    whole = set()
    for command in commands:
        done = start("-c", COMMAND, "generate", *command[:-1], "alone.py", folder=tmp_path)
        assert done.communicate() == ("", "")
        whole.add((tmp_path / "alone.py").read_bytes())
    (tmp_path / "alone.py").unlink()
    for _ in range(3):
        running = [start("-c", COMMAND, "generate", *command, folder=tmp_path) for command in commands * 2]
        assert [process.communicate()[1] for process in running] == [""] * 4
        assert (tmp_path / "one.py").read_bytes() in whole
        assert [path.name for path in tmp_path.iterdir()] == ["one.py"]
    assert len(whole) == 2


@pytest.mark.slow
def test_writers_and_readers_of_one_file(tmp_path: Path) -> None:
    """Whoever reads sees one text or another, whole; nothing else stays, and the mode is that of any new file."""
    texts = [letter * size for letter, size in (("a", 10), ("b", 200_000), ("c", 3), ("d", 100_000))]
    target = tmp_path / "file"
    (tmp_path / "plain").touch()
    before = os.umask(0o022)
    os.umask(before)
    gate = Barrier(len(texts) + 2)

    def write(text: str) -> None:
        gate.wait()
        for _ in range(12):
            write_whole(target, text)

    def read(_: str) -> None:
        gate.wait()
        for _ in range(300):
            if target.exists():
                assert target.read_text() in texts

    with ThreadPoolExecutor(len(texts) + 2) as pool:
        jobs = [pool.submit(write, text) for text in texts] + [pool.submit(read, "") for _ in range(2)]
        assert [job.result() for job in jobs] == [None] * len(jobs)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "plain"}
    assert os.umask(before) == before
    assert target.stat().st_mode == (tmp_path / "plain").stat().st_mode


# Training.

PROGRAM = """
import hashlib, sys
import numpy as np
import network
rng = np.random.default_rng(5)
X, Y = rng.normal(size=(64, 4)), rng.integers(3, size=64)
theta, history = network.train(network.initialize(0), X, Y, epochs=8, rng=1, checkpoint=sys.argv[1])
print(hashlib.sha256(theta.tobytes() + repr(history).encode()).hexdigest())
"""


@pytest.mark.slow
def test_processes_that_import_and_train_one_module_at_once(tmp_path: Path) -> None:
    """None of them finds compiled code at first, and all write it; two share a checkpoint, too."""
    (tmp_path / "network.py").write_text(emit(differentiate(Architecture(**EVERYTHING))), encoding="utf-8")
    running = [start("-c", PROGRAM, name, folder=tmp_path) for name in ("a", "b", "b")]
    results = [process.communicate() for process in running]
    assert [error for _, error in results] == [""] * 3
    assert len({out for out, _ in results}) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"network.py", "__pycache__", "a", "b"}


def everything(module: ModuleType, seed: int) -> list[Any]:
    """All that a module does, with data of its own."""
    rng = np.random.default_rng(seed)
    N = 30 + seed
    X, Y, weights = rng.normal(size=(N, 4)), rng.integers(3, size=N), rng.uniform(size=N)
    theta = module.initialize(seed)
    state = module.new_state(theta, seed)
    found: list[Any] = []
    for k in range(40):
        found.append(module.step(theta, state, X[k % 5 :], Y[k % 5 :], 0.01, weights=weights[k % 5 :]))
        found += module.loss_and_gradient(theta, X, Y, weights)
        found += [module.loss(theta, X, Y), module.predict(theta, X), module.jacobian(theta, X)]
        found += [module.input_gradient(theta, X, Y), module.hessian_vector_product(theta, theta, X, Y)]
    trained, history = module.train(theta, X, Y, epochs=6, rng=seed, weights=weights)
    return [*found, theta, trained, *history["loss"]]


def same(one: list[Any], other: list[Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def in_threads(module: ModuleType, seeds: range) -> list[list[Any]]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(len(seeds)) as pool:
            return list(pool.map(lambda seed: everything(module, seed), seeds))
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("style", STYLES)
def test_threads_that_share_a_module_do_not_meet(style: str) -> None:
    module = load(emit(differentiate(Architecture(**EVERYTHING)), style))
    seeds = range(4)
    alone = [everything(module, seed) for seed in seeds]
    assert all(map(same, alone, in_threads(module, seeds)))
    assert not same(alone[0], [*everything(module, 0)[:-1], 0.0])


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")  # what threads mix up may be anything
def test_a_buffer_that_threads_share_would_be_seen() -> None:
    """The test above can fail: here a module keeps the buffers of a sweep for the next one, whoever comes."""
    text = emit(differentiate(Architecture(**EVERYTHING)), "fast")
    module = load(text)
    made = module._buffers
    kept: dict[int, Any] = {}
    module._buffers = lambda N: kept.setdefault(min(N, 30), made(N)) if N == 30 else kept.setdefault(N, made(N))
    alone = everything(module, 0)
    for _ in range(5):
        try:
            found = _threads_alike(module)
        except (ArithmeticError, ValueError):  # what was mixed up may not even be finite
            return
        if not all(same(alone, each) for each in found):
            return
    pytest.fail("threads that share buffers came to the same results")


def _threads_alike(module: ModuleType) -> list[list[Any]]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: everything(module, 0), range(4)))
    finally:
        sys.setswitchinterval(interval)


def test_no_module_has_arrays_that_functions_could_share() -> None:
    """But for single numbers, which nothing writes to."""
    for style in STYLES:
        module = load(emit(differentiate(Architecture(**EVERYTHING)), style))
        arrays = {name: value for name, value in vars(module).items() if isinstance(value, np.ndarray)}
        assert [name for name, value in arrays.items() if value.ndim and value.flags.writeable] == []
        before = {name: value.copy() for name, value in arrays.items()}
        everything(module, 0)
        assert before == arrays
