"""Rules of ``api_gateway``, the function's HTTP endpoint, and what its settings imply."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.fdl.model import ApiGatewaySpec, AwsFunction, FdlDocument
    from scar.fdl.model.endpoint import CorsSpec
    from scar.fdl.problems import Location

    LocatedProblem = tuple[Location, str]

_SECTION: Location = ("api_gateway",)
CORS_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "*")
# RFC 9110, section 5.6.2: the characters of a token.
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_MILLISECONDS = 1000


def check_endpoint(function: AwsFunction, location: Location) -> Iterator[LocatedProblem]:
    """Yield the location and message of each broken rule; none without an endpoint."""
    spec = function.api_gateway
    section: Location = (*location, *_SECTION)
    if not spec.is_used:
        return
    if spec.type_ == "url" and spec.name:
        yield (*section, "name"), "a function URL (type: url) has no name: omit it"
    if spec.name and not (spec.name.isprintable() and spec.name == spec.name.strip()):
        yield (
            (*section, "name"),
            "contains printable characters only, and no spaces at its beginning or end",
        )
    yield from _check_cors(spec, (*section, "cors"))


def _check_cors(spec: ApiGatewaySpec, section: Location) -> Iterator[LocatedProblem]:
    cors = spec.cors
    if not cors.allow_origins:
        if cors != type(cors)():
            yield (*section, "allow_origins"), "is required: without origins there is no CORS"
        return
    if spec.type_ == "http" and spec.authentication == "IAM":
        yield (
            section,
            (
                "an HTTP API with authentication: IAM refuses the requests that browsers send"
                " first (OPTIONS), which are not signed. Use type: url, whose service answers them"
                " itself, or authentication: NONE"
            ),
        )
    if cors.allow_credentials and "*" in cors.allow_origins:
        yield (
            (*section, "allow_credentials"),
            "true needs origins by name: browsers and AWS refuse it together with the origin `*`",
        )
    yield from _check_entries(cors, section)


def _check_entries(cors: CorsSpec, section: Location) -> Iterator[LocatedProblem]:
    for origin in cors.allow_origins:
        if origin != "*" and not (
            _ORIGIN.fullmatch(origin) and limits.CORS_ORIGIN.allows(len(origin))
        ):
            yield (
                (*section, "allow_origins"),
                (
                    f"{origin!r} is no origin: `*`, or a scheme and a host such as"
                    " https://example.org, with a port if it has one, without a path"
                ),
            )
    for method in cors.allow_methods:
        if method.upper() not in CORS_METHODS:
            hint = ": AWS answers it itself" if method.upper() == "OPTIONS" else ""
            yield (
                (*section, "allow_methods"),
                f"{method!r} is none of {', '.join(CORS_METHODS)}{hint}",
            )
    for key in ("allow_headers", "expose_headers"):
        yield from _check_headers(getattr(cors, key), (*section, key))
    for key in ("allow_origins", "allow_headers", "expose_headers"):
        number, most = len(getattr(cors, key)), limits.CORS_ENTRIES.maximum - _OWN_HEADERS
        if number > most:
            yield (*section, key), f"{number} entries; there can be {most}"


# Those that ``scar.aws.compile.endpoints`` adds at most.
_OWN_HEADERS = 8


def _check_headers(headers: Iterable[str], section: Location) -> Iterator[LocatedProblem]:
    for header in headers:
        if not _HEADER.fullmatch(header) or not limits.CORS_HEADER.allows(len(header)):
            yield section, f"{header!r} is no name of a header"


def describe_endpoints(document: FdlDocument) -> Iterator[str]:
    """Yield what follows from the endpoints: who may call them, and how long they wait."""
    for function in document.functions.aws:
        if function.enabled and function.api_gateway.is_used:
            yield from _describe_endpoint(function)


def _describe_endpoint(function: AwsFunction) -> Iterator[str]:
    spec, name = function.api_gateway, function.lambda_.name
    if spec.authentication == "NONE":
        has_webhook = any(i.storage_provider.startswith("minio.") for i in function.lambda_.input)
        but = " Only MinIO's events, with webhook_token, are none." if has_webhook else ""
        is_limited = spec.type_ == "http" and "throttling" in spec.model_fields_set
        is_limited = is_limited or function.lambda_.concurrency is not None
        limit = "" if is_limited else " `lambda.concurrency` limits them."
        yield (
            f"{name}: everybody who knows the address can call it (api_gateway.authentication:"
            f" NONE), at your cost; requests are data for the function's script, never scripts."
            f"{but}{limit}"
        )
    longest = limits.HTTP_API_TIMEOUT.maximum // _MILLISECONDS
    waits = function.lambda_.execution_mode is not ExecutionMode.BATCH
    if spec.type_ == "http" and waits and function.lambda_.timeout > longest:
        yield (
            f"{name}: an HTTP API waits {longest} seconds for a response, then it answers 503 while"
            f" the run continues (lambda.timeout: {function.lambda_.timeout}). Use"
            " `api_gateway.type: url`, or asynchronous calls (`Prefer: respond-async`)."
        )
    if spec.type_ == "url" and "throttling" in spec.model_fields_set:
        yield (
            f"{name}: api_gateway.throttling is for HTTP APIs, and not used: `lambda.concurrency`"
            " limits the requests of a function URL."
        )
    if function.iam.role:
        yield (
            f"{name}: its own role ({function.iam.role}) must allow lambda:InvokeFunction on the"
            " function itself for asynchronous calls, and s3:GetObject and s3:PutObject on"
            f" requests/{name}/* and results/{name}/* in the state bucket for large bodies."
        )
