"""A supervisor with an HTTP endpoint, and requests as API Gateway and function URLs send them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from supervisor.connections import EndpointAuthentication, EndpointConfig, EndpointKind
from supervisor.events import response
from supervisor.model import ExecutionMode
from tests.fakes.supervisor_factory import STATE, lambda_invocation, new_harness

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from supervisor.errors import RequestRefused
    from supervisor.model import ObjectRef
    from supervisor.ports import ScriptRunner
    from supervisor.results import InvocationResult
    from tests.fakes.supervisor_factory import SupervisorHarness

MAX_BODY = 10_000_000
ENDPOINT = EndpointConfig(kind=EndpointKind.HTTP, max_body=MAX_BODY)


@dataclass(slots=True)
class RecordingServices:
    """Signs nothing, and keeps the events that the function sends to itself."""

    events: list[bytes] = field(default_factory=list)
    refusal: RequestRefused | None = None

    def sign_upload(self, ref: ObjectRef, size: int) -> tuple[str, Mapping[str, str]]:
        return f"https://s3/{ref.bucket}/{ref.key}?signed", {"content-length": str(size)}

    def sign_download(self, ref: ObjectRef, content_type: str) -> str:
        return f"https://s3/{ref.bucket}/{ref.key}?type={content_type}"

    def enqueue(self, event: bytes) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.events.append(event)


@dataclass(slots=True)
class EndpointHarness:
    """The harness of a supervisor, and its services."""

    fakes: SupervisorHarness
    services: RecordingServices

    def send(self, request: object, *, number: str = "req-1") -> Answer:
        """Handle one event of Lambda; return what its caller gets."""
        invocation = lambda_invocation(request, request=number)
        handled = self.fakes.supervisor.handle(invocation)
        assert response.find_error(handled) is None
        return Answer(json.loads(response.build_body(handled, invocation)), handled)

    def stored(self, prefix: str) -> dict[str, bytes]:
        """Return the objects of the state bucket below a prefix."""
        return {k: v for k, v in self.fakes.store.keys(STATE).items() if k.startswith(prefix)}

    def put_body(self, body_id: str, data: bytes, function: str = "fn") -> None:
        self.fakes.store.put(f"requests/{function}/{body_id}", data, bucket=STATE)


@dataclass(slots=True)
class Answer:
    """A response in the form of API Gateway."""

    raw: dict[str, Any]
    handled: InvocationResult

    @property
    def status(self) -> int:
        return int(self.raw["statusCode"])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.raw["headers"])

    @property
    def body(self) -> bytes:
        return base64.b64decode(self.raw["body"], validate=True)

    @property
    def text(self) -> str:
        return self.body.decode()


def new_endpoint(
    folder: Path,
    script: str = '#!/bin/sh\ncat "$INPUT_FILE_PATH"\n',
    *,
    mode: ExecutionMode = ExecutionMode.LAMBDA,
    endpoint: EndpointConfig | None = ENDPOINT,
    runner: ScriptRunner | None = None,
) -> EndpointHarness:
    """Return the function ``fn`` with an endpoint that prints what it gets."""
    fakes = new_harness(folder, script=script, mode=mode, runner=runner)
    services = RecordingServices()
    config = replace(fakes.supervisor.config, endpoint=endpoint)
    fakes.supervisor = replace(fakes.supervisor, config=config, open_services=lambda: services)
    return EndpointHarness(fakes, services)


def public(endpoint: EndpointConfig = ENDPOINT) -> EndpointConfig:
    """Return the endpoint without authentication."""
    return replace(endpoint, authentication=EndpointAuthentication.NONE)


def a_request(
    body: bytes | None = None,
    *,
    method: str = "POST",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return a request in payload format 2.0."""
    pairs = "&".join(f"{name}={value}" for name, value in (query or {}).items())
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": pairs,
        "headers": {"content-type": "application/octet-stream", **(headers or {})},
        **({"queryStringParameters": dict(query)} if query else {}),
        "requestContext": {
            "stage": "$default",
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "authorizer": {"iam": {"accessKey": "ASIASECRET", "userArn": "arn:aws:iam::1:user/u"}},
        },
        **({} if body is None else {"body": base64.b64encode(body).decode()}),
        "isBase64Encoded": body is not None,
    }
