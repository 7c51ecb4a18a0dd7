"""List several folders at once, and yield their pages in the order of the folders.

Requests wait for the network, so a reader of one page after the other is mostly idle.
"""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MOST_FOLDERS = 8  # that are listed at the same time
MOST_PAGES = 4  # of each, that wait to be read

Folder = TypeVar("Folder")
Page = TypeVar("Page")


def list_in_order(
    folders: Sequence[Folder], list_pages: Callable[[Folder], Iterator[Page]]
) -> Iterator[Page]:
    """Yield the pages of one folder after the other, and list the next folders meanwhile.

    At most ``MOST_FOLDERS * MOST_PAGES`` pages are in memory, and as many requests are in vain if
    the caller stops. An error of ``list_pages`` is raised in its folder's turn.
    """
    remaining = iter(folders)
    begun: list[_PagesAhead[Page]] = []
    try:
        while True:
            while len(begun) < MOST_FOLDERS and (folder := next(remaining, None)) is not None:
                begun.append(_PagesAhead(list_pages(folder)))
            if not begun:
                return
            yield from begun[0].read_pages()
            begun.pop(0)
    finally:
        for listing in begun:
            listing.stop()


class _PagesAhead(Generic[Page]):
    """Lists one folder in a thread of its own, ``MOST_PAGES`` ahead of the reader."""

    def __init__(self, pages: Iterator[Page]) -> None:
        self._pages = pages
        self._free = threading.Semaphore(MOST_PAGES)
        self._read: SimpleQueue[Page | _EndOfPages] = SimpleQueue()
        self._is_stopped = False
        threading.Thread(target=self._list, name="listing", daemon=True).start()

    def read_pages(self) -> Iterator[Page]:
        """Yield the pages; raise what listing them has raised."""
        while not isinstance(page := self._read.get(), _EndOfPages):
            self._free.release()
            yield page
        if page.error is not None:
            raise page.error

    def stop(self) -> None:
        """Let the thread end after the request that it has sent."""
        self._is_stopped = True
        self._free.release()

    def _list(self) -> None:
        error: BaseException | None = None
        try:
            while not self._is_stopped and (page := next(self._pages, None)) is not None:
                self._read.put(page)
                self._free.acquire()
        except BaseException as caught:  # noqa: BLE001 - raised by the reader
            error = caught
        self._read.put(_EndOfPages(error))


class _EndOfPages:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error
