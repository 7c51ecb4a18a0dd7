"""All Batch resources of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.compile import policies
from scar.aws.model import names
from scar.aws.model.resources import (
    InstanceProfile,
    LogGroup,
    Role,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.compile.policies import DataFlow
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.aws.model.resources import Resource
from scar.aws.compile.batch.compute_environments import compile_launch_template
from scar.aws.compile.batch.job_definitions import compile_job_definition
from scar.aws.compile.batch.job_queues import compile_queues
from scar.aws.compile.batch.roles import compile_roles


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
    queues = compile_queues(function, account, network)
    for environment in {e.name: e for queue in queues for e in queue.environments}.values():
        if function.needs_launch_template:
            yield compile_launch_template(environment.name, function)
        yield environment
    for compiled in queues:
        if compiled.policy:
            yield compiled.policy
        yield compiled.queue
    yield compile_job_definition(function, account, digest, network, file_systems)
