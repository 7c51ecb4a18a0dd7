"""Resources of other tools in the account, some with names that scar would use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection

_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"lambda.amazonaws.com"}}]}'
)
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
_ARN = "arn:aws:{}:eu-west-1:123456789012:{}"


def create(connection: AwsConnection) -> None:
    """Create a bucket with notifications, a function, roles, log groups and Batch resources."""
    _create_buckets(connection)
    _create_functions(connection)
    _create_batch_resources(connection)


def snapshot(connection: AwsConnection) -> dict[str, Any]:
    """Return the present state of everything that ``create`` created."""
    s3, batch = connection.client("s3"), connection.client("batch")
    notifications = s3.get_bucket_notification_configuration(Bucket="photos")
    rules = notifications.get("LambdaFunctionConfigurations", [])
    iam, lambda_ = connection.client("iam"), connection.client("lambda")
    logs = connection.client("logs").describe_log_groups(logGroupNamePrefix="/aws/batch/crop-")
    return {
        "rules": [rule for rule in rules if rule["Id"] == "scar-like"],
        "queue notifications": notifications.get("QueueConfigurations"),
        "bucket tags": s3.get_bucket_tagging(Bucket="photos")["TagSet"],
        "function": lambda_.get_function(FunctionName="theirs")["Configuration"],
        "roles": [iam.get_role(RoleName=n)["Role"] for n in ("theirs", "paste-eu-west-1-job")],
        "policies": iam.list_role_policies(RoleName="theirs")["PolicyNames"],
        "groups": logs["logGroups"],
        "queue": batch.describe_job_queues(jobQueues=["scar-0123456789ab"])["jobQueues"],
        "compute environments": batch.describe_compute_environments(
            computeEnvironments=["scar-0123456789ab"]
        )["computeEnvironments"],
        "definitions": batch.describe_job_definitions(jobDefinitionName="theirs", status="ACTIVE")[
            "jobDefinitions"
        ],
    }


def _create_buckets(connection: AwsConnection) -> None:
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(
        Bucket="photos", Tagging={"TagSet": [{"Key": "owner", "Value": "other-tool"}]}
    )
    connection.session.client("sqs").create_queue(QueueName="theirs")
    s3.put_bucket_notification_configuration(
        Bucket="photos",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "Id": "scar-like",
                    "LambdaFunctionArn": _ARN.format("lambda", "function:theirs"),
                    "Events": ["s3:ObjectRemoved:*"],
                }
            ],
            "QueueConfigurations": [
                {
                    "Id": "queue",
                    "QueueArn": _ARN.format("sqs", "theirs"),
                    "Events": ["s3:ObjectTagging:*"],
                }
            ],
        },
    )


def _create_functions(connection: AwsConnection) -> None:
    iam = connection.client("iam")
    for name in ("theirs", "paste-eu-west-1-job"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=_TRUST)
    iam.put_role_policy(RoleName="theirs", PolicyName="scar", PolicyDocument=_POLICY)
    connection.client("lambda").create_function(
        FunctionName="theirs",
        Role="arn:aws:iam::123456789012:role/theirs",
        PackageType="Image",
        Code={"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/theirs@sha256:" + "0" * 64},
    )
    connection.client("logs").create_log_group(logGroupName="/aws/batch/crop-theirs")


def _create_batch_resources(connection: AwsConnection) -> None:
    batch, ec2 = connection.client("batch"), connection.client("ec2")
    environment = batch.create_compute_environment(
        computeEnvironmentName="scar-0123456789ab",
        type="MANAGED",
        computeResources={
            "type": "FARGATE",
            "maxvCpus": 1,
            "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
            "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        },
    )
    batch.create_job_queue(
        jobQueueName="scar-0123456789ab",
        priority=1,
        state="ENABLED",
        computeEnvironmentOrder=[
            {"order": 1, "computeEnvironment": environment["computeEnvironmentArn"]}
        ],
    )
    batch.register_job_definition(
        jobDefinitionName="theirs",
        type="container",
        containerProperties={
            "image": "busybox",
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
        },
    )
