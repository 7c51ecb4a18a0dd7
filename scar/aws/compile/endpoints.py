"""Compile a function's HTTP endpoint: an HTTP API or a function URL, and its ``function.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scar.aws.model import names
from supervisor.connections import EndpointAuthentication, EndpointConfig, EndpointKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import CorsRules, HttpEndpoint
    from scar.fdl.model import ApiGatewaySpec

    Authorization = Literal["AWS_IAM", "NONE"]

DEFAULT_METHODS = ("DELETE", "GET", "POST", "PUT")
# What an endpoint understands (``supervisor``), so that pages can use all of it.
_REQUEST_HEADERS = ("content-type", "prefer", "x-amz-invocation-type", "x-scar-body")
# Of a request that is signed with Signature Version 4.
_SIGNATURE_HEADERS = (
    "authorization",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
)
_RESPONSE_HEADERS = ("x-scar-run-id",)


def compile_endpoint(function: Function, account: Account) -> Iterator[HttpEndpoint]:
    """Yield the endpoint, if the function has one."""
    spec = function.endpoint
    if spec is None:
        return
    from scar.aws.model.resources import FunctionUrl, HttpApi

    authorization: Authorization = "NONE" if spec.authentication == "NONE" else "AWS_IAM"
    if spec.type_ == "url":
        yield FunctionUrl(name=function.name, authorization=authorization, cors=_cors_rules(spec))
        return
    own = {names.FUNCTION_TAG: function.name, names.MANAGED_TAG: "true"}
    yield HttpApi(
        name=function.name,
        api_name=spec.name,
        function_arn=account.arn("lambda", f"function:{function.name}"),
        authorization=authorization,
        cors=_cors_rules(spec),
        rate=spec.throttling.rate,
        burst=spec.throttling.burst,
        tags=tuple(sorted({**dict(function.tags), **own}.items())),
    )


def endpoint_tag(function: Function) -> str:
    """Return the value of the function's tag, such as ``http:IAM``; empty without an endpoint."""
    spec = function.endpoint
    return f"{spec.type_}:{spec.authentication}" if spec else ""


def endpoint_config(function: Function) -> EndpointConfig | None:
    """Return what the supervisor must know of the endpoint; None without one."""
    spec = function.endpoint
    if spec is None:
        return None
    return EndpointConfig(
        kind=EndpointKind(spec.type_),
        authentication=EndpointAuthentication(spec.authentication),
        max_body=spec.max_body,
        allow_origins=_cors_rules(spec).allow_origins,
    )


def _cors_rules(spec: ApiGatewaySpec) -> CorsRules:
    from scar.aws.model.resources import CorsRules

    cors = spec.cors
    if not cors.allow_origins:
        return CorsRules()
    needed = _REQUEST_HEADERS + (_SIGNATURE_HEADERS if spec.authentication == "IAM" else ())
    return CorsRules(
        allow_origins=tuple(sorted({*cors.allow_origins})),
        allow_methods=tuple(sorted({m.upper() for m in cors.allow_methods} or DEFAULT_METHODS)),
        allow_headers=_with_needed(cors.allow_headers, needed),
        expose_headers=_with_needed(cors.expose_headers, _RESPONSE_HEADERS),
        allow_credentials=cors.allow_credentials,
        max_age=cors.max_age,
    )


def _with_needed(headers: tuple[str, ...], needed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the headers with those that scar's endpoints use, unless all are allowed."""
    named = {header.lower() for header in headers}
    return ("*",) if named == {"*"} else tuple(sorted(named.union(needed)))
