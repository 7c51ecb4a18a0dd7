"""List what of SCAR 4's function must be removed before scar can create it anew."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.errors import error_code, translate_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.scar4.functions import Scar4Function
    from scar.aws.inventory.scar4.watched_buckets import WatchedBucket

_MISSING = frozenset({"ResourceNotFoundException", "RepositoryNotFoundException"})
_UNREADABLE = frozenset({"AccessDenied", "AccessDeniedException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalStep:
    """One resource, and the shell commands that remove it, in order."""

    resource: str
    commands: tuple[str, ...]


def list_removal_steps(
    connection: AwsConnection,
    function: Scar4Function,
    sources: Iterable[WatchedBucket],
    profile: str = "",
) -> tuple[RemovalStep, ...]:
    """Return what exists, in an order in which it can be removed; raise ScarError.

    ``sources`` are those of ``list_watched_buckets``. The commands name the connection's Region,
    and the profile if one was chosen: the AWS CLI's own may be others. Buckets, logs and what
    several functions of SCAR share (its layer and launch template) are not in it: they do no harm.
    """
    with translate_errors(f"read the resources of {function.name}"):
        region, steps = connection.account.region, list(_list_steps(connection, function, sources))
    options = f" --region {shlex.quote(region)}"
    options += f" --profile {shlex.quote(profile)}" if profile else ""
    return tuple(
        replace(step, commands=tuple(_with_options(command, options) for command in step.commands))
        for step in steps
    )


def _with_options(command: str, options: str) -> str:
    """Return the command with options of the AWS CLI behind its operation."""
    program, service, operation, rest = command.split(" ", 3)
    return f"{program} {service} {operation}{options} {rest}"


def _list_steps(
    connection: AwsConnection, function: Scar4Function, sources: Iterable[WatchedBucket]
) -> Iterator[RemovalStep]:
    for source in sources:
        yield _notification_step(source, function.arn)
    if function.api_id:
        yield _step(
            f"REST API {function.api_id}",
            f"aws apigateway delete-rest-api --rest-api-id {shlex.quote(function.api_id)}",
        )
    name = shlex.quote(function.name)
    yield _step(
        f"Lambda function {function.name}", f"aws lambda delete-function --function-name {name}"
    )
    yield from _batch_steps(connection, function.name)
    if function.image and _has_repository(connection, function.name):
        yield _step(
            f"ECR repository {function.name}",
            f"aws ecr delete-repository --force --repository-name {name}",
        )


def _step(resource: str, *commands: str) -> RemovalStep:
    return RemovalStep(resource=resource, commands=commands)


def _notification_step(source: WatchedBucket, arn: str) -> RemovalStep:
    """Return the commands that remove only this function's rules of the bucket."""
    name = shlex.quote(source.bucket)
    unreadable = "" if source.is_readable else " (not readable with these credentials)"
    selected = f'del(.LambdaFunctionConfigurations[] | select(.LambdaFunctionArn == "{arn}"))'
    return _step(
        f"event notifications of the bucket {source.bucket} to {arn}{unreadable}",
        f"aws s3api get-bucket-notification-configuration --bucket {name}"
        f" | jq {shlex.quote(selected)} > notifications.json",
        f"aws s3api put-bucket-notification-configuration --bucket {name}"
        " --notification-configuration file://notifications.json",
    )


def _batch_steps(connection: AwsConnection, function: str) -> Iterator[RemovalStep]:
    """Yield the queue, compute environment and job definition that have the function's name."""
    batch, name = connection.client("batch"), shlex.quote(function)
    if batch.describe_job_queues(jobQueues=[function])["jobQueues"]:
        yield _step(
            f"job queue {function}",
            f"aws batch update-job-queue --state DISABLED --job-queue {name}",
            f"aws batch delete-job-queue --job-queue {name}",
        )
    found = batch.describe_compute_environments(computeEnvironments=[function])
    if found["computeEnvironments"]:
        yield _step(
            f"compute environment {function}",
            f"aws batch update-compute-environment --state DISABLED --compute-environment {name}",
            f"aws batch delete-compute-environment --compute-environment {name}",
        )


def _has_repository(connection: AwsConnection, name: str) -> bool:
    try:
        return bool(
            connection.client("ecr").describe_repositories(repositoryNames=[name])["repositories"]
        )
    except ClientError as error:
        if error_code(error) in _MISSING | _UNREADABLE:
            return False
        raise
