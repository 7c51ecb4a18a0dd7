"""Count runs by function and state, and keep the latest: a million runs in constant memory."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.states import RunState
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from scar.runs.ledger import Run, RunLedger
    from scar.runs.unfinished_jobs import UnfinishedJob

UNFINISHED_STATES = (RunState.WAITING, RunState.LAMBDA, RunState.QUEUED, RunState.RUNNING)
FAILURE_STATES = (RunState.FAILED, RunState.LOST)


@dataclass(slots=True, kw_only=True)
class FunctionStatus:
    """How many runs of a function are in which state.

    ``waiting`` counts what Batch calls SUBMITTED, PENDING, RUNNABLE and STARTING;
    ``runnable_since`` is when the oldest RUNNABLE job was submitted, in epoch seconds, and
    ``reason`` what Batch says about it.
    """

    function: str
    states: Counter[RunState] = field(default_factory=Counter)
    jobs_by_status: Counter[str] = field(default_factory=Counter)
    runnable_since: float = 0.0
    reason: str = ""

    @property
    def unfinished_count(self) -> int:
        return sum(self.states[state] for state in UNFINISHED_STATES)

    @property
    def failure_count(self) -> int:
        return sum(self.states[state] for state in FAILURE_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """All asked functions, and their latest runs, newest first."""

    functions: tuple[FunctionStatus, ...]
    recent: tuple[Run, ...]


def collect_status(
    ledger: RunLedger,
    functions: Iterable[str],
    jobs: Mapping[str, Mapping[str, UnfinishedJob]],
    *,
    since: datetime | None = None,
    recent_states: Collection[RunState] = (),
    limit: int = 10,
) -> StatusReport:
    """Count the runs that changed after ``since``; ``only`` limits the recent ones to states.

    ``jobs`` are the unfinished jobs, by name, of the functions that Batch was asked about just
    before: a run that was handed to Batch a while ago and has none there is lost.
    """
    counted = []
    began = 0.0
    recent: list[tuple[float, str, Run]] = []
    for function in functions:
        found = FunctionStatus(function=function)
        for listed in ledger.list_runs(function, since.date() if since else None):
            began = began or ledger.now
            if since and listed.changed_at < since.timestamp():
                continue
            asked = jobs.get(function)
            run = with_batch_state(listed, asked, began - LISTING_DELAY)
            if asked is not None and run.state is RunState.QUEUED:
                _count_waiting_job(asked.get(f"{function}-{run.path.run_id}"), found)
            found.states[run.state] += 1
            if not recent_states or run.state in recent_states:
                entry = (run.changed_at, str(run.path), run)
                (heapq.heappush if len(recent) < limit else heapq.heappushpop)(recent, entry)
        counted.append(found)
    latest = sorted(recent, key=lambda entry: entry[:2], reverse=True)
    return StatusReport(functions=tuple(counted), recent=tuple(run for _, _, run in latest))


def _count_waiting_job(job: UnfinishedJob | None, found: FunctionStatus) -> None:
    """Count a job that waits, and keep the reason of the one that waits longest."""
    if job is None:
        return
    found.jobs_by_status[job.status] += 1
    older = not found.runnable_since or job.created < found.runnable_since
    if job.status == "RUNNABLE" and older:
        found.runnable_since, found.reason = job.created, job.reason
