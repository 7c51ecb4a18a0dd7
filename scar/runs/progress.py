"""How far the runs of some functions are, seen from the files they are to work on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.lookup import input_id_prefix
from scar.runs.states import FINISHED_STATES, RunState
from scar.runs.unfinished_jobs import LISTING_DELAY, with_batch_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.unfinished_jobs import UnfinishedJob

    Jobs = Mapping[str, UnfinishedJob]

# Seconds in which an upload normally starts its run; Lambda's queue may hold it longer when
# it is busy, but then other runs are under way.
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """Runs by state, files that wait for their run, and files that none came for."""

    states: Counter[RunState] = field(default_factory=Counter)
    waiting: int = 0
    never_started: int = 0

    @property
    def is_finished(self) -> bool:
        unfinished = sum(
            number for state, number in self.states.items() if state not in FINISHED_STATES
        )
        return not unfinished and not self.waiting

    @property
    def failure_count(self) -> int:
        return self.states[RunState.FAILED] + self.states[RunState.LOST] + self.never_started

    @property
    def counts(self) -> dict[str, int]:
        counts = {state.value: self.states[state] for state in RunState}
        waiting = self.waiting + self.states[RunState.WAITING]
        return counts | {"waiting": waiting, "never_started": self.never_started}

    @property
    def summary(self) -> str:
        """Say it in one line."""
        said = {name.replace("_", " "): number for name, number in self.counts.items() if number}
        return ", ".join(f"{number:,} {name}" for name, number in said.items()) or "nothing to do"


def count_runs(runs: Iterable[Run], jobs: Jobs | None = None, now: float = 0.0) -> RunProgress:
    """Count these runs; ``now`` is the store's time, for ``jobs`` see ``of_inputs``."""
    seen = (with_batch_state(run, jobs, now - LISTING_DELAY) for run in runs)
    return RunProgress(states=Counter(run.state for run in seen))


def latest_runs_by_input(ledger: RunLedger, function: str) -> dict[str, Run]:
    """Return the latest run on each object, by the first half of its id."""
    latest: dict[str, Run] = {}
    for run in ledger.list_runs(function):
        first = run.path.run_id[:16]
        if first not in latest or run.changed_at > latest[first].changed_at:
            latest[first] = run
    return latest


def current_run(function: str, one: InputObject, latest: Mapping[str, Run]) -> Run | None:
    """Return the run on an object as it is now: none that ended before its last upload."""
    found = latest.get(input_id_prefix(function, one.bucket, one.key))
    return found if found and found.changed_at >= int(one.modified.timestamp()) else None


def count_inputs(
    ledger: RunLedger, inputs: Mapping[str, Sequence[InputObject]], jobs: Jobs | None = None
) -> RunProgress:
    """Count the latest run of each file, by function; constant in requests per file.

    ``jobs`` are those that Batch had not finished just before, None if it was not asked.

    A file without a run since its upload waits for one as long as it is fresh or other runs
    are under way; after that nothing will start it.
    """
    states: Counter[RunState] = Counter()
    without: list[InputObject] = []
    for function, files in inputs.items():
        latest = latest_runs_by_input(ledger, function)
        for one in files:
            found = current_run(function, one, latest)
            if found is None:
                without.append(one)
            else:
                seen = with_batch_state(found, jobs, ledger.now - LISTING_DELAY)
                states[seen.state] += 1
    busy = any(state not in FINISHED_STATES for state in states)
    fresh = [f for f in without if busy or ledger.now - f.modified.timestamp() < START_SECONDS]
    return RunProgress(states=states, waiting=len(fresh), never_started=len(without) - len(fresh))
