"""Send HTTP requests to an endpoint, and to the presigned URLs that it returns."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from scar.aws.client import errors
from scar.errors import ConfigurationError, WaitTimeoutError
from supervisor.connections import EndpointAuthentication, EndpointKind
from supervisor.events.response_body import RUN_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.endpoints import Endpoint

CONNECT_TIMEOUT = 10  # seconds
# Requests that were throttled, or refused before anything ran, are sent again so often.
MAX_ATTEMPTS = 4
MAX_PAUSE = 20.0  # seconds
CHUNK = 1 << 18
# The service that requests to an endpoint are signed for.
SIGNING_NAMES = {EndpointKind.HTTP: "execute-api", EndpointKind.URL: "lambda"}
# Bytes of an error's text that are read.
MAX_MESSAGE = 1 << 16
# Seconds within which a 503 of API Gateway means that Lambda has throttled the request. It sends
# the same one after 30 seconds, when a run goes on.
THROTTLED_WITHIN = 5.0
_UNAVAILABLE = "Service Unavailable"


@dataclass(slots=True)
class HttpReply:
    """A response whose body is read by the caller; header names are lower case.

    ``seconds`` is the time from the request to the response.
    """

    status: int
    headers: Mapping[str, str]
    raw: Any
    seconds: float = 0.0
    _message: str | None = None

    def chunks(self) -> Iterator[bytes]:
        """Yield the body; raise urllib3's HTTPError if the connection breaks."""
        yield from self.raw.stream(CHUNK, decode_content=False)

    def read(self, maximum: int | None = None) -> bytes:
        """Return the body, or its beginning."""
        data: bytes = self.raw.read(maximum, decode_content=False)
        return data

    def read_message(self) -> str:
        """Return the text of a refusal; AWS's are JSON with a message."""
        if self._message is None:
            try:
                data = self.read(MAX_MESSAGE)
            except HTTPError:
                data = b""
            self._message = _parse_message(data.decode(errors="replace").strip())
        return self._message


@dataclass(slots=True, kw_only=True)
class EndpointClient:
    """Sends requests; ``timeout`` is the seconds without a byte of the response."""

    connection: AwsConnection
    timeout: int
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _sessions: dict[str, URLLib3Session] = field(default_factory=dict)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
        signed_for: Endpoint | None = None,
    ) -> HttpReply:
        """Send one request once; raise ScarError without a response.

        ``signed_for``: the request is signed if this endpoint demands it.
        """
        request = AWSRequest(
            method=method, url=url, headers=dict(headers or {}), data=body, stream_output=True
        )
        if signed_for and signed_for.authentication is EndpointAuthentication.IAM:
            self._sign(request, SIGNING_NAMES[signed_for.kind])
        place = url.partition("?")[0]  # a presigned URL is a secret
        started = self.clock()
        try:
            response = self._session(url).send(request.prepare())
        except ReadTimeoutError as error:
            raise WaitTimeoutError(
                f"Timed out: no response from {place} within {self.timeout} s.",
                remedy="The run may go on: see `scar status`. Invoke it with -a to not wait.",
            ) from error
        except BotoCoreError as error:
            found = errors.to_scar_error(error, f"send the request to {place}")
            raise type(found)(found.problem.replace(url, place), remedy=found.remedy) from error
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return HttpReply(response.status_code, lowered, response.raw, self.clock() - started)

    def send_until_accepted(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        **more: Any,  # noqa: ANN401
    ) -> HttpReply:
        """Send a request to the endpoint, again while it is throttled and nothing has run."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            reply = self.send(method, url, signed_for=endpoint, **more)
            if attempt == MAX_ATTEMPTS or not _may_send_again(reply, endpoint):
                return reply
            reply.raw.close()
            self.sleep(_pause(reply, attempt))
        raise AssertionError

    def _sign(self, request: AWSRequest, service: str) -> None:
        session = self.connection.session
        credentials = session.get_credentials()
        if credentials is None:
            raise ConfigurationError(
                "There are no credentials to sign the request with.",
                remedy="Run `aws configure`, set AWS_PROFILE, or use `scar --local`.",
            )
        with errors.translate_errors("sign the request"):
            frozen: Any = credentials.get_frozen_credentials()
            SigV4Auth(frozen, service, session.region_name).add_auth(request)

    def _session(self, url: str) -> URLLib3Session:
        origin = "/".join(url.split("/", 3)[:3])
        if origin not in self._sessions:
            core: Any = self.connection.session._session  # noqa: SLF001 - boto3 has no other way
            # The local cloud's connection ignores proxies: none reaches this machine.
            proxies = getattr(core.get_default_client_config(), "proxies", None)
            self._sessions[origin] = URLLib3Session(
                verify=core.get_config_variable("ca_bundle") or True,
                proxies=get_environ_proxies(url) if proxies is None else proxies,
                timeout=(CONNECT_TIMEOUT, self.timeout),  # type: ignore[arg-type] # both are taken
            )
        return self._sessions[origin]


def is_throttled_by_lambda(reply: HttpReply, endpoint: Endpoint) -> bool:
    """Return whether it is the response of an HTTP API whose function has no free concurrency.

    A function URL answers 429 then, an HTTP API 503. It answers 503 also when a run takes longer
    than it waits; that one runs on.
    """
    return (
        endpoint.kind is EndpointKind.HTTP
        and reply.status == 503
        and reply.seconds < THROTTLED_WITHIN
        and RUN_HEADER not in reply.headers
        and reply.read_message() == _UNAVAILABLE
    )


def _may_send_again(reply: HttpReply, endpoint: Endpoint) -> bool:
    """Return whether nothing has run: throttling, and a 503 that says when to send it again."""
    return (
        reply.status == 429
        or (reply.status == 503 and "retry-after" in reply.headers)
        or is_throttled_by_lambda(reply, endpoint)
    )


def _pause(reply: HttpReply, attempt: int) -> float:
    told = reply.headers.get("retry-after", "")
    return min(float(told), MAX_PAUSE) if told.isdecimal() else float(2 ** (attempt - 1))


def _parse_message(text: str) -> str:
    try:
        found: object = json.loads(text)
    except ValueError:
        return text or "no message"
    if isinstance(found, dict):
        return str(found.get("message") or found.get("Message") or text)
    return text
