"""Workers of a Dask cluster killed while they train: it costs time, and changes no bit. Run by `make dask`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

from derive import Architecture, differentiate, emit, load
from derive.parallel import loss_and_gradient, train
from derive.parallel.workers import WorkersLostError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

MODULE = load(emit(differentiate(Architecture((20, 30, 3), ["tanh", "identity"], optimizer="adam"))))
CHUNKS, ROWS = 8, 1000
OPTIONS: dict[str, Any] = {"epochs": 8, "chunks_per_step": 3, "rng": 0}
KILLS = 5  # of each kind of cluster


def read(seed: int, columns: int) -> Any:
    """A chunk of data, the same whenever it is read."""
    time.sleep(0.01)
    return np.random.default_rng(seed).standard_normal((ROWS, columns))


def chunks(columns: int, first: int) -> Any:
    parts = [dask.delayed(read)(first + k, columns) for k in range(CHUNKS)]
    return da.concatenate([da.from_delayed(part, (ROWS, columns), dtype=float) for part in parts])


class Nannies:
    """Two workers, each watched by a nanny that starts it again."""

    def __init__(self) -> None:
        self.cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")

    def restart(self) -> None:
        """Nothing to do: the nannies have done it."""

    def close(self) -> None:
        self.cluster.close(timeout=10)


class Bare:
    """Workers in processes of their own that nobody starts again."""

    def __init__(self) -> None:
        self.cluster = LocalCluster(n_workers=0, dashboard_address=":0")
        self.started: list[subprocess.Popen[bytes]] = []
        self.restart()

    def restart(self) -> None:
        command = [sys.executable, "-m", "distributed.cli.dask_worker", self.cluster.scheduler_address]
        command += ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
        while sum(process.poll() is None for process in self.started) < 2:
            self.started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.wait()
        self.cluster.close(timeout=10)


class Killing:
    """A callback of `train` that kills processes, some seconds after the end of an epoch."""

    def __init__(self, victims: list[int], after: int, delay: float = 0.0) -> None:
        self.victims, self.after, self.delay = victims, after, delay
        self.done: list[float] = []

    def __call__(self, epoch: int, history: dict[str, Any]) -> None:
        if epoch == self.after:
            Timer(self.delay, self.kill).start()

    def kill(self) -> None:
        for victim in self.victims:
            os.kill(victim, signal.SIGKILL)
        self.done.append(time.monotonic())


def ready(workers: Any, client: Client) -> list[int]:
    """Make sure that there are two workers; their processes."""
    workers.restart()
    deadline = time.monotonic() + 60
    while len(client.nthreads()) != 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    return sorted(client.run(os.getpid).values())


@pytest.fixture(scope="module", params=[Nannies, Bare], ids=["nannies", "bare"])
def workers(request):
    made = request.param()
    try:
        with Client(made.cluster) as client:
            ready(made, client)
            yield made, client
    finally:
        made.close()


@pytest.fixture(scope="module")
def undisturbed(workers) -> tuple[float, bytes]:
    """How long a training takes, and the bytes that it ends with."""
    data = chunks(20, 0), chunks(3, 100)
    train(MODULE, MODULE.initialize(0), *data, **OPTIONS)  # workers import what they need
    start = time.monotonic()
    theta, _ = train(MODULE, MODULE.initialize(0), *data, **OPTIONS)
    took = time.monotonic() - start
    other, _ = train(MODULE, MODULE.initialize(0), *data, **{**OPTIONS, "rng": 1})
    assert other.tobytes() != theta.tobytes()
    return took, theta.tobytes()


@pytest.mark.parametrize("kill", range(KILLS))
def test_a_worker_killed_while_it_trains(workers, undisturbed, kill):
    _, client = workers
    victim = ready(*workers)[kill % 2]
    took, expected = undisturbed
    within = np.random.default_rng(kill).uniform(0, took / OPTIONS["epochs"])
    killing = Killing([victim], kill, within)
    theta, history = train(MODULE, MODULE.initialize(0), chunks(20, 0), chunks(3, 100), **OPTIONS, callback=killing)
    ended = time.monotonic()
    assert killing.done[0] < ended
    assert victim not in client.run(os.getpid).values()
    assert theta.tobytes() == expected
    assert len(history["loss"]) == OPTIONS["epochs"]


def test_a_worker_killed_under_data_that_is_not_kept(workers):
    _, client = workers
    victim = ready(*workers)[0]
    theta, data = MODULE.initialize(0), (chunks(20, 0), chunks(3, 100))
    expected = loss_and_gradient(MODULE, theta, *data)
    killing = Timer(0.03, Killing([victim], 0).kill)
    killing.start()
    found = loss_and_gradient(MODULE, theta, *data)
    killing.join()
    assert victim not in client.run(os.getpid).values()
    assert found[0] == expected[0]
    assert (found[1] == expected[1]).all()


def test_all_workers_killed(workers, undisturbed):
    """With nannies it goes on, with the same end; without, it says so and hands over what there is."""
    _, expected = undisturbed
    data = chunks(20, 0), chunks(3, 100)
    options = {**OPTIONS, "callback": Killing(ready(*workers), 3)}
    if isinstance(workers[0], Nannies):
        theta, _ = train(MODULE, MODULE.initialize(0), *data, **options)
        assert theta.tobytes() == expected
        return
    with pytest.raises(WorkersLostError, match="no worker for 2 seconds; start some") as raised:
        train(MODULE, MODULE.initialize(0), *data, **options, timeout=2)
    epochs = len(raised.value.history["loss"])
    assert 4 <= epochs < OPTIONS["epochs"]
    whole = MODULE.loss(raised.value.theta, *(array.compute(scheduler="synchronous") for array in data))
    assert whole < raised.value.history["loss"][0]


def test_a_client_that_is_restarted():
    """Dask ends all workers and forgets all data; bare workers have to be started again from outside."""
    made = Bare()
    try:
        with Client(made.cluster) as client:
            before = set(ready(made, client))

            def restart(epoch: int, history: dict[str, Any]) -> None:
                if epoch == 3:
                    client.restart(wait_for_workers=False)
                    for process in made.started:
                        process.wait()
                    made.restart()

            data = chunks(20, 0), chunks(3, 100)
            expected, _ = train(MODULE, MODULE.initialize(0), *data, **OPTIONS)
            theta, _ = train(MODULE, MODULE.initialize(0), *data, **OPTIONS, callback=restart)
            assert theta.tobytes() == expected.tobytes()
            assert not before & set(ready(made, client))
    finally:
        made.close()


def fragile(readings: Path, seed: int, columns: int) -> Any:
    """A chunk at whose second to fifth reading the worker dies: what has cost four, Dask does not try again."""
    count = len(os.listdir(readings))
    (readings / str(count)).touch()
    if 1 <= count <= 4:
        os._exit(1)
    return read(seed, columns)


def test_workers_that_die_one_after_the_other_on_one_chunk(tmp_path):
    made, whole = Nannies(), chunks(20, 0)
    first = da.from_delayed(dask.delayed(fragile)(tmp_path, 0, 20), (ROWS, 20), dtype=float)
    data = da.concatenate([first, whole[ROWS:]]), chunks(3, 100)
    try:
        with Client(made.cluster) as client:
            victims = ready(made, client)
            expected, _ = train(MODULE, MODULE.initialize(0), whole, data[1], **OPTIONS)
            theta, _ = train(MODULE, MODULE.initialize(0), *data, **OPTIONS, callback=Killing(victims, 3))
            assert len(os.listdir(tmp_path)) >= 6
            assert theta.tobytes() == expected.tobytes()
    finally:
        made.close()


def test_data_that_cannot_be_read_again(workers):
    _, client = workers
    victims = ready(*workers)
    scattered = client.scatter([read(k, 20) for k in range(CHUNKS)])
    X = da.concatenate([da.from_delayed(dask.delayed(part), (ROWS, 20), dtype=float) for part in scattered])
    with pytest.raises(WorkersLostError, match="scatter") as raised:
        train(MODULE, MODULE.initialize(0), X, chunks(3, 100), epochs=1000, callback=Killing(victims, 2))
    assert 3 <= len(raised.value.history["loss"]) < 1000


def test_a_scheduler_that_is_gone():
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        data = chunks(20, 0), chunks(3, 100)
        closing = Timer(2.0, cluster.close)
        closing.start()
        with pytest.raises(WorkersLostError, match="scheduler is gone") as raised:
            train(MODULE, MODULE.initialize(0), *data, epochs=10_000, client=client)
        closing.join()
        assert len(raised.value.history["loss"]) < 10_000
        assert raised.value.theta.dtype == MODULE.DTYPE
