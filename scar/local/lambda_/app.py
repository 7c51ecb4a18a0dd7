"""Invoke over HTTP: ``POST /2015-03-31/functions/{name}/invocations``."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote

from scar.local.http.bodies import read_all
from scar.local.http.messages import Response
from scar.local.lambda_.model import (
    ASYNC_PAYLOAD,
    SYNC_PAYLOAD,
    VERSION,
    ApiError,
    InvocationType,
)

if TYPE_CHECKING:
    from scar.local.http.messages import Body, Request
    from scar.local.lambda_.service import LambdaService

ROOT: Final = "/2015-03-31/functions/"
_END: Final = "/invocations"
_VERSION_HEADER: Final = "x-amz-executed-version"


class InvokePlane:
    """Serves the paths that run functions; everything else of Lambda is configuration."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service

    def handle(self, request: Request) -> Response:
        """Answer as AWS does, errors included."""
        try:
            return self._invoke(request)
        except ApiError as error:
            return _error(error)

    def _invoke(self, request: Request) -> Response:
        if not (request.path.startswith(ROOT) and request.path.endswith(_END)):
            raise ApiError(
                501,
                "NotImplemented",
                "The local cloud runs functions through Invoke alone: neither InvokeAsync nor "
                "response streaming is emulated.",
            )
        name, named = _split(unquote(request.path.removeprefix(ROOT).removesuffix(_END)))
        kind = _kind(request.headers.get("x-amz-invocation-type", ""))
        payload = _payload(request.body, kind)
        qualifier = parse_qs(request.query).get("Qualifier", [named])[0]
        if qualifier != VERSION:
            raise ApiError(
                404, "ResourceNotFoundException", f"Function not found: {name}:{qualifier}"
            )
        function = self._service.find(name)
        if kind is InvocationType.DRY_RUN:
            return Response(status=204, headers=_headers(str(uuid.uuid4())))
        if kind is InvocationType.EVENT:
            return Response(
                status=202, headers=_headers(self._service.enqueue(function.arn, payload))
            )
        result = self._service.invoke(function.arn, payload)
        headers = _headers(result.request_id) | {_VERSION_HEADER: VERSION}
        if result.function_error:
            headers["x-amz-function-error"] = result.function_error
        if request.headers.get("x-amz-log-type", "") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode(result.tail).decode()
        return Response(status=200, headers=headers, body=result.payload)


def _split(name: str) -> tuple[str, str]:
    """Take the qualifier off a name, partial ARN or ARN of a function."""
    head, mark, last = name.rpartition("function:")
    plain, _, qualifier = last.partition(":")
    return f"{head}{mark}{plain}", qualifier or VERSION


def _kind(said: str) -> InvocationType:
    try:
        return InvocationType(said or InvocationType.REQUEST_RESPONSE)
    except ValueError:
        raise ApiError(
            400, "InvalidParameterValueException", f"{said} is not a valid invocation type."
        ) from None


def _payload(body: Body, kind: InvocationType) -> bytes:
    limit = ASYNC_PAYLOAD if kind is InvocationType.EVENT else SYNC_PAYLOAD
    payload = read_all(body, limit)
    if payload is None:
        raise ApiError(
            413,
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        )
    payload = payload or b"{}"
    try:
        json.loads(payload)
    except ValueError as error:
        raise ApiError(
            400,
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from error
    return payload


def _headers(request_id: str) -> dict[str, str]:
    return {"content-type": "application/json", "x-amzn-requestid": request_id}


def _error(error: ApiError) -> Response:
    document = {"Type": "User" if error.status < 500 else "Service", "Message": error.message}
    if error.status == 429:
        document["Reason"] = "ConcurrentInvocationLimitExceeded"
    headers = _headers(str(uuid.uuid4())) | {"x-amzn-errortype": error.code}
    return Response(status=error.status, headers=headers, body=json.dumps(document).encode())
