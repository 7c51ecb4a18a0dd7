"""The Batch resources of a function: compute environment, job queue, job definition, roles."""

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

# Not BEST_FIT, Batch's default: such environments cannot be updated in place, and SPOT would need a
# Spot Fleet role.
_ALLOCATION_STRATEGIES = {
    "EC2": "BEST_FIT_PROGRESSIVE",
    "SPOT": "SPOT_PRICE_CAPACITY_OPTIMIZED",
    "ECS_MANAGED_INSTANCES": "BEST_FIT_PROGRESSIVE",
}
# Retry only if the host is lost. Batch retries also what matches no rule, so the last rule ends all
# other jobs. In patterns, Batch supports * at the end only.
_RETRY_RULES: tuple[Pairs, ...] = (
    (("action", "RETRY"), ("onStatusReason", "Host EC2*")),
    (("action", "RETRY"), ("onStatusReason", "Your Spot Task was interrupted*")),
    (("action", "EXIT"), ("onReason", "*")),
)


def job_queue_name(function: Function, account: Account, network: VpcNetwork | None) -> str:
    """Return the name of the function's job queue, existing or not; empty without Batch."""
    if function.batch is None:
        return ""
    return compute_environment(function, account, network).name


def compute_environment(
    function: Function, account: Account, network: VpcNetwork | None
) -> ComputeEnvironment:
    """Return the function's compute environment, named by a digest of everything else in it.

    So functions with equal compute resources share one environment and queue (an account has at
    most 50 of each), and a changed setting is another environment: jobs in the old one end
    undisturbed, and it is deleted when no function uses it.

    Raise ConfigurationError if the network is unknown.
    """
    if function.batch is None or network is None:
        raise ConfigurationError(
            f"Function {function.name} has no VPC subnets for its Batch jobs.",
            remedy="Set batch.compute_resources.subnets in the FDL.",
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
    # Fargate environments of both architectures would be equal, since they have no instance types;
    # but a queue must not mix architectures.
    content = {**asdict(resource), "architecture": architecture}
    if not function.needs_launch_template:
        return replace(resource, name=names.shared_resource_name(content))
    # The launch template is named after the environment, so its content is part of the digest. The
    # version is fixed: Batch must not start to use a version that another tool adds.
    name = names.shared_resource_name(
        {**content, "disk": compute.disk, "user_data": function.user_data}
    )
    return replace(resource, name=name, launch_template=f"{name}:1")


def user_role_arn(function: Function, account: Account) -> str:
    """Return the ARN of the custom role, which the FDL gives by ARN or name; empty for none."""
    role = function.iam.role
    return role if not role or role.startswith("arn:") else account.iam_arn(f"role/{role}")


def compile_batch(
    function: Function, flow: DataFlow, digest: str, network: VpcNetwork | None
) -> Iterator[Resource]:
    """Compile all resources for Batch; none for functions without Batch."""
    account = flow.account
    batch = function.batch
    if batch is None:
        return
    environment = compute_environment(function, account, network)
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
            name=environment.name,
            disk_gib=batch.compute_resources.disk,
            user_data=function.user_data,
        )
    yield environment
    # Environment and queue have one name, so that the queue is known as soon as the content is.
    yield JobQueue(name=environment.name, environment=environment.name)
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
    assert batch is not None  # noqa: S101  # checked by the caller; for mypy
    compute, fargate = batch.compute_resources, batch.compute_resources.is_fargate

    def role_arn(purpose: str) -> str:
        generated = names.role_name(function.name, account.region, purpose)
        custom = user_role_arn(function, account)
        return custom or account.iam_arn(f"role/scar/{generated}")

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
    """Return the variables of jobs: those of Lambda, overridden by ``batch.environment``."""
    # Lambda sets the Region's variables itself, Batch does not.
    region = {"AWS_REGION": account.region, "AWS_DEFAULT_REGION": account.region}
    configured = {**function.lambda_.environment.Variables, **batch.environment.Variables}
    return tuple(sorted({**region, **configured}.items()))


def _instance_types(batch: BatchSpec, *, arm: bool) -> tuple[str, ...]:
    """Return the FDL's instance types, or those that fit the architecture and GPU."""
    # `optimal` is Batch's older name of `default_x86_64`. No default group has GPUs.
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
    generated = f"instance-profile/scar/{names.instance_role_name(account.region)}"
    return compute.instance_role or account.iam_arn(generated)
