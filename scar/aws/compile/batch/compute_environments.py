"""The compute environment, launch template and instance profile of a function's jobs."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.disks.user_data import with_instance_store
from scar.aws.model.instance_types import default_instance_types
from scar.aws.model.resources import (
    ComputeEnvironment,
    LaunchTemplate,
)
from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.fdl.model import BatchSpec, ComputeResourcesSpec

# Not BEST_FIT, Batch's default: such environments cannot be updated in place, and SPOT would need a
# Spot Fleet role.
_ALLOCATION_STRATEGIES = {
    "EC2": "BEST_FIT_PROGRESSIVE",
    "SPOT": "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "ECS_MANAGED_INSTANCES": "BEST_FIT_PROGRESSIVE",
}

# Fields of a compute environment that describe what exists, not what is desired.
_OBSERVED_FIELDS = ("status", "superseded", "actual_name")
_NEWER_FIELDS = (
    *("tags", "disk_type", "disk_iops", "disk_throughput"),
    *("bid_percentage", "scale_down_minutes"),
)
_ORDERED_STRATEGIES = ("BEST_FIT_PROGRESSIVE_ORDERED", "SPOT_CAPACITY_OPTIMIZED_PRIORITIZED")


def compile_environment(
    function: Function, compute: ComputeResourcesSpec, account: Account, network: VpcNetwork | None
) -> ComputeEnvironment:
    """Return a compute environment of a function, named by a digest of everything else in it.

    So functions with equal compute resources share one environment (an account has at most 50),
    and a changed setting is another environment: jobs in the old one end undisturbed, and it is
    deleted when no function uses it.

    Raise ConfigurationError if the network is unknown.
    """
    if function.batch is None or network is None:
        raise ConfigurationError(
            f"Function {function.name} has no VPC subnets for its Batch jobs.",
            remedy="Set batch.compute_resources.subnets in the FDL.",
        )
    architecture = function.lambda_.architecture
    resource = ComputeEnvironment(
        name="",
        type=compute.type,
        max_vcpus=compute.max_v_cpus,
        min_vcpus=0 if compute.is_fargate else compute.min_v_cpus,
        instance_types=_instance_types(function.batch, compute, architecture),
        image_type=_image_type(function.batch),
        allocation=compute.allocation_strategy or _ALLOCATION_STRATEGIES.get(compute.type, ""),
        subnets=network.subnets,
        security_groups=network.security_groups,
        instance_profile=_instance_profile_arn(compute, account),
        service_role=function.batch.service_role,
        bid_percentage=compute.bid_percentage % 100,  # 100 is Batch's default
        scale_down_minutes=compute.scale_down_delay,
        tags=function.tags,
    )
    # Fargate environments of both architectures would be equal, since they have no instance types;
    # but a queue must not mix architectures.
    settings = _name_content(resource)
    content = {**settings, "architecture": architecture}
    if not function.needs_launch_template:
        return replace(resource, name=names.shared_resource_name(content))
    # The launch template is named after the environment, so its content is part of the digest. The
    # version is fixed: Batch must not start to use a version that another tool adds.
    template = _name_content(compile_launch_template("", function))
    name = names.shared_resource_name({**content, "launch_template": template})
    return replace(resource, name=name, launch_template=f"{name}:1")


def compile_launch_template(name: str, function: Function) -> LaunchTemplate:
    assert function.batch is not None  # noqa: S101  # checked by the caller; for mypy
    disk, user_data = function.batch.compute_resources.disk, function.user_data
    return LaunchTemplate(
        name=name,
        disk_gib=disk.size,
        disk_type=disk.type,
        disk_iops=disk.iops,
        disk_throughput=disk.throughput,
        user_data=with_instance_store(user_data) if disk.instance_store else user_data,
        tags=function.tags,
    )


def _name_content(resource: ComputeEnvironment | LaunchTemplate) -> dict[str, object]:
    """Return the settings that the name is a digest of.

    Fields that are newer than deployed environments count only if they are set: another name would
    replace these.
    """
    defaults = asdict(type(resource)(name=""))
    return {
        name: value
        for name, value in asdict(resource).items()
        if name not in _OBSERVED_FIELDS and (name not in _NEWER_FIELDS or value != defaults[name])
    }


def _instance_types(
    batch: BatchSpec, compute: ComputeResourcesSpec, architecture: str
) -> tuple[str, ...]:
    """Return the FDL's instance types, or those that fit the architecture and GPU."""
    if compute.is_fargate:
        return ()
    if compute.allocation_strategy in _ORDERED_STRATEGIES:
        return compute.instance_types
    return tuple(sorted(compute.instance_types)) or default_instance_types(
        architecture, gpus=batch.gpu_count
    )


def _image_type(batch: BatchSpec) -> str:
    if batch.compute_resources.is_fargate:
        return ""
    return "ECS_AL2023_NVIDIA" if batch.gpu_count else "ECS_AL2023"


def _instance_profile_arn(compute: ComputeResourcesSpec, account: Account) -> str:
    if compute.is_fargate:
        return ""
    generated = f"instance-profile/scar/{names.instance_role_name(account.region)}"
    return compute.instance_role or account.iam_arn(generated)
