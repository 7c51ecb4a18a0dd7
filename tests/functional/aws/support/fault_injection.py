"""Fault injection: let one API call fail, or let the process die at it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection


class FaultKind(StrEnum):
    """AWS denies the call; its response is lost; the process dies before or after the call."""

    DENIED = "denied"
    RESPONSE_LOST = "response lost"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"


class ProcessDied(BaseException):
    """Stands for a killed process; a BaseException, so that no undo step runs."""


@dataclass(slots=True)
class FaultInjector:
    """Counts the API calls of a session and injects a fault into one of them.

    After the process died every call fails until the next ``inject``, so that its threads and
    undo steps change nothing. Then S3's clock is ahead by more than the lease of a lock.
    """

    calls: list[str] = field(default_factory=list)
    injected: bool = False
    _at: int = 0
    _kind: FaultKind = FaultKind.DENIED
    _dead: bool = False
    _clock_offset: timedelta = timedelta()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def to(cls, connection: AwsConnection) -> FaultInjector:
        """Inject faults into the calls of this connection's session."""
        injector = cls()
        events = connection.session.events
        events.register("before-call", injector._before_call)
        events.register("after-call", injector._after_call)
        events.register_last("after-call.s3.GetObject", injector._shift_date)
        return injector

    @contextmanager
    def inject(self, at: int, kind: FaultKind = FaultKind.DENIED) -> Iterator[None]:
        """Make the call with this number, counted from 1, fail; 0 injects no fault."""
        self.calls.clear()
        self._at, self._kind, self.injected = at, kind, False
        try:
            yield
        finally:
            self._at = 0
            if self._dead:
                self._clock_offset += timedelta(minutes=2)
                self._dead = False

    def _before_call(self, model: OperationModel, context: dict[str, Any], **_: object) -> None:
        with self._lock:
            if self._dead:
                raise ProcessDied
            self.calls.append(model.name)
            is_chosen = len(self.calls) == self._at
            context["fault"] = is_chosen
            self.injected |= is_chosen
            self._dead = is_chosen and self._kind is FaultKind.DIES_BEFORE
        if self._dead:
            raise ProcessDied
        if is_chosen and self._kind is FaultKind.DENIED:
            denied: Any = {"Error": {"Code": "AccessDenied", "Message": "denied by the test"}}
            raise ClientError(denied, model.name)

    def _after_call(self, context: dict[str, Any], **_: object) -> None:
        if not context.get("fault"):
            return
        if self._kind is FaultKind.RESPONSE_LOST:
            raise ReadTimeoutError(endpoint_url="https://aws")
        if self._kind is FaultKind.DIES_AFTER:
            self._dead = True
            raise ProcessDied

    def _shift_date(self, parsed: dict[str, Any], **_: object) -> None:
        headers = parsed["ResponseMetadata"]["HTTPHeaders"]
        headers["date"] = format_datetime(
            parsedate_to_datetime(headers["date"]) + self._clock_offset
        )
