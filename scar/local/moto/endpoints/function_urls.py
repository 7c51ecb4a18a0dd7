"""The operations of Lambda on function URLs, which are stored in moto's functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scar.local.moto.endpoints.api_store import new_id
from scar.local.moto.endpoints.http_apis import EndpointCallError
from scar.local.moto.endpoints.responses import json_response
from scar.local.moto.error_responses import ApiError
from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Response
    from scar.local.moto.calls import MotoCall
    from scar.local.moto.endpoints.api_store import Document

_ATTRIBUTE = "function_url"  # of moto's function


@dataclass(frozen=True, slots=True)
class FunctionUrlOperations:
    """Executes calls under moto's lock; ``address`` returns the URL by its id."""

    account: str
    address: Callable[[str], str]
    # Region and function by id; entries of deleted functions are ignored.
    functions: dict[str, tuple[str, str]] = field(default_factory=dict)

    def execute(self, call: MotoCall) -> Response:
        """Return the response; raise EndpointCallError."""
        function = self.find_function(call)
        url: Document | None = read_function_url(function)
        if call.operation == "CreateFunctionUrlConfig":
            return self._create(call, function, url)
        if call.operation == "ListFunctionUrlConfigs":
            urls = [self._describe(function, url)] if url else []
            return json_response({"FunctionUrlConfigs": urls})
        if url is None:
            message = "The resource you requested does not exist."
            raise _lambda_error("ResourceNotFoundException", message, 404)
        if call.operation == "DeleteFunctionUrlConfig":
            del self.functions[url["id"]]
            setattr(function, _ATTRIBUTE, None)
            return json_response({}, 204)
        if call.operation == "UpdateFunctionUrlConfig":
            for name in ("AuthType", "Cors"):
                if call.parameters.get(name) is not None:
                    url[name] = call.parameters[name]
            url["LastModifiedTime"] = _now()
        return json_response(self._describe(function, url))

    def find(self, identity: str) -> tuple[Any, Document] | None:
        """Return moto's function and the document of the URL with this id."""
        from moto.awslambda.exceptions import UnknownFunctionException
        from moto.awslambda.models import lambda_backends

        region, name = self.functions.get(identity, ("", ""))
        if not name:
            return None
        try:
            function = lambda_backends[self.account][region].get_function(name)
        except UnknownFunctionException:
            return None
        url = read_function_url(function)
        return (function, url) if url and url["id"] == identity else None

    def _create(self, call: MotoCall, function: Any, url: Document | None) -> Response:  # noqa: ANN401 - moto's own type
        if url:
            message = (
                f"Failed to create function url config for [functionArn ="
                f" {function.function_arn}]. Error message:  FunctionUrlConfig exists for this"
                " Lambda function"
            )
            raise _lambda_error("ResourceConflictException", message, 409)
        identity = new_id(32)
        document: Document = {
            "id": identity,
            "AuthType": call.text("AuthType"),
            "InvokeMode": "BUFFERED",
            "CreationTime": _now(),
            "LastModifiedTime": _now(),
        }
        if call.parameters.get("Cors"):
            document["Cors"] = call.parameters["Cors"]
        setattr(function, _ATTRIBUTE, document)
        self.functions[identity] = (call.region, function.function_name)
        return json_response(self._describe(function, document), 201)

    def find_function(self, call: MotoCall) -> Any:  # noqa: ANN401 - moto's own type
        """Return moto's function that a call names; raise EndpointCallError."""
        from moto.awslambda.exceptions import UnknownFunctionException
        from moto.awslambda.models import lambda_backends

        name = call.text("FunctionName")
        try:
            return lambda_backends[self.account][call.region].get_function(function_name(name))
        except UnknownFunctionException:
            message = f"Function does not exist: {name}"
            raise _lambda_error("ResourceNotFoundException", message, 404) from None

    def _describe(self, function: Any, url: Document) -> Document:  # noqa: ANN401 - moto's own type
        described = {name: value for name, value in url.items() if name != "id"}
        return {
            "FunctionUrl": self.address(url["id"]),
            "FunctionArn": function.function_arn,
            **described,
        }


def read_function_url(function: object) -> Document | None:
    """Return the document of the function's URL, or None if it has none."""
    url: Document | None = getattr(function, _ATTRIBUTE, None)
    return url


def _lambda_error(code: str, message: str, status: int) -> EndpointCallError:
    return EndpointCallError(ApiError(code=code, message=message, status=status))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
