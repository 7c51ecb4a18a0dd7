"""Rules of `batch.overrides` and `batch.retry`: sizes that exist, entries that have an effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import instance_types, limits
from scar.fdl.batch_rules.environments import locate_environments
from scar.fdl.batch_rules.fargate import check_fargate
from scar.fdl.batch_rules.instances import check_instances, format_vcpus
from scar.fdl.batch_rules.nodes import find_capacity_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import AwsFunction
    from scar.fdl.model.batch import BatchSpec, ExitRetrySpec, JobOverrideSpec, ObjectMatchSpec
    from scar.fdl.problems import Location

_SIZE_KEYS = ("vcpus", "memory")


def check_job_overrides(function: AwsFunction, section: Location) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each broken rule of `overrides` and `retry`."""
    batch, architecture = function.batch, function.lambda_.architecture
    for number, override in enumerate(batch.overrides):
        at = (*section, "overrides", number)
        yield from _check_effect(batch, number, override, at)
        yield from _check_size(batch, override, architecture, at)
    for number, rule in enumerate(batch.retry):
        at = (*section, "retry", number)
        if any(other.exit_code == rule.exit_code for other in batch.retry[:number]):
            yield (*at, "exit_code"), "has no effect: an earlier entry has the same exit code"
        yield from _check_growth(batch, rule, architecture, at)


def _check_effect(
    batch: BatchSpec, number: int, override: JobOverrideSpec, at: Location
) -> Iterator[tuple[Location, str]]:
    match = override.match
    if not (match.prefix or match.suffix or match.min_size):
        yield (
            (*at, "match"),
            "needs prefix, suffix or min_size; batch.vcpus and batch.memory are for all jobs",
        )
    if not (override.vcpus or override.memory or override.gpus or override.timeout):
        yield at, "changes nothing: set vcpus, memory, gpus or timeout"
    if 0 < override.timeout < limits.BATCH_ATTEMPT_SECONDS.minimum:
        least = limits.BATCH_ATTEMPT_SECONDS.minimum
        yield (*at, "timeout"), f"is {override.timeout}; the least is {least} seconds"
    if override.gpus and not batch.gpu_count:
        yield (*at, "gpus"), "needs batch.gpus, which selects instances with GPUs"
    for earlier, other in enumerate(batch.overrides[:number]):
        if _covers(other.match, match):
            yield (
                (*at, "match"),
                (
                    f"never counts: entry {earlier + 1} matches these objects first; put the"
                    " narrower one before it"
                ),
            )
            return


def _covers(first: ObjectMatchSpec, second: ObjectMatchSpec) -> bool:
    """Return whether every object that the second one matches is matched by the first."""
    prefixes = not first.prefix or (
        second.prefix and all(p.startswith(first.prefix) for p in second.prefix)
    )
    suffixes = not first.suffix or (
        second.suffix and all(s.endswith(first.suffix) for s in second.suffix)
    )
    return bool(prefixes and suffixes) and first.min_size <= second.min_size


def _check_size(
    batch: BatchSpec, override: JobOverrideSpec, architecture: str, at: Location
) -> Iterator[tuple[Location, str]]:
    """Check a job of the override as if it were in the job definition."""
    if not (override.vcpus or override.memory or override.gpus):
        return
    changed = batch.model_copy(
        update={
            "vcpus": override.vcpus or batch.vcpus,
            "memory": override.memory or batch.memory,
        }
    )
    if any(_size_problems(batch, architecture)):
        return  # reported at the keys of all jobs
    for key, problem in _size_problems(changed, architecture):
        chosen = key if getattr(override, key) else "memory" if override.memory else "vcpus"
        yield (*at, chosen), problem
        return
    if override.gpus and batch.gpu_count and not batch.compute_resources.is_fargate:
        default = instance_types.default_instance_types(architecture, gpus=batch.gpu_count)
        named = (name for e in batch.environments for name in e.instance_types or default)
        names = tuple(dict.fromkeys(named))
        types = instance_types.find_instance_types(names)
        if types is not None and not instance_types.fitting_types(
            types, changed.vcpus, changed.memory, override.gpus
        ):
            yield (
                (*at, "gpus"),
                f"no instance of {', '.join(names)} has {override.gpus} GPUs with this size",
            )


def _size_problems(batch: BatchSpec, architecture: str) -> Iterator[tuple[str, str]]:
    """Yield the key (vcpus or memory) and why a job of this size never starts."""
    most = max(environment.max_v_cpus for environment in batch.environments)
    if batch.vcpus > most:
        needed = format_vcpus(batch.vcpus)
        yield "vcpus", f"a job of {needed} never fits into max_v_cpus {most}"
    found = (
        check_fargate(batch, ())
        if batch.compute_resources.is_fargate
        else check_instances(batch, architecture, (), locate_environments(batch, ()))
    )
    for location, problem in found:
        if location[-1] in _SIZE_KEYS:
            yield str(location[-1]), problem
    if batch.nodes and (problem := find_capacity_problem(batch, architecture)):
        yield "memory", problem


def _check_growth(
    batch: BatchSpec, rule: ExitRetrySpec, architecture: str, at: Location
) -> Iterator[tuple[Location, str]]:
    if rule.up_to:
        yield from _check_most(batch, rule, (*at, "up_to"))
    if rule.memory_mib:
        yield from _check_fixed_memory(batch, rule, architecture, (*at, "memory"))


def _check_most(
    batch: BatchSpec, rule: ExitRetrySpec, at: Location
) -> Iterator[tuple[Location, str]]:
    if not rule.memory:
        yield at, "needs memory: without it, the next job has as much as this one"
    if rule.up_to <= batch.memory:
        yield at, f"is not more than batch.memory, {batch.memory}"
    for number, override in enumerate(batch.overrides):
        if rule.up_to < override.memory:
            yield at, f"is less than overrides[{number}].memory, {override.memory}"


def _check_fixed_memory(
    batch: BatchSpec, rule: ExitRetrySpec, architecture: str, at: Location
) -> Iterator[tuple[Location, str]]:
    """Check that a number of MiB is more than any first job has: without more, none follows."""
    for number, override in enumerate(batch.overrides):
        if batch.memory < rule.memory_mib <= override.memory:
            yield (
                at,
                (
                    f"is not more than overrides[{number}].memory, {override.memory}: such jobs"
                    " would not be submitted again. Write a factor, such as x2, or more"
                ),
            )
    if rule.memory_mib <= batch.memory:
        yield at, f"is not more than batch.memory, {batch.memory}"
    elif rule.up_to and rule.memory_mib > rule.up_to:
        yield at, f"is more than up_to, {rule.up_to}"
    elif not batch.compute_resources.is_fargate and not any(_size_problems(batch, architecture)):
        grown = batch.model_copy(update={"memory": rule.memory_mib})
        for _, problem in _size_problems(grown, architecture):
            yield at, problem
            return
