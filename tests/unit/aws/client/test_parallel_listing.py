"""Folders are listed at once, within bounds; their pages come in order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from scar.aws.client.parallel_listing import MOST_FOLDERS, MOST_PAGES, list_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = 30  # seconds; only a failure waits so long


@pytest.mark.parametrize("number", [0, 1, MOST_FOLDERS, 3 * MOST_FOLDERS])
def test_pages_come_in_the_order_of_the_folders(number: int) -> None:
    def list_pages(folder: int) -> Iterator[tuple[int, int]]:
        yield from ((folder, page) for page in range(folder % 7))

    expected = [one for folder in range(number) for one in list_pages(folder)]
    assert list(list_in_order(range(number), list_pages)) == expected


def test_folders_are_listed_at_the_same_time() -> None:
    all_listing = threading.Barrier(MOST_FOLDERS)

    def list_pages(folder: int) -> Iterator[int]:
        all_listing.wait(TIMEOUT)  # each waits for the others: breaks if they are not at once
        yield folder

    assert list(list_in_order(range(MOST_FOLDERS), list_pages)) == list(range(MOST_FOLDERS))


def test_few_pages_wait_to_be_read() -> None:
    listed: dict[int, int] = {}

    def list_pages(folder: int) -> Iterator[int]:
        for page in range(1000):
            listed[folder] = page + 1
            yield folder

    pages = list_in_order(range(100), list_pages)
    for read in range(1, 50):
        assert next(pages) == 0
        assert listed[0] <= read + MOST_PAGES + 1
    pages.close()  # type: ignore[attr-defined] # it is a generator
    assert len(listed) <= MOST_FOLDERS
    assert all(number <= MOST_PAGES + 2 for folder, number in listed.items() if folder)


def test_an_error_is_raised_in_its_folder_s_turn() -> None:
    def list_pages(folder: int) -> Iterator[int]:
        yield folder
        if folder == 1:
            raise ValueError("folder 1")

    pages = list_in_order(range(3), list_pages)
    assert [next(pages), next(pages)] == [0, 1]
    with pytest.raises(ValueError, match="folder 1"):
        next(pages)


def test_threads_end_when_the_reader_stops() -> None:
    def list_pages(folder: int) -> Iterator[int]:
        while True:
            yield folder

    before = set(threading.enumerate())
    pages = list_in_order(range(MOST_FOLDERS), list_pages)
    assert next(pages) == 0
    listing = set(threading.enumerate()) - before
    pages.close()  # type: ignore[attr-defined] # it is a generator
    for thread in listing:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
