"""Receive messages of queues and invoke functions with them, as Lambda's pollers do."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from scar.aws.model import limits
from scar.local.lambda_.dispatch_loop import POLL_INTERVAL, DispatchLoop
from scar.local.lambda_.model import LambdaApiError
from scar.local.sqs.api import md5_of, system_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scar.local.lambda_.event_sources.mapping import EventSourceMapping
    from scar.local.lambda_.event_sources.store import MappingStore
    from scar.local.lambda_.model import LambdaInvokeResult
    from scar.local.moto.queue_records import QueueRecord, QueueRecords
    from scar.local.sqs.store import MessageStore, StoredMessage

log = logging.getLogger(__name__)

_DEFAULT_CONCURRENCY: Final = 5  # Lambda's pollers of a queue (docs: Lambda, SQS scaling)
_THROTTLED_PAUSE: Final = 2.0  # seconds after which messages of a throttled invocation return
_THREADS: Final = 8


class Invoke(Protocol):
    """Runs a function and returns its result; raises LambdaApiError if it cannot run."""

    def __call__(self, arn: str, payload: bytes, trace: str, /) -> LambdaInvokeResult: ...


class EventSourcePoller:
    """Invokes functions with the batches of messages that are complete.

    A batch is complete with ``batch_size`` messages, or 6 MB, or when its first message has waited
    for the window. A message stays in the store until the function has handled it, so a batch that
    a killed process had received is received again. Wake ``loop`` when a message or a mapping
    changed; join it after closing the Lambda service, which ends the invocations.
    """

    def __init__(
        self,
        mappings: MappingStore,
        queues: QueueRecords,
        messages: MessageStore,
        invoke: Invoke,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mappings = mappings
        self._queues = queues
        self._messages = messages
        self._invoke = invoke
        self._clock = clock
        self._active: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.loop = DispatchLoop("event sources", self._poll_all, threads=_THREADS)

    def _poll_all(self) -> float:
        # Without a mapping there is nothing to look at before the next change.
        return min((self._poll(m) for m in self._mappings.list() if m.enabled), default=60.0)

    def _poll(self, mapping: EventSourceMapping) -> float:
        """Start the batches that are complete; return the seconds until the next look."""
        queue = self._queues.get(mapping.queue_arn)
        if queue is None:
            return POLL_INTERVAL
        most = mapping.concurrency or _DEFAULT_CONCURRENCY
        while self._active[mapping.uuid] < most and not self.loop.is_closed:
            since = self._messages.visible_since(queue)
            if since is None:
                break
            left = since + mapping.window - self._clock()
            if left > 0 and self._messages.counts(queue).visible < mapping.batch_size:
                return max(0.01, min(left, POLL_INTERVAL))
            self._start_batch(mapping, queue)
        return POLL_INTERVAL

    def _start_batch(self, mapping: EventSourceMapping, queue: QueueRecord) -> None:
        batch = self._messages.receive(
            queue, mapping.batch_size, most_bytes=limits.LAMBDA_SYNC_PAYLOAD.maximum
        )
        if not batch:
            return
        with self._counting:
            self._active[mapping.uuid] += 1
        self.loop.submit(self._process, mapping, batch)

    def _process(self, mapping: EventSourceMapping, batch: Sequence[StoredMessage]) -> None:
        try:
            handled = self._invoke_function(mapping, batch)
            self._messages.delete([message.receipt for message in handled])
        except LambdaApiError as error:
            log.info("messages of %s wait: %s", mapping.queue_arn, error)
            if not self.loop.is_closed:
                receipts = [message.receipt for message in batch]
                self._messages.change_visibility(receipts, _THROTTLED_PAUSE)
        except Exception:
            log.exception("messages of %s could not be processed", mapping.queue_arn)
        finally:
            with self._counting:
                self._active[mapping.uuid] -= 1
            self.loop.wake()

    def _invoke_function(
        self, mapping: EventSourceMapping, batch: Sequence[StoredMessage]
    ) -> Sequence[StoredMessage]:
        """Return the messages that the function has handled; the others are received again."""
        records = [_record(message, mapping.queue_arn) for message in batch]
        payload = json.dumps({"Records": records}).encode()
        trace = next((message.trace for message in batch if message.trace), "")
        result = self._invoke(mapping.function_arn, payload, trace)
        if result.function_error:
            log.info("%s failed for %d messages", mapping.function_arn, len(batch))
            return ()
        if not mapping.reports_failures:
            return batch
        failed = _failed_messages(result.payload, batch)
        return [message for message in batch if message.id not in failed]


def _record(message: StoredMessage, queue_arn: str) -> dict[str, Any]:
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": system_attributes(message),
        "messageAttributes": {},
        "md5OfBody": md5_of(message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _failed_messages(response: bytes, batch: Sequence[StoredMessage]) -> set[str]:
    """Return the ids of the messages to be received again; all of them for an invalid response.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    every = {message.id for message in batch}
    try:
        document = json.loads(response or b"null")
        failures = (document or {}).get("batchItemFailures") or []
        failed = {str(item["itemIdentifier"]) for item in failures}
    except (AttributeError, KeyError, TypeError, ValueError):
        return every
    return every if failed - every else failed
