"""The Batch job of one run, as far as Batch still knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translated
from scar.runs.states import State
from scar.runs.unfinished_jobs import as_its_job
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

    from scar.runs.ledger import Ledger, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What Batch still knows of a run's job; None and empty where it does not say."""

    id: str
    status: str
    reason: str = ""
    container_reason: str = ""
    exit_code: int | None = None
    attempts: int = 0
    log_stream: str = ""


def noted(batch: BatchClient, delegated: Mapping[str, object]) -> Job | None:
    """Ask Batch about the job that a run's note names; None without a note."""
    number = str(delegated.get("job", ""))
    if not number:
        return None
    with translated(f"look at the job {number}"):
        jobs = batch.describe_jobs(jobs=[number])["jobs"]
    return _described(jobs[0]) if jobs else Job(id=number, status="forgotten")


def settled(ledger: Ledger, batch: BatchClient, run: Run) -> Run:
    """Correct the state of a run by its job, as ``status`` does; raise ScarError."""
    if records.DELEGATED not in run.written or run.state is State.DONE:
        return run
    job = noted(batch, ledger.read(run.path, records.DELEGATED) or {})
    return run if job is None else judged(ledger, run, job)


def judged(ledger: Ledger, run: Run, job: Job) -> Run:
    """Correct the state of a run by what its job, asked after the listing, has come to.

    A job that ended in between wrote its last record: the run is then listed anew.
    """
    seen = as_its_job(run, job.status)
    if seen.state is State.LOST and run.state is not State.LOST:
        path = run.path
        for now in ledger.with_id(path.function, path.run_id):
            if now.path == path:
                return as_its_job(now, job.status)
    return seen


def _described(job: JobDetailTypeDef) -> Job:
    attempts = job.get("attempts", [])
    last = attempts[-1].get("container", {}) if attempts else {}
    container = job.get("container", {})
    code = container.get("exitCode", last.get("exitCode"))
    return Job(
        id=job["jobId"],
        status=job["status"],
        reason=job.get("statusReason", ""),
        container_reason=container.get("reason", "") or last.get("reason", ""),
        exit_code=code,
        attempts=len(attempts),
        log_stream=container.get("logStreamName", "") or last.get("logStreamName", ""),
    )
