"""Keep the queue of a function whose events are not gathered any more, until it is empty.

The plan first changes the bucket's notification, so that S3 invokes the function; events that S3
has sent before are still in the queue, and the function continues to receive them. A later plan,
when no notification names the queue and it is empty, deletes it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import canonical_json
from scar.aws.compile.policies.roles import allow_to_receive
from scar.aws.model import names
from scar.aws.model.resources import (
    BucketNotification,
    EventSource,
    LambdaFunction,
    Role,
    SourceQueue,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scar.aws.model.resources import Resource, ResourceKey


def keep_queues_with_events(
    desired: Sequence[Resource], observed: Mapping[ResourceKey, Resource]
) -> tuple[tuple[Resource, ...], list[str]]:
    """Return the desired resources with the queues that must stay, and a note for each."""
    wanted = {r.key for r in desired}
    functions = {r.name for r in desired if isinstance(r, LambdaFunction)}
    targets = {r.queue_arn for r in observed.values() if isinstance(r, BucketNotification)}
    kept: dict[str, EventSource] = {}
    notes: list[str] = []
    resources = list(desired)
    for source in observed.values():
        if not isinstance(source, EventSource) or source.key in wanted:
            continue
        queue = observed.get(SourceQueue(name=names.event_queue_name(source.name)).key)
        is_used = isinstance(queue, SourceQueue) and (queue.waiting or source.queue_arn in targets)
        if queue is not None and is_used and source.name in functions:
            kept[source.name] = source
            resources += [queue, source]
            notes.append(
                f"the queue {queue.name} stays until its events are processed; the next"
                " `scar init` deletes it"
            )
    return tuple(_with_queue(r, kept, observed) for r in resources), notes


def _with_queue(
    resource: Resource,
    kept: Mapping[str, EventSource],
    observed: Mapping[ResourceKey, Resource],
) -> Resource:
    """Return a function that names its kept queue, and a role that may receive from it."""
    match resource:
        case LambdaFunction(name=name) if name in kept:
            tag = (names.EVENT_QUEUE_TAG, names.event_queue_name(name))
            return replace(resource, tags=tuple(sorted({*resource.tags, tag})))
        case Role() if arn := _queue_of_role(resource, kept.values(), observed):
            policy = json.loads(resource.policy)
            policy["Statement"].append(allow_to_receive(arn))
            return replace(resource, policy=canonical_json(policy))
        case _:
            return resource


def _queue_of_role(
    role: Role, kept: Iterable[EventSource], observed: Mapping[ResourceKey, Resource]
) -> str:
    """Return the kept queue of the function that has this role, empty if there is none."""
    for source in kept:
        function = observed.get(LambdaFunction(name=source.name).key)
        if isinstance(function, LambdaFunction) and function.role_arn.endswith(f"/{role.name}"):
            return source.queue_arn
    return ""
