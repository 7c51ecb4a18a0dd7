"""SQS queues in which the events of functions are gathered."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import UnmanagedResourceError
from scar.aws.model import names
from scar.aws.model.resources import SourceQueue
from scar.aws.requests import event_source_requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs import SQSClient

    from scar.aws.model.resources import Pairs

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, slots=True)
class SourceQueueHandler:
    """Queues with scar's tag. Tags are added and changed, never removed.

    The client repeats calls that are too early for a new queue, and the creation of a queue whose
    name was deleted less than 60 seconds ago (``scar.aws.client.races``).
    """

    sqs: SQSClient

    def read(self, resource: SourceQueue) -> SourceQueue | None:
        """Read the queue; raise UnmanagedResourceError if it does not have scar's tag."""
        try:
            url = self._find_url(resource.name)
            response = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
            found: Mapping[str, str] = {str(k): v for k, v in response["Attributes"].items()}
            tags = self.sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        except self.sqs.exceptions.QueueDoesNotExist:
            return None
        if names.FUNCTION_TAG not in tags:
            raise UnmanagedResourceError(
                f"The SQS queue {resource.name} exists and is not managed by scar.",
                remedy="Delete it, or give the function another name in the FDL.",
            )
        return SourceQueue(
            name=resource.name,
            visibility=int(found["VisibilityTimeout"]),
            retention=int(found["MessageRetentionPeriod"]),
            encrypted=found.get("SqsManagedSseEnabled", "false") == "true",
            policy=found.get("Policy", ""),
            tags=_relevant_tags(tags, resource),
            waiting=sum(int(found.get(name, "0")) for name in _COUNTS),
        )

    def create(self, resource: SourceQueue) -> None:
        try:
            self.sqs.create_queue(**event_source_requests.create_queue_request(resource))
        except self.sqs.exceptions.QueueNameExists:
            # It exists with other settings; ``read`` raises if scar did not create it.
            observed = self.read(resource)
            if observed is None:
                raise
            self.update(observed, resource)

    def update(self, observed: SourceQueue, desired: SourceQueue) -> None:
        url = self._find_url(desired.name)
        attributes = event_source_requests.queue_attributes(desired)
        if observed.policy and not desired.policy:
            attributes["Policy"] = ""
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        if observed.tags != desired.tags:
            self.sqs.tag_queue(QueueUrl=url, Tags=dict(desired.tags))

    def delete(self, resource: SourceQueue) -> None:
        with contextlib.suppress(self.sqs.exceptions.QueueDoesNotExist):
            self.sqs.delete_queue(QueueUrl=self._find_url(resource.name))

    def _find_url(self, name: str) -> str:
        return self.sqs.get_queue_url(QueueName=name)["QueueUrl"]


def _relevant_tags(tags: Mapping[str, str], desired: SourceQueue) -> Pairs:
    """Return scar's tags and those that are desired: others may be an organization's."""
    keys = dict(desired.tags).keys()
    return tuple(sorted((k, v) for k, v in tags.items() if k.startswith("scar:") or k in keys))
