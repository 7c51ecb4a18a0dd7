"""The Batch job of one run, as far as Batch still knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.runs.states import RunState
from scar.runs.unfinished_jobs import with_job_status
from supervisor.runs import record_format as records

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

    from scar.runs.ledger import Run, RunLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """What Batch still knows of a run's job; None and empty where it does not say."""

    id: str
    status: str
    reason: str = ""
    container_reason: str = ""
    exit_code: int | None = None
    attempts: int = 0
    log_stream: str = ""


def find_job(batch: BatchClient, delegated: Mapping[str, object]) -> JobDetail | None:
    """Ask Batch about the job that a run's note names; None without a note."""
    number = str(delegated.get("job", ""))
    if not number:
        return None
    with translate_errors(f"look at the job {number}"):
        jobs = batch.describe_jobs(jobs=[number])["jobs"]
    return _parse_job(jobs[0]) if jobs else JobDetail(id=number, status="forgotten")


def correct_run_state(ledger: RunLedger, batch: BatchClient, run: Run) -> Run:
    """Correct the state of a run by its job, as ``status`` does; raise ScarError."""
    if records.DELEGATED not in run.record_times or run.state is RunState.DONE:
        return run
    job = find_job(batch, ledger.read_record(run.path, records.DELEGATED) or {})
    return run if job is None else apply_job_state(ledger, run, job)


def apply_job_state(ledger: RunLedger, run: Run, job: JobDetail) -> Run:
    """Correct the state of a run by what its job, asked after the listing, has come to.

    A job that ended in between wrote its last record: the run is then listed anew.
    """
    seen = with_job_status(run, job.status)
    if seen.state is RunState.LOST and run.state is not RunState.LOST:
        path = run.path
        for now in ledger.list_runs_with_id(path.function, path.run_id):
            if now.path == path:
                return with_job_status(now, job.status)
    return seen


def _parse_job(job: JobDetailTypeDef) -> JobDetail:
    attempts = job.get("attempts", [])
    last = attempts[-1].get("container", {}) if attempts else {}
    container = job.get("container", {})
    code = container.get("exitCode", last.get("exitCode"))
    return JobDetail(
        id=job["jobId"],
        status=job["status"],
        reason=job.get("statusReason", ""),
        container_reason=container.get("reason", "") or last.get("reason", ""),
        exit_code=code,
        attempts=len(attempts),
        log_stream=container.get("logStreamName", "") or last.get("logStreamName", ""),
    )
