"""The Lambda Runtime API: get an event, handle it, send the response, until the sandbox ends.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from supervisor.errors import SupervisorError
from supervisor.events import response
from supervisor.http.connection import connect
from supervisor.http.heads import build_request_head
from supervisor.invocation import Invocation, RunOwner
from supervisor.model import ComputeService
from supervisor.trace_ids import TRACE_VARIABLE, valid_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.http.connection import HttpConnection
    from supervisor.logs import Log
    from supervisor.results import InvocationResult

API_ROOT = "/2018-06-01/runtime"


class RuntimeApiError(SupervisorError):
    """The Runtime API cannot be used; the process has to end, Lambda starts a new one."""


@dataclass(frozen=True, slots=True)
class NextInvocation:
    """One event from the Runtime API; ``deadline`` in epoch seconds."""

    request_id: str
    deadline: float | None
    trace_id: str
    payload: bytes


class RuntimeApiClient:
    """Client with one persistent connection; ``address`` is ``AWS_LAMBDA_RUNTIME_API``.

    That is ``host:port`` in Lambda. The local cloud appends a secret path, ``host:port/token``.
    """

    def __init__(self, address: str) -> None:
        self._host, slash, path = address.partition("/")
        self._root = f"{slash}{path}{API_ROOT}"
        self._connection: HttpConnection | None = None

    def next_invocation(self) -> NextInvocation:
        status, headers, payload = self._send_request("GET", "/invocation/next", None, {})
        if status != 200:
            raise RuntimeApiError(f"The Runtime API returned status {status} instead of an event.")
        deadline = headers.get("lambda-runtime-deadline-ms", "")
        return NextInvocation(
            headers.get("lambda-runtime-aws-request-id", ""),
            int(deadline) / 1000 if deadline.isdecimal() else None,
            headers.get("lambda-runtime-trace-id", ""),
            payload,
        )

    def send_response(self, request_id: str, body: bytes) -> int:
        """Send the response of an invocation; return the HTTP status."""
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
        """Send one request; reconnect once if the persistent connection has been closed."""
        reused = self._connection is not None
        sent = {"host": self._host, **headers}
        if body is not None:
            sent |= {"content-type": "application/json", "content-length": str(len(body))}
        try:
            connection = self._connection = self._connection or self._connect()
            # No timeout: the sandbox is frozen until the next event.
            connection.send(build_request_head(method, self._root + path, sent), body or b"", None)
            received = connection.read_response(method)
            payload = received.read_all()
        except (OSError, ValueError) as error:
            self._disconnect()
            if reused:
                return self._send_request(method, path, body, headers)
            raise RuntimeApiError(f"The Runtime API is not reachable: {error}.") from error
        if not received.is_reusable:
            self._disconnect()
        return received.status, received.headers, payload

    def _connect(self) -> HttpConnection:
        host, _, port = self._host.rpartition(":")
        return connect(host.strip("[]"), int(port), timeout=None)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def serve(
    api: RuntimeApiClient,
    handle: Callable[[Invocation], InvocationResult],
    environ: Mapping[str, str],
    log: Log,
) -> None:
    """Handle events until the Runtime API fails; a failed event does not end the loop."""
    while True:
        event = api.next_invocation()
        trace = _set_trace_variable(event.trace_id)
        invocation = Invocation(
            owner=RunOwner(site=ComputeService.LAMBDA, request=event.request_id),
            event=event.payload,
            deadline=event.deadline,
            log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            log_stream=environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
            trace=trace,
        )
        status = _handle_invocation(api, handle, invocation, log)
        if status >= 400:
            log.error(
                f"The Runtime API rejected the response to {event.request_id}: status {status}."
            )


def _set_trace_variable(text: str) -> str:
    """Set the trace id of this invocation, or none, for the requests to AWS; return it.

    The Runtime API's contract: AWS X-Ray and the SDKs read the variable. That of an earlier
    invocation of the sandbox must not stay: Lambda would count these requests to its chain.
    """
    if trace := valid_trace_id(text):
        os.environ[TRACE_VARIABLE] = trace
    else:
        os.environ.pop(TRACE_VARIABLE, None)
    return trace


def _handle_invocation(
    api: RuntimeApiClient,
    handle: Callable[[Invocation], InvocationResult],
    invocation: Invocation,
    log: Log,
) -> int:
    request = invocation.owner.request
    try:
        result = handle(invocation)
    except SupervisorError as error:
        log.error(error.problem, remedy=error.remedy)
        return api.send_error(request, error)
    except Exception as error:  # noqa: BLE001 - one event must not end the sandbox
        import traceback

        log.error("".join(traceback.format_exception(error)))
        return api.send_error(
            request,
            SupervisorError(
                f"The supervisor failed: {type(error).__name__}.", remedy="Please report it."
            ),
        )
    # An error response makes Lambda retry an asynchronous event, or send it to the failure handler.
    failure = response.find_error(result)
    if failure is not None:
        return api.send_error(request, failure)
    return api.send_response(request, response.build_body(result, invocation))
