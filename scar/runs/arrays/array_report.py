"""One array for `scar why`: what it is of, how far it is, and why children failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.runs import diagnosis
from scar.runs.arrays.array_status import describe_arrays
from scar.runs.arrays.array_store import ArrayStore, event_file, event_run
from scar.runs.arrays.child_runs import continued_child
from scar.runs.arrays.continued_runs import with_continued_runs
from scar.runs.batch_job import correct_run_state, find_job

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_status import ArrayStatus
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.ledger import RunLedger
    from scar.runs.states import RunState
    from supervisor.invocation import RunPath

MOST_CHILDREN = 20  # failed children that a report names


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReport:
    """One child: its index, file and run, its job's status and Batch's reason.

    ``has_record``: the run has begun, so `scar why` of its id says more. ``cause`` and ``remedy``
    are what the job's status means; empty if it has not failed. ``continued``: the state of its run
    if another job continues that (``batch.retry``).
    """

    index: int
    file: str
    run: RunPath
    status: str
    reason: str
    has_record: bool
    cause: str = ""
    remedy: str = ""
    continued: RunState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayReport:
    """An array, what ``array.json`` says about it, and its first failed children."""

    status: ArrayStatus
    description: Mapping[str, object]
    failed: tuple[ChildReport, ...]

    @property
    def headline(self) -> str:
        array = self.status.array
        return f"Array {array.name} of {array.path.function} ({array.path.date}): {self.text}"

    @property
    def text(self) -> str:
        reason = f" (Batch: {self.status.reason})" if self.status.reason else ""
        return self.status.text + reason


def read_array_report(ledger: RunLedger, batch: BatchClient, array: ArrayJob) -> ArrayReport:
    """Describe an array and up to 20 of its failed children; raise ScarError."""
    store = ArrayStore.of(ledger)
    (status,) = with_continued_runs(ledger, describe_arrays(batch, [array]))
    indexes: list[int] = []
    if status.failed:
        with translate_errors(f"list the failed children of {array.name}"):
            listed = batch.list_jobs(
                arrayJobId=array.job, jobStatus="FAILED", maxResults=MOST_CHILDREN
            )["jobSummaryList"]
        indexes = sorted(job.get("arrayProperties", {}).get("index", 0) for job in listed)
    return ArrayReport(
        status=status,
        description=store.read_description(array.path),
        failed=tuple(_read_children(ledger, batch, array, indexes)),
    )


def read_child_report(
    ledger: RunLedger, batch: BatchClient, array: ArrayJob, index: int
) -> ChildReport:
    """Describe one child, whether or not its run has begun; raise ScarError."""
    return next(iter(_read_children(ledger, batch, array, [index])))


def _read_children(
    ledger: RunLedger, batch: BatchClient, array: ArrayJob, indexes: Iterable[int]
) -> Iterable[ChildReport]:
    wanted = list(indexes)
    events = ArrayStore.of(ledger).read_events(array) if wanted else []
    for index in wanted:
        job = find_job(batch, array.child_job(index))
        run = event_run(array.path.function, events[index])
        listed = list(ledger.list_runs_with_id(run.function, run.run_id))
        is_continued = bool(listed) and continued_child(listed[0]) == (array.job, index)
        status, reason = (job.status, job.reason) if job else ("", "")
        cause, remedy = "", ""
        if job and job.status == "FAILED":
            known = diagnosis.diagnose_reason(job.reason, job.container_reason)
            known = known or diagnosis.diagnose_exit_code(job.exit_code)
            texts = " ".join(text for text in (job.reason, job.container_reason) if text)
            cause = known.problem if known else f"Its Batch job is FAILED. {texts}".strip()
            remedy = known.remedy if known else "`scar retry --failed` starts it again."
        yield ChildReport(
            index=index,
            file=event_file(events[index]),
            run=run,
            status=status,
            reason=reason,
            has_record=bool(listed),
            cause=cause,
            remedy=remedy,
            continued=correct_run_state(ledger, batch, listed[0]).state if is_continued else None,
        )
