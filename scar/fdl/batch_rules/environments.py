"""Rules of compute environments: presets, several environments, and the keys of each type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.fdl.model.batch import PRESET_TYPES, fits_strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model.batch import BatchSpec, ComputeEnvironmentSpec, ComputeResourcesSpec
    from scar.fdl.model.batch.compute_resources import EnvironmentType
    from scar.fdl.problems import Location

_FARGATE = ("FARGATE", "FARGATE_SPOT")
# Each orders the instance types by the file; AWS's default list has no meant order.
_ORDERED = ("BEST_FIT_PROGRESSIVE_ORDERED", "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED")


def locate_environments(
    batch: BatchSpec, section: Location
) -> list[tuple[Location, ComputeResourcesSpec]]:
    """Return the compute environments, each with the location of the keys that describe it."""
    shared: Location = (*section, "compute_resources")
    if not batch.compute_environments:
        unique = {id(e): e for q in batch.queues for e in q.environments}
        return [(shared, environment) for environment in unique.values()]
    return [
        ((*section, "compute_environments", number), environment)
        for number, environment in enumerate(batch.environments)
    ]


def check_environments(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    yield from _check_preset(batch, section)
    yield from _check_list(batch, section)
    located = locate_environments(batch, section)
    for location, environment in located:
        yield from _check_sizes(environment, location)
    yield from _check_shared_keys(batch.compute_resources, (*section, "compute_resources"), located)
    for number, entry in enumerate(batch.compute_environments):
        kind = entry.type or batch.compute_resources.type
        yield from _check_entry(entry, kind, (*section, "compute_environments", number))


def _check_preset(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    compute = batch.compute_resources
    preset, at = compute.preset, (*section, "compute_resources", "preset")
    if compute.queue is not None and preset != "dual":
        yield (
            (*section, "compute_resources", "queue"),
            "only `preset: dual` has two job queues: set it, or omit queue",
        )
    if preset is None:
        return
    if batch.compute_environments:
        yield (
            (*section, "compute_environments"),
            f"`preset: {preset}` describes the compute environments too: omit one of them",
        )
    if "type" not in compute.model_fields_set:
        return
    if preset == "dual":
        yield at, f"dual has environments of the types EC2 and SPOT: omit type: {compute.type}"
    elif PRESET_TYPES[preset] != compute.type:
        yield at, f"{preset} means type: {PRESET_TYPES[preset]}, not {compute.type}: omit one"


def _check_list(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    entries, at = batch.environments, (*section, "compute_environments")
    most = limits.BATCH_ENVIRONMENTS_PER_QUEUE.maximum
    if len(entries) > most:
        yield at, f"a job queue can have {most} compute environments, not {len(entries)}"
    if len({e.type in _FARGATE for e in entries}) > 1:
        yield (
            at,
            (
                "AWS Batch does not mix instances (EC2, SPOT) and Fargate in a job queue: use one"
                " of them, or another function"
            ),
        )
    for number, entry in enumerate(entries):
        if entry in entries[:number]:
            yield (*at, number), "is equal to an entry before it: omit it, or change a key"


def _check_sizes(compute: ComputeResourcesSpec, at: Location) -> Iterator[tuple[Location, str]]:
    if compute.min_v_cpus > compute.max_v_cpus:
        yield (*at, "min_v_cpus"), "is larger than max_v_cpus"
    if compute.min_v_cpus and compute.is_fargate:
        yield (*at, "min_v_cpus"), "Fargate has no instances that could run without jobs: omit it"
    delay = compute.scale_down_delay
    if delay and not limits.BATCH_SCALE_DOWN_MINUTES.allows(delay):
        least = limits.BATCH_SCALE_DOWN_MINUTES.minimum
        yield (*at, "scale_down_delay"), f"must be {least} minutes or more, or 0 for none"
    if delay and compute.is_fargate:
        yield (*at, "scale_down_delay"), "Fargate has no instances that could stay"
    strategy = compute.allocation_strategy
    if strategy in _ORDERED and not compute.instance_types:
        yield (
            (*at, "allocation_strategy"),
            f"{strategy} uses the order of instance_types: set these too",
        )


def _check_shared_keys(
    compute: ComputeResourcesSpec,
    at: Location,
    located: list[tuple[Location, ComputeResourcesSpec]],
) -> Iterator[tuple[Location, str]]:
    """Check what concerns all environments together, or only those of one type."""
    kinds = sorted({environment.type for _, environment in located})
    shown, strategy = ", ".join(kinds), compute.allocation_strategy
    if compute.bid_percentage and "SPOT" not in kinds:
        yield (*at, "bid_percentage"), f"is for Spot Instances (type SPOT), not for {shown}"
    if strategy and not any(fits_strategy(kind, strategy) for kind in kinds):
        yield (*at, "allocation_strategy"), f"{strategy} is not for the type {shown}"
    if compute.wait_limit and not limits.BATCH_STATE_SECONDS.allows(compute.wait_limit):
        least = limits.BATCH_STATE_SECONDS.minimum
        yield (*at, "wait_limit"), f"must be {least} seconds or more, or 0 for none"


def _check_entry(
    entry: ComputeEnvironmentSpec, kind: EnvironmentType, at: Location
) -> Iterator[tuple[Location, str]]:
    if entry.bid_percentage and kind != "SPOT":
        yield (*at, "bid_percentage"), f"is for Spot Instances (type SPOT), not for {kind}"
    if entry.allocation_strategy and not fits_strategy(kind, entry.allocation_strategy):
        yield (
            (*at, "allocation_strategy"),
            f"{entry.allocation_strategy} is not for the type {kind}",
        )
    if kind in _FARGATE and entry.instance_types:
        yield (*at, "instance_types"), "Fargate has no instance types"
