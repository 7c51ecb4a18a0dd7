"""Parses requests into AWS service, operation and parameters, named as in botocore."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from scar.local.moto.loading.service_models import get_service_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, ServiceModel

    from scar.local.http.messages import Request

JsonValue = object  # a JSON value: str, int, float, bool, None, list or dict
CREDENTIAL_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/,\s]+)/([^/,\s]+)/aws4_request")
PROTOCOLS: Mapping[str, str] = {
    "lambda": "rest-json",
    "batch": "rest-json",
    "apigateway": "rest-json",
    "elasticfilesystem": "rest-json",
    "s3files": "rest-json",
    "ecr": "json",
    "logs": "json",
    "events": "json",
    "secretsmanager": "json",
    "ssm": "json",
    "sqs": "json",
    "sns": "query",
    "iam": "query",
    "sts": "query",
    "ec2": "ec2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MotoCall:
    """One API call; ``operation`` is empty if the service has no matching operation.

    ``parameters`` are named as in botocore. In the query protocols numbers remain strings.
    """

    service: str
    operation: str
    region: str
    parameters: Mapping[str, JsonValue]

    def text(self, name: str) -> str:
        """Return a parameter that is a string, or the empty string."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotoRequest:
    """A request in the form that moto and the journal receive: unsigned, with its whole body."""

    service: str
    region: str
    method: str
    path: str
    query: str
    content_type: str
    target: str
    body: bytes


def signing_scope(request: Request) -> tuple[str, str] | None:
    """Return (service, region) of the request's signature, or None if it has none."""
    signed = request.headers.get("authorization", "") or unquote(request.query)
    scope = CREDENTIAL_SCOPE.search(signed.replace("X-Amz-Credential=", "Credential="))
    return (scope[3].lower(), scope[2]) if scope else None


def build_moto_request(request: Request, service: str, region: str, body: bytes) -> MotoRequest:
    return MotoRequest(
        service=service,
        region=region,
        method=request.method,
        path=request.path,
        query=request.query,
        content_type=request.headers.get("content-type", ""),
        target=request.headers.get("x-amz-target", ""),
        body=body,
    )


def parse_call(request: MotoRequest) -> MotoCall:
    """Return the operation and its parameters; raise ValueError for a malformed body."""
    protocol = PROTOCOLS.get(request.service, "json")
    if protocol == "rest-json":
        operation, parameters = _parse_rest_request(request)
    elif request.target:
        operation, parameters = request.target.rpartition(".")[2], _parse_json_object(request.body)
    else:
        form = dict(parse_qsl(request.body.decode(), keep_blank_values=True)) or dict(
            parse_qsl(request.query, keep_blank_values=True)
        )
        operation, parameters = form.pop("Action", ""), _nest_parameters(form)
    return MotoCall(
        service=request.service, operation=operation, region=request.region, parameters=parameters
    )


def _parse_json_object(body: bytes) -> dict[str, JsonValue]:
    value = json.loads(body) if body.strip() else {}
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - one error for bad input
    return value


def _parse_rest_request(request: MotoRequest) -> tuple[str, dict[str, JsonValue]]:
    path = request.path.rstrip("/") or "/"
    for method, pattern, marker, operation in _operation_routes(request.service):
        match = pattern.fullmatch(path) if method == request.method else None
        if match and marker in request.query:
            return operation.name, _rest_parameters(operation, match.groupdict(), request)
    return "", {}


def _rest_parameters(
    operation: OperationModel, path_values: Mapping[str, str], request: MotoRequest
) -> dict[str, JsonValue]:
    shape = operation.input_shape
    pairs = parse_qsl(request.query, keep_blank_values=True)
    query = dict(pairs)
    body = _parse_json_object(request.body) if request.method != "GET" else {}
    parameters: dict[str, JsonValue] = {}
    members = dict(shape.members) if shape is not None else {}
    for name, member in members.items():
        label = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                parameters[name] = unquote(path_values[_group_name(label)])
            case "querystring" if label in query and member.type_name == "list":
                parameters[name] = [value for key, value in pairs if key == label]
            case "querystring" if label in query:
                parameters[name] = query[label]
            case None if label in body:
                parameters[name] = body[label]
    # Fields that this botocore does not know yet are kept, so that checks can refuse them.
    known = {member.serialization.get("name", name) for name, member in members.items()}
    return parameters | {name: value for name, value in body.items() if name not in known}


def _group_name(label: str) -> str:
    return "p_" + re.sub(r"\W", "_", label)


@functools.cache
def _operation_routes(service: str) -> tuple[tuple[str, re.Pattern[str], str, OperationModel], ...]:
    """Return (method, path, query marker, operation) of all operations, most specific first."""
    model = _service_model(service)
    routes = []
    for name in model.operation_names:
        # Some URIs differ only in a query marker: …/provisioned-concurrency and …?List=ALL.
        operation = model.operation_model(name)
        uri, _, marker = operation.http["requestUri"].partition("?")
        pattern = "".join(
            part
            if not part.startswith("{")
            else f"(?P<{_group_name(part.strip('{+}'))}>{'.+' if '+' in part else '[^/]+'})"
            for part in re.split(r"(\{[^}]+\})", uri.rstrip("/"))
        )
        routes.append((operation.http["method"], re.compile(pattern), marker, operation))
    return tuple(sorted(routes, key=lambda route: (not route[2], route[1].pattern.count("("))))


@functools.cache
def _service_model(service: str) -> ServiceModel:
    # These sign with another name than botocore's.
    names = {"elasticfilesystem": "efs", "apigateway": "apigatewayv2"}
    return get_service_model(names.get(service, service))


def _nest_parameters(form: Mapping[str, str]) -> dict[str, JsonValue]:
    """Turn ``Tags.member.1.Key=a`` into ``{"Tags": [{"Key": "a"}]}``."""
    tree: dict[str, JsonValue] = {}
    for name, value in form.items():
        *path, leaf = [part for part in name.split(".") if part != "member"]
        node = tree
        for part in path:
            child = node.setdefault(part, {})
            # A name that is both a value and a prefix is malformed: its children are dropped.
            node = child if isinstance(child, dict) else {}
        node[leaf] = value
    return {name: _numbered_keys_to_lists(value) for name, value in tree.items()}


def _numbered_keys_to_lists(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return value
    children = {name: _numbered_keys_to_lists(item) for name, item in value.items()}
    if children and all(name.isdigit() for name in children):
        return [children[name] for name in sorted(children, key=int)]
    return children
