"""Client of one AWS service in one Region: sign, send, and repeat where that is safe."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, assert_never
from urllib.parse import quote

from supervisor.aws.errors import (
    AWS,
    CREDENTIAL_CODES,
    AwsError,
    AwsErrorResponse,
    parse_error_response,
)
from supervisor.aws.retry import Backoff, RetryPolicy
from supervisor.aws.sigv4 import CredentialScope, sign
from supervisor.trace_ids import TRACE_VARIABLE, valid_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from supervisor.aws.connection_pool import ConnectionPool, StreamedResponse
    from supervisor.aws.credentials import CredentialProvider
    from supervisor.aws.request import AwsRequest
    from supervisor.aws.retry import ThrottlingDeadline
    from supervisor.aws.sigv4 import Credentials

T = TypeVar("T")
# Seconds that a request has at least, although its deadline is near: it is the last one then.
MIN_PATIENCE = 1.0
TRACE_HEADER = "x-amzn-trace-id"
# The characters that AWS's SDKs leave as they are in this header; others are percent-encoded.
_TRACE_SAFE = "-=;:+&[]{}\"',"


def read_trace_id() -> str:
    """Return the trace id of the invocation that this process handles now, or an empty text."""
    return valid_trace_id(os.environ.get(TRACE_VARIABLE, ""))


@dataclass(frozen=True, slots=True)
class AwsResponse:
    """A successful response with its whole body; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsClient:
    """Sends requests to one service. ``clock`` is in epoch seconds. Thread-safe.

    ``read_trace_id`` is called for each request: the trace id is sent with it, as by AWS's SDKs.
    From it Lambda's recursive loop detection knows which invocation wrote an object.
    ``server`` names the service in messages.

    All methods raise AwsError; AwsErrorResponse for every status of 300 and above.
    """

    service: str
    region: str
    credentials: CredentialProvider
    connections: ConnectionPool
    backoff: Backoff
    clock: Callable[[], float] = time.time
    read_trace_id: Callable[[], str] = read_trace_id
    server: str = AWS

    def send(
        self,
        request: AwsRequest,
        *,
        retry: RetryPolicy = RetryPolicy.ALWAYS,
        throttling: ThrottlingDeadline | None = None,
    ) -> AwsResponse:
        """Send a request, repeat it after failures as ``retry`` allows, return the response.

        Without ``throttling`` a throttled request counts as any other failed attempt.
        """

        until = None if throttling is None else throttling.until

        def send_and_read() -> AwsResponse:
            # On a new connection it is certain whether the request was sent.
            reply = self._send_once(
                request, fresh=retry is RetryPolicy.IF_NOT_PROCESSED, until=until
            )
            return AwsResponse(reply.status, reply.headers, reply.read_all())

        return self._send_with_retries(send_and_read, retry, throttling)

    def open(self, request: AwsRequest) -> StreamedResponse:
        """Send a request without side effects; the caller reads and closes the response."""
        return self._send_with_retries(lambda: self._send_once(request), RetryPolicy.ALWAYS)

    def _send_once(
        self, request: AwsRequest, *, fresh: bool = False, until: float | None = None
    ) -> StreamedResponse:
        credentials = self.credentials.get_credentials()
        try:
            return self._sign_and_send(request, credentials, fresh=fresh, until=until)
        except AwsErrorResponse as error:
            # Credentials may be revoked before they expire. AWS has executed nothing, so that even
            # a request that must not be repeated is sent again: once, with other credentials.
            is_rejected = error.code in CREDENTIAL_CODES
            if not (is_rejected and self.credentials.replace_rejected(credentials)):
                raise
        renewed = self.credentials.get_credentials()
        return self._sign_and_send(request, renewed, fresh=fresh, until=until)

    def _sign_and_send(
        self, request: AwsRequest, credentials: Credentials, *, fresh: bool, until: float | None
    ) -> StreamedResponse:
        headers = sign(
            request,
            credentials=credentials,
            scope=CredentialScope(self.region, self.service),
            timestamp=self.clock(),
        )
        # Not signed, as proxies may change it (see sigv4.UNSIGNED_HEADERS).
        if trace := self.read_trace_id():
            headers[TRACE_HEADER] = quote(trace, safe=_TRACE_SAFE)
        patience = None if until is None else max(MIN_PATIENCE, until - self.clock())
        reply = self.connections.send_request(request, headers, fresh=fresh, patience=patience)
        if reply.status >= 300:
            raise parse_error_response(reply.status, reply.headers, reply.read_error(), self.server)
        return reply

    def _send_with_retries(
        self,
        attempt_once: Callable[[], T],
        retry: RetryPolicy,
        throttling: ThrottlingDeadline | None = None,
    ) -> T:
        attempts = _Attempts(self, throttling)
        while True:
            try:
                return attempt_once()
            except AwsError as error:
                pause = attempts.pause_after(error)
                if pause is None or not _may_retry(error, retry):
                    if attempts.count > 1:
                        error.add_note(f"This was attempt {attempts.count}.")
                    raise
            self.backoff.sleep(pause)


@dataclass(slots=True)
class _Attempts:
    """The failed attempts of one request: throttled ones have a deadline, others a number."""

    client: AwsClient
    throttling: ThrottlingDeadline | None
    throttled: int = 0
    failed: int = 0
    was_last: bool = False

    @property
    def count(self) -> int:
        return self.throttled + self.failed

    def pause_after(self, error: AwsError) -> float | None:
        """Count a failed attempt; return the pause before the next, None if it was the last."""
        backoff = self.client.backoff
        if self.throttling is None or not error.throttled:
            self.failed += 1
            pause = backoff.pause_after(self.failed)
            is_last = self.failed >= backoff.max_attempts or self._ends_within(pause)
            return None if is_last else pause
        self.throttled += 1
        if self.was_last:
            return None
        if self.throttled == 1:
            self.throttling.report(error)
        seconds_left = self.throttling.until - self.client.clock()
        pause = backoff.pause_after(self.throttled)
        if pause <= seconds_left:
            return pause
        self.was_last = True
        return backoff.pause_before_last_attempt(seconds_left)

    def _ends_within(self, pause: float) -> bool:
        return self.throttling is not None and self.client.clock() + pause > self.throttling.until


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
