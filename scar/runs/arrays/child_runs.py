"""Which runs are children of an array job, from the names of their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.runs.states import RunState
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from scar.runs.ledger import Run


def parent_of(run: Run) -> tuple[str, int] | None:
    """Return the array's job id and the index of the child that executed the run last.

    None if that was no child of an array, or if a single job was submitted since.
    """
    attempts = [
        (time, name)
        for name, time in run.record_times.items()
        if name.startswith(record_format.ATTEMPT_PREFIX)
    ]
    if not attempts:
        return None
    time, name = max(attempts)
    _, parent, index = record_format.parse_attempt(name)
    submitted = record_format.latest_submission(run.record_times)
    is_single = run.record_times.get(submitted, -1.0) > time
    return None if index is None or is_single else (parent, index)


def all_parents(run: Run) -> Iterator[str]:
    """Yield the job ids of all arrays that have executed the run."""
    for name in run.record_times:
        if name.startswith(record_format.ATTEMPT_PREFIX):
            parent = record_format.parse_attempt(name)[1]
            if parent:
                yield parent


def is_ended_by_array(run: Run, ending: Collection[str]) -> bool:
    """Return whether the end of these array jobs ends the run too.

    It does if a child of theirs executes it, or if it waits to be executed again by a child.
    """
    child = parent_of(run)
    return child is not None and (child[0] in ending or run.state is RunState.QUEUED)
