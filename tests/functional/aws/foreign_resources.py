"""Other tools' resources in the account, some of them with names that scar would use."""

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


def make(connection: AwsConnection) -> None:
    """Make a watched bucket, a function, roles, groups, machines and a definition of others."""
    _make_buckets(connection)
    _make_functions(connection)
    _make_machines(connection)


def state(connection: AwsConnection) -> dict[str, Any]:
    """Return all that ``make`` made as it is now."""
    s3, batch = connection.client("s3"), connection.client("batch")
    told = s3.get_bucket_notification_configuration(Bucket="photos")
    rules = told.get("LambdaFunctionConfigurations", [])
    iam, lambda_ = connection.client("iam"), connection.client("lambda")
    logs = connection.client("logs").describe_log_groups(logGroupNamePrefix="/aws/batch/crop-")
    return {
        "rules": [rule for rule in rules if rule["Id"] == "scar-like"],
        "queues told": told.get("QueueConfigurations"),
        "bucket tags": s3.get_bucket_tagging(Bucket="photos")["TagSet"],
        "function": lambda_.get_function(FunctionName="theirs")["Configuration"],
        "roles": [iam.get_role(RoleName=n)["Role"] for n in ("theirs", "paste-eu-west-1-job")],
        "policies": iam.list_role_policies(RoleName="theirs")["PolicyNames"],
        "groups": logs["logGroups"],
        "queue": batch.describe_job_queues(jobQueues=["scar-0123456789ab"])["jobQueues"],
        "machines": batch.describe_compute_environments(computeEnvironments=["scar-0123456789ab"])[
            "computeEnvironments"
        ],
        "definitions": batch.describe_job_definitions(jobDefinitionName="theirs", status="ACTIVE")[
            "jobDefinitions"
        ],
    }


def _make_buckets(connection: AwsConnection) -> None:
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_tagging(
        Bucket="photos", Tagging={"TagSet": [{"Key": "owner", "Value": "somebody"}]}
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


def _make_functions(connection: AwsConnection) -> None:
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


def _make_machines(connection: AwsConnection) -> None:
    batch, ec2 = connection.client("batch"), connection.client("ec2")
    made = batch.create_compute_environment(
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
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}],
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
