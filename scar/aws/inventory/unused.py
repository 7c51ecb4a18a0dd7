"""Shared machines that no function uses any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.account import jobs
from scar.aws.model.resources import ComputeEnvironment, JobQueue, LaunchTemplate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from scar.aws.inventory.deployed_resources import Found, Inventory
    from scar.aws.model.resources import JobDefinition, Key, Resource

_NAMED_ALIKE = (JobQueue, ComputeEnvironment, LaunchTemplate)


def unused_machines(
    inventory: Inventory,
    found: Found,
    *,
    keep: Iterable[JobDefinition],
    changing: Collection[str],
    busy: Collection[str] | None = None,
) -> dict[Key, Resource]:
    """Find queues, environments and their instance profile that nobody needs.

    ``changing`` are the functions whose definitions
    are about to be replaced by ``keep``. A queue with unfinished jobs is needed (``busy``, if
    that is known already); a later call finds it again once it is empty.
    """
    used = {d.queue for d in keep}
    machines = [r for r in found.machines.values() if isinstance(r, _NAMED_ALIKE)]
    used |= {d.queue for d in found.definitions if d.name not in changing}
    idle = [r.name for r in machines if isinstance(r, JobQueue) and r.name not in used]
    if busy is None:
        busy = {job.queue for job in jobs.active(inventory.connection.client("batch"), idle)}
    used |= {*busy}
    if not used:
        return dict(found.machines)
    return {r.key: r for r in machines if r.name not in used}
