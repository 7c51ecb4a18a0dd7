"""Count runs by function and state, and keep the latest: a million runs in constant memory."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.states import State
from scar.runs.unfinished_jobs import SETTLING, as_batch_sees

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from scar.runs.ledger import Ledger, Run
    from scar.runs.unfinished_jobs import WaitingJob

UNFINISHED = (State.WAITING, State.LAMBDA, State.HANDED, State.RUNNING)
BAD = (State.FAILED, State.LOST)


@dataclass(slots=True, kw_only=True)
class FunctionStatus:
    """How many runs of a function are in which state.

    ``waiting`` counts what Batch calls SUBMITTED, PENDING, RUNNABLE and STARTING;
    ``runnable_since`` is when the oldest RUNNABLE job was submitted, in epoch seconds, and
    ``reason`` what Batch says about it.
    """

    function: str
    states: Counter[State] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    runnable_since: float = 0.0
    reason: str = ""

    @property
    def unfinished(self) -> int:
        return sum(self.states[state] for state in UNFINISHED)

    @property
    def bad(self) -> int:
        return sum(self.states[state] for state in BAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """All asked functions, and their latest runs, newest first."""

    functions: tuple[FunctionStatus, ...]
    recent: tuple[Run, ...]


def status(
    ledger: Ledger,
    functions: Iterable[str],
    jobs: Mapping[str, Mapping[str, WaitingJob]],
    *,
    since: datetime | None = None,
    only: Collection[State] = (),
    most: int = 10,
) -> Status:
    """Count the runs that changed after ``since``; ``only`` limits the recent ones to states.

    ``jobs`` are the unfinished jobs, by name, of the functions that Batch was asked about just
    before: a run that was handed to Batch a while ago and has none there is lost.
    """
    counted = []
    began = 0.0
    recent: list[tuple[float, str, Run]] = []
    for function in functions:
        found = FunctionStatus(function=function)
        for listed in ledger.runs(function, since.date() if since else None):
            began = began or ledger.now
            if since and listed.changed < since.timestamp():
                continue
            asked = jobs.get(function)
            run = as_batch_sees(listed, asked, began - SETTLING)
            if asked is not None and run.state is State.HANDED:
                _note(asked.get(f"{function}-{run.path.run_id}"), found)
            found.states[run.state] += 1
            if not only or run.state in only:
                entry = (run.changed, str(run.path), run)
                (heapq.heappush if len(recent) < most else heapq.heappushpop)(recent, entry)
        counted.append(found)
    latest = sorted(recent, key=lambda entry: entry[:2], reverse=True)
    return Status(functions=tuple(counted), recent=tuple(run for _, _, run in latest))


def _note(job: WaitingJob | None, found: FunctionStatus) -> None:
    """Count a job that waits, and keep the reason of the one that waits longest."""
    if job is None:
        return
    found.waiting[job.status] += 1
    older = not found.runnable_since or job.created < found.runnable_since
    if job.status == "RUNNABLE" and older:
        found.runnable_since, found.reason = job.created, job.reason
