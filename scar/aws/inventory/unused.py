"""Find shared resources that no function uses any more: of Batch, and empty buckets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.client.connection import PARALLEL
from scar.aws.client.errors import translate_errors
from scar.aws.handlers.s3 import BucketHandler
from scar.aws.inventory.functions import buckets_of
from scar.aws.model.resources import (
    Bucket,
    BucketNotification,
    ComputeEnvironment,
    JobQueue,
    LaunchTemplate,
    ResourceKey,
    SchedulingPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.deployed_resources import Inventory, InventorySnapshot
    from scar.aws.model.resources import JobDefinition, Resource

_KINDS_SHARING_NAMES = (JobQueue, ComputeEnvironment, LaunchTemplate)
_KINDS_OF_QUEUES = (*_KINDS_SHARING_NAMES, SchedulingPolicy)


def find_unused_infrastructure(
    inventory: Inventory,
    found: InventorySnapshot,
    *,
    keep: Iterable[JobDefinition],
    changing: Collection[str],
    busy: Collection[str] | None = None,
) -> dict[ResourceKey, Resource]:
    """Return job queues, and what belongs to them, that nothing uses.

    If no queue is used at all, the instances' role and instance profile are among them.
    ``changing`` are the functions whose job definitions are about to be replaced by ``keep``. A
    queue with unfinished jobs (``busy``; listed here if None) is in use; a later deployment or
    removal deletes it once it is empty.
    """
    used = {queue for d in keep for queue in d.queues}
    shared = [r for r in found.batch_infrastructure.values() if isinstance(r, _KINDS_OF_QUEUES)]
    used |= {queue for d in found.job_definitions if d.name not in changing for queue in d.queues}
    idle = [r.name for r in shared if isinstance(r, JobQueue) and r.name not in used]
    if busy is None:
        busy = {
            job.queue for job in jobs.list_active_jobs(inventory.connection.client("batch"), idle)
        }
    used |= {*busy}
    if not used:
        return dict(found.batch_infrastructure)
    needed = {key for r in shared if isinstance(r, JobQueue) and r.name in used for key in r.needs}
    environments = {key.name for key in needed if key.kind == ComputeEnvironment.kind}
    # A launch template has the name of its environment, and most environments that of their queue:
    # of one that another program has deleted, the rest stays.
    needed |= {ResourceKey(kind.kind, name) for kind in _KINDS_SHARING_NAMES for name in used}
    needed |= {ResourceKey(LaunchTemplate.kind, name) for name in environments}
    return {r.key: r for r in shared if r.key not in needed}


def find_empty_buckets(
    connection: AwsConnection,
    snapshot: InventorySnapshot,
    *,
    other_tags: Iterable[Mapping[str, str]],
) -> dict[ResourceKey, Resource]:
    """Return the empty buckets that scar created and that only the removed functions use.

    A bucket is used by its notifications, and by functions whose tags name it: ``other_tags`` are
    those of all other functions.
    """
    if not snapshot.notifications:
        return {}
    used = {bucket for tags in other_tags for bucket in buckets_of(tags)}
    handler = BucketHandler(connection.client("s3"), connection.account.region)

    def is_removable(bucket: str) -> bool:
        with translate_errors(f"inspect bucket {bucket}"):
            return handler.is_empty_and_managed(bucket)

    rules = [r.name for r in snapshot.resources.values() if isinstance(r, BucketNotification)]
    candidates = sorted(
        b
        for b in snapshot.notifications.keys() - used
        if not _has_other_notifications(snapshot, b, rules)
    )
    with ThreadPoolExecutor(PARALLEL) as pool:
        removable = zip(candidates, pool.map(is_removable, candidates), strict=True)
        empty = [Bucket(name=name) for name, is_empty in removable if is_empty]
    return {bucket.key: bucket for bucket in empty}


def _has_other_notifications(
    snapshot: InventorySnapshot, bucket: str, rule_names: Collection[str]
) -> bool:
    """Return whether the bucket notifies anything else than the functions to remove."""
    configuration = snapshot.notifications[bucket]
    rules = [
        *configuration.get("LambdaFunctionConfigurations", []),
        *configuration.get("QueueConfigurations", []),
    ]
    others = [r for r in rules if f"{bucket}/{r.get('Id')}" not in rule_names]
    return bool(
        others
        or configuration.keys()
        - {"LambdaFunctionConfigurations", "QueueConfigurations", "ResponseMetadata"}
    )
