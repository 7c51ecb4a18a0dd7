"""Amazon API Gateway's HTTP APIs in memory: the requests that manage them, on AWS's terms.

moto's needs packages that scar does not. Names are not unique, lists have pages, and a second route
or stage of the same key, an unknown id and what AWS does not document are refused.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 2  # APIs; API Gateway decides how many there are
_HEADERS = {"x-amzn-requestid": "r-1"}
_IDS = {"integrations": "integrationId", "routes": "routeId", "stages": "stageName"}
_KEYS = {"routes": "routeKey", "stages": "stageName"}


class ApiGatewayError(Exception):
    """An error response: its status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)


@dataclass(slots=True)
class FakeApi:
    """An API: its description, and its parts by their ids."""

    description: dict[str, Any]
    parts: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {kind: {} for kind in _IDS}
    )


@dataclass(slots=True)
class FakeApiGateway:
    """The APIs of one account and Region."""

    region: str = "eu-west-1"
    apis: dict[str, FakeApi] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def respond(
        self, method: str, url: str, body: bytes | str | None
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body of the response."""
        parts = urlsplit(url)
        path = [unquote(part) for part in parts.path.split("/")[2:]]  # without /v2/
        query, fields = parse_qs(parts.query), json.loads(body) if body else {}
        try:
            status, result = self._route(method, path, query, fields)
        except ApiGatewayError as error:
            status, code, message = error.args
            return status, {**_HEADERS, "x-amzn-errortype": code}, json.dumps({"message": message})
        return status, _HEADERS, json.dumps(result) if result is not None else ""

    def _route(
        self, method: str, path: list[str], query: dict[str, list[str]], fields: dict[str, Any]
    ) -> tuple[int, Any]:
        match method, path:
            case "POST", ["apis"]:
                return 201, self._create(fields)
            case "GET", ["apis"]:
                return 200, self._list(int(query.get("nextToken", ["0"])[0]))
            case "PATCH", ["apis", api_id]:
                self._api(api_id).description |= fields
                return 200, self._api(api_id).description
            case "DELETE", ["apis", api_id]:
                self._api(api_id)
                del self.apis[api_id]
            case "DELETE", ["apis", api_id, "cors"]:
                self._api(api_id).description.pop("corsConfiguration", None)
            case _, ["tags", *arn]:
                self._tag(method, "/".join(arn), fields, query)
            case _, ["apis", api_id, kind, *rest] if kind in _IDS:
                return self._part(method, self._api(api_id), kind, "".join(rest), fields)
            case _:
                raise AssertionError((method, path))
        return 204, None

    def _create(self, fields: dict[str, Any]) -> dict[str, Any]:
        number = next(self._numbers)
        api_id = f"api{number:07}"
        description = {
            "apiId": api_id,
            "apiEndpoint": f"https://{api_id}.execute-api.{self.region}.amazonaws.com",
            "createdDate": f"2026-11-30T00:00:{number:02}Z",
            "tags": {},
            **fields,
        }
        self.apis[api_id] = FakeApi(description)
        return description

    def _list(self, start: int) -> dict[str, Any]:
        found = [api.description for api in self.apis.values()]
        page: dict[str, Any] = {"items": found[start : start + PAGE]}
        return page | ({"nextToken": str(start + PAGE)} if start + PAGE < len(found) else {})

    def _api(self, api_id: str) -> FakeApi:
        if api_id not in self.apis:
            text = f"Invalid API identifier specified 123456789012:{api_id}"
            raise ApiGatewayError(404, "NotFoundException", text)
        return self.apis[api_id]

    def _tag(
        self, method: str, arn: str, fields: dict[str, Any], query: dict[str, list[str]]
    ) -> None:
        head, _, api_id = arn.rpartition("/")
        assert head == f"arn:aws:apigateway:{self.region}::/apis", arn
        tags = self._api(api_id).description["tags"]
        if method == "POST":
            tags |= fields["tags"]
        for key in query.get("tagKeys", ()):
            tags.pop(key, None)

    def _part(
        self, method: str, api: FakeApi, kind: str, part_id: str, fields: dict[str, Any]
    ) -> tuple[int, Any]:
        parts = api.parts[kind]
        if method == "GET":
            return 200, {"items": list(parts.values())}
        if method == "POST":
            return 201, self._create_part(api, kind, fields)
        if part_id not in parts:
            raise ApiGatewayError(404, "NotFoundException", f"Invalid {kind[:-1]} {part_id}")
        if method == "DELETE":
            del parts[part_id]
            return 204, None
        limits = parts[part_id].get("defaultRouteSettings", {})
        parts[part_id] |= fields
        if "defaultRouteSettings" in fields:
            parts[part_id]["defaultRouteSettings"] = {**limits, **fields["defaultRouteSettings"]}
        return 200, parts[part_id]

    def _create_part(self, api: FakeApi, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        key = _KEYS.get(kind)
        if key and any(part[key] == fields[key] for part in api.parts[kind].values()):
            text = f"{kind[:-1].title()} with key {fields[key]} already exists for this API"
            raise ApiGatewayError(409, "ConflictException", text)
        target = fields.get("target", "integrations/").removeprefix("integrations/")
        if target and target not in api.parts["integrations"]:
            raise ApiGatewayError(404, "NotFoundException", f"Invalid integration {target}")
        part_id = str(fields.get(_IDS[kind], f"{kind[:1]}{next(self._numbers):06}"))
        api.parts[kind][part_id] = {_IDS[kind]: part_id, **fields}
        return api.parts[kind][part_id]
