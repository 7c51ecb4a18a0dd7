"""Manual changes that cause drift: of the function ``crop`` in mode ``lambda-batch``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.functional.aws.support.factories import grant_extra_policies

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection

    ManualChange = Callable[[AwsConnection], object]

STATE = "scar-123456789012-eu-west-1"
ROLE = "crop-eu-west-1-job"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
    }
)
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def disable_compute_environment(connection: AwsConnection) -> None:
    batch = connection.client("batch")
    (found,) = batch.describe_compute_environments()["computeEnvironments"]
    batch.update_compute_environment(
        computeEnvironment=found["computeEnvironmentName"], state="DISABLED"
    )


def narrow_notification(connection: AwsConnection) -> None:
    s3 = connection.client("s3")
    found = s3.get_bucket_notification_configuration(Bucket="photos")
    (rule,) = found["LambdaFunctionConfigurations"]
    s3.put_bucket_notification_configuration(
        Bucket="photos",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [{**rule, "Events": ["s3:ObjectCreated:Put"]}]
        },
    )


def change_job_timeout(connection: AwsConnection) -> None:
    batch = connection.client("batch")
    (found,) = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    batch.register_job_definition(
        jobDefinitionName="crop",
        type="container",
        containerProperties=found["containerProperties"],
        retryStrategy=found["retryStrategy"],
        timeout={"attemptDurationSeconds": 60},
        tags=found["tags"],
    )


def raise_queue_priority(connection: AwsConnection) -> None:
    batch = connection.client("batch")
    (found,) = batch.describe_job_queues()["jobQueues"]
    batch.update_job_queue(jobQueue=found["jobQueueName"], priority=9)


def retry_every_failure(connection: AwsConnection) -> None:
    batch = connection.client("batch")
    (found,) = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    rule: Any = {"onReason": "*", "action": "retry"}
    batch.register_job_definition(
        jobDefinitionName="crop",
        type="container",
        containerProperties=found["containerProperties"],
        retryStrategy={"attempts": found["retryStrategy"]["attempts"], "evaluateOnExit": [rule]},
        timeout=found["timeout"],
        tags=found["tags"],
    )


def remove_tags(connection: AwsConnection, key: str) -> None:
    """Remove a tag from the environment, the queue, the job's role and its log group."""
    batch = connection.client("batch")
    (environment,) = batch.describe_compute_environments()["computeEnvironments"]
    (queue,) = batch.describe_job_queues()["jobQueues"]
    for arn in (environment["computeEnvironmentArn"], queue["jobQueueArn"]):
        batch.untag_resource(resourceArn=arn, tagKeys=[key])
    connection.client("iam").untag_role(RoleName=ROLE, TagKeys=[key])
    logs = connection.client("logs")
    for group in logs.describe_log_groups(logGroupNamePrefix="/aws/batch/crop")["logGroups"]:
        logs.untag_resource(resourceArn=group["arn"].removesuffix(":*"), tagKeys=[key])


# Each change, and what the plan shows of it.
CHANGES: dict[str, tuple[ManualChange, str]] = {
    "TLS of the state bucket": (
        lambda c: c.client("s3").delete_bucket_policy(Bucket=STATE),
        "requires_tls: False -> True",
    ),
    "function": (
        lambda c: c.client("lambda").update_function_configuration(
            FunctionName="crop", MemorySize=2048
        ),
        "memory: 2048 -> 512",
    ),
    "reserved": (
        lambda c: c.client("lambda").put_function_concurrency(
            FunctionName="crop", ReservedConcurrentExecutions=3
        ),
        "reserved_concurrency: 3 -> None",
    ),
    "recursion": (
        lambda c: c.client("lambda").put_function_recursion_config(
            FunctionName="crop", RecursiveLoop="Allow"
        ),
        "allow_loop: True -> False",
    ),
    "retries": (
        lambda c: c.client("lambda").delete_function_event_invoke_config(FunctionName="crop"),
        "+ event-invoke-config crop",
    ),
    "permission": (
        lambda c: c.client("lambda").remove_permission(
            FunctionName="crop", StatementId="scar-s3-photos"
        ),
        "+ permission crop/scar-s3-photos",
    ),
    "notification": (narrow_notification, "s3:ObjectCreated:Put"),
    "policy": (
        lambda c: c.client("iam").put_role_policy(
            RoleName=ROLE, PolicyName="scar", PolicyDocument=POLICY
        ),
        f"~ role {ROLE}",
    ),
    "trust": (
        lambda c: c.client("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=TRUST),
        "trust: ",
    ),
    "attached": (
        lambda c: grant_extra_policies(c, ROLE),
        "managed_policies: - arn:aws:iam::123456789012:policy/wide",
    ),
    "inline": (lambda c: grant_extra_policies(c, ROLE), "other_policies: "),
    "priority": (raise_queue_priority, "priority: 9 -> 1"),
    "rules": (retry_every_failure, "retry_rules: "),
    "logs": (
        lambda c: c.client("logs").put_retention_policy(
            logGroupName="/aws/batch/crop", retentionInDays=1
        ),
        "retention_days: 1 -> 30",
    ),
    "repository": (
        lambda c: c.client("ecr").delete_repository_policy(repositoryName="scar/crop"),
        "~ repository scar/crop",
    ),
    "compute environment": (disable_compute_environment, "state: DISABLED -> ENABLED"),
    "definition": (change_job_timeout, "timeout: 60 -> 86400"),
    "public": (
        lambda c: c.client("s3").delete_public_access_block(Bucket=STATE),
        "is_private: False -> True",
    ),
    "encryption": (
        lambda c: c.client("s3").delete_bucket_encryption(Bucket=STATE),
        "-> AES256",
    ),
    "records": (
        lambda c: c.client("s3").delete_bucket_lifecycle(Bucket=STATE),
        "keep_days: 0 -> 90",
    ),
    "folder": (
        lambda c: c.client("s3").delete_object(Bucket="photos", Key="crop-out/"),
        "~ bucket photos",
    ),
}
