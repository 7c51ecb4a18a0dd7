"""Events of stores in requests: the function sends them to Lambda's queue, and answers at once.

So they are handled as events of S3: Lambda repeats failed attempts, and no caller waits for a
script. A webhook has its answer before the run; MinIO sends an event again, without end and before
all later ones, until it gets a status of 2xx.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.aws.function_invoker import MAX_EVENT
from supervisor.errors import RequestRefused
from supervisor.events.json_values import compact_json
from supervisor.events.request_events import describe_objects
from supervisor.events.response_body import RUN_HEADER
from supervisor.results import EndpointResponse
from supervisor.runs import record_format

if TYPE_CHECKING:
    from supervisor.events.request_events import RequestEvents
    from supervisor.model import FunctionConfig
    from supervisor.ports import EndpointServices

# The failure handler recovers no more of one event. Stores send one.
MAX_OBJECTS = 100


def deliver(
    found: RequestEvents, config: FunctionConfig, services: EndpointServices, today: str
) -> EndpointResponse:
    """Send the objects to this function as one event, all of them or none.

    Raise RequestRefused if they are too many, or Lambda does not take the event.
    """
    events = found.delivered
    lines = [f"Not used: no input has {describe_objects(found.unused)}."] if found.unused else []
    ids = []
    if events:
        records = [r for event in events for r in json.loads(event.event)["Records"]]
        body = compact_json({"Records": records}).encode()
        if len(events) > MAX_OBJECTS or len(body) > MAX_EVENT:
            raise RequestRefused(
                f"The event names {len(events)} objects in {len(body):,} bytes; a request takes"
                f" {MAX_OBJECTS} in {MAX_EVENT:,}.",
                remedy="Send several requests.",
                status=413,
            )
        services.enqueue(body)
        ids = [
            record_format.run_path(config.name, event, "", today, ("", "")).run_id
            for event in events
        ]
        lines += [f"Run {run} was accepted." for run in ids]
    return EndpointResponse(
        status=202 if ids else 200,
        body="".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"),
        headers={RUN_HEADER: ",".join(ids)} if ids else {},
    )
