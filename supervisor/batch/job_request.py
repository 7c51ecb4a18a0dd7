"""The Batch job of a run: name, environment overrides and resources."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.invocation import TRACE_VARIABLE
from supervisor.model import JobRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.invocation import RunPath
    from supervisor.model import JobOptions, ObjectRef

# Batch fails jobs whose container overrides exceed 8,192 characters. The margin is for differences
# in how it counts.
MAX_OVERRIDES = 7500


def build_job_request(
    run: RunPath,
    request: str,
    event: str,
    store_event: Callable[[str], ObjectRef],
    size: JobOptions | None = None,
    trace: str = "",
) -> JobRequest:
    """Build the job; an event that is too large for it is stored with ``store_event``.

    ``size`` replaces the resources of the job definition. ``trace`` is the trace id of the
    invocation: Lambda's detection of recursive loops counts the run as a part of its chain.
    """
    vcpus, memory = (size.vcpus, size.memory) if size else ("", 0)
    name = f"{run.function}-{run.run_id}"
    identity = {
        "SCAR_RUN_ID": run.run_id,
        "SCAR_RUN_DATE": run.date,
        "SCAR_REQUEST_ID": request,
    }
    if trace:
        identity[TRACE_VARIABLE] = trace
    inline = {**identity, "SCAR_EVENT": event}
    if _overrides_length(inline) < MAX_OVERRIDES:
        return JobRequest(name=name, environment=inline, vcpus=vcpus, memory=memory)
    stored = store_event(event)
    by_url = {**identity, "SCAR_EVENT_URL": f"s3://{stored.bucket}/{stored.key}"}
    return JobRequest(name=name, environment=by_url, vcpus=vcpus, memory=memory)


def _overrides_length(environment: dict[str, str]) -> int:
    """Return the length of the overrides, in characters, as they are sent."""
    items = [{"name": name, "value": value} for name, value in environment.items()]
    return len(json.dumps({"environment": items}))
