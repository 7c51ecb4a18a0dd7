"""Asynchronous requests: the function hands them to Lambda's queue, and answers at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.aws.function_invoker import MAX_EVENT
from supervisor.endpoint.bodies import body_ref, new_body_id
from supervisor.events.api_request import (
    accepted_event,
    with_stored_body,
    without_asynchronous,
)
from supervisor.events.json_values import compact_json
from supervisor.events.response_body import RUN_HEADER
from supervisor.model import IfNoneMatch
from supervisor.results import EndpointResponse
from supervisor.runs import record_format
from supervisor.runs.record_objects import RecordObjects

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject
    from supervisor.invocation import DirectInvocation, RunPath
    from supervisor.model import FunctionConfig
    from supervisor.ports import EndpointServices, ObjectStore


def accept(
    trigger: DirectInvocation,
    run: RunPath,
    config: FunctionConfig,
    services: EndpointServices,
    store: ObjectStore,
) -> EndpointResponse:
    """Send the request to this function again, as an asynchronous event.

    The run has its id from now on: every delivery of the event is the same run, and its record
    shows that it waits. Raise RequestRefused if Lambda does not take it, StorageError if its body
    or record cannot be stored; after an error of the record the run may start nevertheless.
    """
    request: JsonObject = without_asynchronous(json.loads(trigger.event))
    event = _encode(request, run)
    if len(event) > MAX_EVENT:
        body_id = new_body_id()
        store.write(body_ref(config, body_id), trigger.payload or b"", condition=IfNoneMatch())
        event = _encode(with_stored_body(request, body_id), run)
    services.enqueue(event)
    # Before the answer: an event that Lambda drops is a lost run, not an unknown one. After the
    # event: a refused request leaves no run that waits.
    accepted = {"run": str(run), "event": event.decode()}
    records = RecordObjects(store, config.state_bucket, run)
    records.write_once(record_format.ACCEPTED, record_format.encode(accepted))
    return EndpointResponse(
        status=202,
        body=f"Run {run.run_id} was accepted.\n".encode(),
        headers={RUN_HEADER: run.run_id, "preference-applied": "respond-async"},
    )


def _encode(request: JsonObject, run: RunPath) -> bytes:
    return compact_json(accepted_event(request, run.run_id, run.date)).encode()
