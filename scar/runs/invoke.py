"""Invoke a function, synchronously or asynchronously, and parse its response."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from botocore.exceptions import ReadTimeoutError

from scar.aws.client import errors
from scar.aws.model import limits
from scar.errors import ConfigurationError, ScarError, UsageError, WaitTimeoutError
from scar.runs.left_out import describe_headers
from scar.runs.logs import FunctionNotFoundError
from supervisor.events.direct_invocation import SCRIPT_ENCODING
from supervisor.events.parser import MANUAL_RUN_PREFIX
from supervisor.events.response_body import JOB_HEADER, RUN_HEADER, STATUS_HEADER
from supervisor.script_status import parse_script_status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_lambda import LambdaClient

    from scar.aws.client.connection import AwsConnection

_LAMBDA_LOG_LINE = re.compile(r"(START|END|REPORT) RequestId: ")
TIMEOUT_MARGIN = 60  # seconds above the function's timeout: cold start and network

Payload = dict[str, object]


class FunctionError(ScarError):
    """The function returned an error; ``log_tail`` is the end of its log.

    The command ends with the status of the function's script if that failed.
    """

    log_tail: tuple[str, ...] = ()

    def __init__(self, problem: str, *, remedy: str, script_status: int | None = None) -> None:
        super().__init__(problem, remedy=remedy)
        self.exit_code = script_status or self.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationResponse:
    """The response of a function: ``status`` as in HTTP, ``output`` is the script's.

    ``run_id`` and ``job_id`` are set if the run continues as a Batch job; the first of several.
    ``note`` says what the run did not upload, or that it made nothing; usually empty.
    ``script_status`` is that of a script that failed, 0 if it did not.
    """

    status: int
    output: bytes
    request_id: str
    run_id: str = ""
    job_id: str = ""
    note: str = ""
    script_status: int = 0


def invoke_function(
    connection: AwsConnection, function: str, payload: Payload, *, timeout: int
) -> InvocationResponse:
    """Invoke the function once and wait for its response; ``timeout`` is its own, in seconds.

    Raise FunctionNotFoundError, FunctionError with the function's own message, WaitTimeoutError
    without a response, UsageError for a payload above Lambda's limit, or another ScarError.
    """
    body = _encode_payload(payload, limits.LAMBDA_SYNC_PAYLOAD.maximum)
    client = _long_timeout_client(connection, timeout)
    try:
        response = client.invoke(FunctionName=function, Payload=body, LogType="Tail")
        content = response["Payload"].read()
    except ReadTimeoutError as error:
        raise WaitTimeoutError(
            f"Timed out: no response from {function} within {timeout + TIMEOUT_MARGIN} s.",
            remedy=f"It may still run: see `scar log -n {function}`, or invoke it with -a.",
        ) from error
    except errors.SDK_ERRORS as error:
        raise _translate_error(error, function) from error
    request_id = response["ResponseMetadata"]["RequestId"]
    if response.get("FunctionError"):
        function_error = _function_error(function, content, request_id)
        function_error.log_tail = _decode_log_tail(response.get("LogResult", ""))
        raise function_error
    return parse_response(content, request_id, is_direct="Records" not in payload)


def enqueue(connection: AwsConnection, function: str, payload: Payload) -> str:
    """Invoke the function asynchronously and return the request id; raise ScarError."""
    body = _encode_payload(payload, limits.LAMBDA_ASYNC_PAYLOAD.maximum)
    try:
        response = connection.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=body
        )
    except errors.SDK_ERRORS as error:
        raise _translate_error(error, function) from error
    return response["ResponseMetadata"]["RequestId"]


def script_payload(script: bytes | None, arguments: Sequence[str]) -> Payload:
    """Return the event that runs this script instead of the function's own, or its arguments.

    The script's bytes arrive unchanged. A function that an older scar deployed ignores
    ``script_encoding`` and infers the encoding, which is correct for text in UTF-8.
    """
    payload: Payload = {}
    if script is not None:
        payload["script"] = base64.b64encode(script).decode()
        payload["script_encoding"] = SCRIPT_ENCODING
    if arguments:
        payload["cmd_args"] = list(arguments)
    return payload


def request_payload(
    parameters: Mapping[str, str], body: bytes | None, *, is_json: bool = False
) -> Payload:
    """Return the event that an HTTP endpoint creates for a request; POST if it has a body."""
    content_type = "application/json" if is_json else "application/octet-stream"
    text = None
    if body is not None:
        text = body.decode() if is_json else base64.b64encode(body).decode()
    return {
        "httpMethod": "GET" if body is None else "POST",
        "path": "/",
        "headers": {} if body is None else {"Content-Type": content_type},
        "queryStringParameters": dict(parameters) or None,
        "body": text,
        "isBase64Encoded": body is not None and not is_json,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class InputObject:
    """An object with the properties that an S3 event notification has; size in bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime


def object_payload(
    input_object: InputObject, region: str, partition: str = "aws", *, manual_run_id: str
) -> Payload:
    """Return the event that S3 sent when the object was stored.

    ``manual_run_id`` makes it a run of its own; events with the same id are the same run.
    """
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": region,
                "eventTime": input_object.modified.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": f"{MANUAL_RUN_PREFIX}{manual_run_id}",
                    "bucket": {
                        "name": input_object.bucket,
                        "arn": f"arn:{partition}:s3:::{input_object.bucket}",
                    },
                    "object": {
                        "key": quote_plus(input_object.key, safe="/"),
                        "size": input_object.size,
                        "eTag": input_object.etag.strip('"'),
                    },
                },
            }
        ]
    }


def parse_response(
    content: bytes, request_id: str, *, is_direct: bool = True
) -> InvocationResponse:
    """Parse a response in SCAR's form; any other content is the output itself, status 200.

    ``is_direct``: the event named no object.
    """
    try:
        response: object = json.loads(content)
    except ValueError:
        return InvocationResponse(status=200, output=content, request_id=request_id)
    if not isinstance(response, dict) or "body" not in response:
        return InvocationResponse(status=200, output=content, request_id=request_id)
    status = response.get("statusCode", 200)
    return InvocationResponse(
        status=status if isinstance(status, int) else 200,
        output=_decode_body(response),
        request_id=request_id,
        run_id=_header(response, RUN_HEADER),
        job_id=_header(response, JOB_HEADER),
        note=describe_headers(response.get("headers"), is_direct=is_direct),
        script_status=parse_status(_header(response, STATUS_HEADER)),
    )


def parse_status(text: str) -> int:
    """Return the exit status in a header, 0 without one."""
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 4 else 0


def _header(response: Mapping[str, object], name: str) -> str:
    """Return the first value of a header of the supervisor, empty without input_object."""
    headers = response.get("headers")
    value = headers.get(name) if isinstance(headers, dict) else None
    return value.partition(",")[0] if isinstance(value, str) else ""


def _decode_body(response: Mapping[str, object]) -> bytes:
    body = response["body"]
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if response.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return body.encode()
    return body.encode()


def _long_timeout_client(connection: AwsConnection, timeout: int) -> LambdaClient:
    """Return a client with a read timeout above the function's timeout, and without retries."""
    from scar.aws.client.connection import client_config

    # A retry after a lost connection could run the script twice.
    no_retries = {"mode": "standard", "total_max_attempts": 1}
    config = client_config(read_timeout=timeout + TIMEOUT_MARGIN, retries=no_retries)
    with errors.translate_errors("connect to lambda"):
        client: LambdaClient = connection.session.client(
            "lambda", endpoint_url=connection.endpoint_url, config=config
        )
    connection.waits.attach(client)
    return client


def _encode_payload(payload: Payload, maximum: int) -> bytes:
    body = json.dumps(payload).encode()
    if len(body) > maximum:
        raise UsageError(
            f"The payload has {len(body):,} bytes; Lambda's limit is {maximum:,}.",
            remedy="Send less, or upload the data to an input folder: files start functions too."
            " A function with an HTTP endpoint (api_gateway) takes more.",
        )
    return body


def _translate_error(error: errors.SdkError, function: str) -> ScarError:
    if errors.error_code(error) == "ResourceNotFoundException":
        return FunctionNotFoundError(function)
    if errors.error_code(error) == "TooManyRequestsException":
        return ConfigurationError(
            f"Lambda throttled the invocation of {function} (TooManyRequestsException): its"
            " concurrency limit or the account's is reached.",
            remedy="Try again later, or invoke it with -a: the event then waits in Lambda's queue.",
        )
    return errors.to_scar_error(error, f"invoke {function}")


def _decode_log_tail(encoded: str) -> tuple[str, ...]:
    """Return the lines of the response's 4 KB of log, without those that Lambda writes."""
    text = base64.b64decode(encoded).decode(errors="replace")
    return tuple(line for line in text.splitlines() if not _LAMBDA_LOG_LINE.match(line))


def _function_error(function: str, content: bytes, request_id: str) -> FunctionError:
    try:
        payload: object = json.loads(content)
    except ValueError:
        payload = None
    text = content.decode(errors="replace")
    if isinstance(payload, dict):
        text = str(payload.get("errorMessage") or payload.get("errorType") or text)
    return FunctionError(
        f"{function} failed: {text}",
        remedy=f"See `scar log -n {function} -ri {request_id}`.",
        script_status=parse_script_status(text),
    )
