"""The Runtime API of one sandbox: an HTTP application between the runtime and its worker.

Source: "Using the Lambda runtime API for custom runtimes", Lambda Developer Guide.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scar.local.http.messages import Response
from scar.local.lambda_ import reports
from scar.local.lambda_.model import SYNC_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request, RequestBody
    from scar.local.lambda_.reports import FunctionFailure

ROOT: Final = "/2018-06-01/runtime/"
_TYPE_HEADER: Final = "lambda-runtime-function-error-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInvocation:
    """One event for the runtime; ``deadline_ms`` is in epoch milliseconds."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeResponse:
    """The runtime's response to an invocation, or its error."""

    payload: bytes
    failure: FunctionFailure | None = None


class RuntimeApiServer:
    """Serves one invocation at a time to the runtime; rejects responses to any other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0  # open requests for the next invocation
        self._pending_invocation: RuntimeInvocation | None = None
        self._current_request_id: str = ""  # empty: no response is accepted
        self._response: RuntimeResponse | None = None
        self._ended = False
        self._init_failure: FunctionFailure | None = None

    @property
    def init_failure(self) -> FunctionFailure | None:
        """The error that the runtime reported for its initialisation, or None."""
        with self._changed:
            return self._init_failure

    @property
    def has_ended(self) -> bool:
        """Whether the sandbox has exited."""
        with self._changed:
            return self._ended

    def offer_invocation(self, invocation: RuntimeInvocation) -> None:
        """Serve this invocation when the runtime next asks for one."""
        with self._changed:
            self._pending_invocation = invocation
            self._current_request_id = invocation.request_id
            self._response = None
            self._changed.notify_all()

    def expire_invocation(self) -> None:
        """Reject any later response: the invocation has timed out."""
        with self._changed:
            self._pending_invocation = None
            self._current_request_id = ""

    def wait_for_next(self, timeout: float) -> bool:
        """Wait until the runtime asks for an invocation; False on exit, error or timeout."""
        return self._wait_until(self._is_next_requested, timeout)

    def wait_for_completion(self, timeout: float) -> tuple[RuntimeResponse | None, bool]:
        """Wait until the runtime has responded and asks for the next invocation.

        Return the response, None if it exited or took too long, and whether it has asked.
        """
        with self._changed:
            self._wait_until(
                lambda: self._response is not None and self._is_next_requested(), timeout
            )
            return self._response, self._is_next_requested()

    def mark_ended(self) -> None:
        """Note that the sandbox has exited; end all waits."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def handle(self, request: Request) -> Response:
        """Handle one request of the runtime."""
        path = request.path.partition("?")[0]
        if not path.startswith(ROOT):
            return _error_response(404, "NotFound", f"The Runtime API has no path {path}.")
        match (request.method, path.removeprefix(ROOT).split("/")):
            case ("GET", ["invocation", "next"]):
                return self._serve_next_invocation()
            case ("POST", ["invocation", request_id, "response"]):
                return self._accept_response(request_id, request.body)
            case ("POST", ["invocation", request_id, "error"]):
                return self._accept_error(request_id, request)
            case ("POST", ["init", "error"]):
                return self._accept_init_error(request)
            case _:
                return _error_response(404, "NotFound", f"The Runtime API has no path {path}.")

    def _serve_next_invocation(self) -> Response:
        with self._changed:
            # wait_for_next, in the worker's thread, counts these requests: a runtime that asks
            # for the next invocation has finished its initialisation or the one before.
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended or self._pending_invocation is not None)
            self._waiting -= 1
            invocation, self._pending_invocation = self._pending_invocation, None
        if invocation is None:
            return _error_response(410, "InvalidStateTransition", "The sandbox is being stopped.")
        return Response(
            status=200,
            headers={
                "content-type": "application/json",
                "lambda-runtime-aws-request-id": invocation.request_id,
                "lambda-runtime-deadline-ms": str(invocation.deadline_ms),
                "lambda-runtime-invoked-function-arn": invocation.function_arn,
                "lambda-runtime-trace-id": invocation.trace_id,
            },
            body=invocation.payload,
        )

    def _accept_response(self, request_id: str, body: RequestBody) -> Response:
        payload, size = _read_bounded_body(body)
        if size > SYNC_PAYLOAD:
            failure = reports.response_size_failure(size)
            rejection = self._record_response(
                request_id, RuntimeResponse(payload=failure.payload, failure=failure)
            )
            return rejection or _error_response(
                413, failure.error_type, failure.log_lines[0].strip()
            )
        return (
            self._record_response(request_id, RuntimeResponse(payload=payload))
            or _accepted_response()
        )

    def _accept_error(self, request_id: str, request: Request) -> Response:
        payload, _ = _read_bounded_body(request.body)
        failure = reports.parse_failure(payload, request.headers.get(_TYPE_HEADER, ""))
        return (
            self._record_response(request_id, RuntimeResponse(payload=payload, failure=failure))
            or _accepted_response()
        )

    def _accept_init_error(self, request: Request) -> Response:
        payload, _ = _read_bounded_body(request.body)
        with self._changed:
            self._init_failure = reports.parse_failure(
                payload, request.headers.get(_TYPE_HEADER, "")
            )
            self._changed.notify_all()
        return _accepted_response()

    def _record_response(self, request_id: str, response: RuntimeResponse) -> Response | None:
        with self._changed:
            if not self._current_request_id or request_id != self._current_request_id:
                return _error_response(400, "InvalidRequestID", "Invalid request ID")
            self._response = response
            self._current_request_id = ""  # a second response gets the error above
            # Usually the worker is woken by the request for the next invocation, which follows:
            # waking it twice costs as much as the rest of this request.
            if self._waiting:
                self._changed.notify_all()
        return None

    def _is_next_requested(self) -> bool:
        return self._waiting > 0 and self._pending_invocation is None

    def _wait_until(self, is_done: Callable[[], bool], timeout: float) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: is_done() or self._ended or self._init_failure is not None, timeout
            )
            return is_done()


def _read_bounded_body(body: RequestBody) -> tuple[bytes, int]:
    """Read a body; return its bytes, at most Lambda's response limit, and its full size."""
    data = bytearray()
    size = 0
    while chunk := body.read(1 << 16):
        size += len(chunk)
        if size <= SYNC_PAYLOAD:
            data += chunk
    return bytes(data), size


def _accepted_response() -> Response:
    return Response(
        status=202, headers={"content-type": "application/json"}, body=b'{"status":"OK"}\n'
    )


def _error_response(status: int, error_type: str, message: str) -> Response:
    body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()
    return Response(status=status, headers={"content-type": "application/json"}, body=body)
