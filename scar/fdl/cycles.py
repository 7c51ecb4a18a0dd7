"""Cycles: functions that start each other through folders, in an infinite loop."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

Watcher = TypeVar("Watcher")


def find_cycles_through(
    starts: Mapping[str, Collection[str]], names: Collection[str]
) -> tuple[tuple[str, ...], ...]:
    """Return the shortest cycle of each named function that is part of one, each cycle once.

    Each function of a cycle starts the next, the last one the first; it begins with the named one.
    ``starts`` maps each function to those that its outputs start. A function that starts itself
    is a cycle.
    """
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for name in sorted(names):
        if cycle := _find_shortest_cycle(starts, name):
            found.setdefault(frozenset(cycle), cycle)
    return tuple(found.values())


def _find_shortest_cycle(starts: Mapping[str, Collection[str]], first: str) -> tuple[str, ...]:
    """Search breadth-first for a way from ``first`` back to it; empty if there is none."""
    ways: list[tuple[str, ...]] = [(first,)]
    visited: set[str] = set()
    # The list grows while it is read.
    for way in ways:
        for started in sorted(starts.get(way[-1], ())):
            if started == first:
                return way
            if started not in visited:
                visited.add(started)
                ways.append((*way, started))
    return ()


class FolderIndex(Generic[Watcher]):
    """The watched folders of many functions, to compare an output with few of them.

    Folders are (bucket, key prefix), as in ``can_trigger``.
    """

    def __init__(self, watched: Iterable[tuple[tuple[Hashable, str], Watcher]]) -> None:
        self._watchers: defaultdict[Hashable, defaultdict[str, list[Watcher]]]
        self._watchers = defaultdict(lambda: defaultdict(list))
        for (bucket, prefix), watcher in watched:
            self._watchers[bucket][prefix].append(watcher)
        self._prefixes = {bucket: sorted(found) for bucket, found in self._watchers.items()}

    def find_near(self, output: tuple[Hashable, str]) -> Iterator[Watcher]:
        """Yield what watches the folder, one above it or one below: only these can be triggered."""
        bucket, folder = output
        watchers: Mapping[str, list[Watcher]] = self._watchers.get(bucket, {})
        for length in range(len(folder)):
            yield from watchers.get(folder[:length], ())
        prefixes = self._prefixes.get(bucket, [])
        for prefix in islice(prefixes, bisect_left(prefixes, folder), None):
            if not prefix.startswith(folder):
                break
            yield from watchers[prefix]


def can_trigger(
    output: tuple[str, str],
    suffixes: Collection[str],
    watched: tuple[str, str],
    suffix: str,
    prefixes: Collection[str] = (),
) -> bool:
    """Return whether some output in one folder can match the notification rule of another.

    Folders are (bucket, key prefix). Outputs end with one of ``suffixes``, with anything if it
    is empty; the rule matches keys that end with ``suffix``. Names of outputs, which may contain
    folders, start with one of ``prefixes``, with anything if it is empty. A script chooses the
    names of its outputs, so an output folder above the watched one reaches it too.
    """
    if output[0] != watched[0]:
        return False
    folder = output[1]
    beginnings = {_longer_prefix(f"{folder}{prefix}", watched[1]) for prefix in prefixes or ("",)}
    endings = {_longer_suffix(end, suffix) for end in suffixes or ("",)}
    # With a letter between them, a beginning and an ending are a key that matches both rules.
    return any(
        is_file_name(f"{beginning}x{ending}"[len(folder) :])
        for beginning in beginnings
        for ending in endings
        if beginning is not None and ending is not None
    )


def is_file_name(name: str) -> bool:
    """Return whether a file can have this path below a folder, and thus an output this name."""
    return not any(part in {"", ".", ".."} for part in name.split("/"))


def _longer_prefix(one: str, other: str) -> str | None:
    """Return what a key with both prefixes begins with; None if no key has both."""
    short, long = sorted((one, other), key=len)
    return long if long.startswith(short) else None


def _longer_suffix(one: str, other: str) -> str | None:
    """Return what a key with both suffixes ends with; None if no key has both."""
    short, long = sorted((one, other), key=len)
    return long if long.endswith(short) else None
