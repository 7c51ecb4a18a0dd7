"""Work on a long row of things, many at once, without holding the row in memory."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from scar.aws.client.waiter import wait_for_any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SHUTDOWN_GRACE = 3.0

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_unordered(
    items: Iterable[Item], work: Callable[[Item], Result], *, workers: int, ahead: int = 4
) -> Iterator[Result]:
    """Yield the results as they come, in any order.

    At most ``workers * ahead`` items are taken before their turn. The first error ends it:
    what has not begun is dropped, what runs is given ``GRACE`` seconds to end.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="transfer")
    running: set[Future[Result]] = set()
    try:
        for item in items:
            running.add(pool.submit(work, item))
            if len(running) >= workers * ahead:
                done, running = wait_for_any(running)
                for future in done:
                    yield future.result()
        while running:
            done, running = wait_for_any(running)
            for future in done:
                yield future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        wait(running, timeout=SHUTDOWN_GRACE)
        raise
    pool.shutdown()
