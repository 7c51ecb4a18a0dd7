"""SQS of the local cloud, connected to S3, to Lambda and to moto's settings of queues."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from scar.local.lambda_.event_sources.api import EventSourceApi
from scar.local.lambda_.event_sources.poller import EventSourcePoller
from scar.local.lambda_.event_sources.store import MappingStore
from scar.local.sqs.api import QueueApi
from scar.local.sqs.store import MessageStore

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.lambda_.event_sources.poller import Invoke
    from scar.local.moto.service import MotoService

log = logging.getLogger(__name__)
_TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})


class LocalQueues:
    """Keeps messages in ``path``, and invokes functions with those of their queues."""

    def __init__(self, path: Path, moto: MotoService, invoke: Invoke) -> None:
        self._queues = moto.queues
        self._messages = MessageStore(path)
        mappings = MappingStore(self._messages)
        self.poller = EventSourcePoller(mappings, moto.queues, self._messages, invoke)
        self._messages.on_send = self.poller.loop.wake

        def may_receive(role: str, queue: str) -> bool:
            return moto.role_policies.allow(role, "sqs:ReceiveMessage", queue)

        queues = QueueApi(self._messages, moto.queues)
        sources = EventSourceApi(
            mappings, moto.functions, moto.queues, may_receive, self.poller.loop.wake
        )
        moto.add_handler(queues.handle_call)
        moto.add_handler(sources.handle_call)
        moto.add_change_listener(queues.on_change)

    def send(self, arn: str, payload: bytes, trace: str = "", delay: float = 0.0) -> None:
        """Store an event durably; discard it, as S3 does, if the queue does not exist."""
        if queue := self._queues.get(arn):
            self._messages.send(queue, payload.decode(), delay=delay, trace=trace)
        else:
            log.warning("an event for %s is discarded: there is no such standard queue", arn)

    def accepts_s3_events(self, arn: str) -> bool:
        """Return whether a notification may name the queue; if so, send S3's test event."""
        queue = self._queues.get(arn)
        if queue is None or not queue.accepts_s3:
            return False
        self._messages.send(queue, _TEST_EVENT)
        return True

    def close(self) -> None:
        """Wait for the end of invocations, which the Lambda service has ended, and close."""
        self.poller.loop.join()
        self._messages.close()


def is_queue(arn: str) -> bool:
    return arn.split(":")[2:3] == ["sqs"]
