"""`train` on a numpy.memmap: the file is read a few batches at a time, and never lies in memory as a whole."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from derive.algebra.gradient import differentiate
from derive.codegen.emit import emit, load
from derive.model.architecture import Architecture

NETWORK = Architecture((64, 4, 1), ("tanh", "identity"), dtype="float32")


@pytest.mark.parametrize("style", ["fast", "readable"])
def test_training_on_a_memmap_allocates_a_fraction_of_the_file(tmp_path: Path, style: str) -> None:
    samples = 1 << 17
    X = np.memmap(tmp_path / "X", np.float32, "w+", shape=(samples, 64))
    X[::1000] = 1
    Y = X[:, :1].copy()
    module = load(emit(differentiate(NETWORK), style))
    theta = module.initialize(0)
    tracemalloc.start()
    trained, history = module.train(theta, X, Y, epochs=1, batch_size=4096, learning_rate=0.01, rng=0)
    peak = tracemalloc.get_traced_memory()[1]
    in_memory = np.array(X)
    copied = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert peak < X.nbytes / 4 < X.nbytes <= copied  # a copy of the file would be seen
    again, _ = module.train(theta, in_memory, Y, epochs=1, batch_size=4096, learning_rate=0.01, rng=0)
    assert trained.tobytes() == again.tobytes()
    assert np.isfinite(history["loss"]).all()


@pytest.mark.parametrize("batch_size", [1, 7, 1000, 5000])
def test_every_sample_is_seen_once_in_an_epoch_whatever_is_gathered_at_a_time(batch_size: int) -> None:
    module = load(emit(differentiate(Architecture((1, 1), ("tanh",)))))
    samples = 3001
    Y = np.arange(float(samples))[:, np.newaxis]
    seen: list[float] = []
    module._step = lambda theta, state, X, Y, rate: seen.extend(Y[:, 0].tolist()) or 0.0
    module.GATHERED = 512
    module.train(module.initialize(0), Y, Y, epochs=1, batch_size=batch_size, rng=0)
    assert sorted(seen) == Y[:, 0].tolist()
    assert seen != Y[:, 0].tolist()


LIMITED = """
import resource, sys
import numpy as np
from derive import Architecture, differentiate, emit, load

module = load(emit(differentiate(Architecture((64, 4, 1), ("tanh", "identity"), dtype="float32"))))
X = np.memmap(sys.argv[1], np.float32, "w+", shape=(1 << 20, 64))  # 256 MiB
Y = np.memmap(sys.argv[2], np.float32, "w+", shape=(1 << 20, 1))
used = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, (used + (96 << 20),) * 2)
module.train(module.initialize(0), X, Y, epochs=1, batch_size=8192, learning_rate=0.01, rng=0)
print("trained")
np.array(X)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone limits memory without files")
def test_a_file_trains_in_less_memory_than_it_has(tmp_path: Path) -> None:
    words = [sys.executable, "-c", LIMITED, str(tmp_path / "X"), str(tmp_path / "Y")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == "trained\n"
    assert "MemoryError" in done.stderr  # what would load the file fails
