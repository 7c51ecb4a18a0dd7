"""The response that the caller of a Lambda function gets."""

from __future__ import annotations

import binascii
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.errors import RunsFailed
from supervisor.events.response_body import JOB_HEADER, RUN_HEADER, TEXT, cut_output, error_text
from supervisor.results import RunOutcome
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from supervisor.errors import SupervisorError
    from supervisor.invocation import Invocation
    from supervisor.results import InvocationResult, LeftOut, LeftOutReason, RunResult

# The number of output objects, and as JSON what was left out, as in the run's record.
OUTPUTS_HEADER, LEFT_OUT_HEADER = "x-scar-outputs", "x-scar-left-out"
MAX_LEFT_OUT_HEADER = 1024  # bytes; examples are omitted above it
# Of every response to an HTTP request that has no type of its own: without one a function URL sends
# application/json. Browsers must not take an output for a page: a request chooses what is printed.
_HTTP_HEADERS = {"content-type": TEXT, "x-content-type-options": "nosniff"}


def find_error(handled: InvocationResult) -> SupervisorError | None:
    """Return the error to report to Lambda: the failure of the only run, or RunsFailed.

    None if no run failed, and for API callers, who get a response with status 500 instead.
    """
    failed = [result for result in handled.results if result.error is not None]
    if handled.is_api_request or not failed:
        return None
    if len(handled.results) == 1:
        return failed[0].error
    problems = "; ".join(f"{r.run.run_id}: {r.error.problem}" for r in failed if r.error)
    return RunsFailed(
        f"{len(failed)} of {len(handled.results)} runs failed: {problems}",
        remedy="Read the log of each run.",
    )


def build_body(handled: InvocationResult, invocation: Invocation) -> bytes:
    """Return the response in SCAR's format: status, headers, and the output as base64.

    For the messages of a queue it is Lambda's: those that SQS must send again.
    """
    if handled.failed_messages is not None:
        failures = [{"itemIdentifier": message} for message in handled.failed_messages]
        return json.dumps({"batchItemFailures": failures}).encode()
    if handled.response is not None or handled.is_api_request:
        # Imported here: most events are no HTTP requests, and the time of a start counts.
        from supervisor.events.http_response import build_http_response

        response = handled.response or build_http_response(handled)
        own = {} if handled.is_public else {**_log_headers(invocation), **_output_headers(handled)}
        headers = {**_HTTP_HEADERS, **own, **response.headers}
        return encode_response(response.status, response.body, headers)
    output = cut_output(b"".join(_result_output(result) for result in handled.results))
    failed = any(result.error is not None for result in handled.results)
    headers = {
        **_log_headers(invocation),
        **_batch_headers(handled),
        **_output_headers(handled),
    }
    return encode_response(500 if failed else 200, output, headers)


def encode_response(status: int, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a response in SCAR's form, which is also that of API Gateway and function URLs."""
    response = {
        "statusCode": status,
        "headers": headers,
        "body": binascii.b2a_base64(body, newline=False).decode("ascii"),
        "isBase64Encoded": True,
    }
    return json.dumps(response).encode()


def _log_headers(invocation: Invocation) -> dict[str, str]:
    return {
        "amz-lambda-request-id": invocation.owner.request,
        "amz-log-group-name": invocation.log_group,
        "amz-log-stream-name": invocation.log_stream,
    }


def build_error(error: SupervisorError) -> bytes:
    """Return an error in the Runtime API's format."""
    message = join_sentences(error.problem, error.remedy)
    return json.dumps(
        {"errorMessage": message, "errorType": type(error).__name__, "stackTrace": []}
    ).encode()


def _batch_headers(handled: InvocationResult) -> dict[str, str]:
    submitted = [r for r in handled.results if r.state is RunOutcome.SUBMITTED]
    if not submitted:
        return {}
    return {
        RUN_HEADER: ",".join(r.run.run_id for r in submitted),
        JOB_HEADER: ",".join(r.job_id for r in submitted),
    }


def _output_headers(handled: InvocationResult) -> dict[str, str]:
    done = [result for result in handled.results if result.state is RunOutcome.DONE]
    if not done:
        return {}
    headers = {OUTPUTS_HEADER: str(sum(result.uploaded for result in done))}
    left_out = [item for result in done for item in result.left_out]
    if left_out:
        headers[LEFT_OUT_HEADER] = _encode_left_out(left_out)
    return headers


def _encode_left_out(items: list[LeftOut]) -> str:
    """Return ASCII JSON of at most 1 KB, one entry for each reason, with the examples that fit."""
    merged: dict[LeftOutReason, LeftOut] = {}
    for item in items:
        first = merged.get(item.reason)
        merged[item.reason] = replace(item, count=item.count + first.count) if first else item
    for examples in range(max(len(item.examples) for item in merged.values()), -1, -1):
        text = _to_ascii(
            [replace(item, examples=item.examples[:examples]) for item in merged.values()]
        )
        if len(text) <= MAX_LEFT_OUT_HEADER:
            return text
    return _to_ascii([replace(item, examples=(), expected="") for item in merged.values()])


def _to_ascii(items: list[LeftOut]) -> str:
    return json.dumps([item.to_json() for item in items], separators=(",", ":"))


def _result_output(result: RunResult) -> bytes:
    if result.state is RunOutcome.SUBMITTED:
        return f"Run {result.run.run_id} continues as Batch job {result.job_id}.\n".encode()
    if result.error is not None and not result.output:
        return error_text(result.error)
    return result.output
