"""Correct the states of array children, and count those that have no record yet.

Records show runs that have begun; Batch's counts show all children. A child is in the records from
its first write on, so the two are combined by what only one of them knows:

- children that have not begun are counted by Batch, as queued. If an array is of runs that failed
  before (`scar retry`), these have records already: its manifest says which they are;
- a run whose array has ended is lost if it has no last record;
- a child that failed without a record (terminated before it started, no image, no host) is only in
  the manifest of an array that has ended with failures. It counts as failed if `scar cancel` has
  ended it, as other runs do, and else as lost.

Only two cases need the state of single children, which DescribeJobs returns for 100 at a time: a
run that failed, or whose lease has expired, while its array goes on. Batch may be retrying it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.runs.arrays.child_runs import all_parents, child_job, continued_child, parent_of
from scar.runs.states import FAILURE_STATES, RunState, is_cancelled
from scar.runs.unfinished_jobs import UNFINISHED_STATUSES, with_job_status
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.ledger import Run
    from supervisor.invocation import RunPath

_NOT_STARTED = frozenset(UNFINISHED_STATUSES) - {"RUNNING"}
MAX_UNCERTAIN = 1_000  # children that are described; the states of more remain what records say


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayReading:
    """The arrays of some functions, read before the records of their runs.

    ``read_runs`` reads the runs of a manifest, ``describe_children`` the status of jobs by id.
    """

    statuses: Mapping[str, Sequence[ArrayStatus]] = field(default_factory=dict)
    read_runs: Callable[[ArrayJob], Sequence[RunPath]] = lambda _: ()
    describe_children: Callable[[Sequence[str]], Mapping[str, str]] = lambda _: {}

    def of(self, function: str) -> Sequence[ArrayStatus]:
        return self.statuses.get(function, ())


@dataclass(frozen=True, slots=True)
class LostChild:
    """A child that ended without a record: its array and its index.

    ``is_cancelled``: `scar cancel` has ended it; otherwise the cause is not known.
    """

    array: ArrayJob
    index: int
    is_cancelled: bool = False

    @property
    def state(self) -> RunState:
        return RunState.FAILED if self.is_cancelled else RunState.LOST


@dataclass(slots=True)
class ArrayCounter:
    """Combines the runs of one function, which are added one by one, with its arrays."""

    reading: ArrayReading
    function: str
    uncertain: list[Run] = field(default_factory=list, init=False)
    _by_job: dict[str, ArrayStatus] = field(default_factory=dict, init=False)
    # Runs of retried arrays that have not begun, and children that may have ended without a record.
    _queued: dict[str, set[str]] = field(default_factory=dict, init=False)
    _ended: dict[str, LostChild] = field(default_factory=dict, init=False)
    _retried: Counter[str] = field(default_factory=Counter, init=False)
    _continued: defaultdict[str, Counter[RunState]] = field(
        default_factory=lambda: defaultdict(Counter), init=False
    )

    def __post_init__(self) -> None:
        for status in self.statuses:
            self._by_job[status.array.job] = status
            if status.has_ended and status.failed:
                for index, run in enumerate(self.reading.read_runs(status.array)):
                    self._ended[run.run_id] = LostChild(
                        status.array, index, status.is_cancelled(index)
                    )
            elif not status.has_ended and status.array.is_retry:
                runs = self.reading.read_runs(status.array)
                self._queued[status.array.job] = {run.run_id for run in runs}

    @property
    def statuses(self) -> Sequence[ArrayStatus]:
        """Return the function's arrays, with the runs so far that other jobs continue."""
        return [
            replace(status, continued=self._continued[status.array.job])
            if status.array.job in self._continued
            else status
            for status in self.reading.of(self.function)
        ]

    def correct(self, run: Run) -> Run | None:
        """Return the run with the state that its array shows; None if it is ``uncertain``.

        Every run is to be passed, also if it is not counted: what has records is not lost.
        """
        self._ended.pop(run.path.run_id, None)
        if child := continued_child(run):
            self._continued[child[0]][run.state] += 1
        status = self.array_of(run)
        if status is not None and status.has_ended:
            run = with_job_status(run, "")
        if self._is_queued(run):
            return replace(run, state=RunState.QUEUED)
        is_in_progress = status is not None and not status.has_ended
        if is_in_progress and _may_be_retried(run) and len(self.uncertain) < MAX_UNCERTAIN:
            self.uncertain.append(run)
            return None
        return run

    def array_of(self, run: Run) -> ArrayStatus | None:
        """Return the array whose child executed the run last; None for other runs."""
        child = parent_of(run) if self._by_job else None
        return self._by_job.get(child[0]) if child else None

    def resolve_uncertain(self) -> list[Run]:
        """Return the uncertain runs with the states of their jobs."""
        jobs = {run.path: child_job(run) for run in self.uncertain}
        found = self.reading.describe_children(list(jobs.values())) if jobs else {}
        for job in found:
            # Batch counts a child that it retries as one that has not started.
            self._retried[job.partition(":")[0]] += found[job] in _NOT_STARTED
        return [_with_child_status(run, found.get(jobs[run.path], "")) for run in self.uncertain]

    def count_without_record(self) -> int:
        """Return the number of children that have not begun and have no run of before."""
        new = sum(
            max(0, s.not_begun - self._retried[s.array.job])
            for s in self.statuses
            if not s.array.is_retry
        )
        return new + sum(map(len, self._queued.values()))

    def find_lost(self) -> list[LostChild]:
        """Return the children that ended without a record and that no other array has."""
        if self._ended:
            for status in self.statuses:
                if not status.has_ended:
                    for run in self.reading.read_runs(status.array):
                        self._ended.pop(run.run_id, None)
        return list(self._ended.values())

    def _is_queued(self, run: Run) -> bool:
        """Return whether an array that has not begun with this failed run will do so."""
        is_queued = False
        for job, runs in self._queued.items():
            if run.path.run_id in runs:
                runs.discard(run.path.run_id)
                is_queued = is_queued or job not in all_parents(run)
        return is_queued and run.state in FAILURE_STATES


def count_children(status: ArrayStatus) -> Counter[RunState]:
    """Return the number of an array's children by the state of a run that each corresponds to."""
    counts = Counter(
        {
            RunState.QUEUED: status.not_begun,
            RunState.RUNNING: status.running,
            RunState.DONE: status.done,
            RunState.FAILED: max(0, status.failed - sum(status.continued.values())),
        }
    )
    counts.update(status.continued)
    return +counts


def _may_be_retried(run: Run) -> bool:
    """Return whether Batch may be retrying the child: only its job's status shows it."""
    if run.state is RunState.LOST:
        return True
    is_newest = run.changed_at == run.record_times.get(record_format.ERROR)
    return run.state is RunState.FAILED and is_newest and not is_cancelled(run.record_times)


def _with_child_status(run: Run, status: str) -> Run:
    # A child that succeeded has written its last record since the listing.
    if status == "SUCCEEDED":
        return replace(run, state=RunState.RUNNING)
    return with_job_status(run, status)
