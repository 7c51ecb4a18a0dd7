"""One array for `scar why`: what it is of, how far it is, and why children failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.runs import diagnosis
from scar.runs.arrays.array_status import ArrayStatus, describe_arrays
from scar.runs.arrays.array_store import ArrayStore, event_file, event_run
from scar.runs.arrays.child_runs import child_job, continued_child
from scar.runs.arrays.continued_runs import with_continued_runs
from scar.runs.batch_job import apply_job_state, correct_run_state, find_job
from scar.runs.diagnosis import Diagnosis
from scar.runs.history.model import RunHistory
from scar.runs.report import diagnose_run
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_batch import BatchClient

    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.batch_job import JobDetail
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.states import RunState
    from supervisor.invocation import RunPath

MOST_CHILDREN = 20  # failed children that a report names


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReport:
    """One child: its index, file and run, its job's status and Batch's reason.

    ``has_record``: the run has begun, so `scar why` of its id says more. ``cause`` and ``remedy``
    are what its error record and its job say; empty if it has not failed. ``continued``: the state
    of its run if another job continues that (``batch.retry``).
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
        failed=tuple(_read_children(ledger, batch, status, indexes)),
    )


def read_child_report(
    ledger: RunLedger, batch: BatchClient, array: ArrayJob, index: int
) -> ChildReport:
    """Describe one child, whether or not its run has begun; raise ScarError."""
    return next(iter(_read_children(ledger, batch, ArrayStatus(array=array), [index])))


def _read_children(
    ledger: RunLedger, batch: BatchClient, status: ArrayStatus, indexes: Iterable[int]
) -> Iterable[ChildReport]:
    array, wanted = status.array, list(indexes)
    events = ArrayStore.of(ledger).read_events(array) if wanted else []
    for index in wanted:
        job = find_job(batch, array.child_job(index))
        path = event_run(array.path.function, events[index])
        listed = next(iter(ledger.list_runs_with_id(path.function, path.run_id)), None)
        known, state = None, None
        if job and job.status == "FAILED":
            job = _with_reason(job, is_cancelled=status.is_cancelled(index))
            known = _diagnose(ledger, array, listed, job)
        if listed and continued_child(listed) == (array.job, index):
            state = correct_run_state(ledger, batch, listed).state
        yield ChildReport(
            index=index,
            file=event_file(events[index]),
            run=path,
            status=job.status if job else "",
            reason=job.reason if job else "",
            has_record=listed is not None,
            cause=known.problem if known else "",
            remedy=known.remedy if known else "",
            continued=state,
        )


def _with_reason(job: JobDetail, *, is_cancelled: bool) -> JobDetail:
    """Return the child's job with the reason of its array: Batch may give a child another one."""
    is_known = diagnosis.diagnose_reason(job.reason, job.container_reason) is not None
    return job if is_known or not is_cancelled else replace(job, reason=diagnosis.CANCELLED)


def _diagnose(ledger: RunLedger, array: ArrayJob, listed: Run | None, job: JobDetail) -> Diagnosis:
    """Return why a child failed: from its run's error record, or from its job alone.

    Another job may have executed the run since: then its records say nothing about this one.
    """
    if listed is not None and child_job(listed) == job.id:
        run = apply_job_state(ledger, listed, job)
        record = ledger.read_record(run.path, record_format.ERROR) or {}
        records = {record_format.ERROR: record}
        history = RunHistory(run=run, records=records, job=job, triggered_runs={})
        problem, remedy = diagnose_run(history)
        if problem:
            return Diagnosis(problem, remedy)
    known = diagnosis.diagnose_reason(job.reason, job.container_reason)
    known = known or diagnosis.diagnose_exit_code(job.exit_code)
    texts = " ".join(text for text in (job.reason, job.container_reason) if text)
    return known or Diagnosis(
        f"Its Batch job is FAILED. {texts}".strip(),
        f"`scar retry --failed -n {array.path.function}` starts it again.",
    )
