"""The progress of functions or single runs, and whether they have ended: ``scar wait``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.meter import format_duration
from scar.runs.arrays.array_counts import ArrayReading, count_children
from scar.runs.lookup import input_id_prefix
from scar.runs.rate import seconds_left
from scar.runs.states import FAILURE_STATES, FINISHED_STATES, UNSUBMITTED, RunState
from scar.runs.status import StatusQuery, collect_status
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.status import FunctionStatus
    from scar.runs.unfinished_jobs import UnfinishedJob

    Jobs = Mapping[str, UnfinishedJob]


_RUNNING = (RunState.LAMBDA, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """The number of runs by state, as ``scar status`` has it, and of input files without a run.

    ``waiting`` counts files whose run is still expected, ``never_started`` those that no event
    will start anymore, ``unsubmitted`` the waiting runs that Batch has not accepted yet.
    ``failed`` counts the failures that matter: of the latest run on each file, and of other runs
    that ended since ``began`` or were started by `scar retry` shortly before. ``progress``
    says how far the files are, ``recent`` are the latest runs.
    """

    states: Counter[RunState] = field(default_factory=Counter)
    waiting: int = 0
    never_started: int = 0
    unsubmitted: int = 0
    failed: int = 0
    began: float = 0.0
    progress: str = ""
    recent: tuple[Run, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Return whether every run has ended and no file waits for its run."""
        unfinished = sum(
            number for state, number in self.states.items() if state not in FINISHED_STATES
        )
        return not unfinished and not self.waiting

    @property
    def failure_count(self) -> int:
        return self.failed + self.never_started

    @property
    def earlier_failure_count(self) -> int:
        """Return the number of failures that do not matter: of replaced files and earlier calls."""
        return self.states[RunState.FAILED] + self.states[RunState.LOST] - self.failed

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers by state; files that wait for their run count as waiting."""
        counts = {state.value: self.states[state] for state in RunState}
        waiting = self.waiting + self.states[RunState.WAITING]
        return counts | {"waiting": waiting, "never_started": self.never_started}

    @property
    def summary(self) -> str:
        """Return the counts above zero as text: ``2 running, 1 failed``."""
        texts = [
            f"{number:,} {name.replace('_', ' ')}" for name, number in self.counts.items() if number
        ]
        text = ", ".join(texts) or "no runs"
        return f"{text} ({self.unsubmitted:,} {UNSUBMITTED})" if self.unsubmitted else text


def count_runs(
    runs: Iterable[Run],
    jobs: Jobs | None = None,
    now: float = 0.0,
    arrays: Sequence[ArrayStatus] = (),
    unrecorded: Iterable[RunState] = (),
) -> RunProgress:
    """Count these runs and the children of these arrays.

    ``unrecorded`` are the states of single children without a record. ``now`` is S3's time in epoch
    seconds; ``jobs`` as in count_inputs.
    """
    corrected = [with_batch_state(run, jobs, now - LISTING_DELAY) for run in runs]
    states = Counter(run.state for run in corrected)
    states.update(unrecorded)
    for array in arrays:
        states.update(count_children(array))
    return RunProgress(
        states=states,
        unsubmitted=sum(run.is_unsubmitted for run in corrected),
        failed=sum(states[state] for state in FAILURE_STATES),
        recent=tuple(corrected),
    )


def latest_runs_by_input(ledger: RunLedger, function: str) -> dict[str, Run]:
    """Return the latest run on each object, by the first half of the run id.

    That half is a hash of function, bucket and key (``lookup.input_id_prefix``).
    """
    latest: dict[str, Run] = {}
    for run in ledger.list_runs(function):
        input_id = run.path.run_id[:16]
        if input_id not in latest or run.changed_at > latest[input_id].changed_at:
            latest[input_id] = run
    return latest


def current_run(function: str, input_object: InputObject, latest: Mapping[str, Run]) -> Run | None:
    """Return the run on the object's current content, None if there is none since its upload."""
    run = latest.get(input_id_prefix(function, input_object.bucket, input_object.key))
    # Whole seconds, as the times of records are.
    return run if run and run.changed_at >= int(input_object.modified.timestamp()) else None


def count_inputs(  # noqa: PLR0913 - what was read before the records
    ledger: RunLedger,
    inputs: Mapping[str, Sequence[InputObject]],
    jobs: Mapping[str, Jobs] | None = None,
    *,
    list_jobs: Callable[[], Jobs] | None = None,
    began: float | None = None,
    events: Mapping[str, int] | None = None,
    arrays: ArrayReading | None = None,
) -> RunProgress:
    """Count the runs of these functions; ``inputs`` are the files of each function.

    ``jobs``, ``list_jobs`` and ``events`` are those of ``StatusQuery``. ``began`` is S3's time when
    waiting began, None: now; ``arrays`` are the functions' array jobs. Costs one listing of the
    records of each function, whatever the number of files.
    """
    query = StatusQuery(
        jobs=jobs or {},
        list_jobs=list_jobs,
        inputs=inputs,
        began=began,
        events=events or {},
        arrays=arrays or ArrayReading(),
    )
    report = collect_status(ledger, inputs, query)
    statuses = report.functions
    compared = [status.inputs for status in statuses if status.inputs is not None]
    return RunProgress(
        states=sum((status.states for status in statuses), Counter()),
        waiting=sum(files.waiting for files in compared),
        never_started=sum(files.never_started for files in compared),
        unsubmitted=sum(status.unsubmitted for status in statuses),
        failed=sum(status.relevant_failure_count for status in statuses),
        began=report.now if began is None else began,
        progress=describe_progress(statuses),
        recent=report.recent,
    )


def count_new_files(
    before: Mapping[str, Sequence[InputObject]], now: Mapping[str, Sequence[InputObject]]
) -> int:
    """Return how many files of all functions were written since ``before`` was listed."""
    return sum(
        len(_written(files).difference(_written(before.get(name, ()))))
        for name, files in now.items()
    )


def _written(files: Sequence[InputObject]) -> set[tuple[str, str, datetime]]:
    return {(file.bucket, file.key, file.modified) for file in files}


def describe_progress(statuses: Sequence[FunctionStatus]) -> str:
    """Return how far the functions are, ``done 28 of 200 files (14 %), 1.9/s, about 90 s left``.

    Empty if nothing is in progress. The denominator are the files in the input folders; other
    runs, such as direct invocations, only count for the time that is left.
    """
    unfinished = sum(status.unfinished_count for status in statuses)
    compared = [status.inputs for status in statuses if status.inputs is not None]
    unfinished += sum(files.waiting for files in compared)
    if not unfinished:
        return ""
    total, done = sum(files.total for files in compared), sum(files.done for files in compared)
    parts = []
    if total:
        at_least = "" if all(files.is_complete for files in compared) else "at least "
        parts.append(f"done {done:,} of {at_least}{total:,} files ({100 * done // total} %)")
    else:
        parts.append(f"{unfinished:,} in progress")
    failed = sum(status.relevant_failure_count for status in statuses)
    if failed:
        parts.append(f"{failed:,} failed")
    rates = [status.rate for status in statuses]
    per_second = sum(rate.per_second for rate in rates)
    if per_second:
        parts.append(_format_rate(per_second))
    left = seconds_left(rates, unfinished)
    # Without one that runs, it is not known when the others start, or whether they do.
    is_running = any(status.states[state] for status in statuses for state in _RUNNING)
    if left is not None and is_running:
        parts.append(f"about {format_duration(left)} left")
    return ", ".join(parts)


def _format_rate(per_second: float) -> str:
    """Return a rate with the unit in which it is at least one, if there is one."""
    for unit, factor in (("s", 1), ("min", 60)):
        if per_second * factor >= 1:
            return f"{per_second * factor:.1f}/{unit}"
    return f"{per_second * 3600:.1f}/h"
