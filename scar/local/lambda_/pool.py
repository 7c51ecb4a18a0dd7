"""Who may run now, and sandboxes that are used again while they are warm."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from scar.local.lambda_.model import throttling_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.lambda_.model import DeployedFunction, FunctionRegistry


class PooledWorker(Protocol):
    """What serves one call at a time, and may stay ``alive`` for another one."""

    idle_since: float

    @property
    def function(self) -> DeployedFunction: ...

    @property
    def is_alive(self) -> bool: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


W = TypeVar("W", bound=PooledWorker)


class WorkerPool(Generic[W]):
    """At most ``concurrency`` workers run and ``warm_limit`` wait, none longer than ``idle_limit``.

    ``freed`` is called, without any lock held, whenever somebody else may run.
    """

    def __init__(
        self,
        create_worker: Callable[[DeployedFunction], W],
        *,
        concurrency: int,
        warm_limit: int,
        idle_limit: float,
        on_release: Callable[[], None],
    ) -> None:
        self._create_worker = create_worker
        self._concurrency = concurrency
        self._warm_limit = warm_limit
        self._idle_limit = idle_limit
        self._on_release = on_release
        self._changed = threading.Condition()
        self._busy: set[W] = set()
        self._busy_by_function: Counter[str] = Counter()
        self._idle: list[W] = []  # longest idle first
        self._closed = False

    @property
    def running_count(self) -> int:
        with self._changed:
            return len(self._busy)

    @property
    def warm_count(self) -> int:
        with self._changed:
            return len(self._idle)

    def lease(self, function: DeployedFunction, capacity_wait: float = 0.0) -> W:
        """Return a worker for one call, warm if there is one.

        Raise TooManyRequestsException when the function's reserved concurrency is used up, or
        the machine's is and stays so for ``patience`` seconds.
        """
        with self._changed:
            if self._is_reserved_concurrency_used(function):
                raise throttling_error(f"The reserved concurrency of {function.name} is used up.")
            free = self._changed.wait_for(
                lambda: self._closed or len(self._busy) < self._concurrency, capacity_wait
            )
            if not free or self._closed or self._is_reserved_concurrency_used(function):
                raise throttling_error(f"All {self._concurrency} places of this machine are taken.")
            worker, stale = self._pick_worker(function)
            self._busy.add(worker)
            self._busy_by_function[function.arn] += 1
        for old in stale:
            old.close()
        return worker

    def release(self, worker: W) -> None:
        """End a lease; the sandbox waits for the next call if it can."""
        with self._changed:
            self._busy.discard(worker)
            self._busy_by_function[worker.function.arn] -= 1
            worker.idle_since = time.monotonic()
            keep = worker.is_alive and not self._closed
            if keep:
                self._idle.append(worker)
            spare = [] if keep else [worker]
            while len(self._idle) > self._warm_limit:
                spare.append(self._idle.pop(0))
            self._changed.notify_all()
        for old in spare:
            old.close()
        self._on_release()

    def close_stale_workers(self, functions: FunctionRegistry) -> None:
        """End what was idle too long, ended by itself, or belongs to an older configuration."""
        with self._changed:
            idle = list(self._idle)
        for worker in idle:
            present = functions.get(worker.function.arn)
            fresh = present is not None and present.sandbox_key == worker.function.sandbox_key
            young = time.monotonic() - worker.idle_since < self._idle_limit
            if not (fresh and young and worker.is_alive):
                self._close_idle_worker(worker)

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

    def _is_reserved_concurrency_used(self, function: DeployedFunction) -> bool:
        reserved = function.reserved_concurrency
        return reserved is not None and self._busy_by_function[function.arn] >= reserved

    def _pick_worker(self, function: DeployedFunction) -> tuple[W, list[W]]:
        """Take the warmest fitting worker, or a new one; also return those that fit no more."""
        own = [worker for worker in self._idle if worker.function.arn == function.arn]
        good = [w for w in own if w.is_alive and w.function.sandbox_key == function.sandbox_key]
        stale = [worker for worker in own if worker not in good]
        chosen = good[-1] if good else self._create_worker(function)
        self._idle = [w for w in self._idle if w is not chosen and w not in stale]
        return chosen, stale

    def _close_idle_worker(self, worker: W) -> None:
        with self._changed:
            if worker not in self._idle:
                return
            self._idle.remove(worker)
        worker.close()
