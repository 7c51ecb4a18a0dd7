"""Shared machines that no function uses any more."""

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
    """Find queues, environments and their instance profile that nobody needs.

    ``changing`` are the functions whose definitions
    are about to be replaced by ``keep``. A queue with unfinished jobs is needed (``busy``, if
    that is known already); a later call finds it again once it is empty.
    """
    used = {d.queue for d in keep}
    machines = [
        r for r in found.batch_infrastructure.values() if isinstance(r, _KINDS_SHARING_NAMES)
    ]
    used |= {d.queue for d in found.job_definitions if d.name not in changing}
    idle = [r.name for r in machines if isinstance(r, JobQueue) and r.name not in used]
    if busy is None:
        busy = {
            job.queue for job in jobs.list_active_jobs(inventory.connection.client("batch"), idle)
        }
    used |= {*busy}
    if not used:
        return dict(found.batch_infrastructure)
    return {r.key: r for r in machines if r.name not in used}
