"""One run's history: its records, its Batch job, the end of its log, and related runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.inventory import unusable_queues
from scar.aws.inventory.queue_front import describe_place, read_queue_front
from scar.errors import ScarError
from scar.runs import batch_job, lookup
from scar.runs.arrays.child_runs import child_job
from scar.runs.history.log_streams import list_log_streams
from scar.runs.history.model import RunHistory
from scar.runs.states import RunState
from scar.runs.unfinished_jobs import had_job
from supervisor.events.parser import S3
from supervisor.model import ObjectRef
from supervisor.runs import node_records, record_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.runs.batch_job import JobDetail
    from scar.runs.history.model import RecordData
    from scar.runs.ledger import Run, RunLedger
    from supervisor.invocation import RunPath

MAX_OUTPUTS = 20  # outputs whose triggered runs are searched for
LOG_TAIL_LINES = 20
_READERS = 16  # threads that read records of nodes


def read_history(connection: AwsConnection, ledger: RunLedger, run: Run) -> RunHistory:
    """Collect the history of a run; raise ScarError.

    Batch deletes jobs some days after their end and logs expire: both may be missing.
    """
    contents = _read_records(ledger, run)
    last = _job_id(run, contents)
    # In one request: a run that was submitted again has the logs of all of its jobs.
    jobs = batch_job.find_jobs(connection.client("batch"), _job_ids(last, contents))
    job = jobs.get(last)
    if job is not None:
        listed, run = run, batch_job.apply_job_state(ledger, run, job)
        # The job may have written its last record since the listing.
        if run.record_times != listed.record_times:
            contents = _read_records(ledger, run)
    history = RunHistory(
        run=run,
        records=contents,
        job=job,
        triggered_runs={},
        node_streams=_find_node_streams(connection, ledger, run, job),
        job_streams={id_: found.log_streams for id_, found in jobs.items()},
    )
    return replace(
        history,
        log_tail=_read_log_tail(connection, history)
        if run.state in (RunState.FAILED, RunState.LOST)
        else (),
        made_by=_find_producer(connection, history),
        triggered_runs=_find_triggered_runs(ledger, history),
        unusable=_describe_unusable_queue(connection, history),
        place=_describe_place(connection, history),
        repeated_as=_find_repetition(ledger, history),
    )


def _find_producer(connection: AwsConnection, history: RunHistory) -> RunPath | None:
    source = history.input
    if source is None or source.provider != S3:  # other stores are not read from here
        return None
    return lookup.find_producers(connection.client("s3"), source.bucket, source.key)[0]


def _job_id(run: Run, contents: Mapping[str, RecordData]) -> str:
    if not had_job(run):
        return ""
    # A single job of before, whose submission is recorded too, is not the child's.
    if child := child_job(run):
        return child
    delegated = contents.get(record_format.latest_submission(run.record_times), {})
    return batch_job.find_job_id(delegated, contents.get(record_format.CLAIM, {}))


def _job_ids(last: str, contents: Mapping[str, RecordData]) -> list[str]:
    """Return the ids of the run's jobs that its records name, the last one first."""
    if not last:
        return []
    named = (job for name, record in contents.items() for job in _jobs_of_record(name, record))
    return list(dict.fromkeys([last, *named]))[: batch_job.MAX_DESCRIBED]


def _jobs_of_record(name: str, record: RecordData) -> tuple[str, ...]:
    """Return the ids of the jobs that the record names, as submitter and as submitted."""
    owner = record.get("owner")
    ids = [owner.get("job") if isinstance(owner, dict) else ""]
    ids += [record.get("job")] if record_format.submission_number(name) else []
    return tuple(str(job) for job in ids if job)


def _read_records(ledger: RunLedger, run: Run) -> dict[str, RecordData]:
    names = (name for name in run.record_times if name != record_format.EVENT)
    # A job may have 1,000 nodes.
    names = (name for name in names if not node_records.is_of_node(name))
    contents = ((name, ledger.read_record(run.path, name)) for name in names)
    return {name: record for name, record in contents if record is not None}


def _find_node_streams(
    connection: AwsConnection, ledger: RunLedger, run: Run, job: JobDetail | None
) -> dict[int, str]:
    """Return the nodes' log streams: from Batch, or from their records once it forgot the job."""
    if job is not None and job.nodes:
        return batch_job.find_node_streams(connection.client("batch"), job)
    names = sorted(
        filter(node_records.is_of_node, run.record_times), key=lambda name: run.record_times[name]
    )
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(lambda name: ledger.read_record(run.path, name) or {}, names)
        streams = (str(record.get("log_stream", "")) for record in found)
        # Of several attempts the last one counts.
        by_number = {node_records.node_of(n): s for n, s in zip(names, streams, strict=True)}
    return {number: stream for number, stream in by_number.items() if stream}


def _describe_unusable_queue(connection: AwsConnection, history: RunHistory) -> str:
    job = history.job
    if job is None or not job.queue or history.run.state is not RunState.QUEUED:
        return ""
    try:
        return unusable_queues.describe_unusable(connection.client("batch"), job.queue)
    except ScarError:  # no permission to describe them: the records and the job still say much
        return ""


def _describe_place(connection: AwsConnection, history: RunHistory) -> str:
    job = history.job
    if job is None or not job.queue or job.status != "RUNNABLE":
        return ""
    try:
        front = read_queue_front(connection.client("batch"), job.queue)
    except ScarError:  # no permission to read it: the records and the job still say much
        return ""
    return describe_place(front, job.id, status=job.status, reason=job.reason)


def _find_repetition(ledger: RunLedger, history: RunHistory) -> Run | None:
    """Return the run that continues this one; None if there is none or it has not started."""
    new_id = str(history.records.get(record_format.REPEATED, {}).get("repeated_as", ""))
    found = ledger.list_runs_with_id(history.run.path.function, new_id) if new_id else ()
    return next((run for run in found if run.path.run_id == new_id), None)


def _find_triggered_runs(ledger: RunLedger, history: RunHistory) -> dict[str, tuple[Run, ...]]:
    outputs = [output for output in history.outputs if (output.provider or S3) == S3]
    functions = ledger.list_functions() if outputs else ()
    started = {
        output.place: lookup.find_runs_of_input(
            ledger, ObjectRef(S3, output.bucket, output.key), functions
        )
        for output in outputs[:MAX_OUTPUTS]
    }
    return {output: runs for output, runs in started.items() if runs}


def _read_log_tail(connection: AwsConnection, history: RunHistory) -> tuple[str, ...]:
    """Return the last lines of the newest log stream that has lines; empty if none has."""
    from scar.runs.logs import read_last_lines

    for group, stream, request in reversed(list(list_log_streams(history))):
        try:
            lines = read_last_lines(connection, group, stream, request, LOG_TAIL_LINES)
        except ScarError:  # no permission to read logs: the records and the job still say much
            continue
        if lines:
            return lines
    return ()
