"""What a run takes along from Lambda to its Batch job. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.model import JobRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.batch.fallback import JobSize
    from supervisor.invocation import RunPath
    from supervisor.model import ObjectRef

# Batch kills jobs whose overrides exceed 8,192 characters; it may count a little differently.
MAX_OVERRIDES = 7500


def build_job_request(
    run: RunPath,
    request: str,
    event: str,
    store_event: Callable[[str], ObjectRef],
    size: JobSize | None = None,
) -> JobRequest:
    """Describe the job; an event that is too large is put away with ``keep``.

    ``size`` is what the job needs if its definition's machine will not do.
    """
    vcpus, memory = (size.vcpus, size.memory) if size else ("", 0)
    name = f"{run.function}-{run.run_id}"
    known = {
        "SCAR_RUN_ID": run.run_id,
        "SCAR_RUN_DATE": run.date,
        "SCAR_REQUEST_ID": request,
    }
    inline = {**known, "SCAR_EVENT": event}
    if _overrides_length(inline) < MAX_OVERRIDES:
        return JobRequest(name=name, environment=inline, vcpus=vcpus, memory=memory)
    kept = store_event(event)
    url = f"s3://{kept.bucket}/{kept.key}"
    elsewhere = {**known, "SCAR_EVENT_URL": url}
    return JobRequest(name=name, environment=elsewhere, vcpus=vcpus, memory=memory)


def _overrides_length(environment: dict[str, str]) -> int:
    """Characters of the overrides as they are sent."""
    items = [{"name": name, "value": value} for name, value in environment.items()]
    return len(json.dumps({"environment": items}))
