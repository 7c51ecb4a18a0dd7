"""Deliveries of S3 events to Lambda's queue: late, in another order, or twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from scar.local.conditions import fates

if TYPE_CHECKING:
    from scar.local.conditions.draws import Draws


class EnqueueEvent(Protocol):
    """Stores an event durably; it is due after ``delay`` seconds. ``trace`` as in DeliverEvent."""

    def __call__(
        self, arn: str, payload: bytes, trace: str = "", /, delay: float = 0.0
    ) -> None: ...


class UnreliableDelivery:
    """Delivers each event once or twice."""

    def __init__(self, enqueue: EnqueueEvent, draws: Draws) -> None:
        self._enqueue = enqueue
        self._draws = draws

    def deliver(self, destination_arn: str, payload: bytes, trace: str = "") -> None:
        """Return once every delivery is stored."""
        for delay in fates.event_delays(self._draws, _object_name(payload)):
            self._enqueue(destination_arn, payload, trace, delay)


def _object_name(payload: bytes) -> str:
    """Return bucket and key of an event's object; the same upload has the same fate."""
    try:
        (record, *_) = json.loads(payload)["Records"]
        return f"{record['s3']['bucket']['name']}/{record['s3']['object']['key']}"
    except (ValueError, KeyError, TypeError):
        return ""
