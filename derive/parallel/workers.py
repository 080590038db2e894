"""Computing on a Dask cluster whose workers may be lost at any time, and whose client may be closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from derive.extras import required
from derive.model.errors import DeriveError, shorten
from derive.parallel.settings import number

POLL = 0.5  # seconds between two looks at whether the workers are still there
LONGEST = 1e6  # seconds: what threads can wait for, if the timeout is infinite
UNFINISHED = "pending", "lost"  # what a Future is called that is being computed, or is to be again


class WorkersLostError(DeriveError):
    """No worker was left to compute on. From `train`, `theta` and `history` are those of the last whole epoch."""

    theta: Any = None
    history: dict[str, Any] | None = None


class ChunkLostError(WorkersLostError):
    """What was kept on workers is lost to the scheduler; it may be there again if it is made again."""


FORGOTTEN = (
    "a chunk was lost, with its worker, in a restart or with the client that kept it, and cannot be made "
    "again, as one put there by scatter or persist; make arrays from what can be read again, such as files"
)


@dataclass(frozen=True)
class Cluster:
    """A client of dask.distributed, and for how many seconds it waits when no worker is left.

    Nothing here asks for a default client: there may be none, or another one.
    """

    client: Any
    timeout: float

    def computed(self, build: Callable[[Mapping[str, str]], Any], held: Iterable[Any] = ()) -> Any:
        """The result of the Delayed object that `build` makes of the places of the `held` Futures, key → worker.

        It is made again if a worker is lost that holds one of them; it has to be a pure function. Raises what the
        task raised, ChunkLostError if something is lost for good, and WorkersLostError if no worker is left.
        """
        held = list({future.key: future for future in held}.values())
        while True:
            places = self.places(held)
            needed, patience, watch = set(places.values()), 4 * POLL, Watch(self)
            future = self.compute(build(places))
            try:
                while self._done([future], needed):
                    try:
                        return self._result(future, patience)
                    except OSError:  # on a slow way here, or lost after it was computed, with a worker it needs
                        if future.status == "error":  # but this is the task's own, as of a file server
                            raise
                        if not needed <= watch.there():
                            break
                        patience *= 2
            finally:
                future.release()

    def places(self, held: Sequence[Any]) -> dict[str, str]:
        """A worker that holds each of the Futures, by key; those that were lost with one are made again first."""
        since, watch = time.monotonic(), Watch(self)
        while held:
            if any(future.status in UNFINISHED for future in held):
                self._done(held, set())
                since = time.monotonic()
            for future in held:
                if future.status in ("error", "cancelled"):
                    self._result(future, self.timeout)
            found = self._places({future.key for future in held})
            if found is not None:
                return found
            if watch.there() and time.monotonic() - since > self.timeout:
                raise ChunkLostError(FORGOTTEN)
            time.sleep(POLL / 10)
        return {}

    def compute(self, delayed: Any) -> Any:
        """The Future of a Delayed object, or those of a list of them."""
        with self._reaching():
            return self.client.compute(delayed)

    def submit(self, function: Callable[..., Any], *args: Any, key: str) -> Any:
        """The Future of a call."""
        with self._reaching():
            return self.client.submit(function, *args, key=key)

    def forget(self, futures: Sequence[Any]) -> None:
        """Let go of Futures, and wait until the scheduler has: it counts who died on what they need until then."""
        for future in futures:
            future.release()
        keys, until = [future.key for future in futures], time.monotonic() + 10 * POLL
        while any(self._asked("get_task_status", keys=keys).values()) and time.monotonic() < until:
            time.sleep(POLL / 10)

    def check_futures(self, name: str, futures: Iterable[Any]) -> None:
        """Raise DeriveError if Futures that `name` is made of belong to another cluster, which would never answer."""
        for other in {future.client for future in futures} - {self.client, None}:
            if other.status == "running" and _identity(other) not in (None, _identity(self.client)):
                raise DeriveError(
                    f"{name} is kept on another cluster, {other.scheduler.address}, than that of the client, "
                    f"{self.client.scheduler.address}; expected arrays that were persisted with the same client"
                )

    def workers(self) -> set[str]:
        """The workers that are there; none while the scheduler does not answer."""
        return set(self._asked("ncores"))

    def _places(self, keys: set[str]) -> dict[str, str] | None:
        """A worker that holds each of the keys; None if one is nowhere."""
        who_has = self._asked("who_has", keys=list(keys))
        found = {key: workers[0] for key, workers in who_has.items() if workers}
        return found if keys <= set(found) else None

    def _asked(self, name: str, **args: Any) -> Mapping[str, Any]:
        """What the scheduler says, which is nothing if it does not answer."""
        patience = min(max(self.timeout, 10 * POLL), LONGEST)
        try:
            with self._reaching():
                return dict(self.client.sync(getattr(self.client.scheduler, name), callback_timeout=patience, **args))
        except OSError:
            return {}

    def _result(self, future: Any, timeout: float) -> Any:
        """The result of a Future. Raises what its task raised, and TimeoutError after `timeout` seconds."""
        try:
            with nullcontext() if future.status == "error" else self._reaching():
                return future.result(timeout=min(timeout, LONGEST))
        except required("distributed", "dask").KilledWorker as error:  # though they may have had nothing to do with it
            hint = "Perhaps a chunk is too large for their memory; cut smaller ones."
            raise ChunkLostError(f"{error} {hint}") from None

    def _done(self, futures: Sequence[Any], needed: set[str]) -> bool:
        """Wait until the Futures are computed, or one has failed; False as soon as a needed worker is lost."""
        wait, watch = required("distributed.client", "dask")._wait, Watch(self)
        while waiting := [future for future in futures if future.status in UNFINISHED]:
            if any(future.status in ("error", "cancelled") for future in futures):
                return True
            client = waiting[0].client  # perhaps another client of the same scheduler
            try:
                with self._reaching():
                    client.sync(wait, [future for future in waiting if future.client is client], callback_timeout=POLL)
            except TimeoutError:
                if not needed <= watch.there():
                    return False
        return True

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """What is raised within is said as what it comes from: a client or scheduler that is gone, or has forgotten."""
        try:
            yield
        except Exception as error:
            if not self._open():
                raise WorkersLostError(
                    "the client is closed, or its scheduler is gone; connect to a cluster and call again"
                ) from None
            if isinstance(error, required("distributed", "dask").CancelledError):
                raise ChunkLostError(FORGOTTEN) from None
            if isinstance(error, UnboundLocalError):  # what `sync` raises for a call cancelled as its way is closed
                raise TimeoutError from None
            raise

    def _open(self) -> bool:
        """Whether the client is connected, perhaps again within the timeout, to a cluster that is not closed."""
        until = time.monotonic() + self.timeout
        while self.client.status == "connecting" and time.monotonic() < until:
            time.sleep(POLL / 10)
        cluster = getattr(getattr(self.client.cluster, "status", None), "name", "")
        return self.client.status == "running" and cluster not in ("closing", "closed", "failed")


class Watch:
    """For how long there has been no worker."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.seen = cluster, time.monotonic()

    def there(self) -> set[str]:
        """The workers that are there. Raises WorkersLostError if there was none for the timeout of the cluster."""
        there = self.cluster.workers()
        if there:
            self.seen = time.monotonic()
        elif time.monotonic() - self.seen > self.cluster.timeout:
            raise WorkersLostError(
                f"the cluster has had no worker for {self.cluster.timeout:g} seconds; start some and call again"
            )
        return there


def _identity(client: Any) -> str | None:
    """The id of the scheduler; None if it does not say."""
    try:
        return str(client.sync(client.scheduler.identity, callback_timeout=20 * POLL)["id"])
    except (OSError, AttributeError, RuntimeError):  # it is being closed
        return None


def cluster(client: Any, timeout: Any) -> Cluster:
    """The cluster of `client`, or of the client that was made last."""
    distributed = required("distributed", "dask")
    if client is None:
        try:
            client = distributed.default_client()
        except ValueError:
            raise DeriveError("there is no Dask client; make one, such as Client(LocalCluster())") from None
    if not isinstance(client, distributed.Client):
        raise DeriveError(f"client is {shorten(client)}; expected a dask.distributed.Client")
    if client.status in ("closing", "closed"):
        raise DeriveError("client is closed; expected one that is connected to a cluster")
    if client.asynchronous:
        raise DeriveError("client is asynchronous; expected one that was made without asynchronous=True")
    if not (number(timeout) > 0):
        raise DeriveError(f"timeout is {shorten(timeout)}; expected a positive number of seconds")
    return Cluster(client, number(timeout))
