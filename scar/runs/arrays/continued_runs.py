"""The runs of an array that other jobs continue: ``batch.retry`` of a child's script."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.runs.arrays.child_runs import continued_child
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.states import RunState
    from scar.runs.unfinished_jobs import UnfinishedJob

    Jobs = Mapping[str, UnfinishedJob]


def list_continued(
    ledger: RunLedger, statuses: Sequence[ArrayStatus], jobs: Jobs | None = None
) -> Iterator[tuple[str, int, Run]]:
    """Yield the array's job, the child's index and the run of each continued child.

    Only arrays with failed children have some; their functions' records are listed once.
    ``jobs``: as in ``with_batch_state``.
    """
    failed = {s.array.job: s.array.path.function for s in statuses if s.failed}
    for function in sorted(set(failed.values())):
        started = 0.0
        for run in ledger.list_runs(function):
            started = started or ledger.now
            child = continued_child(run)
            if child is not None and child[0] in failed:
                yield *child, with_batch_state(run, jobs, started - LISTING_DELAY)


def with_continued_runs(
    ledger: RunLedger, statuses: Sequence[ArrayStatus], jobs: Jobs | None = None
) -> list[ArrayStatus]:
    """Return the arrays with the states of their runs that other jobs continue."""
    found: dict[str, Counter[RunState]] = defaultdict(Counter)
    for job, _, run in list_continued(ledger, statuses, jobs):
        found[job][run.state] += 1
    return [
        replace(status, continued=found[status.array.job]) if status.array.job in found else status
        for status in statuses
    ]
