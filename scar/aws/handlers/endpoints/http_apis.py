"""HTTP APIs of Amazon API Gateway, each with integration, route, stage and permission."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.handlers.endpoints.cors import read_cors
from scar.aws.handlers.endpoints.policy_statements import (
    are_as_requested,
    read_statements,
    set_statements,
)
from scar.aws.model import names
from scar.aws.model.resources import HttpApi
from scar.aws.model.tags import changed_tags, relevant_tags
from scar.aws.requests import endpoint_requests as requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy_boto3_lambda import LambdaClient

    from scar.aws.client.api_gateway import ApiGatewayClient
    from scar.aws.handlers.endpoints.api_listing import ApiDescription, ApiListing
    from scar.aws.model.account import Account

_FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d+:function:[\w-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What an API consists of, as API Gateway describes it; empty for a new API."""

    integrations: Sequence[Mapping[str, Any]] = ()
    routes: Sequence[Mapping[str, Any]] = ()
    stages: Sequence[Mapping[str, Any]] = ()

    @property
    def default_route(self) -> Mapping[str, Any]:
        found = (r for r in self.routes if r["RouteKey"] == requests.DEFAULT_ROUTE)
        return next(found, {})

    @property
    def default_integration(self) -> Mapping[str, Any]:
        """The integration that the default route leads to, or any that scar may use for it."""
        target = self.default_route.get("Target", "")
        return next(
            (i for i in self.integrations if requests.route_target(i["IntegrationId"]) == target),
            next(iter(self.integrations), {}),
        )

    @property
    def default_stage(self) -> Mapping[str, Any]:
        return next((s for s in self.stages if s["StageName"] == requests.DEFAULT_STAGE), {})

    @property
    def other_routes(self) -> dict[str, str]:
        """The ids of the routes that are not scar's, by route key."""
        others = (r for r in self.routes if r["RouteKey"] != requests.DEFAULT_ROUTE)
        return {r["RouteKey"]: r["RouteId"] for r in others}


@dataclass(frozen=True, slots=True)
class HttpApiHandler:
    """Handles the API with a function's tag; others, of any name, belong to other tools.

    The stage, which makes an API reachable, is created last. Several APIs with the tag come from
    requests whose response was lost: that which the function's policy names stays.
    """

    client: ApiGatewayClient
    lambda_: LambdaClient
    listing: ApiListing
    account: Callable[[], Account]

    def read(self, resource: HttpApi) -> HttpApi | None:
        apis = self.listing.of_function(resource.function)
        if not apis:
            return None
        statements = self._read(resource.function)
        api = self._choose_api(apis, statements)
        try:
            parts = self._read_parts(api["ApiId"])
        except self.client.exceptions.NotFoundException:
            return None  # deleted meanwhile
        expected = [requests.api_permission_request(resource.function, self._source_arn(api))]
        throttling = parts.default_stage.get("DefaultRouteSettings", {})
        return HttpApi(
            name=resource.name,
            api_name=api["Name"],
            function_arn=_target_function(parts),
            authorization=parts.default_route.get("AuthorizationType", "NONE"),
            cors=read_cors(api.get("CorsConfiguration")),
            rate=float(throttling.get("ThrottlingRateLimit") or 0),
            burst=int(throttling.get("ThrottlingBurstLimit") or 0),
            tags=relevant_tags(api.get("Tags", {}), resource.tags),
            is_deployed=bool(parts.default_stage.get("AutoDeploy")),
            other_routes=tuple(sorted(parts.other_routes)),
            duplicates=len(apis) - 1,
            policy_matches=are_as_requested(statements, expected),
            url=api_url(api),
        )

    def find_all(self, functions: Iterable[str]) -> dict[str, ApiDescription]:
        """Return the APIs of functions, by function; those without one are left out."""
        found = self.listing.by_function()
        own = {function: found[function] for function in functions if function in found}
        return {
            function: apis[0] if len(apis) == 1 else self._choose_api(apis, self._read(function))
            for function, apis in own.items()
        }

    def _read(self, function: str) -> dict[str, dict[str, Any]]:
        return read_statements(self.lambda_, function, [names.API_STATEMENT_ID])

    def create(self, resource: HttpApi) -> None:
        apis = self.listing.of_function(resource.function)
        if apis:
            self._update(apis, resource, resource)
        else:
            self._create(resource)

    def _create(self, resource: HttpApi) -> None:
        api = self.client.create_api(**requests.create_api_request(resource))
        self.listing.add({"ProtocolType": "HTTP", **api, "Tags": dict(resource.tags)})
        self._complete(api, _Parts(), resource)

    def update(self, observed: HttpApi, desired: HttpApi) -> None:
        apis = self.listing.of_function(desired.function)
        if apis:
            self._update(apis, observed, desired)
        else:
            self._create(desired)

    def _update(self, apis: Sequence[ApiDescription], observed: HttpApi, desired: HttpApi) -> None:
        statements = self._read(desired.function)
        api = self._choose_api(apis, statements)
        self._update_api(api, observed, desired)
        self._complete(api, self._read_parts(api["ApiId"]), desired)
        for other in apis:
            if other["ApiId"] != api["ApiId"]:
                self._delete_api(other["ApiId"])

    def delete(self, resource: HttpApi) -> None:
        for api in self.listing.of_function(resource.function):
            self._delete_api(api["ApiId"])
        set_statements(self.lambda_, resource.function, [names.API_STATEMENT_ID], ())

    def _choose_api(
        self, apis: Sequence[ApiDescription], statements: Mapping[str, Any]
    ) -> ApiDescription:
        """Return the API that may invoke the function, or else the oldest."""
        permitted = str(statements)
        return next((api for api in apis if f":{api['ApiId']}/" in permitted), apis[0])

    def _read_parts(self, api_id: str) -> _Parts:
        client = self.client
        return _Parts(
            integrations=_items(client.get_paginator("get_integrations"), api_id),
            routes=_items(client.get_paginator("get_routes"), api_id),
            stages=_items(client.get_paginator("get_stages"), api_id),
        )

    def _update_api(self, api: ApiDescription, observed: HttpApi, desired: HttpApi) -> None:
        current = read_cors(api.get("CorsConfiguration"))
        if (api["Name"], current) != (desired.api_name, desired.cors):
            self.client.update_api(**requests.update_api_request(api["ApiId"], desired))
        if current.allow_origins and not desired.cors.allow_origins:
            self.client.delete_cors_configuration(ApiId=api["ApiId"])
        to_set, to_remove = changed_tags(
            relevant_tags(api.get("Tags", {}), (*observed.tags, *desired.tags)), desired.tags
        )
        account = self.account()
        # The only ARNs without an account's id.
        resource = f"{account.region}::/apis/{api['ApiId']}"
        arn = f"arn:{account.partition}:apigateway:{resource}"
        if to_set:
            # With the tag of the function, by which the caller's policy allows the request.
            own = {names.FUNCTION_TAG: desired.function}
            self.client.tag_resource(ResourceArn=arn, Tags={**own, **to_set})
        if to_remove:
            self.client.untag_resource(ResourceArn=arn, TagKeys=to_remove)

    def _complete(self, api: ApiDescription, parts: _Parts, desired: HttpApi) -> None:
        """Create what is missing, and change what differs, in an order that opens nothing early."""
        api_id = api["ApiId"]
        integration = self._set_integration(api_id, parts, desired)
        self._set_route(api_id, parts, desired, integration)
        for route_id in parts.other_routes.values():
            self.client.delete_route(ApiId=api_id, RouteId=route_id)
        request = requests.api_permission_request(desired.function, self._source_arn(api))
        set_statements(self.lambda_, desired.function, [names.API_STATEMENT_ID], [request])
        self._set_stage(api_id, parts, desired)

    def _set_integration(self, api_id: str, parts: _Parts, desired: HttpApi) -> str:
        settings, found = requests.integration_settings(desired), parts.default_integration
        if not found:
            created = self.client.create_integration(ApiId=api_id, **settings)
            return str(created["IntegrationId"])
        integration_id = str(found["IntegrationId"])
        if any(found.get(key) != value for key, value in settings.items()):
            self.client.update_integration(ApiId=api_id, IntegrationId=integration_id, **settings)
        return integration_id

    def _set_route(self, api_id: str, parts: _Parts, desired: HttpApi, integration_id: str) -> None:
        settings, found = requests.route_settings(desired, integration_id), parts.default_route
        if not found:
            self.client.create_route(ApiId=api_id, **settings)
        elif any(found.get(key) != value for key, value in settings.items()):
            self.client.update_route(ApiId=api_id, RouteId=found["RouteId"], **settings)

    def _set_stage(self, api_id: str, parts: _Parts, desired: HttpApi) -> None:
        settings, found = requests.stage_settings(desired), parts.default_stage
        limits = settings["DefaultRouteSettings"]
        current = found.get("DefaultRouteSettings", {})
        if not found:
            self.client.create_stage(ApiId=api_id, **settings)
        elif not found.get("AutoDeploy") or any(current.get(k) != v for k, v in limits.items()):
            self.client.update_stage(ApiId=api_id, **settings)

    def _delete_api(self, api_id: str) -> None:
        with contextlib.suppress(self.client.exceptions.NotFoundException):
            self.client.delete_api(ApiId=api_id)
        self.listing.remove(api_id)

    def _source_arn(self, api: ApiDescription) -> str:
        return self.account().arn("execute-api", f"{api['ApiId']}/*/*")


def api_url(api: ApiDescription) -> str:
    """Return the address of the default stage, which AWS returns without a slash at the end."""
    return f"{str(api['ApiEndpoint']).rstrip('/')}/"


def _items(paginator: Any, api_id: str) -> list[Mapping[str, Any]]:  # noqa: ANN401 - boto3's
    return [item for page in paginator.paginate(ApiId=api_id) for item in page["Items"]]


def _target_function(parts: _Parts) -> str:
    """Return the function's ARN of the default route's integration, if it is as scar's is."""
    route, integration = parts.default_route, parts.default_integration
    if not integration or route.get("Target") != requests.route_target(
        integration["IntegrationId"]
    ):
        return ""
    if integration.get("PayloadFormatVersion") != requests.PAYLOAD_FORMAT:
        return ""
    found = _FUNCTION_ARN.search(integration.get("IntegrationUri", ""))
    return found[0] if found else ""
