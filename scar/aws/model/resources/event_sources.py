"""The SQS queue in which a function's events are gathered, and its event source mapping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from scar.aws.model import names
from scar.aws.model.resources.base import Pairs, Resource, ResourceKey
from scar.aws.model.resources.lambda_ import LambdaFunction

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQueue(Resource):
    """A queue that S3 sends events of new objects to; times in seconds.

    ``policy`` (JSON) says which buckets may send. ``encrypted``: with keys of SQS (SSE-SQS).
    ``waiting`` is the approximate number of events in it, only observed.
    """

    kind: ClassVar[str] = "event-queue"
    policy_fields: ClassVar[frozenset[str]] = frozenset({"policy"})

    visibility: int = 30
    retention: int = 345_600
    encrypted: bool = False
    policy: str = ""
    tags: Pairs = ()
    waiting: int = field(default=0, compare=False)

    @property
    def function(self) -> str:
        return names.function_of_queue(self.name)

    @property
    def uses(self) -> frozenset[ResourceKey]:
        # Deleted before the function, whose tag is how a later command finds the queue.
        return frozenset({ResourceKey(LambdaFunction.kind, self.function)})


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSource(Resource):
    """The event source mapping that invokes the function ``name`` with messages of a queue.

    ``window`` is in seconds, ``concurrency`` the most invocations at once (0: no limit).
    ``reports_failures``: the function's response names the messages that are to be sent again.
    """

    kind: ClassVar[str] = "event-source"
    request_paths: ClassVar[Mapping[str, str]] = {
        "batch_size": "BatchSize",
        "window": "MaximumBatchingWindowInSeconds",
    }

    queue_arn: str = ""
    batch_size: int = 10
    window: int = 0
    concurrency: int = 0
    reports_failures: bool = False
    enabled: bool = True

    @property
    def function(self) -> str:
        return self.name

    @property
    def needs(self) -> frozenset[ResourceKey]:
        queue = self.queue_arn.rpartition(":")[2]
        return frozenset(
            {ResourceKey(SourceQueue.kind, queue), ResourceKey(LambdaFunction.kind, self.name)}
        )
