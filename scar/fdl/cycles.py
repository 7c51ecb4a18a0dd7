"""Functions that start each other through folders, round and round. Pure."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def find_cycle(starts: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Return functions of which each starts the next and the last the first; empty if none.

    ``starts`` says whom a function's outputs start. One that starts itself counts.
    """
    try:
        TopologicalSorter(
            {name: sorted(others) for name, others in sorted(starts.items())}
        ).prepare()
    except CycleError as error:
        # Named by what comes before: the other way round is who starts whom.
        found: list[str] = error.args[1][:0:-1]
        first = found.index(min(found))
        return (*found[first:], *found[:first])
    return ()


def can_trigger(
    output: tuple[str, str], suffixes: Collection[str], watched: tuple[str, str], suffix: str
) -> bool:
    """Say whether files written to one folder start what watches another.

    Folders are (bucket, key prefix); outputs end with one of ``suffixes``, or anyhow if there
    are none, and only what ends with ``suffix`` starts.
    """
    if output[0] != watched[0] or not output[1].startswith(watched[1]):
        return False
    return not suffixes or any(s.endswith(suffix) or suffix.endswith(s) for s in suffixes)
