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
from supervisor.invocation import Invocation, Owner
from supervisor.model import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.invocation import Handled
    from supervisor.logs import Log

ROOT = "/2018-06-01/runtime"
TRACE = "_X_AMZN_TRACE_ID"


class RuntimeApiError(SupervisorError):
    """The Runtime API does not answer as it should; the sandbox is of no use any more."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as the Runtime API hands it out; ``deadline`` in epoch seconds."""

    request: str
    deadline: float | None
    trace: str
    payload: bytes


class RuntimeApi:
    """One connection, kept; ``address`` is ``AWS_LAMBDA_RUNTIME_API``."""

    def __init__(self, address: str) -> None:
        # No time-out: a sandbox waits, frozen, until there is an event.
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> Event:
        status, headers, payload = self._call("GET", "/invocation/next", None, {})
        if status != 200:
            raise RuntimeApiError(f"The Runtime API answers {status} instead of an event.")
        deadline = headers.get("lambda-runtime-deadline-ms", "")
        return Event(
            headers.get("lambda-runtime-aws-request-id", ""),
            int(deadline) / 1000 if deadline.isdecimal() else None,
            headers.get("lambda-runtime-trace-id", ""),
            payload,
        )

    def answer(self, request: str, body: bytes) -> int:
        """Hand over the result; return the HTTP status."""
        return self._call("POST", f"/invocation/{request}/response", body, {})[0]

    def fail(self, request: str, fault: SupervisorError) -> int:
        return self._fail(f"/invocation/{request}/error", fault)

    def fail_init(self, fault: SupervisorError) -> int:
        return self._fail("/init/error", fault)

    def _fail(self, path: str, fault: SupervisorError) -> int:
        kind = {"Lambda-Runtime-Function-Error-Type": f"Scar.{type(fault).__name__}"}
        return self._call("POST", path, response.error(fault), kind)[0]

    def _call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send one request; a kept connection that was closed meanwhile is opened again once."""
        kept = self._connection.sock is not None
        sent = {"Content-Type": "application/json", **headers} if body is not None else {}
        try:
            self._connection.request(method, ROOT + path, body, sent)
            answer = self._connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, named, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if kept:
                return self._call(method, path, body, headers)
            raise RuntimeApiError(f"The Runtime API is not there: {error}.") from error


def serve(
    api: RuntimeApi,
    handle: Callable[[Invocation], Handled],
    environ: Mapping[str, str],
    notes: Log,
) -> None:
    """Work on events until the Runtime API is gone; no event ends the loop."""
    while True:
        event = api.next()
        if event.trace:
            os.environ[TRACE] = event.trace
        invocation = Invocation(
            owner=Owner(site=Site.LAMBDA, request=event.request),
            event=event.payload,
            deadline=event.deadline,
            log_group=environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
            log_stream=environ.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
        )
        status = _one(api, handle, invocation, notes)
        if status >= 400:
            notes.error(f"The Runtime API refuses the answer to {event.request}: {status}.")


def _one(
    api: RuntimeApi, handle: Callable[[Invocation], Handled], invocation: Invocation, notes: Log
) -> int:
    request = invocation.owner.request
    try:
        handled = handle(invocation)
    except SupervisorError as error:
        notes.error(error.problem, remedy=error.remedy)
        return api.fail(request, error)
    except Exception as error:  # noqa: BLE001 - one event must not take the sandbox with it
        import traceback

        notes.error("".join(traceback.format_exception(error)))
        return api.fail(
            request,
            SupervisorError(
                f"The supervisor failed: {type(error).__name__}.", remedy="Please report it."
            ),
        )
    fault = response.failure(handled)
    if fault is not None:
        return api.fail(request, fault)
    return api.answer(request, response.body(handled, invocation))
