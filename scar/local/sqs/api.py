"""The calls of SQS about messages; moto answers all others."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from scar.local.http.messages import Response
from scar.local.moto.error_responses import ApiError, render_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scar.local.moto.calls import MotoCall
    from scar.local.moto.queue_records import QueueRecord, QueueRecords
    from scar.local.sqs.store import MessageStore, StoredMessage


class QueueApi:
    """Answers calls about standard queues that exist; None for all others."""

    def __init__(self, store: MessageStore, queues: QueueRecords) -> None:
        self._store = store
        self._queues = queues
        self._operations: Mapping[str, Callable[[QueueRecord, MotoCall], dict[str, Any]]] = {
            "SendMessage": self._send,
            "SendMessageBatch": self._send_batch,
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibility": self._change_visibility,
            "GetQueueAttributes": self._attributes,
            "PurgeQueue": self._purge,
        }

    def handle_call(self, call: MotoCall) -> Response | None:
        """Return the response to a call, or None for calls that moto handles."""
        operation = self._operations.get(call.operation) if call.service == "sqs" else None
        queue = self._queues.get(call.text("QueueUrl"), call.region) if operation else None
        if operation is None or queue is None:
            return None
        try:
            content = operation(queue, call)
        except KeyError as error:
            message = f"The request must contain the parameter {error.args[0]}."
            return render_error("sqs", ApiError(code="MissingParameter", message=message))
        headers = {"content-type": "application/x-amz-json-1.0"}
        return Response(status=200, headers=headers, body=json.dumps(content).encode())

    def on_change(self, call: MotoCall) -> None:
        """Delete the messages of a queue that moto has deleted."""
        if (call.service, call.operation) == ("sqs", "DeleteQueue"):
            name = call.text("QueueUrl").rpartition("/")[2]
            self._store.delete_queue(f"arn:aws:sqs:{call.region}:{self._queues.account}:{name}")

    def _send(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        return self._store_message(queue, call.parameters)

    def _send_batch(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        sent = [
            {"Id": entry["Id"], **self._store_message(queue, entry)} for entry in _entries(call)
        ]
        return {"Successful": sent, "Failed": []}

    def _store_message(self, queue: QueueRecord, entry: Mapping[str, Any]) -> dict[str, Any]:
        body = str(entry["MessageBody"])
        number = self._store.send(queue, body, delay=float(entry.get("DelaySeconds") or 0))
        return {"MessageId": number, "MD5OfMessageBody": md5_of(body)}

    def _receive(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        most = min(max(int(str(call.parameters.get("MaxNumberOfMessages", 1))), 1), 10)
        visibility = call.parameters.get("VisibilityTimeout")
        found = self._store.receive(
            queue, most, visibility=None if visibility is None else int(str(visibility))
        )
        return {"Messages": [_to_json(message) for message in found]} if found else {}

    def _delete(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        del queue
        self._store.delete([str(call.parameters["ReceiptHandle"])])
        return {}

    def _delete_batch(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        del queue
        entries = _entries(call)
        self._store.delete([str(entry["ReceiptHandle"]) for entry in entries])
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}

    def _change_visibility(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        del queue
        receipt, seconds = call.parameters["ReceiptHandle"], call.parameters["VisibilityTimeout"]
        self._store.change_visibility([str(receipt)], float(str(seconds)))
        return {}

    def _purge(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        del call
        self._store.delete_queue(queue.arn)
        return {}

    def _attributes(self, queue: QueueRecord, call: MotoCall) -> dict[str, Any]:
        counts = self._store.counts(queue)
        every = {
            **queue.attributes,
            "ApproximateNumberOfMessages": str(counts.visible),
            "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
        }
        asked = call.parameters.get("AttributeNames") or []
        wanted = asked if isinstance(asked, list) else []
        shown = every if "All" in wanted else {n: v for n, v in every.items() if n in wanted}
        return {"Attributes": shown}


def md5_of(body: str) -> str:
    """Return the checksum that SDKs compare with what they sent or received."""
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def _entries(call: MotoCall) -> Sequence[Mapping[str, Any]]:
    entries = call.parameters["Entries"]
    return entries if isinstance(entries, list) else []


def _to_json(message: StoredMessage) -> dict[str, Any]:
    return {
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5_of(message.body),
        "Body": message.body,
        "Attributes": system_attributes(message),
    }


def system_attributes(message: StoredMessage) -> dict[str, str]:
    """Return the attributes that SQS adds to a message, with times in milliseconds."""
    return {
        "ApproximateReceiveCount": str(message.received),
        "SentTimestamp": str(int(message.sent * 1000)),
        "SenderId": "AIDALOCALCLOUD",
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received * 1000)),
    }
