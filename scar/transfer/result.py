"""What a transfer did: totals, and what was left out, each with its reason.

One item that cannot be transferred does not end a transfer: it becomes a ``TransferProblem``. An
error that concerns all items is raised instead.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scar.errors import ScarError

# Refused requests without any that succeeded, after which a transfer ends: then it is likely that
# the permission is missing for all items.
MAX_REFUSED = 20


@dataclass(frozen=True, slots=True)
class TransferredObject:
    """An object that was uploaded or downloaded: its key, and its size in bytes."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class TransferProblem:
    """A file or object that was not transferred; ``name`` is its path or key.

    With ``transferred`` it was, but not as it is: it changed meanwhile.
    """

    name: str
    reason: str
    transferred: bool = False


@dataclass(frozen=True, slots=True)
class TransferTotals:
    """The number of files of a transfer, and their total size in bytes."""

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The files that were transferred, their size in bytes, and the problems with others."""

    files: int
    size: int
    problems: tuple[TransferProblem, ...] = ()

    @property
    def files_without_problem(self) -> int:
        """The number of files that were transferred as they are."""
        return self.files - sum(problem.transferred for problem in self.problems)


class ProblemList:
    """Collects the problems of all threads, one for each name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._problems: dict[str, TransferProblem] = {}
        self._refused = 0
        self._succeeded = False
        self._first_refusal: ScarError | None = None

    def __len__(self) -> int:
        return len(self._problems)

    def __contains__(self, name: str) -> bool:
        return name in self._problems

    def add(self, name: str, reason: str, *, transferred: bool = False) -> None:
        """Add a problem; the first reason for a name stays."""
        with self._lock:
            self._problems.setdefault(name, TransferProblem(name, reason, transferred))

    def add_refusal(self, name: str, error: ScarError) -> None:
        """Add an item that the service refused; raise the error if it seems to refuse all."""
        self.add(name, error.problem)
        with self._lock:
            self._refused += 1
            self._first_refusal = self._first_refusal or error
            ends = not self._succeeded and self._refused >= MAX_REFUSED
        if ends:
            raise error

    def note_success(self) -> None:
        """Note that an item was transferred, so that later refusals concern single items."""
        self._succeeded = True

    def raise_if_all_refused(self) -> None:
        """Raise the service's first error if no item was transferred."""
        if self._first_refusal is not None and not self._succeeded:
            raise self._first_refusal

    def to_tuple(self) -> tuple[TransferProblem, ...]:
        """Return the problems, sorted by name."""
        with self._lock:
            return tuple(sorted(self._problems.values(), key=lambda problem: problem.name))
