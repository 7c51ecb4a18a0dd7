"""The response that the caller of a Lambda function gets."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from supervisor.errors import RunsFailed
from supervisor.invocation import RunOutcome

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.invocation import Invocation, InvocationResult, RunResult

# Lambda's limit for the response of a synchronous invocation, less room for headers and braces.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY = 6 * 1024 * 1024 - 4096
# The runs that continue in Batch and their job ids, comma-separated, in the same order. Programs
# must not parse the body for this: a script may print the same sentence.
RUN_HEADER, JOB_HEADER = "x-scar-run-id", "x-scar-job-id"
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
    """Return the response in SCAR's format: status, headers, and the output as base64."""
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


def _result_output(result: RunResult) -> bytes:
    if result.state is RunOutcome.SUBMITTED:
        return f"Run {result.run.run_id} continues as Batch job {result.job_id}.\n".encode()
    if result.error is not None and not result.output:
        return f"{result.error.problem} {result.error.remedy}\n".encode()
    return result.output
