"""What training on Dask refuses at the door: before a chunk is read, and as the module's own `train` words it."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from dask.distributed import Client

from derive import Architecture, differentiate, emit, load
from derive.model.errors import DeriveError
from derive.parallel import loss_and_gradient, persist, train

LAYERS: dict[str, Any] = {"sizes": (3, 4, 2), "activations": ["tanh", "identity"]}
MODULE = load(emit(differentiate(Architecture(**LAYERS))))
WARMED = load(emit(differentiate(Architecture(**LAYERS, schedule={"name": "constant", "warm_up": 3}))))
WEIGHTED = load(emit(differentiate(Architecture(**LAYERS, sample_weights=True))))
THETA = MODULE.initialize(0)
X, Y = (np.random.default_rng(n).standard_normal((20, n)) for n in (3, 2))


def read(block: Any) -> Any:
    return block


def chunks(array: Any) -> Any:
    return da.from_array(array, chunks=(7, *array.shape[1:])).map_blocks(read, dtype=float, meta=array[:0])


@pytest.fixture(scope="module")
def client():
    with Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as made:
        yield made


@pytest.fixture
def computed(client):
    """The keys of what was computed in this test, without those of modules."""
    log = client.cluster.scheduler.transition_log
    log.clear()

    def keys() -> set[str]:
        last = client.submit(abs, -1, pure=False)
        last.result()  # after all else that this client has asked for
        found = {str(key) for key, _, state, *_ in log if state == "processing"}
        assert last.key in found
        return {key for key in found if "derive-module" not in key} - {last.key}

    return keys


@pytest.fixture
def unread(computed):
    """Fails for a test in which anything is computed."""
    yield
    assert not computed()


def test_settings_that_can_be_used(computed):
    settings = {"epochs": np.int8(2), "chunks_per_step": np.int64(2), "learning_rate": np.float32(0.125)}
    found, _ = train(MODULE, THETA.tolist(), chunks(X), chunks(Y), **settings, timeout=np.float32(9), rng=np.int8(1))
    expected, _ = train(
        MODULE, THETA, chunks(X), chunks(Y), epochs=2, chunks_per_step=2, learning_rate=0.125, timeout=np.inf, rng=1
    )
    assert found.tobytes() == expected.tobytes()
    assert any("_together" in key for key in computed())


def nan(theta: Any) -> Any:
    return np.where(np.arange(len(theta)) == 3, np.nan, theta)


REFUSED = [
    *({"epochs": value} for value in (0, 2.0, np.nan, None, "q", True, -1, np.ones(2))),
    *({"patience": value, "validation": (X, Y)} for value in ("q", 0, 1.0, True)),
    *({"learning_rate": value} for value in ("x", np.array([0.1, 0.2]), True, 0, -1, np.nan, np.inf, None, 10**400)),
    {"patience": 2},
    {"callback": 5},
    {"rng": "abc"},
    {"rng": -1},
    *({"validation": value} for value in (5, (X,), {}, (X[:, :2], Y), (X[:0], Y[:0]), (X * np.nan, Y), (X, Y[1:]))),
]


@pytest.mark.parametrize("settings", REFUSED, ids=", ".join)
def test_settings_are_refused_in_the_words_of_the_module(unread, settings):
    with pytest.raises(ValueError, match=r"expected|can be used") as theirs:
        MODULE.train(THETA, X, Y, **settings)
    with pytest.raises(DeriveError) as ours:
        train(MODULE, THETA, chunks(X), chunks(Y), **settings)
    words = str(theirs.value).split("; expected" if "validation" not in str(theirs.value) else ": ")
    for part in (words[0][:30], words[-1][:20]):
        assert part.strip() in str(ours.value)
    assert "\n" not in str(ours.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(({"chunks_per_step": value}, f"chunks_per_step is {value}; exp.* integer") for value in (0.5, 2.0, 0, True)),
        ({"client": "tcp://here"}, "client is 'tcp://here'; expected a dask.distributed.Client"),
        *(({"timeout": value}, f"timeout is {value!r}; expected a positive") for value in (0, "x", None, np.nan, True)),
        ({"validation": (X, Y, Y)}, "no pair .*: weights for a module that takes none"),
        ({"validation": (X, Y, None, None)}, "no pair .*: there are 4 arrays; expected X, Y and perhaps weights"),
        ({"validation": (chunks(X), Y)}, "no pair .*: Y is a numpy ndarray; expected a Dask array"),
        ({"validation": (chunks(X), chunks(Y)[1:])}, "no pair .*: X has 20 rows and Y has 19"),
        ({"validation": (chunks(X)[:, :2], chunks(Y))}, r"no pair .*: X has shape \(20, 2\); expected \(N, 3\)"),
        ({"validation": (chunks(X), chunks(Y), chunks(Y)[:, 0])}, "no pair .*: weights for a module that takes none"),
    ],
)
def test_settings_of_its_own(unread, settings, message):
    with pytest.raises(DeriveError, match=message):
        train(MODULE, THETA, chunks(X), chunks(Y), **settings)


def test_epochs_of_a_schedule(unread):
    with pytest.raises(DeriveError, match="epochs is 2; expected at least 3, the schedule's warm_up"):
        train(WARMED, THETA, chunks(X), chunks(Y), epochs=2)


def test_weights_of_a_validation(client):
    weights = np.random.default_rng(0).random(20)
    options = {"epochs": 1, "learning_rate": 1e-9}
    for given in ((X, Y), (X, Y, None), (X, Y, weights), tuple(map(chunks, (X, Y, weights)))):
        _, history = train(WEIGHTED, THETA, chunks(X), chunks(Y), **options, validation=given)
        expected = WEIGHTED.loss(THETA, *(np.asarray(array) for array in given if array is not None))
        assert history["validation_loss"] == pytest.approx([expected], rel=1e-6)
    with pytest.raises(DeriveError, match=r"no pair .*: weights has shape \(19,\); expected \(20,\)"):
        train(WEIGHTED, THETA, chunks(X), chunks(Y), **options, validation=(X, Y, weights[1:]))


@pytest.mark.parametrize("theta", [nan(THETA), THETA[1:], None, "abc"], ids=["nan", "short", "none", "text"])
def test_parameters_are_refused_in_the_words_of_the_module(unread, theta):
    with pytest.raises(ValueError, match="theta") as theirs:
        MODULE.train(theta, X, Y)
    with pytest.raises(ValueError, match="theta") as ours:
        train(MODULE, theta, chunks(X), chunks(Y))
    assert str(ours.value) == str(theirs.value)
    if np.size(theta) != THETA.size:
        with pytest.raises(ValueError, match=r"^theta") as ours:
            loss_and_gradient(MODULE, theta, chunks(X), chunks(Y))
        assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("timeout", [0, "x", None, np.nan, True])
def test_timeouts_of_the_other_functions(unread, timeout):
    for function in (persist, lambda *data, **rest: loss_and_gradient(MODULE, THETA, *data, **rest)):
        with pytest.raises(DeriveError, match=f"timeout is {timeout!r}; expected a positive number of seconds"):
            function(chunks(X), chunks(Y), timeout=timeout)


def test_generators_of_the_other_functions(unread):
    dropping = load(emit(differentiate(Architecture(**LAYERS, layers=[{"dropout": 0.5}, {}]))))
    with pytest.raises(DeriveError, match="rng is 'abc'; expected None, an integer >= 0 or a numpy Generator"):
        loss_and_gradient(dropping, THETA, chunks(X), chunks(Y), rng="abc")
