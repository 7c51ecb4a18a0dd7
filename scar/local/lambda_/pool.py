"""Concurrency limits, and sandboxes that are reused while they are warm."""

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
    """Serves one invocation at a time; while ``is_alive`` it may serve another one."""

    idle_since: float

    @property
    def function(self) -> DeployedFunction: ...

    @property
    def is_alive(self) -> bool: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


W = TypeVar("W", bound=PooledWorker)


class WorkerPool(Generic[W]):
    """At most ``concurrency`` workers run and ``warm_limit`` are idle, none beyond ``idle_limit``.

    ``idle_limit`` is in seconds. ``on_release`` is called without any lock held whenever a slot
    has become free. ``is_throttled`` may refuse a lease although a slot is free.
    """

    def __init__(
        self,
        create_worker: Callable[[DeployedFunction], W],
        *,
        concurrency: int,
        warm_limit: int,
        idle_limit: float,
        on_release: Callable[[], None],
        is_throttled: Callable[[DeployedFunction], bool] = lambda _function: False,
    ) -> None:
        self._create_worker = create_worker
        self._concurrency = concurrency
        self._warm_limit = warm_limit
        self._idle_limit = idle_limit
        self._on_release = on_release
        self._is_throttled = is_throttled
        self._changed = threading.Condition()
        self._busy: set[W] = set()
        self._busy_by_function: Counter[str] = Counter()
        # Longest idle first. Reusing the last one lets the others reach idle_limit.
        self._idle: list[W] = []
        self._waiting = 0  # leases that wait for a free slot
        self._closed = False

    @property
    def running_count(self) -> int:
        with self._changed:
            return len(self._busy)

    @property
    def warm_count(self) -> int:
        with self._changed:
            return len(self._idle)

    @property
    def has_free_slot(self) -> bool:
        """Whether a lease would not have to wait for another one to end."""
        with self._changed:
            return not self._closed and self._is_slot_free()

    def lease(self, function: DeployedFunction, capacity_wait: float = 0.0) -> W:
        """Return a worker for one invocation, a warm one if possible.

        Raise the LambdaApiError TooManyRequestsException at once if the function's reserved
        concurrency is used up, and after ``capacity_wait`` seconds if no slot became free.
        """
        with self._changed:
            if self._is_reserved_concurrency_used(function):
                raise throttling_error(f"The reserved concurrency of {function.name} is used up.")
            free = self._wait_for_slot(capacity_wait)
            # The reserved concurrency is checked again: other leases may have used it up meanwhile.
            if not free or self._closed or self._is_reserved_concurrency_used(function):
                raise throttling_error(f"All {self._concurrency} slots of this machine are in use.")
            if self._is_throttled(function):
                raise throttling_error("The function is throttled by a condition of --chaos.")
            worker, stale = self._pick_worker(function)
            self._busy.add(worker)
            self._busy_by_function[function.arn] += 1
        # Closing kills a sandbox and takes time: not while the lock is held.
        for stale_worker in stale:
            stale_worker.close()
        return worker

    def renew(self, worker: W, function: DeployedFunction) -> bool:
        """Return whether a lease may go on, for one more invocation of ``function``.

        If not, release the worker: it cannot serve it, or another lease waits for the slot.
        """
        with self._changed:
            reserved = function.reserved_concurrency
            return (
                not self._closed
                and not self._waiting
                and worker.is_alive
                and _serves(worker, function)
                and (reserved is None or self._busy_by_function[function.arn] <= reserved)
                and not self._is_throttled(function)
            )

    def release(self, worker: W) -> None:
        """End a lease; keep the worker warm for the next invocation if it is alive."""
        with self._changed:
            self._busy.discard(worker)
            self._busy_by_function[worker.function.arn] -= 1
            worker.idle_since = time.monotonic()
            keep = worker.is_alive and not self._closed
            if keep:
                self._idle.append(worker)
            surplus = [] if keep else [worker]
            while len(self._idle) > self._warm_limit:
                surplus.append(self._idle.pop(0))
            self._changed.notify_all()
        for surplus_worker in surplus:
            surplus_worker.close()
        self._on_release()

    def close_stale_workers(self, functions: FunctionRegistry) -> None:
        """Close idle workers that are too old, have ended, or have an outdated configuration."""
        with self._changed:
            idle = list(self._idle)
        for worker in idle:
            current = functions.get(worker.function.arn)
            is_current = current is not None and _serves(worker, current)
            is_recent = time.monotonic() - worker.idle_since < self._idle_limit
            if not (is_current and is_recent and worker.is_alive):
                self._close_idle_worker(worker)

    def flush(self) -> None:
        """Write buffered output to the logs; some of it arrives after its invocation ended."""
        with self._changed:
            workers = [*self._idle, *self._busy]
        for worker in workers:
            worker.flush()

    def close(self) -> None:
        """Kill all sandboxes; running invocations raise InvocationInterruptedError."""
        with self._changed:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._idle.clear()
            self._changed.notify_all()
        for worker in workers:
            worker.close()

    def _wait_for_slot(self, seconds: float) -> bool:
        """Wait, with the lock, until a slot is free or the pool closed; return False if neither."""
        if seconds <= 0:
            return self._is_slot_free()
        self._waiting += 1
        try:
            return self._changed.wait_for(
                lambda: self._closed or len(self._busy) < self._concurrency, seconds
            )
        finally:
            self._waiting -= 1

    def _is_slot_free(self) -> bool:
        """Return whether a slot is free that no waiting lease is about to get."""
        return len(self._busy) + self._waiting < self._concurrency

    def _is_reserved_concurrency_used(self, function: DeployedFunction) -> bool:
        reserved = function.reserved_concurrency
        return reserved is not None and self._busy_by_function[function.arn] >= reserved

    def _pick_worker(self, function: DeployedFunction) -> tuple[W, list[W]]:
        """Return the most recently used fitting worker or a new one, and the stale workers."""
        candidates = [worker for worker in self._idle if worker.function.arn == function.arn]
        fitting = [w for w in candidates if w.is_alive and _serves(w, function)]
        stale = [worker for worker in candidates if worker not in fitting]
        chosen = fitting[-1] if fitting else self._create_worker(function)
        self._idle = [w for w in self._idle if w is not chosen and w not in stale]
        return chosen, stale

    def _close_idle_worker(self, worker: W) -> None:
        with self._changed:
            if worker not in self._idle:  # leased since the caller looked
                return
            self._idle.remove(worker)
        worker.close()


def _serves(worker: PooledWorker, function: DeployedFunction) -> bool:
    """Return whether the worker's sandbox has the function's configuration."""
    # Usually the same object: the key of a configuration is computed anew by each call.
    own = worker.function
    return own is function or own.sandbox_key == function.sandbox_key
