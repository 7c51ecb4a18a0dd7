"""A Batch job: one invocation from its environment, and the exit status of the result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.errors import EventError, ScriptFailed
from supervisor.invocation import Invocation, JobNode, RunOwner, is_run_date, is_run_id
from supervisor.model import ComputeService, ObjectRef
from supervisor.script_status import SIGKILL_STATUS
from supervisor.trace_ids import TRACE_VARIABLE, valid_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.invocation import RunJob
    from supervisor.ports import ObjectStore
    from supervisor.results import InvocationResult

FAILURE_STATUS = 1
AGENT_TIMEOUT = 2.0  # seconds


def read_invocation(
    environ: Mapping[str, str],
    function: str,
    open_store: Callable[[str], ObjectStore],
    log_stream: str = "",
    *,
    has_retries: bool = False,
) -> Invocation:
    """Build the invocation from the job's environment; raise EventError, ConfigError, StorageError.

    A job that was submitted by other means has no event; then the event is empty. ``has_retries``:
    the function has ``batch.retry``.
    """
    attempt = environ.get("AWS_BATCH_JOB_ATTEMPT", "1")
    run_id, date = _read_run(environ)
    # The node ``job#2`` of a multi-node job belongs to the run of the job.
    job = environ.get("AWS_BATCH_JOB_ID", "").partition("#")[0]
    return Invocation(
        owner=RunOwner(
            site=ComputeService.BATCH,
            request=environ.get("SCAR_REQUEST_ID") or job,
            job=job,
            attempt=int(attempt) if attempt.isdecimal() else 1,
        ),
        event=_read_event(environ, open_store),
        run_id=run_id,
        date=date,
        log_group=f"/aws/batch/{function}",
        log_stream=log_stream,
        trace=valid_trace_id(environ.get(TRACE_VARIABLE, "")),
        job=_read_run_job(environ) if has_retries else None,
        node=_read_node(environ),
    )


def _read_run(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the id and date of the job's run, empty for a run of its own; raise EventError.

    Every caller that may submit jobs can set the variables.
    """
    run_id, date = (environ.get(name, "") for name in ("SCAR_RUN_ID", "SCAR_RUN_DATE"))
    if (run_id and not is_run_id(run_id)) or (date and not is_run_date(date)):
        raise EventError(
            f"SCAR_RUN_ID is {run_id!r} and SCAR_RUN_DATE {date!r}: not those of a run.",
            remedy="Submit jobs through the function.",
        )
    return run_id, date


def _read_node(environ: Mapping[str, str]) -> JobNode | None:
    """Return which node of a multi-node job this is; None for jobs of one container.

    https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
    """
    names = ("NODE_INDEX", "NUM_NODES", "MAIN_NODE_INDEX")
    index, count, main = (environ.get(f"AWS_BATCH_JOB_{name}", "") for name in names)
    if not (index.isdecimal() and count.isdecimal()):
        return None
    return JobNode(index=int(index), count=int(count), main=int(main) if main.isdecimal() else 0)


def read_log_stream(environ: Mapping[str, str]) -> str:
    """Return the name of this job's log stream, from the ECS container agent; else empty.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
    """
    address = environ.get("ECS_CONTAINER_METADATA_URI_V4", "").removeprefix("http://")
    host, _, path = address.partition("/")
    if not host:
        return ""
    try:
        options = json.loads(_get(host, f"/{path}")).get("LogOptions") or {}
        return str(options.get("awslogs-stream", ""))
    except (OSError, RecursionError, ValueError, AttributeError):
        return ""  # the name is only for the record: the run must not fail without it


def _get(host: str, target: str) -> bytes:
    from supervisor.http.connection import connect
    from supervisor.http.heads import build_request_head

    name, _, port = host.partition(":")
    connection = connect(name, int(port or 80), timeout=AGENT_TIMEOUT)
    try:
        connection.send(build_request_head("GET", target, {"host": host}), b"", AGENT_TIMEOUT)
        return connection.read_response("GET").read_all()
    finally:
        connection.close()


def _read_run_job(environ: Mapping[str, str]) -> RunJob:
    # Imported here: few functions have it, and the time of a start counts.
    from supervisor.batch.job_request import JOB_VARIABLE
    from supervisor.batch.resubmission import parse_run_job

    return parse_run_job(environ.get(JOB_VARIABLE, ""))


def exit_status(handled: InvocationResult, *, is_restarted_when_killed: bool = False) -> int:
    """Return the script's own status if it failed, 1 for any other failure, else 0.

    ``is_restarted_when_killed``: Batch starts the job again if it ends with SIGKILL's status and
    memory was exhausted. This process has survived the script, so the status is 1 then.
    """
    for result in handled.results:
        if isinstance(result.error, ScriptFailed):
            is_restart = is_restarted_when_killed and result.error.status == SIGKILL_STATUS
            return FAILURE_STATUS if is_restart else result.error.status
        if result.error is not None:
            return FAILURE_STATUS
    return 0


def _read_event(environ: Mapping[str, str], open_store: Callable[[str], ObjectStore]) -> bytes:
    if environ.get("SCAR_ARRAY_URL"):
        return _read_array_record(environ, open_store)
    url = environ.get("SCAR_EVENT_URL", "")
    if not url:
        return environ.get("SCAR_EVENT", "{}").encode("utf-8", "surrogateescape")
    # The event was too long for the job's environment (8,192 characters): see batch/job_request.py.
    provider, _, path = url.partition("://")
    bucket, _, key = path.partition("/")
    if not (provider and bucket and key):
        raise EventError(
            f"SCAR_EVENT_URL is {url!r}, not s3://bucket/key.",
            remedy="Submit jobs through the function.",
        )
    found = open_store(provider).read(ObjectRef(provider, bucket, key))
    if found is None:
        raise EventError(
            f"The job's event {url} does not exist.",
            remedy="Records are kept for 90 days; send the event to the function again.",
        )
    return found[0]


def _read_array_record(
    environ: Mapping[str, str], open_store: Callable[[str], ObjectStore]
) -> bytes:
    """Return the event of this child of an array job."""
    from supervisor.batch import array_manifest

    place = array_manifest.parse_location(environ)
    ref = ObjectRef("s3", place.bucket, place.key)
    data = open_store("s3").read_range(ref, place.first, place.width)
    if data is None:
        raise array_manifest.missing_manifest(place)
    return array_manifest.parse_record(data, place.width)
