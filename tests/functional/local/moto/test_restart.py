"""Configurations survive a restart, with the same IDs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.functional.local.moto.conftest import MotoCloud

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/scar/f@sha256:" + "a" * 64
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def a_role(cloud: MotoCloud, name: str = "r") -> str:
    role = cloud.client("iam").create_role(
        RoleName=name, Path="/scar/", AssumeRolePolicyDocument=TRUST
    )
    return str(role["Role"]["Arn"])


def a_function(cloud: MotoCloud, role: str, name: str = "f") -> dict[str, Any]:
    created: dict[str, Any] = cloud.client("lambda").create_function(
        FunctionName=name,
        Role=role,
        PackageType="Image",
        Code={"ImageUri": IMAGE},
        MemorySize=512,
        Timeout=60,
        EphemeralStorage={"Size": 1024},
        Environment={"Variables": {"AA": "1"}},
        Tags={"scar": "yes"},
    )
    return created


def an_environment(cloud: MotoCloud, name: str = "env") -> str:
    ec2 = cloud.client("ec2")
    created = cloud.client("batch").create_compute_environment(
        computeEnvironmentName=name,
        type="MANAGED",
        computeResources={
            "type": "EC2",
            "maxvCpus": 4,
            "instanceTypes": ["p3", "default_x86_64"],
            "instanceRole": "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole",
            "subnets": [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]],
            "securityGroupIds": [
                g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]
            ],
        },
        tags={"scar": "yes"},
    )
    return str(created["computeEnvironmentArn"])


def a_queue(cloud: MotoCloud, environment: str, name: str = "q") -> str:
    created = cloud.client("batch").create_job_queue(
        jobQueueName=name,
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    return str(created["jobQueueArn"])


def a_definition(cloud: MotoCloud, memory: str = "512", name: str = "d") -> str:
    created = cloud.client("batch").register_job_definition(
        jobDefinitionName=name,
        type="container",
        containerProperties={
            "image": IMAGE,
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": memory},
            ],
        },
        retryStrategy={"attempts": 2},
        timeout={"attemptDurationSeconds": 60},
    )
    return str(created["jobDefinitionArn"])


def everything(cloud: MotoCloud) -> dict[str, Any]:
    """Return all that a deployment reads, without timestamps."""
    awslambda, batch, iam = cloud.client("lambda"), cloud.client("batch"), cloud.client("iam")
    ec2 = cloud.client("ec2")
    state: dict[str, Any] = {
        "functions": [
            awslambda.get_function(FunctionName=f["FunctionName"])
            for f in awslambda.list_functions()["Functions"]
        ],
        "environments": batch.describe_compute_environments()["computeEnvironments"],
        "queues": batch.describe_job_queues()["jobQueues"],
        "definitions": batch.describe_job_definitions()["jobDefinitions"],
        "roles": iam.list_roles()["Roles"],
        "groups": cloud.client("logs").describe_log_groups()["logGroups"],
        "repositories": cloud.client("ecr").describe_repositories()["repositories"],
        "network": (
            ec2.describe_vpcs()["Vpcs"],
            ec2.describe_subnets()["Subnets"],
            ec2.describe_security_groups()["SecurityGroups"],
            ec2.describe_route_tables()["RouteTables"],
        ),
    }
    return {name: _timeless(value) for name, value in state.items()}


def test_secrets_and_parameters_survive_a_restart_in_a_private_file(cloud: MotoCloud) -> None:
    secrets, ssm = cloud.client("secretsmanager"), cloud.client("ssm")
    arn = secrets.create_secret(Name="db", SecretString="first")["ARN"]
    secrets.put_secret_value(SecretId="db", SecretString="second")
    gone = secrets.create_secret(Name="gone", SecretString="x")["ARN"]
    secrets.delete_secret(SecretId=gone, ForceDeleteWithoutRecovery=True)
    ssm.put_parameter(Name="/team/key", Value="one", Type="SecureString")
    ssm.put_parameter(Name="/team/key", Value="two", Type="SecureString", Overwrite=True)
    cloud.restart()
    assert cloud.moto.failed_replays == ()
    secrets, ssm = cloud.client("secretsmanager"), cloud.client("ssm")
    assert [s["ARN"] for s in secrets.list_secrets()["SecretList"]] == [arn]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "second"
    (found,) = ssm.get_parameters(Names=["/team/key"], WithDecryption=True)["Parameters"]
    assert found["Value"] == "two"
    for file in cloud.folder.rglob("*"):
        if file.is_file() and b"second" in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0


def _timeless(value: object) -> object:
    times = {"LastModified", "CreateDate", "creationTime", "createdAt", "ResponseMetadata"}
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in times}
    return [_timeless(v) for v in value] if isinstance(value, (list, tuple)) else value


def test_what_was_made_is_there_after_a_restart_with_the_same_ids(cloud: MotoCloud) -> None:
    role = a_role(cloud)
    a_function(cloud, role)
    a_queue(cloud, an_environment(cloud))
    a_definition(cloud)
    a_definition(cloud, memory="1024")
    cloud.client("logs").create_log_group(logGroupName="/aws/lambda/f", tags={"scar": "yes"})
    cloud.client("logs").put_retention_policy(logGroupName="/aws/lambda/f", retentionInDays=30)
    cloud.client("ecr").create_repository(repositoryName="scar/f")
    before = everything(cloud)
    cloud.restart()
    assert cloud.moto.failed_replays == ()
    assert everything(cloud) == before
    assert [d["revision"] for d in before["definitions"]] == [1, 2]


def test_what_was_deleted_stays_away_and_leaves_no_rows(cloud: MotoCloud) -> None:
    role = a_role(cloud)
    a_function(cloud, role)
    queue = a_queue(cloud, an_environment(cloud))
    batch = cloud.client("batch")
    batch.update_job_queue(jobQueue=queue, state="DISABLED")
    batch.delete_job_queue(jobQueue="q")
    batch.update_compute_environment(computeEnvironment="env", state="DISABLED")
    batch.delete_compute_environment(computeEnvironment="env")
    cloud.client("lambda").delete_function(FunctionName="f")
    cloud.client("iam").delete_role(RoleName="r")
    assert list(cloud.moto._journal.read_changes()) == []
    cloud.restart()
    state = everything(cloud)
    assert (state["functions"], state["queues"], state["environments"]) == ([], [], [])


def test_a_queue_moved_to_another_environment_survives_the_end_of_the_first(
    cloud: MotoCloud,
) -> None:
    first, second = an_environment(cloud, "one"), an_environment(cloud, "two")
    a_queue(cloud, first)
    batch = cloud.client("batch")
    batch.update_job_queue(
        jobQueue="q", computeEnvironmentOrder=[{"order": 1, "computeEnvironment": second}]
    )
    batch.update_compute_environment(computeEnvironment="one", state="DISABLED")
    batch.delete_compute_environment(computeEnvironment="one")
    before = everything(cloud)
    cloud.restart()
    assert cloud.moto.failed_replays == ()
    assert everything(cloud) == before
    found = cloud.moto.batch.find_queue("q")
    assert found is not None
    assert [e.name for e in found.environments] == ["two"]


def test_updates_replace_their_predecessors_in_the_journal(cloud: MotoCloud) -> None:
    a_function(cloud, a_role(cloud))
    awslambda = cloud.client("lambda")
    for memory in range(256, 300):
        awslambda.update_function_configuration(FunctionName="f", MemorySize=memory)
        awslambda.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    assert len(list(cloud.moto._journal.read_changes())) == 4
    cloud.restart()
    found = cloud.moto.functions.get("f")
    assert found is not None
    assert (found.memory_mb, found.retries) == (299, 1)


def test_a_failed_call_leaves_no_row(cloud: MotoCloud) -> None:
    with pytest.raises(cloud.client("lambda").exceptions.ClientError):
        cloud.client("lambda").update_function_configuration(FunctionName="gone", Timeout=5)
    assert list(cloud.moto._journal.read_changes()) == []
