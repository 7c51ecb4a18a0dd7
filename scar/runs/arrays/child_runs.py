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
    since = run.record_times.get(submitted, -1.0)
    # A later job of the run was submitted by the child: in the same second at the earliest.
    is_later = record_format.submission_number(submitted) > 1 and since >= time
    return None if index is None or since > time or is_later else (parent, index)


def child_job(run: Run) -> str:
    """Return Batch's id of the child that executed the run last; empty as in ``parent_of``."""
    child = parent_of(run)
    return f"{child[0]}:{child[1]}" if child else ""


def continued_child(run: Run) -> tuple[str, int] | None:
    """Return the child whose run another job continues: its array's job id, and its index.

    The child has submitted it (``batch.retry``). None for other runs, and after `scar retry`.
    """
    later_submissions = [
        time for name, time in run.record_times.items() if record_format.submission_number(name) > 1
    ]
    if not later_submissions:  # nearly all runs: the attempts need no parsing
        return None
    children = [
        (time, record_format.parse_attempt(name))
        for name, time in run.record_times.items()
        if name.startswith(record_format.ATTEMPT_PREFIX)
    ]
    time, (_, parent, index) = max(
        ((t, attempt) for t, attempt in children if attempt[1]), default=(0.0, ("", "", None))
    )
    if index is None or run.record_times.get(record_format.RETRY, -1.0) > time:
        return None
    return (parent, index) if max(later_submissions) >= time else None


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
