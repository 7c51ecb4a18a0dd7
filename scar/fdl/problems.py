"""What is wrong in an FDL file, and where: all of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterable

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the file, counted from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong; ``key`` is its path in the document."""

    position: Position
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}" if self.key else self.message


class InvalidFdlError(ScarError):
    """The FDL file has faults; all of them are told at once."""

    exit_code = 3

    def __init__(self, path: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        lines = "\n".join(
            f"  {path}:{fault.position.line}:{fault.position.column}: {fault}"
            for fault in self.problems
        )
        super().__init__(
            f"{path} has {_count_problems(len(self.problems))}:\n{lines}",
            remedy="fdl-example.yaml shows every key with its meaning.",
        )


def format_location(location: Location) -> str:
    """Write a location as people do: ``functions.aws[0].lambda.name``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _count_problems(number: int) -> str:
    return "a fault" if number == 1 else f"{number} faults"
