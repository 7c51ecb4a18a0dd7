"""The Lambda Runtime API: ask for an event, work, answer, for as long as the sandbox lives.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import http.client
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import SupervisorError
from supervisor.events import response
from supervisor.invocation import Invocation, RunOwner
from supervisor.model import ComputeService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.invocation import InvocationResult
    from supervisor.logs import Log

API_ROOT = "/2018-06-01/runtime"
TRACE_VARIABLE = "_X_AMZN_TRACE_ID"


class RuntimeApiError(SupervisorError):
    """The Runtime API does not answer as it should; the sandbox is of no use any more."""


@dataclass(frozen=True, slots=True)
class NextInvocation:
    """One event as the Runtime API hands it out; ``deadline`` in epoch seconds."""

    request_id: str
    deadline: float | None
    trace_id: str
    payload: bytes


class RuntimeApiClient:
    """One connection, kept; ``address`` is ``AWS_LAMBDA_RUNTIME_API``."""

    def __init__(self, address: str) -> None:
        # No time-out: a sandbox waits, frozen, until there is an event.
        self._connection = http.client.HTTPConnection(address)

    def next_invocation(self) -> NextInvocation:
        status, headers, payload = self._send_request("GET", "/invocation/next", None, {})
        if status != 200:
            raise RuntimeApiError(f"The Runtime API answers {status} instead of an event.")
        deadline = headers.get("lambda-runtime-deadline-ms", "")
        return NextInvocation(
            headers.get("lambda-runtime-aws-request-id", ""),
            int(deadline) / 1000 if deadline.isdecimal() else None,
            headers.get("lambda-runtime-trace-id", ""),
            payload,
        )

    def send_response(self, request_id: str, body: bytes) -> int:
        """Hand over the result; return the HTTP status."""
        return self._send_request("POST", f"/invocation/{request_id}/response", body, {})[0]

    def send_error(self, request_id: str, error: SupervisorError) -> int:
        return self._post_error(f"/invocation/{request_id}/error", error)

    def send_init_error(self, error: SupervisorError) -> int:
        return self._post_error("/init/error", error)

    def _post_error(self, path: str, error: SupervisorError) -> int:
        kind = {"Lambda-Runtime-Function-Error-Type": f"Scar.{type(error).__name__}"}
        return self._send_request("POST", path, response.build_error(error), kind)[0]

    def _send_request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; a kept connection that was closed meanwhile is opened again once."""
        kept = self._connection.sock is not None
        sent = {"Content-Type": "application/json", **headers} if body is not None else {}
        try:
            self._connection.request(method, API_ROOT + path, body, sent)
            answer = self._connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if kept:
                return self._send_request(method, path, body, headers)
            raise RuntimeApiError(f"The Runtime API is not there: {error}.") from error


def serve(
    api: RuntimeApiClient,
    handle: Callable[[Invocation], InvocationResult],
    environ: Mapping[str, str],
    log: Log,
) -> None:
    """Work on events until the Runtime API is gone; no event ends the loop."""
    while True:
        event = api.next_invocation()
        if event.trace_id:
            os.environ[TRACE_VARIABLE] = event.trace_id
        invocation = Invocation(
            owner=RunOwner(site=ComputeService.LAMBDA, request=event.request_id),
            event=event.payload,
            deadline=event.deadline,
            log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            log_stream=environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
        )
        status = _handle_invocation(api, handle, invocation, log)
        if status >= 400:
            log.error(f"The Runtime API refuses the answer to {event.request_id}: {status}.")


def _handle_invocation(
    api: RuntimeApiClient,
    handle: Callable[[Invocation], InvocationResult],
    invocation: Invocation,
    log: Log,
) -> int:
    request = invocation.owner.request
    try:
        handled = handle(invocation)
    except SupervisorError as error:
        log.error(error.problem, remedy=error.remedy)
        return api.send_error(request, error)
    except Exception as error:  # noqa: BLE001 - one event must not take the sandbox with it
        import traceback

        log.error("".join(traceback.format_exception(error)))
        return api.send_error(
            request,
            SupervisorError(
                f"The supervisor failed: {type(error).__name__}.", remedy="Please report it."
            ),
        )
    fault = response.find_error(handled)
    if fault is not None:
        return api.send_error(request, fault)
    return api.send_response(request, response.build_body(handled, invocation))
