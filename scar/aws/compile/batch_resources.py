"""The Batch side of a function: what its jobs run on, and how. Pure."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from scar.aws.compile import policies
from scar.aws.model import names
from scar.aws.model.resources import (
    ComputeEnvironment,
    InstanceProfile,
    JobDefinition,
    JobQueue,
    LaunchTemplate,
    LogGroup,
    Role,
)
from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.aws.model.resources import Pairs, Resource
    from scar.fdl.model import BatchSpec, ComputeResourcesSpec

# BEST_FIT could never be updated, and needs a fleet role for spot instances.
_ALLOCATION_STRATEGIES = {
    "EC2": "BEST_FIT_PROGRESSIVE",
    "SPOT": "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "ECS_MANAGED_INSTANCES": "BEST_FIT_PROGRESSIVE",
}
# Batch retries what matches no rule, so the last rule matches everything. Only a trailing * works.
_RETRY_RULES: tuple[Pairs, ...] = (
    (("action", "RETRY"), ("onStatusReason", "Host EC2*")),
    (("action", "RETRY"), ("onStatusReason", "Your Spot Task was interrupted*")),
    (("action", "EXIT"), ("onReason", "*")),
)


def job_queue_name(function: Function, account: Account, network: VpcNetwork | None) -> str:
    """Name the queue of the function's jobs, before it exists; empty if it has none."""
    if function.batch is None:
        return ""
    return compute_environment(function, account, network).name


def compute_environment(
    function: Function, account: Account, network: VpcNetwork | None
) -> ComputeEnvironment:
    """Describe the machines; the name is a digest of everything else, so equals are shared."""
    if function.batch is None or network is None:
        raise ConfigurationError(
            f"Function {function.name} has no network for its jobs.",
            remedy="Give batch.compute_resources.subnets in the FDL.",
        )
    compute, architecture = function.batch.compute_resources, function.lambda_.architecture
    resource = ComputeEnvironment(
        name="",
        type=compute.type,
        max_vcpus=compute.max_v_cpus,
        min_vcpus=0 if compute.is_fargate else compute.min_v_cpus,
        instance_types=_instance_types(function.batch, arm=architecture == "arm64"),
        image_type=_image_type(function.batch),
        allocation=_ALLOCATION_STRATEGIES.get(compute.type, ""),
        subnets=network.subnets,
        security_groups=network.security_groups,
        instance_profile=_instance_profile_arn(compute, account),
        service_role=function.batch.service_role,
    )
    # Fargate has no instance types to tell the architectures apart, yet one queue has one.
    content = {**asdict(resource), "architecture": architecture}
    if not function.needs_launch_template:
        return replace(resource, name=names.shared_resource_name(content))
    name = names.shared_resource_name(
        {**content, "disk": compute.disk, "user_data": function.user_data}
    )
    return replace(resource, name=name, launch_template=f"{name}:1")


def user_role_arn(function: Function, account: Account) -> str:
    """Return the ARN of the user's role, of which the FDL may only give the name."""
    role = function.iam.role
    return role if not role or role.startswith("arn:") else account.iam_arn(f"role/{role}")


def compile_batch(
    function: Function, flow: DataFlow, digest: str, network: VpcNetwork | None
) -> Iterator[Resource]:
    """Compile everything that only functions with Batch have."""
    account = flow.account
    batch = function.batch
    if batch is None:
        return
    machines = compute_environment(function, account, network)
    yield LogGroup(
        name=names.batch_log_group(function.name),
        retention_days=function.cloudwatch.log_retention_policy_in_days,
    )
    yield from _compile_roles(function, flow)
    if batch.compute_resources.uses_shared_role:
        role = names.instance_role_name(account.region)
        yield Role(
            name=role,
            trust=policies.trust_policy("ec2", account),
            policy=policies.instance_role(account),
            boundary=function.iam.permissions_boundary,
        )
        yield InstanceProfile(name=role, role=role)
    if function.needs_launch_template:
        yield LaunchTemplate(
            name=machines.name,
            disk_gib=batch.compute_resources.disk,
            user_data=function.user_data,
        )
    yield machines
    yield JobQueue(name=machines.name, environment=machines.name)
    yield _compile_job_definition(function, account, digest, network)


def _compile_roles(function: Function, flow: DataFlow) -> Iterator[Role]:
    account = flow.account
    if function.iam.role or function.batch is None:
        return
    yield Role(
        name=names.role_name(function.name, account.region, "job"),
        trust=policies.trust_policy("ecs-tasks", account),
        policy=policies.job_role(flow),
        boundary=function.iam.permissions_boundary,
    )
    if function.batch.compute_resources.is_fargate:
        yield Role(
            name=names.role_name(function.name, account.region, "exec"),
            trust=policies.trust_policy("ecs-tasks", account),
            policy=policies.execution_role(account, function.name, function.repository),
            boundary=function.iam.permissions_boundary,
        )


def _compile_job_definition(
    function: Function, account: Account, digest: str, network: VpcNetwork | None
) -> JobDefinition:
    batch = function.batch
    assert batch is not None  # noqa: S101  # said by the caller, for the type checker
    compute, fargate = batch.compute_resources, batch.compute_resources.is_fargate

    def role_arn(purpose: str) -> str:
        generated = names.role_name(function.name, account.region, purpose)
        given = user_role_arn(function, account)
        return given or account.iam_arn(f"role/scar/{generated}")

    return JobDefinition(
        name=function.name,
        image=names.image_uri(account, function.repository, digest),
        platform="FARGATE" if fargate else "EC2",
        vcpus=f"{batch.vcpus:g}",
        memory=batch.memory,
        gpus=1 if batch.enable_gpu else 0,
        timeout=batch.timeout,
        attempts=batch.attempts,
        retry_rules=_RETRY_RULES,
        job_role=role_arn("job"),
        execution_role=role_arn("exec") if fargate else "",
        public_ip=fargate and network is not None and network.needs_public_ip,
        architecture=function.lambda_.architecture if fargate else "x86_64",
        disk_gib=compute.disk if fargate else 0,
        environment=_job_environment(function, batch, account),
        tags=tuple(
            sorted(
                {
                    names.FUNCTION_TAG: function.name,
                    names.QUEUE_TAG: job_queue_name(function, account, network),
                }.items()
            )
        ),
    )


def _job_environment(function: Function, batch: BatchSpec, account: Account) -> Pairs:
    """The script sees in a job what it sees in Lambda; Batch itself tells no Region."""
    region = {"AWS_REGION": account.region, "AWS_DEFAULT_REGION": account.region}
    given = {**function.lambda_.environment.Variables, **batch.environment.Variables}
    return tuple(sorted({**region, **given}.items()))


def _instance_types(batch: BatchSpec, *, arm: bool) -> tuple[str, ...]:
    """Take what fits; ``optimal`` means ``default_x86_64``, and GPUs are in no such group."""
    compute = batch.compute_resources
    if compute.is_fargate:
        return ()
    if compute.instance_types:
        return tuple(sorted(compute.instance_types))
    if batch.enable_gpu:
        return ("g5g",) if arm else ("g4dn",)
    return ("default_arm64",) if arm else ("optimal",)


def _image_type(batch: BatchSpec) -> str:
    if batch.compute_resources.is_fargate:
        return ""
    return "ECS_AL2023_NVIDIA" if batch.enable_gpu else "ECS_AL2023"


def _instance_profile_arn(compute: ComputeResourcesSpec, account: Account) -> str:
    if compute.is_fargate:
        return ""
    ours = f"instance-profile/scar/{names.instance_role_name(account.region)}"
    return compute.instance_role or account.iam_arn(ours)
