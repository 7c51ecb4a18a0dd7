"""The job queues that the section ``batch`` describes, with their compute environments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.fdl.model.batch.compute_environments import ComputeEnvironmentSpec
    from scar.fdl.model.batch.compute_resources import ComputeResourcesSpec, EnvironmentType

DEFAULT_PRIORITY, URGENT_PRIORITY = 1, 100
_SPOT_STRATEGY = "SPOT_"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """A job queue: its compute environments in the order in which Batch uses them."""

    priority: int
    environments: tuple[ComputeResourcesSpec, ...]


def queues_of(
    compute: ComputeResourcesSpec, entries: Sequence[ComputeEnvironmentSpec]
) -> tuple[QueueSpec, ...]:
    """Return the job queue of the function's jobs, then the others of its preset.

    The queue `default` of the preset `dual` has no On-Demand environment: a queue that spills from
    Spot into On-Demand Instances can get stuck behind a job that waits for Spot capacity.
    """
    if compute.preset != "dual":
        environments = tuple(_environments(compute, entries))
        return (QueueSpec(priority=DEFAULT_PRIORITY, environments=environments),)
    on_demand, spot = (_with_type(compute, kind) for kind in ("EC2", "SPOT"))
    default = QueueSpec(priority=DEFAULT_PRIORITY, environments=(spot,))
    urgent = QueueSpec(priority=URGENT_PRIORITY, environments=(on_demand, spot))
    return (urgent, default) if compute.queue == "priority" else (default, urgent)


def _environments(
    compute: ComputeResourcesSpec, entries: Sequence[ComputeEnvironmentSpec]
) -> Iterator[ComputeResourcesSpec]:
    """Yield the environments of a list, or the only one if it is empty."""
    if not entries:
        yield compute
    for entry in entries:
        own = {
            key: value
            for key in type(entry).model_fields
            if (value := getattr(entry, key)) is not None
        }
        inherited = _with_type(compute, entry.type or compute.type)
        yield inherited.model_copy(update=own)


def _with_type(compute: ComputeResourcesSpec, kind: EnvironmentType) -> ComputeResourcesSpec:
    """Return the compute resources with another type, without what that type does not have."""
    changes: dict[str, object] = {"type": kind}
    if kind != "SPOT":
        changes["bid_percentage"] = 0
    strategy = compute.allocation_strategy
    if strategy and not fits_strategy(kind, strategy):
        changes["allocation_strategy"] = None
    return compute.model_copy(update=changes)


def fits_strategy(kind: EnvironmentType, strategy: str) -> bool:
    """Return whether environments of this type have the allocation strategy.

    BEST_FIT_PROGRESSIVE is for both kinds of instances, its ordered form for On-Demand only (model:
    ComputeResource.allocationStrategy).
    """
    if strategy == "BEST_FIT_PROGRESSIVE":
        return kind in ("EC2", "SPOT")
    return kind == ("SPOT" if strategy.startswith(_SPOT_STRATEGY) else "EC2")
