"""One child of an array that a command names, also if it has no record yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.runs.arrays.array_counts import LostChild
from scar.runs.arrays.array_status import ArrayStatus
from scar.runs.arrays.array_store import ArrayStore
from scar.runs.batch_job import correct_run_state, find_job
from scar.runs.diagnosis import CANCELLED
from scar.runs.states import STATE_TEXTS, RunState
from scar.runs.unfinished_jobs import UNFINISHED_STATUSES

if TYPE_CHECKING:
    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.ledger import Run, RunLedger


class ChildWithoutRecordError(ScarError):
    """A child has no record, so that there is nothing of its run to show or to start again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedChild:
    """A child, its run if that has a record, and its state: as Batch has it without a record."""

    array: ArrayJob
    index: int
    run: Run | None
    state: RunState

    @property
    def name(self) -> str:
        return f"{self.array.name}:{self.index}"

    @property
    def lost(self) -> LostChild:
        """Return the child as one that has ended without a record."""
        return LostChild(self.array, self.index, self.state is RunState.FAILED)

    def refuse(self, action: str) -> ChildWithoutRecordError:
        """Return the error of a command that needs a record: ``action`` is "be retried"."""
        return ChildWithoutRecordError(
            f"Child {self.name} cannot {action}: its run has no record, it is"
            f" {STATE_TEXTS[self.state]}.",
            remedy=f"`scar why {self.name}` shows its job, `scar job logs"
            f" {self.array.child_job(self.index)}` what that has logged.",
        )


def read_named_child(
    ledger: RunLedger, batch: BatchClient, array: ArrayJob, index: int
) -> NamedChild:
    """Return a child with its run and state; raise ScarError. Two requests and the manifest."""
    path = ArrayStore.of(ledger).read_runs(array)[index]
    listed = next(iter(ledger.list_runs_with_id(path.function, path.run_id)), None)
    if listed is not None:
        run = correct_run_state(ledger, batch, listed)
        return NamedChild(array=array, index=index, run=run, state=run.state)
    job = find_job(batch, array.child_job(index))
    status, reason = (job.status, job.reason) if job else ("", "")
    is_cancelled = reason == CANCELLED or ArrayStatus(array=array).is_cancelled(index)
    state = RunState.FAILED if is_cancelled else RunState.LOST
    if status in UNFINISHED_STATUSES:
        state = RunState.RUNNING if status == "RUNNING" else RunState.QUEUED
    elif status == "SUCCEEDED":
        state = RunState.DONE
    return NamedChild(array=array, index=index, run=None, state=state)
