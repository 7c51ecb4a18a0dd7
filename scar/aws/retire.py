"""Shared machines that no function uses any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws import jobs
from scar.aws.resources import ComputeEnvironment, JobQueue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from scar.aws.inventory import Inventory
    from scar.aws.resources import JobDefinition, Key, Resource


def unused_machines(
    inventory: Inventory, *, keep: Iterable[JobDefinition], changing: Collection[str]
) -> dict[Key, Resource]:
    """Find queues, environments and their instance profile that nobody needs.

    ``changing`` are the functions whose definitions are about to be replaced by ``keep``. A
    queue with unfinished jobs is needed; a later call finds it again once it is empty.
    """
    others = (d for d in inventory.definitions() if d.name not in changing)
    used = {d.queue for d in (*others, *keep)}
    found = inventory.machines()
    batch = inventory.connection.client("batch")
    used |= {
        r.name
        for r in found.values()
        if isinstance(r, JobQueue) and r.name not in used and jobs.active(batch, r.name)
    }
    idle: dict[Key, Resource] = {
        key: r
        for key, r in found.items()
        if isinstance(r, JobQueue | ComputeEnvironment) and r.name not in used
    }
    standing = [r for k, r in found.items() if isinstance(r, ComputeEnvironment) and k not in idle]
    if not standing and not used:
        return found
    return idle
