"""Requests that create and update HTTP APIs, function URLs, and the permissions that they need.

HTTP APIs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
Function URLs: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model import names

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        AddPermissionRequestTypeDef,
        CorsTypeDef,
        CreateFunctionUrlConfigRequestTypeDef,
    )

    from scar.aws.model.resources import CorsRules, FunctionUrl, HttpApi

    # No type stubs of API Gateway are installed.
    ApiRequest = dict[str, Any]

DEFAULT_ROUTE = "$default"
DEFAULT_STAGE = "$default"
PAYLOAD_FORMAT = "2.0"
# Milliseconds, the most that API Gateway allows.
INTEGRATION_TIMEOUT = 30_000


def create_api_request(resource: HttpApi) -> ApiRequest:
    request: ApiRequest = {
        "Name": resource.api_name,
        "ProtocolType": "HTTP",
        "Tags": dict(resource.tags),
    }
    if resource.cors.allow_origins:
        request["CorsConfiguration"] = cors_configuration(resource.cors)
    return request


def update_api_request(api_id: str, resource: HttpApi) -> ApiRequest:
    """Return name and CORS; CORS is removed by a request of its own."""
    request: ApiRequest = {"ApiId": api_id, "Name": resource.api_name}
    if resource.cors.allow_origins:
        request["CorsConfiguration"] = cors_configuration(resource.cors)
    return request


def integration_settings(resource: HttpApi) -> ApiRequest:
    return {
        "IntegrationType": "AWS_PROXY",
        "IntegrationMethod": "POST",
        "IntegrationUri": resource.function_arn,
        "PayloadFormatVersion": PAYLOAD_FORMAT,
        "TimeoutInMillis": INTEGRATION_TIMEOUT,
    }


def route_settings(resource: HttpApi, integration_id: str) -> ApiRequest:
    return {
        "RouteKey": DEFAULT_ROUTE,
        "AuthorizationType": resource.authorization,
        "Target": route_target(integration_id),
    }


def route_target(integration_id: str) -> str:
    return f"integrations/{integration_id}"


def stage_settings(resource: HttpApi) -> ApiRequest:
    return {
        "StageName": DEFAULT_STAGE,
        "AutoDeploy": True,
        "DefaultRouteSettings": {
            "ThrottlingRateLimit": resource.rate,
            "ThrottlingBurstLimit": resource.burst,
        },
    }


def api_permission_request(function: str, source_arn: str) -> AddPermissionRequestTypeDef:
    """Allow the requests of one API, whatever their stage, method and path."""
    return {
        "FunctionName": function,
        "StatementId": names.API_STATEMENT_ID,
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": source_arn,
    }


def url_permission_requests(resource: FunctionUrl) -> list[AddPermissionRequestTypeDef]:
    """Allow everybody to call a URL without authentication; otherwise nothing.

    A signed request needs no permission here: the policy of an identity of the account suffices.
    Since October 2025 both actions are checked.
    """
    if resource.authorization != "NONE":
        return []
    url, invoke = names.URL_STATEMENT_IDS
    return [
        {
            "FunctionName": resource.function,
            "StatementId": url,
            "Action": "lambda:InvokeFunctionUrl",
            "Principal": "*",
            "FunctionUrlAuthType": "NONE",
        },
        {
            "FunctionName": resource.function,
            "StatementId": invoke,
            "Action": "lambda:InvokeFunction",
            "Principal": "*",
            "InvokedViaFunctionUrl": True,
        },
    ]


def function_url_request(resource: FunctionUrl) -> CreateFunctionUrlConfigRequestTypeDef:
    """Return the request that creates or updates the URL; an empty ``Cors`` removes CORS."""
    cors: CorsTypeDef = {}
    if resource.cors.allow_origins:
        cors = cors_configuration(resource.cors)  # type: ignore[assignment]
    return {
        "FunctionName": resource.function,
        "AuthType": resource.authorization,
        "Cors": cors,
        "InvokeMode": "BUFFERED",
    }


def cors_configuration(cors: CorsRules) -> ApiRequest:
    """Return CORS as both services have it."""
    return {
        "AllowOrigins": list(cors.allow_origins),
        "AllowMethods": list(cors.allow_methods),
        "AllowHeaders": list(cors.allow_headers),
        "ExposeHeaders": list(cors.expose_headers),
        "AllowCredentials": cors.allow_credentials,
        "MaxAge": cors.max_age,
    }
