"""Who may run now, and sandboxes that are used again while they are warm."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from scar.local.lambda_.model import throttled

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.lambda_.model import DeployedFunction, FunctionDirectory


class Servant(Protocol):
    """What serves one call at a time, and may stay ``alive`` for another one."""

    idle_since: float

    @property
    def function(self) -> DeployedFunction: ...

    @property
    def alive(self) -> bool: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


W = TypeVar("W", bound=Servant)


class Pool(Generic[W]):
    """At most ``concurrency`` workers run and ``warm_limit`` wait, none longer than ``idle_limit``.

    ``freed`` is called, without any lock held, whenever somebody else may run.
    """

    def __init__(
        self,
        make: Callable[[DeployedFunction], W],
        *,
        concurrency: int,
        warm_limit: int,
        idle_limit: float,
        freed: Callable[[], None],
    ) -> None:
        self._make = make
        self._concurrency = concurrency
        self._warm_limit = warm_limit
        self._idle_limit = idle_limit
        self._freed = freed
        self._changed = threading.Condition()
        self._busy: set[W] = set()
        self._busy_of: Counter[str] = Counter()
        self._idle: list[W] = []  # longest idle first
        self._closed = False

    @property
    def running(self) -> int:
        with self._changed:
            return len(self._busy)

    @property
    def warm(self) -> int:
        with self._changed:
            return len(self._idle)

    def lease(self, function: DeployedFunction, patience: float = 0.0) -> W:
        """Return a worker for one call, warm if there is one.

        Raise TooManyRequestsException when the function's reserved concurrency is used up, or
        the machine's is and stays so for ``patience`` seconds.
        """
        with self._changed:
            if self._reserve_used(function):
                raise throttled(f"The reserved concurrency of {function.name} is used up.")
            free = self._changed.wait_for(
                lambda: self._closed or len(self._busy) < self._concurrency, patience
            )
            if not free or self._closed or self._reserve_used(function):
                raise throttled(f"All {self._concurrency} places of this machine are taken.")
            worker, stale = self._pick(function)
            self._busy.add(worker)
            self._busy_of[function.arn] += 1
        for old in stale:
            old.close()
        return worker

    def give_back(self, worker: W) -> None:
        """End a lease; the sandbox waits for the next call if it can."""
        with self._changed:
            self._busy.discard(worker)
            self._busy_of[worker.function.arn] -= 1
            worker.idle_since = time.monotonic()
            keep = worker.alive and not self._closed
            if keep:
                self._idle.append(worker)
            spare = [] if keep else [worker]
            while len(self._idle) > self._warm_limit:
                spare.append(self._idle.pop(0))
            self._changed.notify_all()
        for old in spare:
            old.close()
        self._freed()

    def sweep(self, directory: FunctionDirectory) -> None:
        """End what was idle too long, ended by itself, or belongs to an older configuration."""
        with self._changed:
            idle = list(self._idle)
        for worker in idle:
            present = directory.get(worker.function.arn)
            fresh = present is not None and present.sandbox_key == worker.function.sandbox_key
            young = time.monotonic() - worker.idle_since < self._idle_limit
            if not (fresh and young and worker.alive):
                self._retire(worker)

    def flush(self) -> None:
        """Make output visible in the logs; that of a call's end may come after the call."""
        with self._changed:
            workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.flush()

    def close(self) -> None:
        """KILL all sandboxes; running calls end as interrupted."""
        with self._changed:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._idle.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.close()

    def _reserve_used(self, function: DeployedFunction) -> bool:
        reserved = function.reserved_concurrency
        return reserved is not None and self._busy_of[function.arn] >= reserved

    def _pick(self, function: DeployedFunction) -> tuple[W, list[W]]:
        """Take the warmest fitting worker, or a new one; also return those that fit no more."""
        own = [worker for worker in self._idle if worker.function.arn == function.arn]
        good = [w for w in own if w.alive and w.function.sandbox_key == function.sandbox_key]
        stale = [worker for worker in own if worker not in good]
        chosen = good[-1] if good else self._make(function)
        self._idle = [w for w in self._idle if w is not chosen and w not in stale]
        return chosen, stale

    def _retire(self, worker: W) -> None:
        with self._changed:
            if worker not in self._idle:
                return
            self._idle.remove(worker)
        worker.close()
