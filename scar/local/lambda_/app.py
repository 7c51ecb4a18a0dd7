"""The Invoke operation over HTTP: ``POST /2015-03-31/functions/{name}/invocations``."""

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
    LATEST_VERSION,
    SYNC_PAYLOAD,
    InvocationType,
    LambdaApiError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Request, RequestBody
    from scar.local.lambda_.service import LambdaService

ROOT: Final = "/2015-03-31/functions/"
_SUFFIX: Final = "/invocations"
_VERSION_HEADER: Final = "x-amz-executed-version"


class InvokeApp:
    """Serves the paths that run functions; moto serves Lambda's other operations.

    ``may_invoke`` returns whether an access key may invoke a function, by its ARN.
    """

    def __init__(
        self,
        service: LambdaService,
        may_invoke: Callable[[str, str], bool] = lambda _access_key, _function: True,
    ) -> None:
        self._service = service
        self._may_invoke = may_invoke

    def handle(self, request: Request) -> Response:
        """Handle a request; errors become AWS's error responses."""
        try:
            return self._handle_invoke(request)
        except LambdaApiError as error:
            return _error_response(error)

    def _handle_invoke(self, request: Request) -> Response:
        if not (request.path.startswith(ROOT) and request.path.endswith(_SUFFIX)):
            raise LambdaApiError(
                501,
                "NotImplemented",
                "The local cloud runs functions through the Invoke operation only: InvokeAsync and "
                "response streaming are not emulated.",
            )
        name, name_qualifier = _split_qualifier(
            unquote(request.path.removeprefix(ROOT).removesuffix(_SUFFIX))
        )
        invocation_type = _parse_invocation_type(request.headers.get("x-amz-invocation-type", ""))
        payload = _read_payload(request.body, invocation_type)
        qualifier = parse_qs(request.query).get("Qualifier", [name_qualifier])[0]
        # Versions and aliases are not emulated, so no other qualifier exists.
        if qualifier != LATEST_VERSION:
            raise LambdaApiError(
                404, "ResourceNotFoundException", f"Function not found: {name}:{qualifier}"
            )
        function = self._service.get_function(name)
        if not self._may_invoke(request.access_key, function.arn):
            raise LambdaApiError(
                403,
                "AccessDeniedException",
                "The caller's role is not authorized to perform: lambda:InvokeFunction on"
                f" resource: {function.arn} because no identity-based policy allows the"
                " lambda:InvokeFunction action",
            )
        if invocation_type is InvocationType.DRY_RUN:
            return Response(status=204, headers=_response_headers(str(uuid.uuid4())))
        trace = request.headers.get("x-amzn-trace-id", "")
        if invocation_type is InvocationType.EVENT:
            request_id = self._service.enqueue(function.arn, payload, trace)
            return Response(status=202, headers=_response_headers(request_id))
        result = self._service.invoke(function.arn, payload, trace)
        headers = _response_headers(result.request_id) | {_VERSION_HEADER: LATEST_VERSION}
        if result.function_error:
            headers["x-amz-function-error"] = result.function_error
        if request.headers.get("x-amz-log-type", "") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode(result.log_tail).decode()
        return Response(status=200, headers=headers, body=result.payload)


def _split_qualifier(name: str) -> tuple[str, str]:
    """Split a function's name, partial ARN or ARN into the part before its qualifier and that."""
    head, mark, last = name.rpartition("function:")
    plain, _, qualifier = last.partition(":")
    return f"{head}{mark}{plain}", qualifier or LATEST_VERSION


def _parse_invocation_type(text: str) -> InvocationType:
    try:
        return InvocationType(text or InvocationType.REQUEST_RESPONSE)
    except ValueError:
        raise LambdaApiError(
            400, "InvalidParameterValueException", f"{text} is not a valid invocation type."
        ) from None


def _read_payload(body: RequestBody, invocation_type: InvocationType) -> bytes:
    limit = ASYNC_PAYLOAD if invocation_type is InvocationType.EVENT else SYNC_PAYLOAD
    payload = read_all(body, limit)
    if payload is None:
        raise LambdaApiError(
            413,
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        )
    payload = payload or b"{}"  # as AWS does for an empty body
    try:
        json.loads(payload)
    except ValueError as error:
        raise LambdaApiError(
            400,
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from error
    return payload


def _response_headers(request_id: str) -> dict[str, str]:
    return {"content-type": "application/json", "x-amzn-requestid": request_id}


def _error_response(error: LambdaApiError) -> Response:
    document = {"Type": "User" if error.status < 500 else "Service", "Message": error.message}
    if error.status == 429:
        document["Reason"] = "ConcurrentInvocationLimitExceeded"
    headers = _response_headers(str(uuid.uuid4())) | {"x-amzn-errortype": error.code}
    return Response(status=error.status, headers=headers, body=json.dumps(document).encode())
