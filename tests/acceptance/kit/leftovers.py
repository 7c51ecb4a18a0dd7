"""List what an acceptance run left in the account, kind by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tests.acceptance.kit.run import ROLE_PATH, TAG, bucket_prefix, function_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.kit.run import AcceptanceRun

HANDLER = "scar-failure-handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """``left`` and ``kept`` are (kind, name); ``kept`` are to stay: the state bucket.

    ``unlisted`` are (kind, error code): kinds that the account did not list.
    """

    left: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...]
    unlisted: tuple[tuple[str, str], ...]


def list_leftovers(run: AcceptanceRun) -> Leftovers:
    """List every kind of resource; a kind that cannot be listed does not hide the others."""
    left: list[tuple[str, str]] = []
    kept: list[tuple[str, str]] = []
    unlisted: list[tuple[str, str]] = []
    for kind, lister in LISTERS.items():
        try:
            for name in lister(run):
                entry = kind, name
                (kept if kind == "state bucket" else left).append(entry)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            unlisted.append((kind, _code(error)))
    return Leftovers(left=tuple(left), kept=tuple(kept), unlisted=tuple(unlisted))


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return type(error).__name__


def _pages(run: AcceptanceRun, service: str, operation: str, **parameters: Any) -> Iterator[Any]:  # noqa: ANN401
    yield from run.target.client(service).get_paginator(operation).paginate(**parameters)


def _is_of_run(run: AcceptanceRun, name: str) -> bool:
    return function_prefix(run.settings) in name or name.startswith(HANDLER)


def _functions(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "lambda", "list_functions"):
        names = (function["FunctionName"] for function in page["Functions"])
        yield from (name for name in names if _is_of_run(run, name))


def _roles(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "iam", "list_roles", PathPrefix="/scar/"):
        yield from (role["RoleName"] for role in page["Roles"])
    for page in _pages(run, "iam", "list_roles", PathPrefix=ROLE_PATH):
        yield from (r["RoleName"] for r in page["Roles"] if run.settings.run in r["RoleName"])


def _policies(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "iam", "list_policies", Scope="Local"):
        names = (policy["PolicyName"] for policy in page["Policies"])
        yield from (name for name in names if run.settings.run in name)


def _instance_profiles(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "iam", "list_instance_profiles", PathPrefix="/scar/"):
        yield from (profile["InstanceProfileName"] for profile in page["InstanceProfiles"])


def _log_groups(run: AcceptanceRun) -> Iterator[str]:
    for service in ("lambda", "batch"):
        for page in _pages(
            run, "logs", "describe_log_groups", logGroupNamePrefix=f"/aws/{service}/"
        ):
            names = (group["logGroupName"] for group in page["logGroups"])
            yield from (name for name in names if _is_of_run(run, name.rpartition("/")[2]))


def _repositories(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "ecr", "describe_repositories"):
        names = (repository["repositoryName"] for repository in page["repositories"])
        yield from (name for name in names if _is_of_run(run, name.rpartition("/")[2]))


def _buckets(run: AcceptanceRun) -> Iterator[str]:
    names = (bucket["Name"] for bucket in run.target.client("s3").list_buckets()["Buckets"])
    yield from (name for name in names if name.startswith(bucket_prefix(run.settings)))


def state_bucket(run: AcceptanceRun) -> str:
    """Return the name of scar's state bucket in this account and Region."""
    account = run.target.client("sts").get_caller_identity()["Account"]
    return f"scar-{account}-{run.target.region}"


def _state_bucket(run: AcceptanceRun) -> Iterator[str]:
    name = state_bucket(run)
    buckets = run.target.client("s3").list_buckets()["Buckets"]
    yield from (bucket["Name"] for bucket in buckets if bucket["Name"] == name)


def _job_definitions(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "batch", "describe_job_definitions", status="ACTIVE"):
        names = (each["jobDefinitionName"] for each in page["jobDefinitions"])
        yield from (name for name in names if _is_of_run(run, name))


def _environments(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "batch", "describe_compute_environments"):
        names = (each["computeEnvironmentName"] for each in page["computeEnvironments"])
        yield from (name for name in names if name.startswith("scar-"))


def _queues(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "batch", "describe_job_queues"):
        names = (queue["jobQueueName"] for queue in page["jobQueues"])
        yield from (name for name in names if name.startswith("scar-"))


def _launch_templates(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "ec2", "describe_launch_templates"):
        names = (each["LaunchTemplateName"] for each in page["LaunchTemplates"])
        yield from (name for name in names if name.startswith("scar-"))


def _instances(run: AcceptanceRun) -> Iterator[str]:
    running = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping"]}
    batch = {"Name": "tag:AWSBatchServiceTag", "Values": ["batch"]}
    for page in _pages(run, "ec2", "describe_instances", Filters=[running, batch]):
        found = (each for group in page["Reservations"] for each in group["Instances"])
        yield from (each["InstanceId"] for each in found)


def _network_interfaces(run: AcceptanceRun) -> Iterator[str]:
    pattern = f"AWS Lambda VPC ENI-{function_prefix(run.settings)}*"
    description = {"Name": "description", "Values": [pattern]}
    for page in _pages(run, "ec2", "describe_network_interfaces", Filters=[description]):
        yield from (each["NetworkInterfaceId"] for each in page["NetworkInterfaces"])


def _vpc_endpoints(run: AcceptanceRun) -> Iterator[str]:
    tagged = {"Name": f"tag:{TAG}", "Values": [run.settings.run]}
    for page in _pages(run, "ec2", "describe_vpc_endpoints", Filters=[tagged]):
        found = (each for each in page["VpcEndpoints"] if each["State"] != "deleted")
        yield from (each["VpcEndpointId"] for each in found)


def _scaling_groups(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "autoscaling", "describe_auto_scaling_groups"):
        names = (each["AutoScalingGroupName"] for each in page["AutoScalingGroups"])
        yield from (name for name in names if "scar-" in name)


def _clusters(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "ecs", "list_clusters"):
        names = (arn.rpartition("/")[2] for arn in page["clusterArns"])
        yield from (name for name in names if "_Batch_" in name and "scar-" in name)


def _message_queues(run: AcceptanceRun) -> Iterator[str]:
    found = run.target.client("sqs").list_queues(QueueNamePrefix=function_prefix(run.settings))
    yield from (url.rpartition("/")[2] for url in found.get("QueueUrls", []))


def _http_apis(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "apigatewayv2", "get_apis"):
        found = (each for each in page["Items"] if _is_of_run(run, each["Name"]))
        yield from (each["ApiId"] for each in found)


def _stacks(run: AcceptanceRun) -> Iterator[str]:
    for page in _pages(run, "cloudformation", "describe_stacks"):
        names = (stack["StackName"] for stack in page["Stacks"])
        yield from (name for name in names if name.startswith(function_prefix(run.settings)))


LISTERS: dict[str, Callable[[AcceptanceRun], Iterator[str]]] = {
    "function": _functions,
    "role": _roles,
    "policy": _policies,
    "instance profile": _instance_profiles,
    "log group": _log_groups,
    "repository": _repositories,
    "bucket": _buckets,
    "state bucket": _state_bucket,
    "job definition": _job_definitions,
    "job queue": _queues,
    "compute environment": _environments,
    "launch template": _launch_templates,
    "instance": _instances,
    "network interface": _network_interfaces,
    "VPC endpoint": _vpc_endpoints,
    "Auto Scaling group": _scaling_groups,
    "ECS cluster": _clusters,
    "message queue": _message_queues,
    "HTTP API": _http_apis,
    "stack": _stacks,
}
