"""Find shared Batch resources that no function uses any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.model.resources import ComputeEnvironment, JobQueue, LaunchTemplate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from scar.aws.inventory.deployed_resources import Inventory, InventorySnapshot
    from scar.aws.model.resources import JobDefinition, Resource, ResourceKey

_KINDS_SHARING_NAMES = (JobQueue, ComputeEnvironment, LaunchTemplate)


def find_unused_infrastructure(
    inventory: Inventory,
    found: InventorySnapshot,
    *,
    keep: Iterable[JobDefinition],
    changing: Collection[str],
    busy: Collection[str] | None = None,
) -> dict[ResourceKey, Resource]:
    """Return job queues, compute environments and launch templates that nothing uses.

    If no queue is used at all, the instances' role and instance profile are among them.
    ``changing`` are the functions whose job definitions are about to be replaced by ``keep``. A
    queue with unfinished jobs (``busy``; listed here if None) is in use; a later deployment or
    removal deletes it once it is empty.
    """
    # A queue, its environment and its launch template have one name: the hash of their content.
    used = {d.queue for d in keep}
    shared = [r for r in found.batch_infrastructure.values() if isinstance(r, _KINDS_SHARING_NAMES)]
    used |= {d.queue for d in found.job_definitions if d.name not in changing}
    idle = [r.name for r in shared if isinstance(r, JobQueue) and r.name not in used]
    if busy is None:
        busy = {
            job.queue for job in jobs.list_active_jobs(inventory.connection.client("batch"), idle)
        }
    used |= {*busy}
    if not used:
        return dict(found.batch_infrastructure)
    return {r.key: r for r in shared if r.name not in used}
