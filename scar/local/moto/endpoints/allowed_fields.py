"""The fields of endpoints that the local cloud implements, for ``scar.local.moto.fields``.

Nested fields have two spellings: that of botocore, and that of the HTTP request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    AllowedField = Mapping[str, "AllowedField"] | frozenset[str] | None


def _any(text: str) -> dict[str, AllowedField]:
    return dict.fromkeys(text.split())


def _both_spellings(text: str) -> dict[str, AllowedField]:
    names = text.split()
    return dict.fromkeys([*names, *(name[0].lower() + name[1:] for name in names)])


_CORS = _both_spellings(
    "AllowCredentials AllowHeaders AllowMethods AllowOrigins ExposeHeaders MaxAge"
)
_API: Mapping[str, AllowedField] = {
    **_any("Name Description Version Tags"),
    "CorsConfiguration": _CORS,
    "ProtocolType": frozenset({"HTTP"}),
    "RouteSelectionExpression": frozenset({"$request.method $request.path"}),
    "IpAddressType": frozenset({"ipv4"}),
}
_INTEGRATION: Mapping[str, AllowedField] = {
    **_any("ApiId IntegrationId Description IntegrationUri TimeoutInMillis"),
    "IntegrationType": frozenset({"AWS_PROXY"}),
    "IntegrationMethod": frozenset({"POST"}),
    "ConnectionType": frozenset({"INTERNET"}),
    "PayloadFormatVersion": frozenset({"2.0"}),
}
_ROUTE: Mapping[str, AllowedField] = {
    **_any("ApiId RouteId OperationName Target"),
    "AuthorizationType": frozenset({"NONE", "AWS_IAM"}),
    "RouteKey": frozenset({"$default"}),
}
_STAGE: Mapping[str, AllowedField] = {
    **_any("ApiId Description AutoDeploy Tags"),
    "StageName": frozenset({"$default"}),
    "DefaultRouteSettings": _both_spellings("ThrottlingBurstLimit ThrottlingRateLimit"),
}
_URL: Mapping[str, AllowedField] = {
    **_any("FunctionName AuthType"),
    "Cors": _any("AllowCredentials AllowHeaders AllowMethods AllowOrigins ExposeHeaders MaxAge"),
    "InvokeMode": frozenset({"BUFFERED"}),
}

API_GATEWAY_FIELDS: Mapping[str, Mapping[str, AllowedField]] = {
    "CreateApi": _API,
    "UpdateApi": {**_API, "ApiId": None},
    "CreateIntegration": _INTEGRATION,
    "UpdateIntegration": _INTEGRATION,
    "CreateRoute": _ROUTE,
    "UpdateRoute": _ROUTE,
    "CreateStage": _STAGE,
    "UpdateStage": _STAGE,
}
FUNCTION_URL_FIELDS: Mapping[str, Mapping[str, AllowedField]] = {
    "CreateFunctionUrlConfig": _URL,
    "UpdateFunctionUrlConfig": _URL,
    # Of the same form without a qualifier: versions and aliases are not emulated.
    "GetFunctionUrlConfig": _any("FunctionName"),
    "DeleteFunctionUrlConfig": _any("FunctionName"),
    "ListFunctionUrlConfigs": _any("FunctionName Marker MaxItems"),
}
