"""The Batch job of a run: name, environment overrides and resources."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from supervisor.invocation import RunJob
from supervisor.job_model import JobOptions, JobRequest
from supervisor.trace_ids import TRACE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from supervisor.invocation import RunPath
    from supervisor.job_model import BatchTarget
    from supervisor.model import ObjectRef

# Batch fails jobs whose container overrides exceed 8,192 characters. The margin is for differences
# in how it counts.
MAX_OVERRIDES = 7500
# A job's place among those of its run, for functions with `batch.retry`; not for scripts.
JOB_VARIABLE = "SCAR_JOB"


def build_job_request(
    run: RunPath,
    request: str,
    event: str,
    store_event: Callable[[str], ObjectRef],
    job: JobOptions | RunJob | None = None,
    trace: str = "",
) -> JobRequest:
    """Build the job; an event that is too large for it is stored with ``store_event``.

    ``job`` is what it requests instead of the job definition's, or its place among the run's jobs.
    ``trace`` is the trace id of the invocation: Lambda's detection of recursive loops counts the
    run as a part of its chain.
    """
    requested = requested_fields(job)
    name = f"{run.function}-{run.run_id}"
    identity = {
        "SCAR_RUN_ID": run.run_id,
        "SCAR_RUN_DATE": run.date,
        "SCAR_REQUEST_ID": request,
    }
    if isinstance(job, RunJob):
        identity[JOB_VARIABLE] = encode_run_job(job)
    if trace:
        identity[TRACE_VARIABLE] = trace
    inline = {**identity, "SCAR_EVENT": event}
    if _overrides_length(inline) < MAX_OVERRIDES:
        return JobRequest(name=name, environment=inline, **requested)
    stored = store_event(event)
    by_url = {**identity, "SCAR_EVENT_URL": f"s3://{stored.bucket}/{stored.key}"}
    return JobRequest(name=name, environment=by_url, **requested)


def first_job(target: BatchTarget | None, options: JobOptions | None) -> JobOptions | RunJob | None:
    """Return the argument ``job`` of a run's first job: its place only if a second one may follow.

    That one is planned from it.
    """
    has_successor = target is not None and bool(target.retry)
    return RunJob(options=options or JobOptions()) if has_successor else options


def requested_fields(job: JobOptions | RunJob | None) -> dict[str, Any]:
    """Return the fields of ``JobRequest`` that a job requests instead of its definition's."""
    options = job.options if isinstance(job, RunJob) else job
    return asdict(options) if options else {}


def options_to_json(options: JobOptions) -> dict[str, object]:
    """Return the options that are set."""
    return {name: value for name, value in asdict(options).items() if value}


def describe_size(options: JobOptions | None) -> dict[str, object]:
    """Return what the record of a submission says about a job that requests something."""
    requested = options_to_json(options) if options else {}
    return {"requested": requested} if requested else {}


def encode_run_job(job: RunJob) -> str:
    """Return the text that ``resubmission.parse_run_job`` parses."""
    data: dict[str, object] = {"number": job.number, "options": options_to_json(job.options)}
    if job.previous is not None:
        data["previous"] = list(job.previous)
    return json.dumps(data, separators=(",", ":"))


def _overrides_length(environment: dict[str, str]) -> int:
    """Return the length of the overrides, in characters, as they are sent."""
    items = [{"name": name, "value": value} for name, value in environment.items()]
    return len(json.dumps({"environment": items}))
