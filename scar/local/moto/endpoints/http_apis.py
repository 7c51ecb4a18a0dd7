"""The operations of API Gateway V2 on HTTP APIs and their integrations, routes and stages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from scar.local.moto.endpoints.api_store import new_id
from scar.local.moto.endpoints.responses import json_response, spell_as_sent
from scar.local.moto.endpoints.rules import MAX_TAGS, bad_request
from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scar.local.http.messages import Response
    from scar.local.moto.calls import MotoCall
    from scar.local.moto.endpoints.api_store import ApiStore, Document, StoredApi

PAGE = 25  # entries of a page without MaxResults
_LARGEST_PAGE = 500
DEFAULT_TIMEOUT = 30000  # milliseconds
_IDS = {"Integration": "IntegrationId", "Route": "RouteId", "Stage": "StageName"}
_DEFAULTS: dict[str, Document] = {
    "Integration": {
        "ConnectionType": "INTERNET",
        "IntegrationMethod": "POST",
        "TimeoutInMillis": DEFAULT_TIMEOUT,
    },
    "Route": {"AuthorizationType": "NONE", "ApiKeyRequired": False},
    "Stage": {"AutoDeploy": False, "DefaultRouteSettings": {}, "RouteSettings": {}},
}


class EndpointCallError(Exception):
    """A call that AWS refuses."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class HttpApiOperations:
    """Executes calls under moto's lock; ``address`` returns the URL of an API by its id."""

    account: str
    store: ApiStore
    address: Callable[[str], str]

    def execute(self, call: MotoCall) -> Response:
        """Return the response; raise EndpointCallError."""
        if call.operation == "CreateApi":
            return self._create_api(call)
        if call.operation == "GetApis":
            apis = self.store.list_region(call.region)
            return _page(call, (self._describe_api(api) for api in apis))
        if call.operation in ("TagResource", "UntagResource", "GetTags"):
            return self._change_tags(call)
        api = self._find_api(call, call.text("ApiId"))
        if call.operation in ("GetApi", "UpdateApi", "DeleteApi", "DeleteCorsConfiguration"):
            return self._execute_api_call(call, api)
        return self._execute_part_call(call, api)

    def _execute_api_call(self, call: MotoCall, api: StoredApi) -> Response:
        if call.operation == "DeleteApi":
            self.store.remove(api.document["ApiId"])
            return json_response({}, 204)
        if call.operation == "DeleteCorsConfiguration":
            api.document.pop("CorsConfiguration", None)
            return json_response({}, 204)
        if call.operation == "UpdateApi":
            api.document.update(_given(call, "ApiId"))
        return json_response(self._describe_api(api))

    def _create_api(self, call: MotoCall) -> Response:
        defaults: Document = {
            "ApiKeySelectionExpression": "$request.header.x-api-key",
            "RouteSelectionExpression": "$request.method $request.path",
            "DisableExecuteApiEndpoint": False,
            "IpAddressType": "ipv4",
            "CreatedDate": _now(),
        }
        api = self.store.add(call.region, defaults | _given(call))
        return json_response(self._describe_api(api), 201)

    def _describe_api(self, api: StoredApi) -> Document:
        address = self.address(api.document["ApiId"])
        return spell_as_sent({**api.document, "Tags": api.tags, "ApiEndpoint": address})

    def _find_api(self, call: MotoCall, identity: str) -> StoredApi:
        api = self.store.get(identity, call.region)
        if api is None:
            raise _not_found(f"Invalid API identifier specified {self.account}:{identity}")
        return api

    def _change_tags(self, call: MotoCall) -> Response:
        arn = unquote(call.text("ResourceArn"))
        prefix, _, path = arn.partition("::/apis/")
        if not path or prefix.split(":")[2:4] != ["apigateway", call.region]:
            raise EndpointCallError(bad_request(f"Invalid ARN specified in the request: {arn}"))
        api = self._find_api(call, path)
        if call.operation == "GetTags":
            return json_response({"tags": api.tags})
        if call.operation == "UntagResource":
            keys = call.parameters.get("TagKeys")
            for key in keys if isinstance(keys, list) else [keys]:
                api.tags.pop(str(key), None)
            return json_response({}, 204)
        tags = call.parameters.get("Tags")
        together = {**api.tags, **(tags if isinstance(tags, dict) else {})}
        if len(together) > MAX_TAGS:
            raise EndpointCallError(bad_request(f"A resource can have at most {MAX_TAGS} tags"))
        api.document["Tags"] = together
        return json_response({}, 201)

    def _execute_part_call(self, call: MotoCall, api: StoredApi) -> Response:
        verb, kind = _split_operation(call.operation)
        parts = api.parts[kind]
        if verb == "Create":
            return self._create_part(call, api, kind)
        if call.operation == f"Get{kind}s":
            return _page(call, (spell_as_sent(part) for part in parts.values()))
        identity = call.text(_IDS[kind])
        if identity not in parts:
            raise _not_found(f"Invalid {kind} identifier specified")
        if verb == "Delete":
            _check_unused(api, kind, identity)
            del parts[identity]
            return json_response({}, 204)
        if verb == "Update":
            _check_target(call, api)
            parts[identity].update(_given(call, "ApiId", _IDS[kind]))
        return json_response(spell_as_sent(parts[identity]))

    def _create_part(self, call: MotoCall, api: StoredApi, kind: str) -> Response:
        parts = api.parts[kind]
        given = _given(call, "ApiId")
        if kind in ("Route", "Stage"):
            name = "RouteKey" if kind == "Route" else "StageName"
            if any(part[name] == given[name] for part in parts.values()):
                message = f"{kind} with key {given[name]} already exists for this API"
                raise EndpointCallError(
                    ApiError(code="ConflictException", message=message, status=409)
                )
        _check_target(call, api)
        document: Document = {**_DEFAULTS[kind], **given}
        identity: str = document.get(_IDS[kind]) or new_id(7)
        document[_IDS[kind]] = identity
        if kind == "Stage":
            document |= {"CreatedDate": _now(), "LastUpdatedDate": _now()}
        parts[identity] = document
        return json_response(spell_as_sent(document), 201)


def _check_target(call: MotoCall, api: StoredApi) -> None:
    """Raise EndpointCallError if a route's integration does not exist."""
    target = call.text("Target").removeprefix("integrations/")
    if target and target not in api.parts["Integration"]:
        raise EndpointCallError(bad_request(f"Invalid integration identifier specified {target}"))


def _check_unused(api: StoredApi, kind: str, identity: str) -> None:
    """Raise EndpointCallError for an integration that a route uses."""
    for route in api.parts["Route"].values():
        if kind == "Integration" and route.get("Target") == f"integrations/{identity}":
            message = (
                f"Cannot delete Integration '{identity}' which is being used by a Route"
                f" '{route['RouteId']}'."
            )
            raise EndpointCallError(ApiError(code="ConflictException", message=message, status=409))


def _split_operation(operation: str) -> tuple[str, str]:
    """Split ``GetRoutes`` into ``Get`` and ``Route``."""
    for verb in ("Create", "Get", "Update", "Delete"):
        if operation.startswith(verb):
            return verb, operation.removeprefix(verb).removesuffix("s")
    raise NotImplementedError(operation)


def _given(call: MotoCall, *without: str) -> Document:
    """Return the call's parameters that have a value."""
    return {
        name: value
        for name, value in call.parameters.items()
        if value is not None and name not in without
    }


def _page(call: MotoCall, documents: Iterable[Document]) -> Response:
    """Return one page; ``NextToken`` is the index of its first entry."""
    entries = list(documents)
    size, start = call.text("MaxResults") or str(PAGE), call.text("NextToken") or "0"
    if not size.isdecimal() or not 1 <= int(size) <= _LARGEST_PAGE:
        raise EndpointCallError(bad_request(f"Invalid maxResults: {size}"))
    if not start.isdecimal():
        raise EndpointCallError(bad_request("Invalid nextToken"))
    first, last = int(start), int(start) + int(size)
    more = {"nextToken": str(last)} if last < len(entries) else {}
    return json_response({"items": entries[first:last], **more})


def _not_found(message: str) -> EndpointCallError:
    return EndpointCallError(ApiError(code="NotFoundException", message=message, status=404))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
