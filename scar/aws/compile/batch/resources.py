"""All Batch resources of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import policies
from scar.aws.model import limits, names
from scar.aws.model.resources import (
    InstanceProfile,
    JobQueue,
    LogGroup,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.aws.model.resources import Pairs, Resource
from scar.aws.compile.batch.compute_environments import compile_launch_template, compute_environment
from scar.aws.compile.batch.job_definitions import compile_job_definition
from scar.aws.compile.batch.roles import compile_roles

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


def compile_batch(
    function: Function,
    flow: DataFlow,
    digest: str,
    network: VpcNetwork | None,
    file_systems: Mapping[str, str],
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
        tags=function.tags,
    )
    yield from compile_roles(function, flow)
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
        yield compile_launch_template(environment.name, function)
    yield environment
    # Environment and queue have one name, so that the queue is known as soon as the content is.
    yield JobQueue(
        name=environment.name,
        environment=environment.name,
        time_limits=_TIME_LIMITS,
        tags=function.tags,
    )
    yield compile_job_definition(function, account, digest, network, file_systems)
