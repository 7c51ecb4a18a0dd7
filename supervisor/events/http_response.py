"""Responses to the requests of an HTTP endpoint: status, headers, and what their body may say.

``events.response`` adds the headers that all of them have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.errors import EventError, RequestRefused, ScriptFailed, SubmissionThrottled
from supervisor.events.response_body import (
    BINARY,
    JOB_HEADER,
    RUN_HEADER,
    STATUS_HEADER,
    TEXT,
    cut_output,
    error_text,
)
from supervisor.results import EndpointResponse, RunOutcome

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.results import InvocationResult, RunResult

# Seconds until a request that started nothing may be sent again.
RETRY_AFTER = 5


def build_refusal(error: RequestRefused) -> EndpointResponse:
    """Return the response to a request that starts no run."""
    retry = {"retry-after": str(error.retry_after)} if error.retry_after else {}
    return EndpointResponse(status=error.status, body=error_text(error), headers=retry)


def build_http_response(handled: InvocationResult) -> EndpointResponse:
    """Return the response to a request that started a run."""
    if not handled.results:
        return EndpointResponse(status=200, body=b"")
    result = handled.results[0]
    headers = {RUN_HEADER: result.run.run_id}
    if result.error is not None:
        return _build_failure(result, result.error, headers, is_public=handled.is_public)
    if result.location:
        return EndpointResponse(
            status=303,
            body=b"",
            headers={**headers, "location": result.location, "cache-control": "no-store"},
        )
    if result.state is RunOutcome.SUBMITTED:
        text = f"Run {result.run.run_id} continues as Batch job {result.job_id}.\n"
        headers |= {JOB_HEADER: result.job_id}
        return EndpointResponse(status=202, body=text.encode(), headers=headers)
    output = cut_output(result.output)
    return EndpointResponse(
        status=200, body=output, headers={**headers, "content-type": content_type(output)}
    )


def content_type(output: bytes) -> str:
    """Return that of text for an output in UTF-8, else that of any bytes."""
    try:
        output.decode()
    except UnicodeDecodeError:
        return BINARY
    return TEXT


def _build_failure(
    result: RunResult, error: SupervisorError, headers: dict[str, str], *, is_public: bool
) -> EndpointResponse:
    status = 400 if isinstance(error, EventError) else 500
    if isinstance(error, SubmissionThrottled):  # nothing was submitted
        status = 503
        headers |= {"retry-after": str(RETRY_AFTER)}
    if isinstance(error, ScriptFailed):
        headers |= {STATUS_HEADER: str(error.status)}
    if isinstance(error, ScriptFailed) and result.output:
        body = cut_output(result.output)
        return EndpointResponse(
            status=status, body=body, headers={**headers, "content-type": content_type(body)}
        )
    # Other errors name buckets, roles and queues. What the caller did wrong, and how its own
    # script ended, says nothing about the account.
    is_told = not is_public or isinstance(error, EventError | ScriptFailed)
    body = error_text(error) if is_told else _owner_only(result.run.run_id)
    return EndpointResponse(status=status, body=body, headers=headers)


def _owner_only(run: str) -> bytes:
    return f"The run {run} failed. Its function's owner sees why with `scar why {run}`.\n".encode()
