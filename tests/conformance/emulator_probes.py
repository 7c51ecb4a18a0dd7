"""Calls whose outcomes show how closely an emulator follows AWS; PROBES has them by name.

A probe returns a short outcome: an error code, ``accepted``, or the value that was read back.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3.type_defs import CreateBucketConfigurationTypeDef

    from scar.aws.client.connection import AwsConnection

ACCEPTED = "accepted"
REGION = "eu-west-1"
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:absent"


def _outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ACCEPTED


def _bucket(connection: AwsConnection) -> str:
    name = f"probe-{uuid.uuid4().hex[:12]}"
    connection.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return name


def _role(connection: AwsConnection) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    response = connection.client("iam").create_role(
        RoleName=f"probe-{uuid.uuid4().hex[:12]}", AssumeRolePolicyDocument=json.dumps(trust)
    )
    return response["Role"]["Arn"]


def _create_function(connection: AwsConnection, **changed: Any) -> str:  # noqa: ANN401 - parameters
    name = f"probe-{uuid.uuid4().hex[:12]}"
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/scar/probe@sha256:{'0' * 64}"
    parameters: dict[str, Any] = {
        "FunctionName": name,
        "Role": _role(connection),
        "PackageType": "Image",
        "Code": {"ImageUri": image},
        **changed,
    }
    connection.client("lambda").create_function(**parameters)
    return str(parameters["FunctionName"])


def _notify(connection: AwsConnection, *prefixes: str, function: str = FUNCTION) -> None:
    connection.client("s3").put_bucket_notification_configuration(
        Bucket=_bucket(connection),
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": function,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}},
                }
                for prefix in prefixes
            ]
        },
    )


def overlapping_rules(connection: AwsConnection) -> str:
    name = _create_function(connection)
    arn = FUNCTION.replace("absent", name)
    return _outcome(lambda: _notify(connection, "in/", "in/deep/", function=arn))


def rule_of_an_absent_function(connection: AwsConnection) -> str:
    return _outcome(lambda: _notify(connection, "in/"))


def state_of_a_new_function(connection: AwsConnection) -> str:
    name = _create_function(connection)
    return str(
        connection.client("lambda").get_function(FunctionName=name)["Configuration"]["State"]
    )


def function_of_an_absent_role(connection: AwsConnection) -> str:
    role = f"arn:aws:iam::{ACCOUNT}:role/absent"
    return _outcome(lambda: _create_function(connection, Role=role))


def function_made_twice(connection: AwsConnection) -> str:
    name = _create_function(connection)
    return _outcome(lambda: _create_function(connection, FunctionName=name))


def too_much_lambda_memory(connection: AwsConnection) -> str:
    return _outcome(lambda: _create_function(connection, MemorySize=20_000))


def absent_failure_destination(connection: AwsConnection) -> str:
    name = _create_function(connection)
    return _outcome(
        lambda: connection.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": FUNCTION}}
        )
    )


def malformed_role_policy(connection: AwsConnection) -> str:
    role = _role(connection).rpartition("/")[2]
    return _outcome(
        lambda: connection.client("iam").put_role_policy(
            RoleName=role, PolicyName="p", PolicyDocument="{]"
        )
    )


def policy_of_an_absent_role(connection: AwsConnection) -> str:
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    return _outcome(
        lambda: connection.client("iam").put_role_policy(
            RoleName="absent", PolicyName="p", PolicyDocument=document
        )
    )


def retention_of_two_days(connection: AwsConnection) -> str:
    logs, name = connection.client("logs"), f"/probe/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    return _outcome(lambda: logs.put_retention_policy(logGroupName=name, retentionInDays=2))


def malformed_repository_policy(connection: AwsConnection) -> str:
    ecr, name = connection.client("ecr"), f"probe/{uuid.uuid4().hex[:12]}"
    ecr.create_repository(repositoryName=name)
    return _outcome(lambda: ecr.set_repository_policy(repositoryName=name, policyText="{]"))


def encryption_of_a_new_bucket(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    try:
        found = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
    except ClientError as error:
        return error.response["Error"]["Code"]
    return found["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]


def public_access_block_of_a_new_bucket(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    return _outcome(lambda: s3.get_public_access_block(Bucket=name))


def bucket_of_another_owner(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    return _outcome(lambda: s3.head_bucket(Bucket=name, ExpectedBucketOwner="999999999999"))


def key_of_1025_bytes(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    return _outcome(lambda: s3.put_object(Bucket=name, Key="k" * 1025, Body=b""))


def metadata_of_3_kib(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    metadata = {"m": "x" * 3072}
    return _outcome(lambda: s3.put_object(Bucket=name, Key="k", Body=b"", Metadata=metadata))


def second_conditional_write(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    s3.put_object(Bucket=name, Key="k", Body=b"1", IfNoneMatch="*")
    return _outcome(lambda: s3.put_object(Bucket=name, Key="k", Body=b"2", IfNoneMatch="*"))


def bucket_with_an_underscore(connection: AwsConnection) -> str:
    here: CreateBucketConfigurationTypeDef = {"LocationConstraint": "eu-west-1"}
    return _outcome(
        lambda: connection.client("s3").create_bucket(
            Bucket="a_b_c", CreateBucketConfiguration=here
        )
    )


def default_vpc_has_a_route_out(connection: AwsConnection) -> str:
    tables = connection.client("ec2").describe_route_tables()["RouteTables"]
    routes = [route for table in tables for route in table["Routes"]]
    return str(any(route.get("DestinationCidrBlock") == "0.0.0.0/0" for route in routes))


def _register(connection: AwsConnection) -> tuple[str, dict[str, Any]]:
    batch, name = connection.client("batch"), f"probe-{uuid.uuid4().hex[:12]}"
    arn = batch.register_job_definition(
        jobDefinitionName=name,
        type="container",
        platformCapabilities=["EC2"],
        timeout={"attemptDurationSeconds": 60},
        retryStrategy={"attempts": 3},
        containerProperties={
            "image": "busybox",
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "128"},
            ],
        },
    )["jobDefinitionArn"]
    found = batch.describe_job_definitions(jobDefinitions=[arn])["jobDefinitions"]
    return arn, dict(found[0])


def job_definition_timeout(connection: AwsConnection) -> str:
    return json.dumps(_register(connection)[1].get("timeout"))


def job_definition_retry_strategy(connection: AwsConnection) -> str:
    return str(_register(connection)[1].get("retryStrategy", {}).get("attempts"))


def job_definition_platforms(connection: AwsConnection) -> str:
    return json.dumps(_register(connection)[1].get("platformCapabilities"))


def deregistration(connection: AwsConnection) -> str:
    arn = _register(connection)[0]
    return _outcome(lambda: connection.client("batch").deregister_job_definition(jobDefinition=arn))


def job_in_an_absent_queue(connection: AwsConnection) -> str:
    arn = _register(connection)[0]
    return _outcome(
        lambda: connection.client("batch").submit_job(
            jobName="a", jobQueue="absent", jobDefinition=arn
        )
    )


def recreated_log_group(connection: AwsConnection) -> str:
    logs, name = connection.client("logs"), f"/probe/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    return _outcome(lambda: logs.create_log_group(logGroupName=name))


def absent_event_invoke_config(connection: AwsConnection) -> str:
    name = _create_function(connection)
    aws_lambda = connection.client("lambda")
    return _outcome(lambda: aws_lambda.get_function_event_invoke_config(FunctionName=name))


def date_of_a_response(connection: AwsConnection) -> str:
    """Return whether S3's responses have the clock that leases are measured with."""
    s3, name = connection.client("s3"), _bucket(connection)
    s3.put_object(Bucket=name, Key="k", Body=b"")
    headers = s3.get_object(Bucket=name, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    return str("date" in headers)


def last_modified_is_now(connection: AwsConnection) -> str:
    s3, name = connection.client("s3"), _bucket(connection)
    s3.put_object(Bucket=name, Key="k", Body=b"")
    modified = s3.head_object(Bucket=name, Key="k")["LastModified"].timestamp()
    return str(abs(modified - time.time()) < 60)


PROBES: dict[str, Callable[[AwsConnection], str]] = {
    probe.__name__: probe
    for probe in (
        absent_event_invoke_config,
        absent_failure_destination,
        bucket_of_another_owner,
        bucket_with_an_underscore,
        date_of_a_response,
        default_vpc_has_a_route_out,
        deregistration,
        encryption_of_a_new_bucket,
        function_made_twice,
        function_of_an_absent_role,
        job_definition_platforms,
        job_definition_retry_strategy,
        job_definition_timeout,
        job_in_an_absent_queue,
        key_of_1025_bytes,
        last_modified_is_now,
        malformed_repository_policy,
        malformed_role_policy,
        metadata_of_3_kib,
        overlapping_rules,
        policy_of_an_absent_role,
        public_access_block_of_a_new_bucket,
        recreated_log_group,
        retention_of_two_days,
        rule_of_an_absent_function,
        second_conditional_write,
        state_of_a_new_function,
        too_much_lambda_memory,
    )
}
