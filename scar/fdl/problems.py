"""The problems of an FDL file, each with its position, and the error that reports them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

Location = tuple[str | int, ...]  # keys and list indexes, from the top of the document


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Line and column in a file, counted from 1."""

    line: int = 1
    column: int = 1


NO_POSITION = Position(0, 0)  # that of values without a file


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One problem; ``key`` is its location as in ``format_location``, empty for the whole file."""

    position: Position
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


CHECK_PATH = "Check the path after -f, and the file's permissions."
KEYS_ARE_EXPLAINED = (
    "`scar schema` explains every key, and so does docs/fdl.md of scar's repository."
)


class InvalidFdlError(ScarError):
    """The FDL file is invalid; ``problems`` are all its problems, in order of position."""

    exit_code = 3

    def __init__(
        self, path: str, problems: Iterable[Problem], remedy: str = KEYS_ARE_EXPLAINED
    ) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = "\n".join(f"  {_format_place(path, p.position)}{p}" for p in self.problems)
        super().__init__(
            f"{path} has {_count_problems(len(self.problems))}:\n{lines}",
            remedy=remedy,
        )


def written_location(location: Location, written: Container[Location]) -> Location:
    """Return where a value of the model is among the locations that are written in a file.

    A single mapping may be written for a list: ``tmpfs: {size: 1}`` for ``tmpfs: [{size: 1}]``.
    The model then has an index that the file does not have. ``written`` are the locations of all
    keys and items.
    """
    found: Location = ()
    for part in location:
        if part != 0 or (*found, part) in written:
            found = (*found, part)
    return found


def format_location(location: Location) -> str:
    """Format a location as text: ``functions.aws[0].lambda.name``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _format_place(path: str, position: Position) -> str:
    return "" if position == NO_POSITION else f"{path}:{position.line}:{position.column}: "


def _count_problems(number: int) -> str:
    return "a problem" if number == 1 else f"{number} problems"
