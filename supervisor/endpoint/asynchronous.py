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
from supervisor.invocation import EndpointResponse
from supervisor.model import IfNoneMatch

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
    """Send the request to this function again, as an event that nobody waits for.

    The run has its id from now on: every delivery of the event is the same run. Raise
    RequestRefused if Lambda does not take it, StorageError if its body cannot be stored.
    """
    request: JsonObject = without_asynchronous(json.loads(trigger.event))
    event = _encode(request, run)
    if len(event) > MAX_EVENT:
        body_id = new_body_id()
        store.write(body_ref(config, body_id), trigger.payload or b"", condition=IfNoneMatch())
        event = _encode(with_stored_body(request, body_id), run)
    services.enqueue(event)
    return EndpointResponse(
        status=202,
        body=f"Run {run.run_id} was accepted.\n".encode(),
        headers={RUN_HEADER: run.run_id, "preference-applied": "respond-async"},
    )


def _encode(request: JsonObject, run: RunPath) -> bytes:
    return compact_json(accepted_event(request, run.run_id, run.date)).encode()
