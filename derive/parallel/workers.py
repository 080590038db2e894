"""Computing on a Dask cluster whose workers may be lost at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from derive.extras import required
from derive.model.errors import DeriveError

POLL = 0.5  # seconds between two looks at whether the workers are still there


class WorkersLostError(DeriveError):
    """No worker was left to compute on. From `train`, `theta` and `history` are those of the last whole epoch."""

    theta: Any = None
    history: dict[str, Any] | None = None


@dataclass(frozen=True)
class Cluster:
    """A client of dask.distributed, and for how many seconds it waits when no worker is left."""

    client: Any
    timeout: float

    def computed(self, build: Callable[[Mapping[str, str]], Any], held: Iterable[Any] = ()) -> Any:
        """The result of the Delayed object that `build` makes of the places of the `held` Futures, key → worker.

        It is made again if a worker is lost that holds one of them; it has to be a pure function. Raises
        WorkersLostError if no worker is left, and DeriveError if something is lost for good.
        """
        held = list({future.key: future for future in held}.values())
        while True:
            places = self.places(held)
            needed, patience = set(places.values()), 4 * POLL
            future = self.client.compute(build(places))
            try:
                while self._done([future], needed):
                    try:
                        return self._result(future, patience)
                    except TimeoutError:  # on a slow way here, or lost after it was computed, with a worker it needs
                        if not needed <= set(self.client.nthreads()):
                            break
                        patience *= 2
            finally:
                future.release()

    def places(self, held: list[Any]) -> dict[str, str]:
        """A worker that holds each of the Futures, by key; those that were lost with one are made again first."""
        while held:
            self._done(held, set())
            for future in held:
                if future.status != "finished":
                    self._result(future, self.timeout)
            found = {key: workers[0] for key, workers in self.client.who_has(held).items() if workers}
            if len(found) == len(held):
                return found
        return {}

    def _result(self, future: Any, timeout: float) -> Any:
        distributed = required("distributed", "dask")
        try:
            return future.result(timeout=timeout)
        except distributed.KilledWorker as error:
            raise DeriveError(f"{error} Perhaps a chunk is too large for their memory; cut smaller ones.") from None
        except distributed.client.FutureCancelledError as error:
            raise DeriveError(
                f"{error}: a chunk was lost with its worker and cannot be made again, as one that was put there by "
                "scatter, or the scheduler is gone; make arrays from what can be read again, such as files"
            ) from None

    def _done(self, futures: list[Any], needed: set[str]) -> bool:
        """Wait until the Futures are computed, or failed; False as soon as a needed worker is lost."""
        distributed = required("distributed", "dask")
        seen = time.monotonic()
        while True:
            try:
                distributed.wait(futures, timeout=POLL)
            except TimeoutError:
                pass
            except distributed.CancelledError:
                return True  # its result will say so
            else:
                return True
            there = set(self.client.nthreads())
            if not needed <= there:
                return False
            if there:
                seen = time.monotonic()
            elif time.monotonic() - seen > self.timeout:
                raise WorkersLostError(
                    f"the cluster has had no worker for {self.timeout:g} seconds; start some and call again"
                )


def cluster(client: Any, timeout: float) -> Cluster:
    """The cluster of `client`, or of the client that was made last."""
    distributed = required("distributed", "dask")
    if client is None:
        try:
            client = distributed.default_client()
        except ValueError:
            raise DeriveError("there is no Dask client; make one, such as Client(LocalCluster())") from None
    if not isinstance(client, distributed.Client):
        raise DeriveError(f"client is {client!r}; expected a dask.distributed.Client")
    if not timeout > 0:
        raise DeriveError(f"timeout is {timeout!r}; expected a positive number of seconds")
    return Cluster(client, timeout)
