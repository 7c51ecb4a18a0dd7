"""The job definition of a function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model import names
from scar.aws.model.containers.container_properties import raw_tags, to_api_types, to_json
from scar.aws.model.resources import (
    JobDefinition,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork
    from scar.aws.model.resources import Pairs
    from scar.fdl.model import BatchSpec
from scar.aws.compile.batch.job_queues import job_queue_name, other_queue_names
from scar.aws.compile.batch.job_storage import compile_storage
from scar.aws.compile.batch.retry_rules import retry_rules
from scar.aws.compile.batch.roles import user_role_arn

# The log driver waits until its lines are sent. ECS's default since 2025-06-25, non-blocking, drops
# lines while 10 MiB are buffered; see docs/decisions.
_LOG_MODE = "blocking"


def compile_job_definition(
    function: Function,
    account: Account,
    digest: str,
    network: VpcNetwork | None,
    file_systems: Mapping[str, str],
) -> JobDefinition:
    batch = function.batch
    assert batch is not None  # noqa: S101  # checked by the caller; for mypy
    compute, fargate = batch.compute_resources, batch.compute_resources.is_fargate
    raw = to_api_types(batch.container_properties)

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
        gpus=batch.gpu_count,
        timeout=batch.timeout,
        attempts=batch.attempts,
        retry_rules=retry_rules(batch),
        log_mode=_LOG_MODE,
        job_role=role_arn("job"),
        execution_role=role_arn("exec") if fargate else "",
        public_ip=fargate and network is not None and network.needs_public_ip,
        architecture=function.lambda_.architecture if fargate else "x86_64",
        disk_gib=compute.disk.size if fargate else 0,
        environment=definition_variables(function, batch, account),
        tags=_tags(function, account, network, raw),
        **compile_storage(batch, file_systems),
        propagate_tags=bool(function.tags),
        container_properties=to_json(raw) if raw else "",
        nodes=batch.nodes,
        main_node=batch.multi_node_parallel.main_node_index if batch.nodes else 0,
        execute_command=batch.enable_execute_command,
    )


def _tags(
    function: Function, account: Account, network: VpcNetwork | None, raw: Mapping[str, Any]
) -> Pairs:
    """Return the user's tags and scar's, which name the function and its job queues.

    Batch does not link a job definition with a queue.
    """
    tags = {
        **dict(function.tags),
        names.FUNCTION_TAG: function.name,
        names.QUEUE_TAG: job_queue_name(function, account, network),
        names.CLUSTER_TAG: "true" if function.batch and function.batch.cluster else "",
        names.OTHER_QUEUES_TAG: " ".join(other_queue_names(function, account, network)),
        **dict(raw_tags(raw)),
    }
    return tuple(sorted((name, value) for name, value in tags.items() if value))


def raw_property_notes(functions: Iterable[Function]) -> Iterator[str]:
    """Report raw fields, which scar neither chooses nor understands."""
    for function in functions:
        if function.batch and (raw := function.batch.container_properties):
            yield (
                f"{function.name}: batch.container_properties is sent to AWS Batch as it is:"
                f" {', '.join(sorted(raw))}"
            )


def definition_variables(function: Function, batch: BatchSpec, account: Account) -> Pairs:
    """Return the variables of jobs: those of Lambda, overridden by ``batch.environment``.

    Without empty ones, which AWS Batch drops (hashicorp/terraform-provider-aws#19466): the
    definition that is read would always differ. Not those of ``container.environment``: they are
    for scripts, and may be another account's credentials. The supervisor adds both.
    """
    # Lambda sets the Region's variables itself, Batch does not.
    region = {"AWS_REGION": account.region, "AWS_DEFAULT_REGION": account.region}
    every = {**region, **_configured_variables(function, batch)}
    return tuple(sorted((name, value) for name, value in every.items() if value))


def empty_variables(function: Function, batch: BatchSpec) -> tuple[str, ...]:
    """Return the names of the variables of jobs whose value is empty."""
    configured = _configured_variables(function, batch)
    return tuple(sorted(name for name, value in configured.items() if not value))


def _configured_variables(function: Function, batch: BatchSpec) -> dict[str, str]:
    return {**function.lambda_.environment.Variables, **batch.environment.Variables}
