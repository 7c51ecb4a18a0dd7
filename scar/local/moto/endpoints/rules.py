"""AWS's rules for the parameters of endpoints, with errors as AWS has them.

Sources: the API references of API Gateway V2 and of Lambda, November 2026. Nested parameters are
named as in the HTTP request: API Gateway begins them with a small letter, Lambda with a capital.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.local.moto.error_responses import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Parameters = Mapping[str, object]

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "DELETE", "*"})
_ORIGIN = re.compile(r"\*|https?://\*|[a-z][a-z0-9+.-]*://[^\s/?#]+", re.IGNORECASE)
_HEADER = re.compile(r"\*|[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FUNCTION_ARN = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}")
_INVOCATION_ARN = re.compile(
    r"arn:[a-z-]+:apigateway:[a-z0-9-]+:lambda:path/2015-03-31/functions/(.+)/invocations"
)
MAX_AGE = 86400
MAX_TAGS = 50
_TIMEOUTS = range(50, 30001)  # milliseconds; HTTP APIs
_MAX_RATE, _MAX_BURST = 10000, 5000  # the account's throttle quotas


def find_endpoint_violation(
    service: str, operation: str, parameters: Parameters
) -> ApiError | None:
    """Return AWS's error for the first rule that the parameters break, or None."""
    rules = _RULES.get((service, operation))
    return next(rules(parameters), None) if rules else None


def bad_request(message: str) -> ApiError:
    """Return API Gateway's error for an invalid parameter."""
    return ApiError(code="BadRequestException", message=message)


def function_of(integration_uri: str) -> str:
    """Return the function's ARN in an integration's URI, empty if it has none."""
    wrapped = _INVOCATION_ARN.fullmatch(integration_uri)
    arn = wrapped[1] if wrapped else integration_uri
    return arn if _FUNCTION_ARN.fullmatch(arn) else ""


def _check_api(parameters: Parameters) -> Iterator[ApiError]:
    yield from _check_text(parameters, "Name", 128)
    yield from _check_text(parameters, "Description", 1024)
    yield from _check_text(parameters, "Version", 64)
    cors = parameters.get("CorsConfiguration")
    if isinstance(cors, dict):
        yield from _check_api_cors(cors)
    yield from check_tags(parameters.get("Tags"))


def _check_new_api(parameters: Parameters) -> Iterator[ApiError]:
    if not parameters.get("Name"):
        yield bad_request("Name must not be null or empty")
    if not parameters.get("ProtocolType"):
        yield bad_request("ProtocolType must not be null")
    yield from _check_api(parameters)


def _check_api_cors(cors: Parameters) -> Iterator[ApiError]:
    origins, methods = _texts(cors, "allowOrigins"), _texts(cors, "allowMethods")
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            yield bad_request(
                f"Invalid format for origin {origin}: origins are *, https://*, http://* or a"
                " scheme with a host"
            )
    for method in methods:
        if method not in _METHODS:
            yield bad_request(f"Invalid HTTP method {method} in allowMethods")
    for name in (*_texts(cors, "allowHeaders"), *_texts(cors, "exposeHeaders")):
        if not _HEADER.fullmatch(name):
            yield bad_request(f"Invalid header name {name} in the CORS configuration")
    if cors.get("allowCredentials") and "*" in origins:
        yield bad_request("AllowCredentials cannot be true if AllowOrigins contains *")
    yield from _check_max_age(cors)


def _check_max_age(cors: Parameters) -> Iterator[ApiError]:
    age = cors.get("maxAge", 0)
    if not isinstance(age, int) or not -1 <= age <= MAX_AGE:
        yield bad_request(f"MaxAge must be between -1 and {MAX_AGE}")


def _check_integration(parameters: Parameters) -> Iterator[ApiError]:
    timeout = parameters.get("TimeoutInMillis")
    if timeout is not None and (not isinstance(timeout, int) or timeout not in _TIMEOUTS):
        yield bad_request("Timeout should be between 50 ms and 30000 ms")
    uri = parameters.get("IntegrationUri")
    if uri is not None and not function_of(str(uri)):
        yield bad_request(f"Invalid function ARN or invalid uri: {uri}")
    yield from _check_text(parameters, "Description", 1024)


def _check_new_integration(parameters: Parameters) -> Iterator[ApiError]:
    if not parameters.get("IntegrationType"):
        yield bad_request("IntegrationType must not be null")
    if not parameters.get("IntegrationUri"):
        yield bad_request("IntegrationUri must be specified for integrations of type AWS_PROXY")
    if not parameters.get("PayloadFormatVersion"):
        yield bad_request("PayloadFormatVersion is a required parameter for integration")
    yield from _check_integration(parameters)


def _check_route(parameters: Parameters) -> Iterator[ApiError]:
    target = parameters.get("Target")
    if target is not None and not re.fullmatch(r"integrations/[a-z0-9]+", str(target)):
        yield bad_request(f"Invalid target {target}: it must be integrations/<integration id>")
    yield from _check_text(parameters, "OperationName", 64)


def _check_new_route(parameters: Parameters) -> Iterator[ApiError]:
    if not parameters.get("RouteKey"):
        yield bad_request("RouteKey must not be null or empty")
    yield from _check_route(parameters)


def _check_stage(parameters: Parameters) -> Iterator[ApiError]:
    yield from _check_text(parameters, "Description", 1024)
    yield from check_tags(parameters.get("Tags"))
    settings = parameters.get("DefaultRouteSettings")
    if not isinstance(settings, dict):
        return
    rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
    if rate is not None and (not isinstance(rate, int | float) or not 0 <= rate <= _MAX_RATE):
        yield bad_request(f"Rate limit must be between 0 and {_MAX_RATE}")
    if burst is not None and (not isinstance(burst, int) or not 0 <= burst <= _MAX_BURST):
        yield bad_request(f"Burst limit must be between 0 and {_MAX_BURST}")


def _check_new_stage(parameters: Parameters) -> Iterator[ApiError]:
    if not parameters.get("StageName"):
        yield bad_request("StageName must not be null or empty")
    yield from _check_stage(parameters)


def check_tags(tags: object) -> Iterator[ApiError]:
    """Yield API Gateway's errors for tags."""
    if not isinstance(tags, dict):
        return
    if len(tags) > MAX_TAGS:
        yield bad_request(f"A resource can have at most {MAX_TAGS} tags")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            yield bad_request(f"Invalid tag key {key}")
        if not isinstance(value, str) or len(value) > 256:
            yield bad_request(f"Invalid value of tag {key}")


def _check_tag_call(parameters: Parameters) -> Iterator[ApiError]:
    yield from check_tags(parameters.get("Tags"))


def _check_url(parameters: Parameters) -> Iterator[ApiError]:
    auth = parameters.get("AuthType")
    if auth is not None and auth not in ("NONE", "AWS_IAM"):
        yield _lambda_violation("authType", auth, "satisfy enum value set: [NONE, AWS_IAM]")
    cors = parameters.get("Cors")
    if not isinstance(cors, dict):
        return
    for method in _texts(cors, "AllowMethods"):
        if len(method) > 6:  # so OPTIONS is refused, which the service answers itself
            yield _lambda_violation(
                "cors.allowMethods", method, "have length less than or equal to 6"
            )
    for origin in _texts(cors, "AllowOrigins"):
        if not _ORIGIN.fullmatch(origin) or len(origin) > 253:
            yield _lambda_violation("cors.allowOrigins", origin, "be an origin")
    age = cors.get("MaxAge", 0)
    if not isinstance(age, int) or not 0 <= age <= MAX_AGE:
        yield _lambda_violation("cors.maxAge", age, f"be between 0 and {MAX_AGE}")


def _check_new_url(parameters: Parameters) -> Iterator[ApiError]:
    if not parameters.get("AuthType"):
        yield _lambda_violation("authType", None, "not be null")
    yield from _check_url(parameters)


def _check_permission(parameters: Parameters) -> Iterator[ApiError]:
    action, auth = parameters.get("Action"), parameters.get("FunctionUrlAuthType")
    if auth is not None and auth not in ("NONE", "AWS_IAM"):
        yield _lambda_violation("functionUrlAuthType", auth, "be one of: [NONE, AWS_IAM]")
    if auth is not None and action != "lambda:InvokeFunctionUrl":
        yield ApiError(
            code="InvalidParameterValueException",
            message="FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        )
    if parameters.get("InvokedViaFunctionUrl") and action != "lambda:InvokeFunction":
        yield ApiError(
            code="InvalidParameterValueException",
            message="InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action",
        )


def _lambda_violation(field: str, value: object, rule: str) -> ApiError:
    return ApiError(
        code="ValidationException",
        message=f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy"
        f" constraint: Member must {rule}",
    )


def _check_text(parameters: Parameters, name: str, longest: int) -> Iterator[ApiError]:
    value = parameters.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > longest):
        yield bad_request(f"{name} must be a string of at most {longest} characters")


def _texts(structure: Parameters, name: str) -> tuple[str, ...]:
    value = structure.get(name)
    return tuple(map(str, value)) if isinstance(value, list) else ()


_RULES: Mapping[tuple[str, str], Callable[[Parameters], Iterator[ApiError]]] = {
    ("apigateway", "CreateApi"): _check_new_api,
    ("apigateway", "UpdateApi"): _check_api,
    ("apigateway", "CreateIntegration"): _check_new_integration,
    ("apigateway", "UpdateIntegration"): _check_integration,
    ("apigateway", "CreateRoute"): _check_new_route,
    ("apigateway", "UpdateRoute"): _check_route,
    ("apigateway", "CreateStage"): _check_new_stage,
    ("apigateway", "UpdateStage"): _check_stage,
    ("apigateway", "TagResource"): _check_tag_call,
    ("lambda", "CreateFunctionUrlConfig"): _check_new_url,
    ("lambda", "UpdateFunctionUrlConfig"): _check_url,
    ("lambda", "AddPermission"): _check_permission,
}
