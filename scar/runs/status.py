"""Count runs by function and state, and list the latest ones, in constant memory."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.states import FAILURE_STATES, RunState
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from scar.runs.ledger import Run, RunLedger
    from scar.runs.unfinished_jobs import UnfinishedJob

UNFINISHED_STATES = (RunState.WAITING, RunState.LAMBDA, RunState.QUEUED, RunState.RUNNING)


@dataclass(slots=True, kw_only=True)
class FunctionStatus:
    """The number of a function's runs by state, and of its queued runs by their job's status.

    ``unsubmitted`` counts the waiting runs that Batch has not accepted yet.
    ``runnable_since`` is the time when the oldest RUNNABLE job was submitted, in epoch seconds
    (0: there is none), and ``reason`` its statusReason. ``unusable`` is why no job can start: its
    queue or compute environment is INVALID.
    """

    function: str
    states: Counter[RunState] = field(default_factory=Counter)
    jobs_by_status: Counter[str] = field(default_factory=Counter)
    unsubmitted: int = 0
    runnable_since: float = 0.0
    reason: str = ""
    unusable: str = ""

    @property
    def unfinished_count(self) -> int:
        return sum(self.states[state] for state in UNFINISHED_STATES)

    @property
    def failure_count(self) -> int:
        return sum(self.states[state] for state in FAILURE_STATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status of each function, and the latest runs of all of them, newest first."""

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
    """Count the runs of these functions; ``since`` leaves out those that changed earlier.

    ``jobs`` are the unfinished jobs by name, for each function that uses Batch; they were listed
    just before. ``recent`` has up to ``limit`` runs, in ``recent_states`` or, if that is empty,
    in all states.
    """
    statuses = []
    listing_started = 0.0
    recent: list[tuple[float, str, Run]] = []
    for function in functions:
        status = FunctionStatus(function=function)
        for listed in ledger.list_runs(function, since.date() if since else None):
            listing_started = listing_started or ledger.now
            if since and listed.changed_at < since.timestamp():
                continue
            unfinished = jobs.get(function)
            run = with_batch_state(listed, unfinished, listing_started - LISTING_DELAY)
            if unfinished is not None and run.state is RunState.QUEUED:
                _count_waiting_job(unfinished.get(f"{function}-{run.path.run_id}"), status)
            status.states[run.state] += 1
            status.unsubmitted += run.is_unsubmitted
            if not recent_states or run.state in recent_states:
                entry = (run.changed_at, str(run.path), run)
                # A heap of the newest ``limit`` runs, the oldest of them on top.
                (heapq.heappush if len(recent) < limit else heapq.heappushpop)(recent, entry)
        statuses.append(status)
    latest = sorted(recent, key=lambda entry: entry[:2], reverse=True)
    return StatusReport(functions=tuple(statuses), recent=tuple(run for _, _, run in latest))


def _count_waiting_job(job: UnfinishedJob | None, status: FunctionStatus) -> None:
    """Count a job that has not started, and store the reason of the oldest RUNNABLE one."""
    if job is None:
        return
    status.jobs_by_status[job.status] += 1
    older = not status.runnable_since or job.created < status.runnable_since
    if job.status == "RUNNABLE" and older:
        status.runnable_since, status.reason = job.created, job.reason
