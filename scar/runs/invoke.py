"""Call a function, now or later, and read its answer."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from botocore.exceptions import ReadTimeoutError

from scar.aws.client import errors as faults
from scar.aws.model import limits
from scar.errors import ConfigurationError, ScarError, UsageError, WaitTimeoutError
from scar.runs.logs import FunctionNotFoundError
from supervisor.events.parser import MANUAL_RUN_PREFIX
from supervisor.events.response import JOB_HEADER, RUN_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_lambda import LambdaClient

    from scar.aws.client.connection import AwsConnection

_LAMBDA_LOG_LINE = re.compile(r"(START|END|REPORT) RequestId: ")
TIMEOUT_MARGIN = 60  # seconds above the function's time-out: a cold start, and the way back

Payload = dict[str, object]


class FunctionError(ScarError):
    """The function answered with an error; ``log`` is the end of what it logged."""

    log_tail: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResponse:
    """What a call gave: ``status`` as in HTTP, ``output`` the script's.

    ``run`` and ``job`` are set if the run goes on in Batch; of several, the first.
    """

    status: int
    output: bytes
    request_id: str
    run_id: str = ""
    job_id: str = ""


def invoke_function(
    connection: AwsConnection, function: str, payload: Payload, *, timeout: int
) -> InvocationResponse:
    """Call the function once and wait for its answer; ``timeout`` is the function's, in seconds.

    Never repeated by itself: a script might run twice. Raises NoSuchFunction, FunctionFailed
    with the function's own message, StillWaiting if no answer comes, UsageError for a payload
    above Lambda's limit, Refused.
    """
    body = _encode_payload(payload, limits.LAMBDA_SYNC_PAYLOAD.maximum)
    client = _long_timeout_client(connection, timeout)
    try:
        answer = client.invoke(FunctionName=function, Payload=body, LogType="Tail")
        content = answer["Payload"].read()
    except ReadTimeoutError as error:
        raise WaitTimeoutError(
            f"{function} did not answer within {timeout + TIMEOUT_MARGIN} s.",
            remedy=f"It may still run: see `scar log -n {function}`, or call it with -a.",
        ) from error
    except faults.SDK_ERRORS as error:
        raise _translate_error(error, function) from error
    request = answer["ResponseMetadata"]["RequestId"]
    if answer.get("FunctionError"):
        failed = _function_error(function, content, request)
        failed.log_tail = _decode_log_tail(answer.get("LogResult", ""))
        raise failed
    return parse_response(content, request)


def enqueue(connection: AwsConnection, function: str, payload: Payload) -> str:
    """Hand the call to Lambda's queue and return its request id."""
    body = _encode_payload(payload, limits.LAMBDA_ASYNC_PAYLOAD.maximum)
    try:
        answer = connection.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=body
        )
    except faults.SDK_ERRORS as error:
        raise _translate_error(error, function) from error
    return answer["ResponseMetadata"]["RequestId"]


def script_payload(script: bytes | None, arguments: Sequence[str]) -> Payload:
    """Ask for a script instead of the function's own, or for arguments, or for neither."""
    payload: Payload = {}
    if script is not None:
        payload["script"] = base64.b64encode(script).decode()
    if arguments:
        payload["cmd_args"] = list(arguments)
    return payload


def request_payload(
    parameters: Mapping[str, str], body: bytes | None, *, is_json: bool = False
) -> Payload:
    """Write the event that an HTTP endpoint would make of a request."""
    kind = "application/json" if is_json else "application/octet-stream"
    text = None
    if body is not None:
        text = body.decode() if is_json else base64.b64encode(body).decode()
    return {
        "httpMethod": "GET" if body is None else "POST",
        "path": "/",
        "headers": {} if body is None else {"Content-Type": kind},
        "queryStringParameters": dict(parameters) or None,
        "body": text,
        "isBase64Encoded": body is not None and not is_json,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class InputObject:
    """An object as S3 announces it; size in bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime


def object_payload(
    one: InputObject, region: str, partition: str = "aws", *, manual_run_id: str
) -> Payload:
    """Write the event that S3 sent when the object was stored.

    ``wish`` names the wish to run it again: the same wish twice is one run.
    """
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": region,
                "eventTime": one.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": f"{MANUAL_RUN_PREFIX}{manual_run_id}",
                    "bucket": {"name": one.bucket, "arn": f"arn:{partition}:s3:::{one.bucket}"},
                    "object": {
                        "key": quote_plus(one.key, safe="/"),
                        "size": one.size,
                        "eTag": one.etag.strip('"'),
                    },
                },
            }
        ]
    }


def parse_response(content: bytes, request_id: str) -> InvocationResponse:
    """Read an answer in SCAR's form; anything else is output as it is."""
    try:
        answer: object = json.loads(content)
    except ValueError:
        return InvocationResponse(status=200, output=content, request_id=request_id)
    if not isinstance(answer, dict) or "body" not in answer:
        return InvocationResponse(status=200, output=content, request_id=request_id)
    status = answer.get("statusCode", 200)
    return InvocationResponse(
        status=status if isinstance(status, int) else 200,
        output=_decode_body(answer),
        request_id=request_id,
        run_id=_header(answer, RUN_HEADER),
        job_id=_header(answer, JOB_HEADER),
    )


def _header(answer: Mapping[str, object], name: str) -> str:
    """Return the first value of a header that scar's supervisor writes, or nothing."""
    headers = answer.get("headers")
    value = headers.get(name) if isinstance(headers, dict) else None
    return value.partition(",")[0] if isinstance(value, str) else ""


def _decode_body(answer: Mapping[str, object]) -> bytes:
    body = answer["body"]
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if answer.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return body.encode()
    return body.encode()


def _long_timeout_client(connection: AwsConnection, timeout: int) -> LambdaClient:
    """Make a client that waits longer than the function may take, and never asks twice."""
    from scar.aws.client.connection import client_config

    once = {"mode": "standard", "total_max_attempts": 1}
    config = client_config(read_timeout=timeout + TIMEOUT_MARGIN, retries=once)
    with faults.translate_errors("connect to lambda"):
        client: LambdaClient = connection.session.client(
            "lambda", endpoint_url=connection.endpoint_url, config=config
        )
    return client


def _encode_payload(payload: Payload, most: int) -> bytes:
    body = json.dumps(payload).encode()
    if len(body) > most:
        raise UsageError(
            f"The call has {len(body):,} bytes; Lambda takes {most:,}.",
            remedy="Send less, or upload the data: files start functions too.",
        )
    return body


def _translate_error(error: faults.SdkError, function: str) -> ScarError:
    if faults.error_code(error) == "ResourceNotFoundException":
        return FunctionNotFoundError(function)
    if faults.error_code(error) == "TooManyRequestsException":
        return ConfigurationError(
            f"{function} is busy: as many runs as its concurrency or the account's allows.",
            remedy="Try again later, or call it with -a: then it waits in Lambda's queue.",
        )
    return faults.to_scar_error(error, f"call {function}")


def _decode_log_tail(encoded: str) -> tuple[str, ...]:
    """Read the last 4 KB of the log, without Lambda's own lines."""
    text = base64.b64decode(encoded).decode(errors="replace")
    return tuple(line for line in text.splitlines() if not _LAMBDA_LOG_LINE.match(line))


def _function_error(function: str, content: bytes, request: str) -> FunctionError:
    try:
        told: object = json.loads(content)
    except ValueError:
        told = None
    text = content.decode(errors="replace")
    if isinstance(told, dict):
        text = str(told.get("errorMessage") or told.get("errorType") or text)
    return FunctionError(
        f"{function} failed: {text}", remedy=f"See `scar log -n {function} -ri {request}`."
    )
