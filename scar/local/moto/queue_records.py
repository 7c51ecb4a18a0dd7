"""Queue settings in moto, as the SQS and Lambda services read them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.regions import find_region_error
from scar.local.moto.loading.start import import_moto

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRecord:
    """One standard queue; times in seconds.

    After ``max_receives`` deliveries (0: no limit) a message moves to the queue ``dead_letters``.
    ``attributes`` are those of GetQueueAttributes.
    """

    arn: str
    visibility: int
    delay: int
    retention: int
    attributes: Mapping[str, str]
    dead_letters: str = ""
    max_receives: int = 0

    @property
    def accepts_s3(self) -> bool:
        """Whether the queue's policy allows S3 to send messages."""
        policy = self.attributes.get("Policy") or "{}"
        statements = json.loads(policy).get("Statement", [])
        return any(
            statement.get("Effect") == "Allow"
            and "s3.amazonaws.com" in str(statement.get("Principal", ""))
            and "sqs:sendmessage" in str(statement.get("Action", "")).lower()
            for statement in (statements if isinstance(statements, list) else [statements])
        )


class QueueRecords:
    """Standard queues by name, URL or ARN, read from moto on each call."""

    def __init__(self, account: str, lock: threading.RLock) -> None:
        self.account = account
        self._lock = lock

    def get(self, reference: str, region: str = "") -> QueueRecord | None:
        """Return the queue; None if it does not exist or is a FIFO queue."""
        import_moto()
        from moto.sqs.models import sqs_backends

        is_arn = reference.startswith("arn:")
        region = reference.split(":")[3] if is_arn else region
        name = reference.rpartition(":" if is_arn else "/")[2]
        if find_region_error(region):  # moto's table of Regions raises KeyError
            return None
        with self._lock:
            queue = sqs_backends[self.account][region].queues.get(name)
            if queue is None or queue.fifo_queue:
                return None
            attributes = {key: str(value) for key, value in queue.attributes.items()}
            redrive: Mapping[str, object] = queue.redrive_policy or {}
        return QueueRecord(
            arn=attributes["QueueArn"],
            visibility=int(attributes["VisibilityTimeout"]),
            delay=int(attributes["DelaySeconds"]),
            retention=int(attributes["MessageRetentionPeriod"]),
            attributes=attributes,
            dead_letters=str(redrive.get("deadLetterTargetArn", "")),
            max_receives=int(str(redrive.get("maxReceiveCount", 0))),
        )
