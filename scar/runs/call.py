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

from scar.aws import faults, limits
from scar.errors import ConfigurationError, ScarError, StillWaiting, UsageError
from scar.runs.logs import NoSuchFunction
from supervisor.events import WISH
from supervisor.response import JOB_HEADER, RUN_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_lambda import LambdaClient

    from scar.aws.connection import Connection

_LAMBDAS_OWN = re.compile(r"(START|END|REPORT) RequestId: ")
SPARE = 60  # seconds above the function's time-out: a cold start, and the way back

Json = dict[str, object]


class FunctionFailed(ScarError):
    """The function answered with an error; ``log`` is the end of what it logged."""

    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call gave: ``status`` as in HTTP, ``output`` the script's.

    ``run`` and ``job`` are set if the run goes on in Batch; of several, the first.
    """

    status: int
    output: bytes
    request: str
    run: str = ""
    job: str = ""


def invoke(connection: Connection, function: str, payload: Json, *, timeout: int) -> Answer:
    """Call the function once and wait for its answer; ``timeout`` is the function's, in seconds.

    Never repeated by itself: a script might run twice. Raises NoSuchFunction, FunctionFailed
    with the function's own message, StillWaiting if no answer comes, UsageError for a payload
    above Lambda's limit, Refused.
    """
    body = _encoded(payload, limits.LAMBDA_SYNC_PAYLOAD.most)
    client = _patient(connection, timeout)
    try:
        answer = client.invoke(FunctionName=function, Payload=body, LogType="Tail")
        content = answer["Payload"].read()
    except ReadTimeoutError as error:
        raise StillWaiting(
            f"{function} did not answer within {timeout + SPARE} s.",
            remedy=f"It may still run: see `scar log -n {function}`, or call it with -a.",
        ) from error
    except faults.SDK_ERRORS as error:
        raise _refused(error, function) from error
    request = answer["ResponseMetadata"]["RequestId"]
    if answer.get("FunctionError"):
        failed = _failure(function, content, request)
        failed.log = _tail(answer.get("LogResult", ""))
        raise failed
    return read_answer(content, request)


def enqueue(connection: Connection, function: str, payload: Json) -> str:
    """Hand the call to Lambda's queue and return its request id."""
    body = _encoded(payload, limits.LAMBDA_ASYNC_PAYLOAD.most)
    try:
        answer = connection.client("lambda").invoke(
            FunctionName=function, InvocationType="Event", Payload=body
        )
    except faults.SDK_ERRORS as error:
        raise _refused(error, function) from error
    return answer["ResponseMetadata"]["RequestId"]


def script_payload(script: bytes | None, arguments: Sequence[str]) -> Json:
    """Ask for a script instead of the function's own, or for arguments, or for neither."""
    payload: Json = {}
    if script is not None:
        payload["script"] = base64.b64encode(script).decode()
    if arguments:
        payload["cmd_args"] = list(arguments)
    return payload


def request_payload(
    parameters: Mapping[str, str], body: bytes | None, *, is_json: bool = False
) -> Json:
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
class Input:
    """An object as S3 announces it; size in bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime


def object_payload(one: Input, region: str, partition: str = "aws", *, wish: str) -> Json:
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
                    "configurationId": f"{WISH}{wish}",
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


def read_answer(content: bytes, request: str) -> Answer:
    """Read an answer in SCAR's form; anything else is output as it is."""
    try:
        answer: object = json.loads(content)
    except ValueError:
        return Answer(status=200, output=content, request=request)
    if not isinstance(answer, dict) or "body" not in answer:
        return Answer(status=200, output=content, request=request)
    status = answer.get("statusCode", 200)
    return Answer(
        status=status if isinstance(status, int) else 200,
        output=_body(answer),
        request=request,
        run=_header(answer, RUN_HEADER),
        job=_header(answer, JOB_HEADER),
    )


def _header(answer: Mapping[str, object], name: str) -> str:
    """Return the first value of a header that scar's supervisor writes, or nothing."""
    headers = answer.get("headers")
    value = headers.get(name) if isinstance(headers, dict) else None
    return value.partition(",")[0] if isinstance(value, str) else ""


def _body(answer: Mapping[str, object]) -> bytes:
    body = answer["body"]
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if answer.get("isBase64Encoded"):
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return body.encode()
    return body.encode()


def _patient(connection: Connection, timeout: int) -> LambdaClient:
    """Make a client that waits longer than the function may take, and never asks twice."""
    from scar.aws.connection import client_config

    once = {"mode": "standard", "total_max_attempts": 1}
    config = client_config(read_timeout=timeout + SPARE, retries=once)
    with faults.translated("connect to lambda"):
        client: LambdaClient = connection.session.client(
            "lambda", endpoint_url=connection.endpoint_url, config=config
        )
    return client


def _encoded(payload: Json, most: int) -> bytes:
    body = json.dumps(payload).encode()
    if len(body) > most:
        raise UsageError(
            f"The call has {len(body):,} bytes; Lambda takes {most:,}.",
            remedy="Send less, or upload the data: files start functions too.",
        )
    return body


def _refused(error: faults.SdkError, function: str) -> ScarError:
    if faults.code(error) == "ResourceNotFoundException":
        return NoSuchFunction(function)
    if faults.code(error) == "TooManyRequestsException":
        return ConfigurationError(
            f"{function} is busy: as many runs as its concurrency or the account's allows.",
            remedy="Try again later, or call it with -a: then it waits in Lambda's queue.",
        )
    return faults.of(error, f"call {function}")


def _tail(encoded: str) -> tuple[str, ...]:
    """Read the last 4 KB of the log, without Lambda's own lines."""
    text = base64.b64decode(encoded).decode(errors="replace")
    return tuple(line for line in text.splitlines() if not _LAMBDAS_OWN.match(line))


def _failure(function: str, content: bytes, request: str) -> FunctionFailed:
    try:
        told: object = json.loads(content)
    except ValueError:
        told = None
    text = content.decode(errors="replace")
    if isinstance(told, dict):
        text = str(told.get("errorMessage") or told.get("errorType") or text)
    return FunctionFailed(
        f"{function} failed: {text}", remedy=f"See `scar log -n {function} -ri {request}`."
    )
