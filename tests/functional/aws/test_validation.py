"""The account's state is checked before the first change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from scar.aws.deploy.deploy import init
from scar.aws.validation.deployment_checks import NotDeployableError
from scar.fdl.model import BatchSpec, ComputeResourcesSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import (
    a_function,
    a_role,
    deploy,
    fail_next_call,
    remaining_resources,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

FARGATE = BatchSpec(memory=2048, compute_resources=ComputeResourcesSpec(type="FARGATE"))


def stub_response(
    connection: AwsConnection, service: str, operation: str, **fields: object
) -> list[Any]:
    """Replace AWS's response by these fields; return the requests' parameters."""
    received: list[Any] = []

    def note(params: dict[str, Any], **_: object) -> None:
        received.append(dict(params))

    def respond(**_: object) -> tuple[object, dict[str, object]]:
        response = AWSResponse("", 200, HTTPHeaders(), None)
        return response, {**fields, "ResponseMetadata": {"HTTPStatusCode": 200}}

    events = connection.client(service).meta.events  # type: ignore[call-overload]
    events.register(f"provide-client-params.{service}.{operation}", note)
    events.register_first(f"before-call.{service}.{operation}", respond)
    return received


def warnings_of(
    connection: AwsConnection, images: FakeImages, say: Callable[[], None]
) -> list[str]:
    messages: list[str] = []
    say()
    init([a_function()], connection, messages.append, images=images, dry_run=True)
    return [line for line in messages if line.startswith("Warning: ")]


def without_gateway(connection: AwsConnection) -> str:
    """Delete the default VPC's route to the internet gateway; return a subnet."""
    ec2 = connection.client("ec2")
    (table,) = ec2.describe_route_tables()["RouteTables"]
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    return ec2.describe_subnets()["Subnets"][0]["SubnetId"]


def test_a_subnet_without_a_route_to_the_internet_is_an_error(
    connection: AwsConnection, images: FakeImages
) -> None:
    subnet = without_gateway(connection)
    with pytest.raises(
        NotDeployableError, match=rf"crop: Subnet {subnet} has no route to the internet"
    ):
        deploy(connection, images, a_function("batch"))
    assert remaining_resources(connection) == {}


def test_the_network_decides_about_public_addresses_and_is_shown(
    connection: AwsConnection, images: FakeImages
) -> None:
    todo = str(deploy(connection, images, changed(a_function("batch"), batch=FARGATE)))
    batch = connection.client("batch")
    (definition,) = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    network = definition["containerProperties"].get("networkConfiguration", {})
    assert network.get("assignPublicIp") == "ENABLED"
    for subnet in connection.client("ec2").describe_subnets()["Subnets"]:
        assert subnet["SubnetId"] in todo.rpartition("(jobs run in vpc-")[2]


def test_with_a_nat_gateway_no_public_addresses_are_assigned(
    connection: AwsConnection, images: FakeImages
) -> None:
    ec2, subnet = connection.client("ec2"), without_gateway(connection)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    (table,) = ec2.describe_route_tables()["RouteTables"]
    ec2.create_route(
        RouteTableId=table["RouteTableId"],
        DestinationCidrBlock="0.0.0.0/0",
        NatGatewayId=gateway["NatGatewayId"],
    )
    deploy(connection, images, changed(a_function("batch"), batch=FARGATE))
    batch = connection.client("batch")
    (definition,) = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    network = definition["containerProperties"].get("networkConfiguration", {})
    assert network.get("assignPublicIp") == "DISABLED"


def test_a_bucket_of_another_region_is_an_error(
    connection: AwsConnection, images: FakeImages
) -> None:
    elsewhere = connection.session.client("s3", region_name="us-east-1")
    elsewhere.create_bucket(Bucket="photos")
    with pytest.raises(NotDeployableError, match=r"photos is in us-east-1"):
        deploy(connection, images, a_function())
    assert remaining_resources(connection) == {"buckets": ["photos"]}


def encrypt(connection: AwsConnection, key: str) -> None:
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    default: Any = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket="photos",
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": default}]
        },
    )


def given_keys(connection: AwsConnection) -> list[str]:
    found: Any = connection.client("iam").get_role_policy(
        RoleName="crop-eu-west-1-lambda", PolicyName="scar"
    )["PolicyDocument"]
    return [r for s in found["Statement"] if "kms:Decrypt" in s["Action"] for r in s["Resource"]]


def test_the_roles_can_use_the_kms_key_of_a_bucket(
    connection: AwsConnection, images: FakeImages
) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234"
    encrypt(connection, key)
    deploy(connection, images, a_function())
    assert given_keys(connection) == [key]


@pytest.mark.parametrize("alias", ["alias/mine", "arn:aws:kms:eu-west-1:123456789012:alias/mine"])
def test_a_kms_key_may_be_named_by_an_alias(
    connection: AwsConnection, images: FakeImages, alias: str
) -> None:
    kms: Any = connection.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key["KeyId"])
    encrypt(connection, alias)
    messages: list[str] = []
    init([a_function()], connection, messages.append, images=images)
    assert given_keys(connection) == [key["Arn"]]
    assert not [line for line in messages if "alias" in line]


def test_an_alias_of_an_unknown_key_is_a_warning(
    connection: AwsConnection, images: FakeImages
) -> None:
    encrypt(connection, "alias/gone")
    messages: list[str] = []
    init([a_function()], connection, messages.append, images=images)
    assert given_keys(connection) == []
    assert [line for line in messages if "alias/gone" in line and "kms:DescribeKey" in line]


def test_every_call_to_a_bucket_names_its_owner(
    connection: AwsConnection, images: FakeImages
) -> None:
    owners: list[object] = []

    def note(params: dict[str, Any], model: Any, **_: object) -> None:  # noqa: ANN401
        if "ExpectedBucketOwner" in model.input_shape.members:
            owners.append(params.get("ExpectedBucketOwner"))

    connection.client("s3").meta.events.register_last("provide-client-params.s3", note)
    deploy(connection, images, a_function())
    assert len(owners) > 5
    assert set(owners) == {"123456789012"}


def test_a_role_that_cannot_be_passed_is_an_error(
    connection: AwsConnection, images: FakeImages
) -> None:
    role = "arn:aws:iam::123456789012:role/scar/crop-eu-west-1-lambda"
    result = {"EvalActionName": "iam:PassRole", "EvalResourceName": role}
    received = stub_response(
        connection,
        "iam",
        "SimulatePrincipalPolicy",
        EvaluationResults=[{**result, "EvalDecision": "implicitDeny"}],
    )
    user = "arn:aws:iam::123456789012:user/ann"
    connection.account  # noqa: B018  # read from STS: in moto the caller is root
    connection._identity = connection.account, user
    with pytest.raises(NotDeployableError, match=rf"{user} may not pass the role {role} to lambda"):
        deploy(connection, images, a_function())
    handler_role = "arn:aws:iam::123456789012:role/scar/scar-failure-handler-eu-west-1-lambda"
    assert received[0]["ResourceArns"] == [role, handler_role]
    assert received[0]["PolicySourceArn"] == user
    assert remaining_resources(connection) == {}


def test_a_check_that_is_denied_is_only_a_warning(
    connection: AwsConnection, images: FakeImages
) -> None:
    def deny() -> None:
        fail_next_call(connection, "lambda", "GetAccountSettings")

    (warning,) = warnings_of(connection, images, deny)
    assert "concurrent executions could not be read" in warning


def test_a_new_account_s_small_quota_is_a_warning(
    connection: AwsConnection, images: FakeImages
) -> None:
    limit = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}

    def small() -> None:
        stub_response(connection, "lambda", "GetAccountSettings", AccountLimit=limit)

    (warning,) = warnings_of(connection, images, small)
    assert "at most 10 events at once" in warning


def test_full_batch_quotas_are_an_error(connection: AwsConnection, images: FakeImages) -> None:
    deploy(connection, images, a_function("batch"))
    client = connection.client("batch")
    (queue,) = client.describe_job_queues()["jobQueues"]
    many = [{**queue, "jobQueueName": f"theirs-{number}"} for number in range(50)]

    def tell(parsed: dict[str, Any], **_: object) -> None:
        parsed["jobQueues"] = many

    client.meta.events.register("after-call.batch.DescribeJobQueues", tell)
    other = replace(
        a_function("batch", name="cut"),
        batch=BatchSpec(compute_resources=ComputeResourcesSpec(max_v_cpus=9)),
    )
    with pytest.raises(NotDeployableError, match=r"has 50 job queues and 1 more are needed"):
        deploy(connection, images, other)


def test_a_role_of_the_user_s_must_exist(connection: AwsConnection, images: FakeImages) -> None:
    with pytest.raises(
        NotDeployableError, match=r"role arn:aws:iam::123456789012:role/typo does not exist"
    ):
        deploy(connection, images, changed(a_function(), role="typo"))
    assert remaining_resources(connection) == {}


def test_every_service_that_gets_the_user_s_role_must_be_in_its_trust_policy(
    connection: AwsConnection, images: FakeImages
) -> None:
    a_role(connection, "mine", "lambda")
    function = changed(a_function("batch"), role="mine")
    with pytest.raises(
        NotDeployableError, match=r"ecs-tasks\.amazonaws\.com cannot assume the role"
    ):
        deploy(connection, images, function)
    a_role(connection, "both", "lambda", "ecs-tasks")
    deploy(connection, images, changed(function, role="both"))


def on_instance_profile(profile: str, service_role: str = "") -> Function:
    compute = ComputeResourcesSpec(instance_role=profile)
    batch = BatchSpec(compute_resources=compute, service_role=service_role)
    return replace(a_function("batch"), batch=batch)


def test_a_custom_instance_profile_must_exist(
    connection: AwsConnection, images: FakeImages
) -> None:
    profile = "arn:aws:iam::123456789012:instance-profile/typo"
    with pytest.raises(NotDeployableError, match=r"instance profile typo does not exist"):
        deploy(connection, images, on_instance_profile(profile))
    assert remaining_resources(connection) == {}


def test_the_role_in_a_custom_instance_profile_must_trust_ec2(
    connection: AwsConnection, images: FakeImages
) -> None:
    iam = connection.client("iam")
    role = a_role(connection, "hosts", "lambda")
    created = iam.create_instance_profile(InstanceProfileName="hosts")["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName="hosts", RoleName="hosts")
    with pytest.raises(NotDeployableError, match=rf"ec2.amazonaws.com cannot assume.*{role}"):
        deploy(connection, images, on_instance_profile(created["Arn"]))


def test_a_custom_instance_profile_without_a_role_is_a_warning(
    connection: AwsConnection, images: FakeImages
) -> None:
    iam = connection.client("iam")
    created = iam.create_instance_profile(InstanceProfileName="empty")["InstanceProfile"]
    lines: list[str] = []
    function = on_instance_profile(created["Arn"])
    init([function], connection, lines.append, images=images, dry_run=True)
    assert any("instance profile empty has no role" in line for line in lines)


def test_a_custom_service_role_must_exist_and_trust_batch(
    connection: AwsConnection, images: FakeImages
) -> None:
    function = replace(a_function("batch"), batch=BatchSpec(service_role="typo"))
    with pytest.raises(NotDeployableError, match=r"correct batch.service_role"):
        deploy(connection, images, function)
    role = a_role(connection, "wrong", "lambda")
    function = replace(a_function("batch"), batch=BatchSpec(service_role=role))
    with pytest.raises(NotDeployableError, match=r"batch.amazonaws.com cannot assume the role"):
        deploy(connection, images, function)
