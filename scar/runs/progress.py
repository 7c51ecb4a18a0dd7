"""How far the runs of some functions are, seen from the files they are to work on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.runs.lookup import input_id
from scar.runs.states import OVER, State
from scar.runs.unfinished_jobs import SETTLING, as_batch_sees

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scar.runs.invoke import Input
    from scar.runs.ledger import Ledger, Run
    from scar.runs.unfinished_jobs import WaitingJob

    Jobs = Mapping[str, WaitingJob]

# Seconds in which an upload normally starts its run; Lambda's queue may hold it longer when
# it is busy, but then other runs are under way.
STARTING = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Runs by state, files that wait for their run, and files that none came for."""

    states: Counter[State] = field(default_factory=Counter)
    waiting: int = 0
    forgotten: int = 0

    @property
    def over(self) -> bool:
        unfinished = sum(number for state, number in self.states.items() if state not in OVER)
        return not unfinished and not self.waiting

    @property
    def bad(self) -> int:
        return self.states[State.FAILED] + self.states[State.LOST] + self.forgotten

    @property
    def row(self) -> dict[str, int]:
        counts = {state.value: self.states[state] for state in State}
        waiting = self.waiting + self.states[State.WAITING]
        return counts | {"waiting": waiting, "never_started": self.forgotten}

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        said = {name.replace("_", " "): number for name, number in self.row.items() if number}
        return ", ".join(f"{number:,} {name}" for name, number in said.items()) or "nothing to do"


def of_runs(runs: Iterable[Run], jobs: Jobs | None = None, now: float = 0.0) -> Progress:
    """Count these runs; ``now`` is the store's time, for ``jobs`` see ``of_inputs``."""
    seen = (as_batch_sees(run, jobs, now - SETTLING) for run in runs)
    return Progress(states=Counter(run.state for run in seen))


def latest_runs(ledger: Ledger, function: str) -> dict[str, Run]:
    """Return the latest run on each object, by the first half of its id."""
    latest: dict[str, Run] = {}
    for run in ledger.runs(function):
        first = run.path.run_id[:16]
        if first not in latest or run.changed > latest[first].changed:
            latest[first] = run
    return latest


def run_of(function: str, one: Input, latest: Mapping[str, Run]) -> Run | None:
    """Return the run on an object as it is now: none that ended before its last upload."""
    found = latest.get(input_id(function, one.bucket, one.key))
    return found if found and found.changed >= int(one.modified.timestamp()) else None


def of_inputs(
    ledger: Ledger, inputs: Mapping[str, Sequence[Input]], jobs: Jobs | None = None
) -> Progress:
    """Count the latest run of each file, by function; constant in requests per file.

    ``jobs`` are those that Batch had not finished just before, None if it was not asked.

    A file without a run since its upload waits for one as long as it is fresh or other runs
    are under way; after that nothing will start it.
    """
    states: Counter[State] = Counter()
    without: list[Input] = []
    for function, files in inputs.items():
        latest = latest_runs(ledger, function)
        for one in files:
            found = run_of(function, one, latest)
            if found is None:
                without.append(one)
            else:
                seen = as_batch_sees(found, jobs, ledger.now - SETTLING)
                states[seen.state] += 1
    busy = any(state not in OVER for state in states)
    fresh = [f for f in without if busy or ledger.now - f.modified.timestamp() < STARTING]
    return Progress(states=states, waiting=len(fresh), forgotten=len(without) - len(fresh))
