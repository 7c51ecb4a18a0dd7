"""Client of one AWS service in one Region: sign, send, and repeat where that is safe."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, assert_never

from supervisor.aws.errors import AwsError, parse_error_response
from supervisor.aws.retry import Backoff, RetryPolicy
from supervisor.aws.sigv4 import CredentialScope, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.connection_pool import ConnectionPool, StreamedResponse
    from supervisor.aws.credentials import CredentialProvider
    from supervisor.aws.request import AwsRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AwsResponse:
    """A successful response with its whole body; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsClient:
    """Sends requests to one service. ``clock`` is in epoch seconds. Thread-safe.

    All methods raise AwsError; AwsErrorResponse for every status of 300 and above.
    """

    service: str
    region: str
    credentials: CredentialProvider
    connections: ConnectionPool
    backoff: Backoff
    clock: Callable[[], float] = time.time

    def send(self, request: AwsRequest, *, retry: RetryPolicy = RetryPolicy.ALWAYS) -> AwsResponse:
        """Send a request, repeat it after failures as ``retry`` allows, return the response."""

        def send_and_read() -> AwsResponse:
            # On a new connection it is certain whether the request was sent.
            reply = self._send_once(request, fresh=retry is RetryPolicy.IF_NOT_PROCESSED)
            return AwsResponse(reply.status, reply.headers, reply.read_all())

        return self._send_with_retries(send_and_read, retry)

    def open(self, request: AwsRequest) -> StreamedResponse:
        """Send a request without side effects; the caller reads and closes the response."""
        return self._send_with_retries(lambda: self._send_once(request), RetryPolicy.ALWAYS)

    def _send_once(self, request: AwsRequest, *, fresh: bool = False) -> StreamedResponse:
        headers = sign(
            request,
            credentials=self.credentials.get_credentials(),
            scope=CredentialScope(self.region, self.service),
            timestamp=self.clock(),
        )
        reply = self.connections.send_request(request, headers, fresh=fresh)
        if reply.status >= 300:
            raise parse_error_response(reply.status, reply.headers, reply.read_all())
        return reply

    def _send_with_retries(self, attempt_once: Callable[[], T], retry: RetryPolicy) -> T:
        for attempt in self.backoff.iter_attempts():
            try:
                return attempt_once()
            except AwsError as error:
                if attempt == self.backoff.max_attempts or not _may_retry(error, retry):
                    if attempt > 1:
                        error.add_note(f"This was attempt {attempt}.")
                    raise
        raise AssertionError


def _may_retry(error: AwsError, retry: RetryPolicy) -> bool:
    match retry:
        case RetryPolicy.ALWAYS:
            return error.transient
        case RetryPolicy.IF_NOT_PROCESSED:
            return error.transient and not error.outcome_unknown
        case RetryPolicy.NEVER:
            return False
        case _:
            assert_never(retry)
