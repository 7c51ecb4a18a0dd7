"""Send a request to an endpoint with static credentials."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.aws.client.foreign_responses import has_request_id
from supervisor.aws.client import AwsClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.errors import AwsError
from supervisor.aws.request import AwsRequest
from supervisor.aws.retry import Backoff
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable

# One: the SDK's client repeats what fails.
_ONCE = Backoff(max_attempts=1)


class DirectRequestError(Exception):
    """There is no response, or it is not a success: the SDK's client sends the request again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRequests:
    """Sends requests to one endpoint; thread-safe.

    ``wait_for_turn`` is called with service and operation before each request: it keeps to the
    request rates (``scar.aws.client.call_waits``).
    """

    endpoint_url: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    wait_for_turn: Callable[[str, str], None]
    _connections: ConnectionPool = field(default_factory=lambda: ConnectionPool({}), init=False)

    def get(
        self, service: str, operation: str, path: str, query: tuple[tuple[str, str], ...] = ()
    ) -> bytes:
        """Return the body of the response; raise DirectRequestError."""
        return self._send(service, operation, method="GET", path=path, query=query)

    def post(self, service: str, operation: str, path: str, document: object) -> Any:  # noqa: ANN401
        """Send a JSON document and return that of the response; raise DirectRequestError."""
        body = self._send(
            service,
            operation,
            method="POST",
            path=path,
            body=json.dumps(document).encode(),
            headers={"content-type": "application/json"},
        )
        return parse_json(body)

    def _send(self, service: str, operation: str, **request: Any) -> bytes:  # noqa: ANN401
        self.wait_for_turn(service, operation)
        client = AwsClient(
            service=service,
            region=self.region,
            credentials=StaticCredentials(
                Credentials(access_key=self.access_key, secret_key=self.secret_key)
            ),
            connections=self._connections,
            backoff=_ONCE,
            read_trace_id=str,
        )
        origin = parse_endpoint(self.endpoint_url, "the endpoint")
        try:
            response = client.send(AwsRequest(origin=origin, **request))
        except AwsError as error:
            raise DirectRequestError from error
        if not has_request_id(response.headers):
            raise DirectRequestError
        return response.body


def parse_json(body: bytes) -> Any:  # noqa: ANN401 - as the SDK's clients have it
    """Return the document; raise DirectRequestError if it is none."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise DirectRequestError from error
