"""What callers of a Lambda function get. Pure."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from supervisor.errors import RunsFailed
from supervisor.invocation import RunOutcome

if TYPE_CHECKING:
    from supervisor.errors import SupervisorError
    from supervisor.invocation import Invocation, InvocationResult, RunResult

# Lambda's limit for synchronous answers, less room for headers and braces.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BODY = 6 * 1024 * 1024 - 4096
# Which runs continue in Batch, and as which jobs: several are parted by commas, in one order.
# The body says it too, but a script may print the same.
RUN_HEADER, JOB_HEADER = "x-scar-run-id", "x-scar-job-id"
TRUNCATION_NOTICE = b"[The beginning of the output is in the log only.]\n"


def find_error(handled: InvocationResult) -> SupervisorError | None:
    """Return what Lambda has to be told as an error: one failure itself, or the names of several.

    API callers get their failures as answers instead.
    """
    failed = [result for result in handled.results if result.error is not None]
    if handled.is_api_request or not failed:
        return None
    if len(handled.results) == 1:
        return failed[0].error
    named = "; ".join(f"{r.run.run_id}: {r.error.problem}" for r in failed if r.error)
    return RunsFailed(
        f"{len(failed)} of {len(handled.results)} runs failed: {named}",
        remedy="Read the log of each run.",
    )


def build_body(handled: InvocationResult, invocation: Invocation) -> bytes:
    """Write the answer in SCAR's form: the script's output as base64."""
    text = b"".join(_result_output(result) for result in handled.results)
    # Four characters for three bytes.
    largest = MAX_BODY // 4 * 3
    if len(text) > largest:
        text = TRUNCATION_NOTICE + text[len(text) - largest + len(TRUNCATION_NOTICE) :]
    failed = any(result.error is not None for result in handled.results)
    answer = {
        "statusCode": 500 if failed else 200,
        "headers": {
            "amz-lambda-request-id": invocation.owner.request,
            "amz-log-group-name": invocation.log_group,
            "amz-log-stream-name": invocation.log_stream,
            **_delegated(handled),
        },
        "body": base64.b64encode(text).decode("ascii"),
        "isBase64Encoded": True,
    }
    return json.dumps(answer).encode()


def build_error(error: SupervisorError) -> bytes:
    """Write an error as the Runtime API wants it."""
    message = f"{error.problem} {error.remedy}".strip()
    return json.dumps(
        {"errorMessage": message, "errorType": type(error).__name__, "stackTrace": []}
    ).encode()


def _delegated(handled: InvocationResult) -> dict[str, str]:
    delegated = [r for r in handled.results if r.state is RunOutcome.SUBMITTED]
    if not delegated:
        return {}
    return {
        RUN_HEADER: ",".join(r.run.run_id for r in delegated),
        JOB_HEADER: ",".join(r.job_id for r in delegated),
    }


def _result_output(result: RunResult) -> bytes:
    if result.state is RunOutcome.SUBMITTED:
        return f"The run {result.run.run_id} goes on in the Batch job {result.job_id}.\n".encode()
    if result.error is not None and not result.output:
        return f"{result.error.problem} {result.error.remedy}\n".encode()
    return result.output
