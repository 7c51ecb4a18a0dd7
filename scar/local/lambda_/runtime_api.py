"""The Runtime API of one sandbox: a Plane to the runtime, a hand-over point to the worker.

Source: "Using the Lambda runtime API for custom runtimes", Lambda Developer Guide.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scar.local.http.messages import Response
from scar.local.lambda_ import reports
from scar.local.lambda_.model import SYNC_PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Body, Request
    from scar.local.lambda_.reports import Failure

ROOT: Final = "/2018-06-01/runtime/"
_TYPE_HEADER: Final = "lambda-runtime-function-error-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One event for the runtime; ``deadline_ms`` is in epoch milliseconds."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the runtime made of a call."""

    payload: bytes
    failure: Failure | None = None


class RuntimeApi:
    """At most one call is with the runtime at a time; answers to any other are refused."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = 0
        self._offered: Call | None = None
        self._current: str = ""
        self._answer: Answer | None = None
        self._ended = False
        self._init_failure: Failure | None = None

    @property
    def init_failure(self) -> Failure | None:
        """What the runtime said about its failed initialisation."""
        with self._changed:
            return self._init_failure

    @property
    def ended(self) -> bool:
        """Whether the sandbox is gone."""
        with self._changed:
            return self._ended

    def offer(self, call: Call) -> None:
        """Give a call to the runtime when it next asks."""
        with self._changed:
            self._offered = call
            self._current = call.request_id
            self._answer = None
            self._changed.notify_all()

    def withdraw(self) -> None:
        """Refuse any answer from now on: the call's time is over."""
        with self._changed:
            self._offered = None
            self._current = ""

    def wait_for_next(self, timeout: float) -> bool:
        """Wait until the runtime asks for a call; False if it ended, failed or took too long."""
        return self._wait(lambda: self._waiting > 0 and self._offered is None, timeout)

    def wait_for_answer(self, timeout: float) -> Answer | None:
        """Wait until the runtime answered; None if it ended or took too long."""
        self._wait(lambda: self._answer is not None, timeout)
        with self._changed:
            return self._answer

    def end(self) -> None:
        """Say that the sandbox is gone; every wait ends."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def handle(self, request: Request) -> Response:
        """Answer the runtime."""
        path = request.path.partition("?")[0]
        if not path.startswith(ROOT):
            return _refuse(404, "NotFound", f"There is no {path} in the Runtime API.")
        match (request.method, path.removeprefix(ROOT).split("/")):
            case ("GET", ["invocation", "next"]):
                return self._next()
            case ("POST", ["invocation", request_id, "response"]):
                return self._take_response(request_id, request.body)
            case ("POST", ["invocation", request_id, "error"]):
                return self._take_error(request_id, request)
            case ("POST", ["init", "error"]):
                return self._take_init_error(request)
            case _:
                return _refuse(404, "NotFound", f"There is no {path} in the Runtime API.")

    def _next(self) -> Response:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ended or self._offered is not None)
            self._waiting -= 1
            call, self._offered = self._offered, None
        if call is None:
            return _refuse(410, "InvalidStateTransition", "The sandbox is being ended.")
        root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
        return Response(
            status=200,
            headers={
                "content-type": "application/json",
                "lambda-runtime-aws-request-id": call.request_id,
                "lambda-runtime-deadline-ms": str(call.deadline_ms),
                "lambda-runtime-invoked-function-arn": call.function_arn,
                "lambda-runtime-trace-id": (f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"),
            },
            body=call.payload,
        )

    def _take_response(self, request_id: str, body: Body) -> Response:
        payload, size = _read(body)
        if size > SYNC_PAYLOAD:
            failure = reports.response_too_large(size)
            refused = self._settle(request_id, Answer(payload=failure.payload, failure=failure))
            return refused or _refuse(413, failure.kind, failure.lines[0].strip())
        return self._settle(request_id, Answer(payload=payload)) or _accepted()

    def _take_error(self, request_id: str, request: Request) -> Response:
        payload, _ = _read(request.body)
        failure = reports.told(payload, request.headers.get(_TYPE_HEADER, ""))
        return self._settle(request_id, Answer(payload=payload, failure=failure)) or _accepted()

    def _take_init_error(self, request: Request) -> Response:
        payload, _ = _read(request.body)
        with self._changed:
            self._init_failure = reports.told(payload, request.headers.get(_TYPE_HEADER, ""))
            self._changed.notify_all()
        return _accepted()

    def _settle(self, request_id: str, answer: Answer) -> Response | None:
        with self._changed:
            if not self._current or request_id != self._current:
                return _refuse(400, "InvalidRequestID", "Invalid request ID")
            self._answer = answer
            self._current = ""
            self._changed.notify_all()
        return None

    def _wait(self, done: Callable[[], bool], timeout: float) -> bool:
        with self._changed:
            self._changed.wait_for(
                lambda: done() or self._ended or self._init_failure is not None, timeout
            )
            return done()


def _read(body: Body) -> tuple[bytes, int]:
    """Read a body, keeping no more than Lambda passes on; return it and its whole size."""
    kept = bytearray()
    size = 0
    while chunk := body.read(1 << 16):
        size += len(chunk)
        if size <= SYNC_PAYLOAD:
            kept += chunk
    return bytes(kept), size


def _accepted() -> Response:
    return Response(
        status=202, headers={"content-type": "application/json"}, body=b'{"status":"OK"}\n'
    )


def _refuse(status: int, kind: str, message: str) -> Response:
    body = json.dumps({"errorMessage": message, "errorType": kind}).encode()
    return Response(status=status, headers={"content-type": "application/json"}, body=body)
