"""The progress of functions: their runs by state, compared with the files in input folders."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.lookup import input_id_prefix
from scar.runs.states import FINISHED_STATES, UNSUBMITTED, RunState
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.unfinished_jobs import UnfinishedJob

    Jobs = Mapping[str, UnfinishedJob]

# Seconds after an upload in which its run normally starts. At Lambda's concurrency limit the event
# waits longer in its queue, but then other runs are in progress.
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """The number of runs by state, and of input files without a run.

    ``waiting`` counts files whose run is still expected, ``never_started`` those that no event
    will start anymore, ``unsubmitted`` the waiting runs that Batch has not accepted yet.
    """

    states: Counter[RunState] = field(default_factory=Counter)
    waiting: int = 0
    never_started: int = 0
    unsubmitted: int = 0

    @property
    def is_finished(self) -> bool:
        """Return whether every run has ended and no file waits for its run."""
        unfinished = sum(
            number for state, number in self.states.items() if state not in FINISHED_STATES
        )
        return not unfinished and not self.waiting

    @property
    def failure_count(self) -> int:
        return self.states[RunState.FAILED] + self.states[RunState.LOST] + self.never_started

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


def count_runs(runs: Iterable[Run], jobs: Jobs | None = None, now: float = 0.0) -> RunProgress:
    """Count these runs; ``now`` is S3's time in epoch seconds; ``jobs`` as in count_inputs."""
    corrected = [with_batch_state(run, jobs, now - LISTING_DELAY) for run in runs]
    return RunProgress(
        states=Counter(run.state for run in corrected),
        unsubmitted=sum(run.is_unsubmitted for run in corrected),
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


def count_inputs(
    ledger: RunLedger, inputs: Mapping[str, Sequence[InputObject]], jobs: Jobs | None = None
) -> RunProgress:
    """Count the latest run of each input file; ``inputs`` are the files of each function.

    ``jobs`` are the unfinished Batch jobs by name, listed just before; None if no function uses
    Batch. Costs one listing of the records of each function, whatever the number of files.

    A file without a run since its upload counts as waiting while it is younger than
    ``START_SECONDS`` or other runs are in progress, then as never started.
    """
    states: Counter[RunState] = Counter()
    unsubmitted = 0
    without_run: list[InputObject] = []
    for function, files in inputs.items():
        latest = latest_runs_by_input(ledger, function)
        for file in files:
            run = current_run(function, file, latest)
            if run is None:
                without_run.append(file)
            else:
                corrected = with_batch_state(run, jobs, ledger.now - LISTING_DELAY)
                states[corrected.state] += 1
                unsubmitted += corrected.is_unsubmitted
    in_progress = any(state not in FINISHED_STATES for state in states)
    waiting = sum(
        in_progress or ledger.now - file.modified.timestamp() < START_SECONDS
        for file in without_run
    )
    return RunProgress(
        states=states,
        waiting=waiting,
        never_started=len(without_run) - waiting,
        unsubmitted=unsubmitted,
    )
