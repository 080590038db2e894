"""Clients that are not the default one, closed, restarted or of another cluster; chunks that are not as declared."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client, Future, LocalCluster, default_client, futures_of

from derive import Architecture, differentiate, emit, load
from derive.model.errors import DeriveError
from derive.parallel import WorkersLostError, loss_and_gradient, persist, train
from derive.parallel.chunks import chunked
from derive.parallel.workers import ChunkLostError, Cluster, cluster

MODULE = load(emit(differentiate(Architecture((3, 4, 2), ["tanh", "identity"], optimizer="adam"))))
THETA = MODULE.initialize(0)
X, Y = (np.random.default_rng(n).standard_normal((30, n)) for n in (3, 2))
PUBLIC: list[Callable[..., Any]] = [
    lambda *data, **rest: loss_and_gradient(MODULE, THETA, *data, **rest),
    lambda *data, **rest: train(MODULE, THETA, *data, epochs=2, **rest),
    persist,
]
each_function = pytest.mark.parametrize("function", PUBLIC, ids=["loss_and_gradient", "train", "persist"])


def cut(rows: int = 7) -> tuple[Any, Any]:
    return da.from_array(X, chunks=(rows, -1)), da.from_array(Y, chunks=(rows, -1))


def local() -> LocalCluster:
    return LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0")


@pytest.fixture(scope="module")
def workers():
    with local() as made:
        yield made


@pytest.fixture
def client(workers):
    with Client(workers, set_as_default=False) as made:
        with pytest.raises(ValueError, match="No clients found"):
            default_client()
        yield made


def test_a_client_need_not_be_the_default_one(client):
    value, gradient = loss_and_gradient(MODULE, THETA, *cut(), client=client)
    assert value == pytest.approx(MODULE.loss(THETA, X, Y), rel=1e-12)
    kept = persist(*cut(), client=client)
    found, slope = loss_and_gradient(MODULE, THETA, *kept, client=client)
    assert (found, slope.tobytes()) == (value, gradient.tobytes())
    _, history = train(MODULE, THETA, *kept, epochs=2, validation=cut(), client=client)
    assert history["loss"][0] == pytest.approx(value, rel=1e-12)
    assert history["validation_loss"][0] == pytest.approx(history["loss"][1], rel=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_training_diverges_with_any_client(client):
    plain = load(emit(differentiate(Architecture((3, 4, 2), ["identity", "identity"]))))
    with pytest.raises(plain.DivergedError, match="overflowed first"):
        train(plain, plain.initialize(0), *cut(), learning_rate=1e200, epochs=9, client=client)


def test_the_given_client_is_used_and_not_the_default_one(client):
    with local() as other, Client(other) as default:
        kept = persist(*cut(), client=client)
        assert loss_and_gradient(MODULE, THETA, *kept, client=client)[0] > 0
        train(MODULE, THETA, *cut(), epochs=1, client=client)
        assert default is default_client()
        assert not default.futures
        with pytest.raises(DeriveError, match=r"X is kept on another cluster, inproc:.* than that of the client"):
            loss_and_gradient(MODULE, THETA, *kept)
        with pytest.raises(DeriveError, match="Y is kept on another cluster"):
            train(MODULE, THETA, cut()[0], kept[1])
        with pytest.raises(DeriveError, match=r"no pair.*: X is kept on another cluster"):
            train(MODULE, THETA, *cut(), validation=kept)
        with pytest.raises(DeriveError, match="X is kept on another cluster"):
            persist(*kept)


def test_two_clients_of_one_cluster_share_what_is_kept(client, workers):
    with Client(workers, set_as_default=False) as other:
        kept = persist(*cut(), client=other)
        assert loss_and_gradient(MODULE, THETA, *kept, client=client)[0] > 0
        assert loss_and_gradient(MODULE, THETA, cut()[0], kept[1], client=client)[0] > 0
    for data in (kept, (cut()[0], kept[1])):  # the other client is closed now
        with pytest.raises(WorkersLostError, match="with the client that kept it"):
            loss_and_gradient(MODULE, THETA, *data, client=client)


def test_what_the_scheduler_does_not_know_is_not_waited_for_longer_than_the_timeout(client):
    nowhere = Future("nowhere", client)
    nowhere._state.finish()
    with pytest.raises(ChunkLostError):
        Cluster(client, 0.2).places([nowhere])
    there = client.submit(abs, -1)
    assert list(Cluster(client, 0.2).places([there])) == [there.key]


def test_a_question_that_is_cancelled_is_one_without_an_answer(client):
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(TimeoutError), Cluster(client, 1.0)._reaching():
        client.sync(cancelled)


@each_function
def test_a_client_that_is_closed_or_asynchronous(function, workers):
    with Client(workers, set_as_default=False) as closed:
        pass
    with pytest.raises(DeriveError, match="client is closed; expected one that is connected"):
        function(*cut(), client=closed)

    async def within() -> None:
        async with Client(workers.scheduler_address, set_as_default=False, asynchronous=True) as waiting:
            function(*cut(), client=waiting)

    with pytest.raises(DeriveError, match="client is asynchronous; expected one"):
        asyncio.run(within())


OPTIONS: dict[str, Any] = {"chunks_per_step": 2, "rng": 0, "validation": cut()}
CLOSING: dict[str, Callable[[LocalCluster, Client], Any]] = {
    "cluster": lambda cluster, client: cluster.close(),
    "client": lambda cluster, client: client.close(),
    "both": lambda cluster, client: client.shutdown(),
}


@pytest.fixture(scope="module")
def undisturbed(workers):
    """The bytes that a training ends with, by its epochs."""
    with Client(workers, set_as_default=False) as client:
        return {n: train(MODULE, THETA, *cut(), epochs=n, client=client, **OPTIONS)[0].tobytes() for n in (1, 2)}


@pytest.mark.parametrize("what", ["client", "cluster", pytest.param("both", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore")
def test_a_training_whose_client_is_closed_hands_over_what_there_is(what, undisturbed):
    with local() as workers, Client(workers, set_as_default=False) as client:

        def close(epoch: int, history: dict[str, Any]) -> None:
            if epoch == 1:
                CLOSING[what](workers, client)

        with pytest.raises(WorkersLostError, match="client is closed, or its scheduler is gone") as raised:
            train(MODULE, THETA, *cut(), epochs=9, client=client, callback=close, **OPTIONS)
    assert raised.value.theta.tobytes() == undisturbed[2] != undisturbed[1]
    assert len(raised.value.history["loss"]) == len(raised.value.history["validation_loss"]) == 2


def test_the_history_of_a_training_that_lost_its_workers_has_whole_epochs(client, monkeypatch):
    def lost(*_: Any) -> float:
        raise WorkersLostError("lost")

    monkeypatch.setattr("derive.parallel.shared.Shared.loss", lost)  # of the validation, so after a loss is known
    with pytest.raises(WorkersLostError) as raised:
        train(MODULE, THETA, *cut(), epochs=2, validation=cut(), client=client)
    assert raised.value.history == {"loss": [], "validation_loss": []}
    assert (raised.value.theta == THETA).all()


@pytest.mark.parametrize(
    "note",
    [
        lambda epoch, history: history.setdefault("accuracy", []).append(1.0) if epoch == 0 else None,
        lambda epoch, history: history.update(note="lr 0.1"),
        lambda epoch, history: history.update(started=1.5),
    ],
    ids=["now and then", "a text", "a number"],
)
def test_what_a_callback_adds_is_handed_over_as_it_is(note, client):
    seen: dict[str, Any] = {}

    def callback(epoch: int, history: dict[str, Any]) -> None:
        note(epoch, history)
        if epoch == 2:
            seen.update(history)
            raise WorkersLostError("lost")

    with pytest.raises(WorkersLostError) as raised:
        train(MODULE, THETA, *cut(), epochs=4, client=client, callback=callback)
    assert raised.value.history == seen
    assert len(seen["loss"]) == 3


def test_errors_go_from_process_to_process():
    for error in (WorkersLostError("gone"), ChunkLostError("gone")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (type(error), "gone")


class Restarting:
    """A callback of `train` that restarts the cluster after some epochs, with another worker."""

    def __init__(self, workers: LocalCluster, client: Client, *epochs: int) -> None:
        self.workers, self.client, self.epochs, self.done = workers, client, epochs, 0

    def __call__(self, epoch: int, history: dict[str, Any]) -> None:
        if epoch in self.epochs:
            self.client.restart(wait_for_workers=False)
            self.done += 1
            self.workers.scale(1 + self.done)


@pytest.fixture
def restarting():
    with local() as workers, Client(workers, set_as_default=False) as client:
        yield lambda *epochs: Restarting(workers, client, *epochs)


def test_a_training_goes_on_after_a_restart(restarting):
    callback = restarting(0, 1)
    options: dict[str, Any] = {"epochs": 3, "client": callback.client, **OPTIONS}
    expected, known = train(MODULE, THETA, *cut(), **options)
    theta, history = train(MODULE, THETA, *cut(), **options, callback=callback)
    assert callback.done == 2
    assert theta.tobytes() == expected.tobytes()
    assert history == known


def test_a_training_on_what_cannot_be_made_again_hands_over_what_there_is(restarting):
    callback = restarting(2)
    kept = persist(*cut(), client=callback.client)
    with pytest.raises(
        WorkersLostError, match="cannot be made again, as one put there by scatter or persist"
    ) as raised:
        train(MODULE, THETA, *kept, epochs=5, client=callback.client, callback=callback)
    assert len(raised.value.history["loss"]) == 3
    assert MODULE.loss(raised.value.theta, X, Y) < raised.value.history["loss"][-1]


@each_function
@pytest.mark.parametrize("error", [TimeoutError, FileNotFoundError, RuntimeError])
def test_what_reading_a_chunk_raises_is_raised(function, error, client):
    def read(block: Any) -> Any:
        raise error("the file server did not answer")

    data = da.ones((20, 3), chunks=(5, -1)).map_blocks(read, dtype=float, meta=np.ones((0, 3)))
    with pytest.raises(error, match="file server"):
        function(data, da.ones((20, 2), chunks=(5, -1)), client=client, timeout=5)


def test_chunks_share_one_graph_and_each_knows_the_nearest_future(client):
    """A graph for each would be quadratic: all rows are in each row less the mean."""
    kept, _ = persist(*cut(), client=client)
    found = chunked(cluster(client, 60), kept - kept.mean(axis=0), cut()[1])
    assert len({id(graph) for chunk in found for graph in [chunk.arrays[0].__dask_graph__()]}) == 1
    assert [[future.key for future in chunk.futures] for chunk in found] == [[part.key] for part in futures_of(kept)]
    value, _ = loss_and_gradient(MODULE, THETA, kept - kept.mean(axis=0), cut()[1], client=client)
    assert value == pytest.approx(MODULE.loss(THETA, X - X.mean(axis=0), Y), rel=1e-12)


def test_arrays_with_a_query_plan_are_refused():
    """In another process, since Dask has one kind or the other."""
    program = (
        "import dask.array as da\nfrom derive.parallel import persist\nfrom distributed import Client\n"
        "with Client(processes=False, dashboard_address=':0') as client:\n"
        "    try:\n        persist(da.ones((4, 2)), da.ones((4, 1)))\n"
        "    except ValueError as error:\n        print(error)"
    )
    environment = {**os.environ, "DASK_ARRAY__QUERY_PLANNING": "True"}
    out = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    if "dask[array]" in out.stderr:  # what it says if it is too old to have them
        pytest.skip("this Dask has no arrays with a query plan")
    assert out.stdout == "X is an array with a query plan; expected one made with array.query-planning off\n"


def shorter(array: Any) -> Any:
    """The same, declared as it was, without the last row of each chunk of more than two."""
    meta = np.ones((0, *array.shape[1:]))
    return da.map_blocks(lambda b: b[: max(len(b) - 1, 2)], array, dtype=float, chunks=array.chunks, meta=meta)


@each_function
def test_chunks_that_are_not_as_long_as_declared(function, client):
    x, y = cut()
    with pytest.raises(DeriveError, match=r"X declares 7 rows .* rows \d+ to \d+, which holds 6; call X.compute_chunk"):
        function(shorter(x), shorter(y), client=client)
    with pytest.raises(DeriveError, match=r"Y declares 7 rows in its chunk of rows .* call Y.compute_chunk_sizes"):
        function(x, shorter(y), client=client)
    with pytest.raises(DeriveError, match="X declares 7 rows"):
        train(MODULE, THETA, x, y, validation=(shorter(x), shorter(y)), client=client)


def test_chunks_whose_length_is_known_again(client):
    x, y = (shorter(array).compute_chunk_sizes() for array in cut())
    whole = [array.compute(scheduler="synchronous") for array in (x, y)]
    found, _ = loss_and_gradient(MODULE, THETA, x, y, client=client)
    assert found == pytest.approx(MODULE.loss(THETA, *whole), rel=1e-12)
    assert len(whole[0]) < len(X)


def test_weights_are_as_long_as_declared(client):
    module = load(emit(differentiate(Architecture((3, 4, 2), ["tanh", "identity"], sample_weights=True))))
    weights = da.ones(30, chunks=7)
    assert loss_and_gradient(module, THETA, *cut(), weights, client=client)[0] > 0
    with pytest.raises(DeriveError, match="weights declares 7 rows"):
        loss_and_gradient(module, THETA, *cut(), shorter(weights), client=client)


def test_no_client_at_all(client):
    with pytest.raises(DeriveError, match="no Dask client"):
        cluster(None, 1.0)
    assert cluster(client, 1.0).client is client
