"""The conditions of the local cloud in an SDK session, for tests against moto.

botocore's events replace the HTTP layer (``scar.local.conditions.layer``): the decisions
are the same. Responses are not lost here after a request was executed: botocore has no event for
that; the local cloud does it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError

from scar.local.conditions.api_call import ApiCall, identify_call, identify_s3_call
from scar.local.conditions.bucket_changes import BucketChanges
from scar.local.conditions.error_responses import render_refusal
from scar.local.conditions.faults import (
    OPERATION_ABORTED,
    ConnectionLoss,
    DelayedResponse,
    Refusal,
)
from scar.local.conditions.request_conditions import RequestConditions
from scar.local.http.bodies import BytesBody
from scar.local.http.messages import Request
from scar.local.http.router import Route, find_route
from tests.fakes.moto_locking import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import boto3
    from botocore.awsrequest import AWSPreparedRequest

    from scar.local.conditions.settings import ConditionsSettings

SPEED = 20.0
"""Seconds of conditions in one second of a test: the longest delay takes a moment."""


def scaled_clock() -> float:
    """Return a monotonic time that runs ``SPEED`` times as fast."""
    return time.monotonic() * SPEED


def scaled_sleep(seconds: float) -> None:
    """Sleep for seconds of ``scaled_clock``."""
    time.sleep(seconds / SPEED)


class RawBody:
    """A response body in memory, as botocore reads it."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: object) -> list[bytes]:
        return [self._data]

    def read(self, *_: object) -> bytes:
        return self._data


@dataclass  # slots would be shared by all threads
class _CallInProgress(threading.local):
    call: ApiCall | None = None
    change: AbstractContextManager[bool] | None = None


@dataclass(slots=True)
class SessionConditions:
    """Conditions of all calls of one session; ``refused`` lists (operation, error code)."""

    conditions: RequestConditions
    clock: Callable[[], float] = scaled_clock
    sleep: Callable[[float], None] = scaled_sleep
    refused: list[tuple[str, str]] = field(default_factory=list)
    _changes: BucketChanges = field(default_factory=BucketChanges)
    _current: _CallInProgress = field(default_factory=_CallInProgress)

    @classmethod
    def attach(cls, session: boto3.Session, settings: ConditionsSettings) -> SessionConditions:
        """Put a session under conditions, before its clients are created."""
        attached = cls(RequestConditions(settings))
        # First: moto's own handler of this event executes the request.
        before_send: Any = attached._before_send  # its result ends the event
        session.events.register_first("before-send", before_send)
        session.events.register_last("response-received", attached._response_received)
        return attached

    def _before_send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        self._end_change()
        call = self._current.call = _identify(request)
        if call is None:
            return None
        fault = self.conditions.admit(call, self.clock())
        match fault:
            case Refusal():
                return self._refuse(call, fault, request)
            case DelayedResponse(seconds):
                self.sleep(seconds)
            case ConnectionLoss(executed=False):
                setattr(request, REFUSED, True)
                self.refused.append((call.operation, "connection reset"))
                raise ConnectionClosedError(endpoint_url=request.url)
            case _:
                pass
        if call.changes_bucket_setting and self.conditions.settings.limits:
            change = self._changes.change(call.bucket)
            if not change.__enter__():
                return self._refuse(call, OPERATION_ABORTED, request)
            self._current.change = change
        return None

    def _refuse(self, call: ApiCall, refusal: Refusal, request: AWSPreparedRequest) -> AWSResponse:
        self._current.call = None
        setattr(request, REFUSED, True)
        self.refused.append((call.operation, refusal.code))
        response = render_refusal(call, refusal)
        body = response.body if isinstance(response.body, bytes) else b""
        headers = HTTPHeaders()
        for name, value in response.headers.items():
            headers.add_header(name, value)
        raw: Any = RawBody(body)
        return AWSResponse(request.url, response.status, headers, raw)

    def _response_received(
        self,
        response_dict: dict[str, Any] | None,
        parsed_response: dict[str, Any] | None,
        **_: object,
    ) -> None:
        call, self._current.call = self._current.call, None
        self._end_change()
        if call is None or response_dict is None or parsed_response is None:
            return
        if response_dict["status_code"] < 300:
            now = self.clock()
            self.conditions.record(call, now)
            self.conditions.adapt(call, parsed_response, now)

    def _end_change(self) -> None:
        change, self._current.change = self._current.change, None
        if change is not None:
            change.__exit__(None, None, None)


def _identify(prepared: AWSPreparedRequest) -> ApiCall | None:
    address = urlsplit(prepared.url)
    sent: dict[str, object] = dict(prepared.headers.items())
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in sent.items()
    }
    body: object = prepared.body
    data = body.encode() if isinstance(body, str) else body
    request = Request(
        method=str(prepared.method),
        path=address.path,
        query=address.query,
        headers={"host": address.netloc, **headers},
        body=BytesBody(bytes(data) if isinstance(data, (bytes, bytearray)) else b""),
    )
    route = find_route(request)
    return identify_s3_call(request) if route is Route.S3 else identify_call(request, route)[0]
