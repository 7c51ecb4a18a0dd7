"""Applies a function to a long sequence concurrently, in constant memory."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from scar.aws.client.waiter import wait_for_any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SHUTDOWN_GRACE = 3.0  # seconds

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_unordered(
    items: Iterable[Item], work: Callable[[Item], Result], *, workers: int, ahead: int = 4
) -> Iterator[Result]:
    """Yield the results of ``work`` for all items as they complete, in any order.

    At most ``workers * ahead`` items are in the queue. The first error ends the iteration: queued
    items are discarded, running ones get ``SHUTDOWN_GRACE`` seconds to complete.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="transfer")
    running: set[Future[Result]] = set()
    try:
        for item in items:
            running.add(pool.submit(work, item))
            if len(running) >= workers * ahead:  # back-pressure: do not list all files at once
                done, running = wait_for_any(running)
                for future in done:
                    yield future.result()
        while running:
            done, running = wait_for_any(running)
            for future in done:
                yield future.result()
    except BaseException:  # Ctrl-C, and GeneratorExit if the consumer stops, included
        pool.shutdown(wait=False, cancel_futures=True)
        wait(running, timeout=SHUTDOWN_GRACE)
        raise
    pool.shutdown()
