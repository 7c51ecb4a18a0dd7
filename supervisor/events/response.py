"""The response that the caller of a Lambda function gets."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.errors import RunsFailed
from supervisor.invocation import RunOutcome

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.invocation import (
        Invocation,
        InvocationResult,
        LeftOut,
        LeftOutReason,
        RunResult,
    )

# Lambda's limit for the response of a synchronous invocation, less room for headers and braces.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY = 6 * 1024 * 1024 - 4096
# The runs that continue in Batch and their job ids, comma-separated, in the same order. Programs
# must not parse the body for this: a script may print the same sentence.
RUN_HEADER, JOB_HEADER = "x-scar-run-id", "x-scar-job-id"
# The number of output objects, and as JSON what was left out, as in the run's record.
OUTPUTS_HEADER, LEFT_OUT_HEADER = "x-scar-outputs", "x-scar-left-out"
MAX_LEFT_OUT_HEADER = 1024  # bytes; examples are omitted above it
TRUNCATION_NOTICE = b"[The beginning of the output is only in the log.]\n"


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
    output = b"".join(_result_output(result) for result in handled.results)
    # Base64 encodes three bytes as four characters.
    largest = MAX_BODY // 4 * 3
    if len(output) > largest:
        output = TRUNCATION_NOTICE + output[len(output) - largest + len(TRUNCATION_NOTICE) :]
    failed = any(result.error is not None for result in handled.results)
    response = {
        "statusCode": 500 if failed else 200,
        "headers": {
            "amz-lambda-request-id": invocation.owner.request,
            "amz-log-group-name": invocation.log_group,
            "amz-log-stream-name": invocation.log_stream,
            **_batch_headers(handled),
            **_output_headers(handled),
        },
        "body": base64.b64encode(output).decode("ascii"),
        "isBase64Encoded": True,
    }
    return json.dumps(response).encode()


def build_error(error: SupervisorError) -> bytes:
    """Return an error in the Runtime API's format."""
    message = f"{error.problem} {error.remedy}".strip()
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
        # Names in the problem may have bytes that are not UTF-8.
        text = f"{result.error.problem} {result.error.remedy}\n"
        return text.encode("utf-8", "backslashreplace")
    return result.output
