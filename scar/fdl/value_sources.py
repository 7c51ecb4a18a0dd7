"""Find where the values of a function are from, and name it in problems."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scar.fdl.layers import COMMAND_LINE, option_source
from scar.fdl.problems import NO_POSITION, written_location

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.fdl.problems import Location, Problem


def add_source(
    problem: Problem, location: Location, origins: Sequence[Mapping[Location, str]], path: str
) -> Problem:
    """Return the problem with the value's source in its message, unless that is the file.

    Without a file, the option that set the value is named instead of the key.
    """
    if location[:2] != ("functions", "aws") or len(location) < 4:
        return problem
    number = location[2]
    if not isinstance(number, int) or number >= len(origins):
        return problem
    source = value_source(location[3:], origins[number])
    # A rule may concern a section, with values of the file and of other sources.
    inside = [s for at, s in origins[number].items() if at[: len(location) - 3] == location[3:]]
    if not source or any(s.startswith(path) for s in (source, *inside)):
        return problem
    if problem.position == NO_POSITION and source.startswith(COMMAND_LINE):
        return replace(problem, key=source.removeprefix(option_source("")) or problem.key)
    return replace(problem, message=f"{problem.message} (from: {source})")


def value_source(location: Location, origins: Mapping[Location, str]) -> str:
    """Return the source of the value at a location of a function; empty for a default.

    A value inside a list has the source of the list; a mapping that of its first value.
    """
    sections = {at[:length] for at in origins for length in range(1, len(at) + 1)}
    location = written_location(location, sections)
    # The nearest location above it that has a source.
    for length in range(len(location), 0, -1):
        if (source := origins.get(location[:length])) is not None:
            return source
    depth = len(location)
    return next((source for at, source in origins.items() if at[:depth] == location), "")
