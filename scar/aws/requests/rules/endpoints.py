"""The rules of HTTP APIs and function URLs.

Values that the service models describe without a constraint are from the developer guides: "HTTP
APIs: configure CORS", "throttle requests", and Lambda's "function URLs: CORS".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    check_enum,
    check_length,
    check_range,
    get_number,
    get_structure,
    get_text,
)
from scar.aws.requests.rules.lambda_ import check_function_name
from scar.aws.requests.rules.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTHORIZATION = ("AWS_IAM", "NONE")
CORS_METHODS = ("*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
"""The methods that both services accept in CORS; OPTIONS is answered by them."""


def check_create_api(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateApi."""
    yield from _check_api_name(parameters)
    yield from check_enum(
        get_text(parameters, "ProtocolType"), ("HTTP", "WEBSOCKET"), "protocolType"
    )
    yield from _check_cors(get_structure(parameters, "CorsConfiguration"), "BadRequestException")
    yield from check_tags(parameters, "Tags")


def check_update_api(parameters: Parameters) -> Iterator[RuleViolation]:
    """UpdateApi."""
    yield from _check_api_name(parameters)
    yield from _check_cors(get_structure(parameters, "CorsConfiguration"), "BadRequestException")


def check_integration(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateIntegration and UpdateIntegration."""
    yield from check_range(
        get_number(parameters, "TimeoutInMillis"), limits.HTTP_API_TIMEOUT, "timeoutInMillis"
    )
    version = get_text(parameters, "PayloadFormatVersion")
    yield from check_enum(version, ("1.0", "2.0"), "payloadFormatVersion")


def check_stage(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateStage and UpdateStage."""
    settings = get_structure(parameters, "DefaultRouteSettings")
    for name, limit in (
        ("ThrottlingRateLimit", limits.HTTP_API_RATE),
        ("ThrottlingBurstLimit", limits.HTTP_API_BURST),
    ):
        yield from check_range(get_number(settings, name), limit, name)


def check_function_url(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateFunctionUrlConfig and UpdateFunctionUrlConfig."""
    yield from check_function_name(parameters)
    yield from check_enum(get_text(parameters, "AuthType"), _AUTHORIZATION, "authType")
    yield from _check_cors(get_structure(parameters, "Cors"), "InvalidParameterValueException")


def _check_api_name(parameters: Parameters) -> Iterator[RuleViolation]:
    yield from check_length(get_text(parameters, "Name"), limits.HTTP_API_NAME, "name")


def _check_cors(cors: Parameters, code: str) -> Iterator[RuleViolation]:
    origins, methods = _texts(cors, "AllowOrigins"), _texts(cors, "AllowMethods")
    for method in methods:
        yield from check_enum(method, CORS_METHODS, "allowMethods")
    for name in ("AllowHeaders", "ExposeHeaders", "AllowOrigins"):
        if not limits.CORS_ENTRIES.allows(len(_texts(cors, name))):
            yield RuleViolation(code, f"{name} has more than {limits.CORS_ENTRIES.maximum} entries")
    if cors.get("AllowCredentials") and "*" in origins:
        yield RuleViolation(code, "allowCredentials is not supported for origin *")
    yield from check_range(get_number(cors, "MaxAge"), limits.CORS_MAX_AGE, "maxAge")


def _texts(parameters: Parameters, name: str) -> tuple[str, ...]:
    values = parameters.get(name)
    return tuple(map(str, values)) if isinstance(values, list | tuple) else ()
