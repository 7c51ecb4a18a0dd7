"""What a removal says about running jobs, and what it leaves to Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model.resources import EventInvokeConfig, InvokePermission, JobQueue, LambdaFunction
from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scar.aws.account.jobs import ActiveJob
    from scar.aws.inventory.deployed_resources import InventorySnapshot
    from scar.aws.model.resources import Resource, ResourceKey


def describe_running(running: Sequence[ActiveJob], note: str = "") -> str:
    """Return how many jobs have not ended, and the names of the first five."""
    shown = ", ".join(sorted(job.name for job in running)[:5])
    have = "has" if len(running) == 1 else "have"
    more = "…" if len(running) > 5 else ""
    return f"{format_count(len(running), 'job')} {have} not ended{note}: {shown}{more}"


def without_dependents(observed: Mapping[ResourceKey, Resource]) -> dict[ResourceKey, Resource]:
    """Drop what Lambda deletes with the function: its permissions and its event invoke config."""
    functions = {r.name for r in observed.values() if isinstance(r, LambdaFunction)}

    def is_deleted_with_function(resource: Resource) -> bool:
        match resource:
            case InvokePermission(function=function) | EventInvokeConfig(name=function):
                return function in functions
            case _:
                return False

    return {key: r for key, r in observed.items() if not is_deleted_with_function(r)}


def queue_names(snapshot: InventorySnapshot) -> list[str]:
    """Return the names of the job queues."""
    return [r.name for r in snapshot.batch_infrastructure.values() if isinstance(r, JobQueue)]
