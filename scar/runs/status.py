"""Count runs by function and state, and list the latest ones, in constant memory.

``scar status`` and ``scar wait`` both count here, so that they agree.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.arrays.array_counts import ArrayCounter, ArrayReading
from scar.runs.input_files import InputFiles
from scar.runs.rate import EndRate
from scar.runs.states import FAILURE_STATES, FINISHED_STATES, RunState, derive_state
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from scar.runs.arrays.array_counts import LostChild
    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.unfinished_jobs import UnfinishedJob

    Jobs = Mapping[str, UnfinishedJob]

# Seconds after `scar retry`, or the latest `scar run`, in which `scar wait` returns the failures of
# the runs that it started, also if they have failed before it began to wait: `scar retry --failed
# && scar wait -n NAME`.
RETRY_SECONDS = 3600.0
UNFINISHED_STATES = tuple(state for state in RunState if state not in FINISHED_STATES)


@dataclass(slots=True, kw_only=True)
class FunctionStatus:
    """The number of a function's runs by state, and of its queued runs by their job's status.

    ``unsubmitted`` counts the waiting runs that Batch has not accepted yet.
    ``runnable_since`` is the time when the oldest RUNNABLE job was submitted, in epoch seconds
    (0: there is none), and ``reason`` its statusReason. ``unusable`` is why no job can start: its
    queue or compute environment is INVALID. ``inputs`` compares runs with the files in the input
    folders; None if these were not listed. ``is_removed``: the function does not exist any more.
    ``events`` is about how many events wait in the function's queue, without a run.
    ``began``: see ``StatusQuery``. ``arrays`` are its array jobs; children that have not begun are
    counted as queued, and ``lost_children``, which ended without a record, as lost or, if they
    were cancelled, as failed.
    """

    function: str
    states: Counter[RunState] = field(default_factory=Counter)
    jobs_by_status: Counter[str] = field(default_factory=Counter)
    unsubmitted: int = 0
    runnable_since: float = 0.0
    reason: str = ""
    unusable: str = ""
    events: int = 0
    inputs: InputFiles | None = None
    is_removed: bool = False
    rate: EndRate = field(default_factory=EndRate)
    began: float | None = None
    arrays: Sequence[ArrayStatus] = ()
    lost_children: Sequence[LostChild] = ()
    _late_failures: int = field(default=0, init=False)
    _latest_call: float = field(default=0.0, init=False)
    _latest_call_failed: bool = field(default=False, init=False)

    @property
    def unfinished_count(self) -> int:
        return sum(self.states[state] for state in UNFINISHED_STATES)

    @property
    def failure_count(self) -> int:
        return sum(self.states[state] for state in FAILURE_STATES)

    @property
    def relevant_failure_count(self) -> int:
        """Return the failures of the latest run on each file, and of other runs since ``began``.

        Runs that `scar retry` has started shortly before count too, runs that were in progress at
        ``began`` and have been lost since, and the latest direct call if it began shortly before:
        whether `scar run` and `scar wait` succeed must not depend on how fast a job failed. An
        earlier direct call, or a file that was replaced since, may have failed: that is in the
        counts, but nothing is to be done about it.
        """
        files = self.inputs.failed if self.inputs is not None else 0
        return files + self._late_failures + self._latest_call_failed

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of runs by state; files that wait for their run count as waiting."""
        counts = {state.value: self.states[state] for state in RunState}
        if self.inputs is not None:
            counts["waiting"] += self.inputs.waiting
        return counts

    def add(self, run: Run, now: float, array: ArrayStatus | None = None) -> None:
        """Count one run; ``now`` is S3's time in epoch seconds, ``array`` has it as a child."""
        self.states[run.state] += 1
        self.unsubmitted += run.is_unsubmitted
        if run.state in (RunState.DONE, RunState.FAILED):
            self.rate.add(run.started_at, run.changed_at, now)
        is_on_file = self.inputs is not None and self.inputs.add(run)
        began = now if self.began is None else self.began
        is_late = False
        if run.state in FAILURE_STATES and not is_on_file:
            # All failed children of an array count, or none, with and without a record.
            is_late = array is not None and _is_late(array, began)
            is_late = is_late or _has_failed_since(run, began)
            self._late_failures += is_late
        if array is None and _is_direct(run) and run.started_at >= self._latest_call:
            self._latest_call = run.started_at
            failed = run.state in FAILURE_STATES and run.started_at >= began - RETRY_SECONDS
            self._latest_call_failed = failed and not is_late

    def add_children(self, counter: ArrayCounter, now: float) -> None:
        """Count the children of arrays that have no record; ``now`` as in ``add``."""
        self.arrays = counter.statuses
        self.lost_children = counter.find_lost()
        not_begun = counter.count_without_record()
        added = Counter({RunState.QUEUED: not_begun})
        added.update(child.state for child in self.lost_children)
        self.states.update(+added)
        began = now if self.began is None else self.began
        late = {s.array.job for s in self.arrays if _is_late(s, began)}
        self._late_failures += sum(child.array.job in late for child in self.lost_children)
        if self.inputs is not None:
            self.inputs.in_arrays = not_begun + len(self.lost_children)


def _is_late(status: ArrayStatus, began: float) -> bool:
    """Return whether an array ended after ``began``, or was submitted shortly before."""
    return status.stopped >= began or status.array.submitted >= began - RETRY_SECONDS


def _is_direct(run: Run) -> bool:
    """Return whether a run is one of a request, whose id is a UUID, and not of an event."""
    return "-" in run.path.run_id


def _has_failed_since(run: Run, began: float) -> bool:
    """Return whether a failure is new at ``began``, or that of a retry shortly before."""
    times = run.record_times
    retried = max(times.get(name, -1.0) for name in (record_format.RETRY, record_format.REPEATS))
    if run.changed_at >= began or retried >= began - RETRY_SECONDS:
        return True
    # No record says when a process was lost: compare with the state of that time.
    return run.state is RunState.LOST and derive_state(times, began, run.lease) in (
        RunState.WAITING,
        RunState.LAMBDA,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status of each function, and the latest runs of all of them, newest first.

    ``now`` is S3's time in epoch seconds. ``jobs`` are the unfinished jobs of scar's queues by
    name, empty if they were not listed.
    """

    functions: tuple[FunctionStatus, ...]
    recent: tuple[Run, ...]
    now: float = 0.0
    jobs: Jobs = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuery:
    """What is counted; ``since`` leaves out runs that changed earlier.

    ``jobs`` are the unfinished jobs by name, for each function that uses Batch; they were listed
    just before. ``list_jobs`` lists them for a function that uses Batch no longer. ``inputs`` are
    the files of functions that are compared with their runs. ``recent`` has up to ``limit`` runs,
    in ``recent_states`` or, if that is empty, in all states. ``began`` is S3's time since when
    failures count as relevant that are not of a file; None: now. Only the first ``most_files``
    files of a function are compared. ``events`` count those in the queues of functions, and were
    read before everything else. ``arrays`` are the array jobs, read before the records.
    """

    jobs: Mapping[str, Jobs]
    list_jobs: Callable[[], Jobs] | None = None
    inputs: Mapping[str, Sequence[InputObject]] = field(default_factory=dict)
    since: datetime | None = None
    began: float | None = None
    recent_states: Collection[RunState] = ()
    limit: int = 10
    most_files: int | None = None
    events: Mapping[str, int] = field(default_factory=dict)
    arrays: ArrayReading = field(default_factory=ArrayReading)


def collect_status(ledger: RunLedger, functions: Iterable[str], query: StatusQuery) -> StatusReport:
    """Count the runs of these functions."""
    statuses = []
    recent: list[tuple[float, str, Run]] = []
    listed_jobs: Jobs | None = None
    for function in functions:
        jobs = query.jobs.get(function)
        status, latest = _count_function(ledger, function, query, jobs)
        if jobs is None and query.list_jobs and (status.states[RunState.QUEUED] or _runs(status)):
            # The function was removed or does not use Batch any more, but its jobs may have ended.
            listed_jobs = query.list_jobs() if listed_jobs is None else listed_jobs
            status, latest = _count_function(ledger, function, query, listed_jobs)
        statuses.append(status)
        recent = heapq.nlargest(query.limit, [*recent, *latest], key=lambda entry: entry[:2])
    in_progress = any(status.unfinished_count or status.events for status in statuses)
    for status in statuses:
        if status.inputs is not None:
            status.inputs.judge_files_without_run(ledger.now, in_progress=in_progress)
    runs = tuple(run for _, _, run in recent)
    return StatusReport(functions=tuple(statuses), recent=runs, now=ledger.now)


def _runs(status: FunctionStatus) -> int:
    return status.states[RunState.RUNNING]


def _count_function(
    ledger: RunLedger, function: str, query: StatusQuery, jobs: Jobs | None
) -> tuple[FunctionStatus, list[tuple[float, str, Run]]]:
    """Count one function's runs; return the latest of them too."""
    events = query.events.get(function, 0)
    status = FunctionStatus(function=function, began=query.began, events=events)
    if function in query.inputs:
        status.inputs = InputFiles.of(function, query.inputs[function], limit=query.most_files)
    recent: list[tuple[float, str, Run]] = []
    counter = ArrayCounter(query.arrays, function)
    first = query.since.timestamp() if query.since else 0.0
    for run in _list_corrected(ledger, query, jobs, counter):
        if run.changed_at < first:
            continue
        if jobs is not None and run.state is RunState.QUEUED:
            _count_waiting_job(jobs.get(f"{function}-{run.path.run_id}"), status)
        status.add(run, ledger.now, counter.array_of(run))
        if not query.recent_states or run.state in query.recent_states:
            entry = (run.changed_at, str(run.path), run)
            # A heap of the newest ``limit`` runs, the oldest of them on top.
            (heapq.heappush if len(recent) < query.limit else heapq.heappushpop)(recent, entry)
    status.add_children(counter, ledger.now)
    return status, recent


def _list_corrected(
    ledger: RunLedger, query: StatusQuery, jobs: Jobs | None, counter: ArrayCounter
) -> Iterator[Run]:
    """Yield the function's runs with the states that jobs and arrays show."""
    listing_started = 0.0
    for listed in ledger.list_runs(counter.function, query.since.date() if query.since else None):
        listing_started = listing_started or ledger.now
        run = counter.correct(with_batch_state(listed, jobs, listing_started - LISTING_DELAY))
        if run is not None:
            yield run
    yield from counter.resolve_uncertain()


def _count_waiting_job(job: UnfinishedJob | None, status: FunctionStatus) -> None:
    """Count a job that has not started, and store the reason of the oldest RUNNABLE one."""
    if job is None:
        return
    status.jobs_by_status[job.status] += 1
    older = not status.runnable_since or job.created < status.runnable_since
    if job.status == "RUNNABLE" and older:
        status.runnable_since, status.reason = job.created, job.reason
