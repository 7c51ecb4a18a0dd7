"""What compat and the registries rely on in moto 5.2, and what they add to it."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from scar.local.moto.error_responses import ApiError
from tests.functional.local.moto.test_restart import (
    IMAGE,
    a_definition,
    a_function,
    a_queue,
    a_role,
    an_environment,
)

if TYPE_CHECKING:
    from tests.functional.local.moto.conftest import MotoCloud


def test_compat_was_written_for_moto_5_2() -> None:
    assert importlib.metadata.version("moto").startswith("5.2.")


def test_functions_answer_with_the_digest_of_their_image(cloud: MotoCloud) -> None:
    created = a_function(cloud, a_role(cloud))
    assert created["CodeSha256"] == "a" * 64
    code = cloud.client("lambda").get_function(FunctionName="f")["Code"]
    assert code["ImageUri"] == code["ResolvedImageUri"] == IMAGE
    newer = IMAGE.replace("a" * 64, "b" * 64)
    updated = cloud.client("lambda").update_function_code(FunctionName="f", ImageUri=newer)
    assert updated["CodeSha256"] == "b" * 64


def test_function_records_contain_what_was_configured(cloud: MotoCloud) -> None:
    role = a_role(cloud)
    arn = a_function(cloud, role)["FunctionArn"]
    awslambda = cloud.client("lambda")
    awslambda.update_function_configuration(FunctionName="f", EphemeralStorage={"Size": 2048})
    awslambda.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    awslambda.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=600
    )
    awslambda.put_function_event_invoke_config(
        FunctionName="f",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:x"}},
    )
    awslambda.add_permission(
        FunctionName="f",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::b",
        SourceAccount="123456789012",
    )
    found = cloud.moto.functions.get(arn)
    assert found is not None
    assert found == cloud.moto.functions.get("f")
    assert (found.memory_mb, found.timeout, found.storage_mb) == (512, 60, 2048)
    assert (found.image_uri, found.environment, found.role) == (IMAGE, {"AA": "1"}, role)
    assert (found.reserved_concurrency, found.retries, found.max_event_age) == (0, 0, 21_600)
    assert found.on_failure == "arn:aws:sqs:us-east-1:123456789012:x"
    assert found.policy[0].source_arn == "arn:aws:s3:::b"
    assert found.policy[0].source_account == "123456789012"
    assert cloud.moto.functions.get("other") is None


def test_the_batch_registry_contains_what_was_configured(cloud: MotoCloud) -> None:
    a_queue(cloud, an_environment(cloud))
    arn = a_definition(cloud)
    a_definition(cloud, memory="1024")
    queue = cloud.moto.batch.find_queue("q")
    assert queue is not None
    assert (queue.enabled, queue.priority) == (True, 1)
    assert [(e.name, e.max_vcpus, e.enabled) for e in queue.environments] == [("env", 4.0, True)]
    latest, first = cloud.moto.batch.find_definition("d"), cloud.moto.batch.find_definition(arn)
    assert latest is not None
    assert first is not None
    assert (latest.revision, first.revision, first.timeout_seconds) == (2, 1, 60)
    assert first == cloud.moto.batch.find_definition("d:1")
    assert cloud.moto.batch.find_definition("d:7") is None
    cloud.client("batch").deregister_job_definition(jobDefinition="d:2")
    latest = cloud.moto.batch.find_definition("d")
    assert latest is not None
    assert latest.revision == 1


def test_environments_need_no_service_role_and_keep_their_instance_types(cloud: MotoCloud) -> None:
    an_environment(cloud)
    batch = cloud.client("batch")
    batch.update_compute_environment(computeEnvironment="env", computeResources={"maxvCpus": 9})
    found = batch.describe_compute_environments(computeEnvironments=["env"])["computeEnvironments"][
        0
    ]
    assert found["serviceRole"].endswith(
        ":role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    )
    assert found["computeResources"]["instanceTypes"] == ["p3", "default_x86_64"]
    assert found["computeResources"]["maxvCpus"] == 9
    assert found["state"] == "ENABLED"
    assert cloud.client("iam").list_instance_profiles()["InstanceProfiles"] == []


def test_a_queue_may_be_moved_to_an_environment_named_like_at_its_making(cloud: MotoCloud) -> None:
    a_queue(cloud, an_environment(cloud, "one"))
    two = an_environment(cloud, "two")
    batch = cloud.client("batch")
    batch.update_job_queue(
        jobQueue="q", computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "two"}]
    )
    (queue,) = batch.describe_job_queues(jobQueues=["q"])["jobQueues"]
    assert [e["computeEnvironment"] for e in queue["computeEnvironmentOrder"]] == [two]
    with pytest.raises(ClientError, match="computeEnvironmentOrder"):
        batch.update_job_queue(
            jobQueue="q", computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "three"}]
        )


def test_policies_of_aws_can_be_attached_and_others_must_exist(cloud: MotoCloud) -> None:
    iam = cloud.client("iam")
    a_role(cloud)
    (name,) = (role["RoleName"] for role in iam.list_roles()["Roles"])
    arn = "arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"
    for _ in range(2):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    (attached,) = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached["PolicyArn"] == arn
    for missing in (
        f"{arn}s",
        arn.replace("policy/", "policy/job-function/"),
        "arn:aws:iam::123456789012:policy/mine",
    ):
        with pytest.raises(iam.exceptions.NoSuchEntityException, match="does not exist"):
            iam.attach_role_policy(RoleName=name, PolicyArn=missing)


def test_the_default_network_has_a_way_to_the_internet(cloud: MotoCloud) -> None:
    tables = cloud.client("ec2").describe_route_tables()["RouteTables"]
    assert any(route.get("GatewayId", "").startswith("igw-") for route in tables[0]["Routes"])


def test_the_registry_is_announced_with_our_own_address(cloud: MotoCloud) -> None:
    data = cloud.client("ecr").get_authorization_token()["authorizationData"][0]
    assert data["proxyEndpoint"] == "http://127.0.0.1:1"
    assert data["authorizationToken"] == "QVdTOnBhc3M="


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "sentence"),
    [
        ("dynamodb", "list_tables", {}, "does not emulate dynamodb"),
        ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16"}, "does not emulate CreateVpc of ec2"),
        ("iam", "create_user", {"UserName": "u"}, "does not emulate CreateUser of iam"),
        ("lambda", "list_layers", {}, "does not emulate ListLayers of lambda"),
    ],
)
def test_unsupported_operations_are_rejected_with_an_explanation(
    cloud: MotoCloud, service: str, operation: str, arguments: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence) as caught:
        getattr(cloud.client(service), operation)(**arguments)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_the_checker_refuses_before_moto_sees_the_call(cloud: MotoCloud) -> None:
    cloud.refusals["CreateFunction"] = ApiError(
        code="InvalidParameterValueException", message="too much memory"
    )
    with pytest.raises(ClientError, match="too much memory") as caught:
        a_function(cloud, "arn:aws:iam::123456789012:role/none")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_regions_are_kept_apart(cloud: MotoCloud) -> None:
    role = a_role(cloud)
    a_function(cloud, role)
    there = cloud.client("lambda", "eu-west-1")
    assert there.list_functions()["Functions"] == []
    assert cloud.moto.functions.get("f", "eu-west-1") is None


def test_the_recursion_configuration_of_a_function_is_stored(cloud: MotoCloud) -> None:
    awslambda = cloud.client("lambda")
    with pytest.raises(ClientError, match="Function not found: f"):
        awslambda.get_function_recursion_config(FunctionName="f")
    with pytest.raises(ClientError, match="Function not found: f"):
        awslambda.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    arn = a_function(cloud, a_role(cloud))["FunctionArn"]
    assert awslambda.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    changed = awslambda.put_function_recursion_config(FunctionName=arn, RecursiveLoop="Allow")
    assert changed["RecursiveLoop"] == "Allow"
    with pytest.raises(ClientError, match="enum value set"):
        awslambda.put_function_recursion_config(
            FunctionName="f",
            RecursiveLoop="Sometimes",
        )
    awslambda.update_function_configuration(FunctionName="f", MemorySize=1024)
    awslambda.update_function_code(FunctionName="f", ImageUri=IMAGE.replace("a" * 64, "b" * 64))
    cloud.restart()
    awslambda = cloud.client("lambda")
    assert awslambda.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
    record = cloud.moto.functions.get("f")
    assert record is not None
    assert record.allow_loop
    awslambda.delete_function(FunctionName="f")
    a_function(cloud, a_role(cloud, "other"))
    assert awslambda.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
