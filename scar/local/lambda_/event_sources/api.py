"""Lambda's calls about event source mappings; only SQS queues can be sources."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scar.local.http.messages import Response
from scar.local.lambda_.event_sources.mapping import EventSourceMapping
from scar.local.moto.error_responses import ApiError, render_error
from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.lambda_.event_sources.store import MappingStore
    from scar.local.moto.calls import MotoCall
    from scar.local.moto.function_records import FunctionRecords
    from scar.local.moto.queue_records import QueueRecords

_INVALID = "InvalidParameterValueException"


class _CallError(Exception):
    """The call is answered with this error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = ApiError(code=code, message=message, status=status)


class EventSourceApi:
    """Answers the calls; ``on_change`` is called after each change.

    ``may_receive(role_arn, queue_arn)`` returns whether a role's policies allow to receive.
    """

    def __init__(
        self,
        mappings: MappingStore,
        functions: FunctionRecords,
        queues: QueueRecords,
        may_receive: Callable[[str, str], bool],
        on_change: Callable[[], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mappings = mappings
        self._functions = functions
        self._queues = queues
        self._may_receive = may_receive
        self._on_change = on_change
        self._clock = clock
        self._operations: Mapping[str, Callable[[MotoCall], dict[str, Any]]] = {
            "CreateEventSourceMapping": self._create,
            "ListEventSourceMappings": self._list,
            "GetEventSourceMapping": lambda call: self._find(call).to_api(),
            "UpdateEventSourceMapping": self._update,
            "DeleteEventSourceMapping": self._delete,
        }

    def handle_call(self, call: MotoCall) -> Response | None:
        """Return the response to a call, or None for all others."""
        if call.service != "lambda":
            return None
        operation = self._operations.get(call.operation)
        if operation is None:
            return None
        try:
            # Reads are answered with 200, changes with 202: they are completed afterwards.
            is_read = call.operation.startswith(("List", "Get"))
            return _response(200 if is_read else 202, operation(call))
        except _CallError as error:
            return render_error("lambda", error.error)

    def _create(self, call: MotoCall) -> dict[str, Any]:
        mapping = EventSourceMapping(
            uuid=str(uuid.uuid4()),
            queue_arn=call.text("EventSourceArn"),
            function_arn=self._function_arn(call),
            modified=self._clock(),
        ).with_parameters(call.parameters)
        self._check(mapping)
        for other in self._mappings.list():
            if (other.queue_arn, other.function_arn) == (mapping.queue_arn, mapping.function_arn):
                raise _CallError(
                    "ResourceConflictException",
                    f'An event source mapping with SQS arn (" {mapping.queue_arn} ") and function'
                    f' (" {function_name(mapping.function_arn)} ") already exists. Please update or'
                    f" delete the existing mapping with UUID {other.uuid}",
                    409,
                )
        self._mappings.put(mapping)
        self._on_change()
        return mapping.to_api("Creating")

    def _list(self, call: MotoCall) -> dict[str, Any]:
        function, queue = call.text("FunctionName"), call.text("EventSourceArn")
        found = [
            mapping.to_api()
            for mapping in self._mappings.list()
            if (not function or function_name(mapping.function_arn) == function_name(function))
            and queue in ("", mapping.queue_arn)
        ]
        return {"EventSourceMappings": found}

    def _update(self, call: MotoCall) -> dict[str, Any]:
        mapping = self._find(call)
        if call.text("FunctionName"):
            mapping = replace(mapping, function_arn=self._function_arn(call))
        mapping = replace(mapping.with_parameters(call.parameters), modified=self._clock())
        self._check(mapping)
        self._mappings.put(mapping)
        self._on_change()
        return mapping.to_api("Updating")

    def _delete(self, call: MotoCall) -> dict[str, Any]:
        mapping = self._find(call)
        self._mappings.delete(mapping.uuid)
        self._on_change()
        return mapping.to_api("Deleting")

    def _find(self, call: MotoCall) -> EventSourceMapping:
        found = self._mappings.get(call.text("UUID"))
        if found is None:
            message = "The resource you requested does not exist."
            raise _CallError("ResourceNotFoundException", message, 404)
        return found

    def _function_arn(self, call: MotoCall) -> str:
        name = call.text("FunctionName")
        function = self._functions.get(name, call.region)
        if function is None:
            message = f"Function not found: {name}"
            raise _CallError("ResourceNotFoundException", message, 404)
        return function.arn

    def _check(self, mapping: EventSourceMapping) -> None:
        """Refuse what Lambda refuses: it tries the queue with the function's role."""
        queue = self._queues.get(mapping.queue_arn)
        function = self._functions.get(mapping.function_arn)
        if queue is None or function is None:
            raise _CallError(
                _INVALID,
                "Error occurred while ReceiveMessage. SQS Error Code:"
                " AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue"
                " does not exist. The local cloud has standard queues only.",
            )
        if not self._may_receive(function.role, mapping.queue_arn):
            raise _CallError(
                _INVALID,
                "The function execution role does not have permissions to call ReceiveMessage on"
                " SQS",
            )
        if queue.visibility < function.timeout:
            raise _CallError(
                _INVALID,
                f"Queue visibility timeout: {queue.visibility} seconds is less than Function"
                f" timeout: {function.timeout} seconds",
            )


def _response(status: int, content: dict[str, Any]) -> Response:
    headers = {"content-type": "application/json"}
    return Response(status=status, headers=headers, body=json.dumps(content).encode())
