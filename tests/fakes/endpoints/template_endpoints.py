"""Parse the HTTP endpoints of a CloudFormation template, each from its several resources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Entry = Mapping[str, Any]

API, URL = "AWS::ApiGatewayV2::Api", "AWS::Lambda::Url"
PERMISSION = "AWS::Lambda::Permission"


def is_endpoint_part(entry: Entry) -> bool:
    """Return whether a resource is an endpoint or belongs to one."""
    of_bucket = entry["Properties"].get("Principal") == "s3.amazonaws.com"
    is_permission = entry["Type"] == PERMISSION and not of_bucket
    return entry["Type"].startswith("AWS::ApiGatewayV2::") or is_permission or entry["Type"] == URL


def read_endpoints(
    entries: Mapping[str, Entry], values: Mapping[str, object], evaluate: Callable[[Any], Any]
) -> Iterator[resources.HttpApi | resources.FunctionUrl]:
    """Yield the endpoints; ``evaluate`` replaces intrinsic functions with ``values``."""
    for logical_id, entry in entries.items():
        if entry["Type"] == API:
            yield _api(logical_id, entries, values, evaluate)
        elif entry["Type"] == URL:
            yield _url(logical_id, entries, evaluate)


def _api(
    api: str,
    entries: Mapping[str, Entry],
    values: Mapping[str, object],
    evaluate: Callable[[Any], Any],
) -> resources.HttpApi:
    own = {
        e["Type"].rpartition("::")[2]: (name, e["Properties"])
        for name, e in entries.items()
        if e["Properties"].get("ApiId") == {"Ref": api}
    }
    description = evaluate(entries[api]["Properties"])
    integration_id, integration = own["Integration"]
    _, route = own["Route"]
    _, stage = own["Stage"]
    assert route["RouteKey"] == "$default"
    assert route["Target"] == {"Fn::Join": ["/", ["integrations", {"Ref": integration_id}]]}
    assert (stage["StageName"], integration["IntegrationType"]) == ("$default", "AWS_PROXY")
    assert integration["PayloadFormatVersion"] == "2.0"
    arn = evaluate(integration["IntegrationUri"])
    (permission,) = _permissions(api, entries)
    assert permission["SourceArn"]["Fn::Sub"].endswith(f":${{{api}}}/*/*")
    assert evaluate(permission["FunctionName"]) == arn.rpartition(":")[2]
    assert values
    limits = stage["DefaultRouteSettings"]
    return resources.HttpApi(
        name=arn.rpartition(":")[2],
        api_name=description["Name"],
        function_arn=arn,
        authorization=route["AuthorizationType"],
        cors=_cors(description.get("CorsConfiguration")),
        rate=limits["ThrottlingRateLimit"],
        burst=limits["ThrottlingBurstLimit"],
        tags=tuple(description["Tags"].items()),
        is_deployed=stage["AutoDeploy"],
    )


def _url(
    url: str, entries: Mapping[str, Entry], evaluate: Callable[[Any], Any]
) -> resources.FunctionUrl:
    description = evaluate(entries[url]["Properties"])
    actions = {p["Action"] for p in _permissions(url, entries)}
    is_open = actions == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    return resources.FunctionUrl(
        name=description["TargetFunctionArn"],
        authorization=description["AuthType"],
        cors=_cors(description.get("Cors")),
        policy_matches=is_open == (description["AuthType"] == "NONE"),
    )


def _permissions(endpoint: str, entries: Mapping[str, Entry]) -> list[dict[str, Any]]:
    return [
        e["Properties"]
        for e in entries.values()
        if e["Type"] == PERMISSION
        and (f"${{{endpoint}}}" in str(e) or e.get("DependsOn") == [endpoint])
    ]


def _cors(found: Mapping[str, Any] | None) -> resources.CorsRules:
    if not found:
        return resources.CorsRules()
    return resources.CorsRules(
        allow_origins=tuple(found["AllowOrigins"]),
        allow_methods=tuple(found["AllowMethods"]),
        allow_headers=tuple(found["AllowHeaders"]),
        expose_headers=tuple(found["ExposeHeaders"]),
        allow_credentials=found["AllowCredentials"],
        max_age=found["MaxAge"],
    )
