"""Fault injection: one API call fails, or the process dies at it."""

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


class Kind(StrEnum):
    """How it goes wrong: AWS refuses; its answer is lost; the process dies before or after."""

    REFUSED = "refused"
    LOST = "lost"
    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"


class Died(BaseException):
    """Nothing of the process runs any more: not even what would undo its work."""


@dataclass(slots=True)
class Accidents:
    """Counts the calls of an account, and lets one of them go wrong.

    After a death no call goes through until the next ``happening``: threads and undoing of the
    dead process change nothing. Then more time has passed than a lock's lease.
    """

    calls: list[str] = field(default_factory=list)
    happened: bool = False
    _at: int = 0
    _kind: Kind = Kind.REFUSED
    _dead: bool = False
    _later: timedelta = timedelta()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def to(cls, connection: AwsConnection) -> Accidents:
        accidents = cls()
        events = connection.session.events
        events.register("before-call", accidents._before)
        events.register("after-call", accidents._after)
        events.register_last("after-call.s3.GetObject", accidents._date)
        return accidents

    @contextmanager
    def happening(self, at: int, kind: Kind = Kind.REFUSED) -> Iterator[None]:
        """Let the call of that number, from 1, go wrong; none if it is 0."""
        self.calls.clear()
        self._at, self._kind, self.happened = at, kind, False
        try:
            yield
        finally:
            self._at = 0
            if self._dead:
                self._later += timedelta(minutes=2)
                self._dead = False

    def _before(self, model: OperationModel, context: dict[str, Any], **_: object) -> None:
        with self._lock:
            if self._dead:
                raise Died
            self.calls.append(model.name)
            mine = len(self.calls) == self._at
            context["goes_wrong"] = mine
            self.happened |= mine
            self._dead = mine and self._kind is Kind.DIES_BEFORE
        if self._dead:
            raise Died
        if mine and self._kind is Kind.REFUSED:
            denied: Any = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
            raise ClientError(denied, model.name)

    def _after(self, context: dict[str, Any], **_: object) -> None:
        if not context.get("goes_wrong"):
            return
        if self._kind is Kind.LOST:
            raise ReadTimeoutError(endpoint_url="https://aws")
        if self._kind is Kind.DIES_AFTER:
            self._dead = True
            raise Died

    def _date(self, parsed: dict[str, Any], **_: object) -> None:
        headers = parsed["ResponseMetadata"]["HTTPHeaders"]
        headers["date"] = format_datetime(parsedate_to_datetime(headers["date"]) + self._later)
