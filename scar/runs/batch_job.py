"""The Batch job of one run, as AWS Batch describes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.runs.arrays.child_runs import child_job
from scar.runs.diagnosis import JOB_NOT_FOUND
from scar.runs.states import RunState
from scar.runs.unfinished_jobs import had_job, with_job_status
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_batch import BatchClient
    from mypy_boto3_batch.type_defs import JobDetailTypeDef

    from scar.runs.ledger import Run, RunLedger


MAX_DESCRIBED = 100  # jobs of one DescribeJobs request


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """A run's job; fields are None or empty where Batch does not report a value.

    ``status`` is Batch's, or ``JOB_NOT_FOUND``. ``reason`` is the job's statusReason,
    ``container_reason`` and ``exit_code`` are those of its last attempt. ``queue`` is the name of
    its job queue. ``nodes`` is 0 for a job of one container, and for a job that is not found.
    ``log_streams`` are those of all attempts, the oldest first.
    """

    id: str
    status: str
    reason: str = ""
    container_reason: str = ""
    exit_code: int | None = None
    attempts: int = 0
    log_stream: str = ""
    queue: str = ""
    nodes: int = 0
    log_streams: tuple[str, ...] = ()


def find_job_id(delegated: Mapping[str, object], claim: Mapping[str, object]) -> str:
    """Return the id of the run's job, from these two records; empty without one.

    A job that has claimed the run is named by the claim, also if its submission is not recorded.
    """
    owner = claim.get("owner")
    claimed = owner.get("job") if isinstance(owner, dict) else ""
    return str(delegated.get("job") or claimed or "")


def find_job(batch: BatchClient, job_id: str) -> JobDetail | None:
    """Return the job of this id; None for an empty id."""
    return find_jobs(batch, [job_id] if job_id else []).get(job_id)


def find_jobs(batch: BatchClient, ids: Sequence[str]) -> dict[str, JobDetail]:
    """Return these jobs by id, ``MAX_DESCRIBED`` at most; those that Batch does not have too."""
    if not ids:
        return {}
    with translate_errors(f"describe the Batch job {ids[0]}"):
        jobs = batch.describe_jobs(jobs=list(ids))["jobs"]
    found = {job["jobId"]: _parse_job(job) for job in jobs}
    return {id_: found.get(id_) or JobDetail(id=id_, status=JOB_NOT_FOUND) for id_ in ids}


def find_node_streams(batch: BatchClient, job: JobDetail) -> dict[int, str]:
    """Return the log streams of a multi-node job's nodes, by number, as far as they have one."""
    ids = [f"{job.id}#{index}" for index in range(job.nodes)]
    streams: dict[int, str] = {}
    with translate_errors(f"describe the nodes of the Batch job {job.id}"):
        for start in range(0, len(ids), MAX_DESCRIBED):
            found = batch.describe_jobs(jobs=ids[start : start + MAX_DESCRIBED])["jobs"]
            for node in map(_parse_job, found):
                streams[int(node.id.rpartition("#")[2])] = node.log_stream
    return {index: stream for index, stream in streams.items() if stream}


def correct_run_state(ledger: RunLedger, batch: BatchClient, run: Run) -> Run:
    """Return the run with its state corrected by its job, if it has one; raise ScarError."""
    if not had_job(run) or run.state is RunState.DONE:
        return run
    job = find_job(batch, child_job(run) or _read_job_id(ledger, run))
    return run if job is None else apply_job_state(ledger, run, job)


def _read_job_id(ledger: RunLedger, run: Run) -> str:
    latest = record_format.latest_submission(run.record_times)
    delegated = (ledger.read_record(run.path, latest) if latest else None) or {}
    claim = {} if delegated else ledger.read_record(run.path, record_format.CLAIM) or {}
    return find_job_id(delegated, claim)


def apply_job_state(ledger: RunLedger, run: Run, job: JobDetail) -> Run:
    """Return the run with its state corrected by its job, which was described after the listing."""
    corrected = with_job_status(run, job.status)
    # The job may have ended between the listing and the description, with a last record that the
    # listing does not show. Only a second listing tells such a run from a lost one.
    if corrected.state is RunState.LOST and run.state is not RunState.LOST:
        path = run.path
        for listed in ledger.list_runs_with_id(path.function, path.run_id):
            if listed.path == path:
                return with_job_status(listed, job.status)
    return corrected


def _parse_job(job: JobDetailTypeDef) -> JobDetail:
    attempts = job.get("attempts", [])
    last = attempts[-1].get("container", {}) if attempts else {}
    container = job.get("container", {})
    streams = [a.get("container", {}).get("logStreamName", "") for a in attempts]
    streams.append(container.get("logStreamName", ""))
    return JobDetail(
        id=job["jobId"],
        status=job["status"],
        reason=job.get("statusReason", ""),
        container_reason=container.get("reason", "") or last.get("reason", ""),
        exit_code=container.get("exitCode", last.get("exitCode")),
        attempts=len(attempts),
        log_stream=container.get("logStreamName", "") or last.get("logStreamName", ""),
        queue=job.get("jobQueue", "").rpartition("/")[2],
        nodes=job.get("nodeProperties", {}).get("numNodes", 0),
        log_streams=tuple(dict.fromkeys(stream for stream in streams if stream)),
    )
