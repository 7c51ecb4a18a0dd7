"""The Batch resources of a function: compute environment, job queue, job definition, roles."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from scar.aws.compile import policies
from scar.aws.model import limits, names
from scar.aws.model.instance_types import default_instance_types
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
# Retry what happens before the script starts or to its host, and nothing else. Batch retries also
# what matches no rule, so the last rule ends all other jobs. Patterns support * at the end only;
# 5 rules are the most. On EC2 a container that does not start has the status reason "Task failed
# to start" and the cause as its reason; on Fargate the cause is the status reason (observed: public
# reports; docs: "Automated job retries", "Stopped tasks error messages").
_EXIT_RULE: Pairs = (("action", "EXIT"), ("onReason", "*"))


def _retry_on(name: str, pattern: str) -> Pairs:
    return (("action", "RETRY"), (name, pattern))


_RETRY_RULES: dict[str, tuple[Pairs, ...]] = {
    "EC2": (
        _retry_on("onStatusReason", "Host EC2*"),
        _retry_on("onStatusReason", "Task failed to start*"),
        _retry_on("onReason", "CannotPull*"),
        _retry_on("onReason", "DockerTimeoutError*"),
        _EXIT_RULE,
    ),
    "FARGATE": (
        _retry_on("onStatusReason", "Your Spot Task was interrupted*"),
        _retry_on("onStatusReason", "Task failed to start*"),
        _retry_on("onStatusReason", "CannotPull*"),
        _retry_on("onStatusReason", "ResourceInitializationError*"),
        _EXIT_RULE,
    ),
}
# A job at the head of its queue blocks the jobs behind it, for ever if nothing can run it. Such a
# job is cancelled after the shortest time that Batch allows. Not for lack of capacity
# (CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY): that ends by itself, and the jobs behind wait for the
# same instances.
_BLOCKING_REASONS = (
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
)
_TIME_LIMITS: tuple[Pairs, ...] = tuple(
    (
        ("action", "CANCEL"),
        ("maxTimeSeconds", str(limits.BATCH_STATE_SECONDS.minimum)),
        ("reason", reason),
        ("state", "RUNNABLE"),
    )
    for reason in _BLOCKING_REASONS
)
# The log driver waits until its lines are sent. ECS's default since 2025-06-25, non-blocking, drops
# lines while 10 MiB are buffered; see docs/decisions.
_LOG_MODE = "blocking"
# Fields of a compute environment that describe what exists, not what is desired.
_OBSERVED_FIELDS = ("status", "superseded", "actual_name")


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
        instance_types=_instance_types(function.batch, architecture),
        image_type=_image_type(function.batch),
        allocation=_ALLOCATION_STRATEGIES.get(compute.type, ""),
        subnets=network.subnets,
        security_groups=network.security_groups,
        instance_profile=_instance_profile_arn(compute, account),
        service_role=function.batch.service_role,
    )
    # Fargate environments of both architectures would be equal, since they have no instance types;
    # but a queue must not mix architectures.
    settings = {k: v for k, v in asdict(resource).items() if k not in _OBSERVED_FIELDS}
    content = {**settings, "architecture": architecture}
    if not function.needs_launch_template:
        return replace(resource, name=names.shared_resource_name(content))
    # The launch template is named after the environment, so its content is part of the digest. The
    # version is fixed: Batch must not start to use a version that another tool adds.
    template = asdict(_launch_template("", function))
    name = names.shared_resource_name({**content, "launch_template": template})
    return replace(resource, name=name, launch_template=f"{name}:1")


def _launch_template(name: str, function: Function) -> LaunchTemplate:
    disk = function.batch.compute_resources.disk if function.batch else 0
    return LaunchTemplate(name=name, disk_gib=disk, user_data=function.user_data)


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
        yield _launch_template(environment.name, function)
    yield environment
    # Environment and queue have one name, so that the queue is known as soon as the content is.
    yield JobQueue(name=environment.name, environment=environment.name, time_limits=_TIME_LIMITS)
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
        retry_rules=_RETRY_RULES["FARGATE" if fargate else "EC2"],
        log_mode=_LOG_MODE,
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
                    **({names.CLUSTER_TAG: "true"} if batch.cluster else {}),
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


def _instance_types(batch: BatchSpec, architecture: str) -> tuple[str, ...]:
    """Return the FDL's instance types, or those that fit the architecture and GPU."""
    compute = batch.compute_resources
    if compute.is_fargate:
        return ()
    return tuple(sorted(compute.instance_types)) or default_instance_types(
        architecture, gpu=batch.enable_gpu
    )


def _image_type(batch: BatchSpec) -> str:
    if batch.compute_resources.is_fargate:
        return ""
    return "ECS_AL2023_NVIDIA" if batch.enable_gpu else "ECS_AL2023"


def _instance_profile_arn(compute: ComputeResourcesSpec, account: Account) -> str:
    if compute.is_fargate:
        return ""
    generated = f"instance-profile/scar/{names.instance_role_name(account.region)}"
    return compute.instance_role or account.iam_arn(generated)
