"""Events that are gathered in queues, and have no run yet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs import SQSClient

PARALLEL = 8


def count_waiting_events(sqs: SQSClient, queues: Mapping[str, str]) -> dict[str, int]:
    """Return about how many events wait, by function; ``queues`` are their names by function.

    Two requests for each queue. Those that the function has received count too, until it has
    submitted them. Raise ScarError.
    """
    with ThreadPoolExecutor(PARALLEL) as pool:
        counts = pool.map(lambda queue: _count(sqs, queue), queues.values())
        return dict(zip(queues, counts, strict=True))


def _count(sqs: SQSClient, queue: str) -> int:
    with translate_errors(f"count the events in the queue {queue}"):
        try:
            url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
            found = sqs.get_queue_attributes(
                QueueUrl=url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
        except sqs.exceptions.QueueDoesNotExist:
            return 0
    return sum(map(int, found.values()))
