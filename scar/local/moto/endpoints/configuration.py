"""Executes the calls that configure endpoints; reads endpoints for requests to them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.moto.endpoints.api_store import ApiStore
from scar.local.moto.endpoints.function_urls import FunctionUrlOperations
from scar.local.moto.endpoints.http_apis import EndpointCallError, HttpApiOperations
from scar.local.moto.endpoints.permissions import refuse_second_statement
from scar.local.moto.error_responses import render_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.http.messages import Response
    from scar.local.moto.calls import MotoCall

API_PATH, URL_PATH = "/_api/", "/_url/"
"""The first segments of endpoints' paths; names of buckets do not begin with ``_``."""
API_GATEWAY = "apigateway"
"""The name with which API Gateway V2 signs; botocore names it ``apigatewayv2``."""


class EndpointConfiguration:
    """The endpoints of one local cloud; ``base`` returns the URL of its server.

    All methods are called under moto's lock.
    """

    def __init__(self, account: str, base: Callable[[], str]) -> None:
        self.account = account
        self.apis = ApiStore()
        self._api_calls = HttpApiOperations(
            account, self.apis, lambda identity: f"{base()}{API_PATH}{identity}/"
        )
        self.urls = FunctionUrlOperations(
            account, lambda identity: f"{base()}{URL_PATH}{identity}/"
        )

    def execute(self, call: MotoCall) -> Response | None:
        """Return the response to a call about endpoints, None for all other calls."""
        if call.service == API_GATEWAY:
            execute: Callable[[MotoCall], Response | None] = self._api_calls.execute
        elif call.service == "lambda" and "FunctionUrlConfig" in call.operation:
            execute = self.urls.execute
        elif call.service == "lambda" and call.operation == "AddPermission":
            execute = self._check_permission
        else:
            return None
        try:
            return execute(call)
        except EndpointCallError as error:
            return render_error(call.service, error.error)

    def _check_permission(self, call: MotoCall) -> Response | None:
        """Return the error for a statement that exists, None for one that moto may add."""
        return refuse_second_statement(call, self.urls.find_function(call))

    def clear(self) -> None:
        """Delete all state, as in a new process."""
        self.apis.clear()
        self.urls.functions.clear()


def name_created_api(call: MotoCall, response: Response) -> MotoCall:
    """Return a CreateApi call with the id of the new API; other calls as they are.

    The journal needs it: the deletion of the API makes its creation redundant.
    """
    if call.operation != "CreateApi" or not isinstance(response.body, bytes):
        return call
    identity = json.loads(response.body)["apiId"]
    return replace(call, parameters={**call.parameters, "ApiId": identity})
