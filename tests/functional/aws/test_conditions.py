"""Deployments against an account that is as unforgiving as AWS: limits always, chaos by seed."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from scar.aws.client.call_waits import CallWaits
from scar.fdl.model import BatchSpec, StorageSpec
from scar.local.conditions.settings import ConditionsSettings
from supervisor.model import ExecutionMode
from tests.fakes.chaos.sessions import SessionConditions, scaled_clock, scaled_sleep
from tests.fakes.functions import new_function
from tests.functional.aws.support.factories import deploy, remaining_resources, remove
from tests.functional.aws.support.moto_account import an_account
from tests.profiles import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from tests.functional.aws.conftest import FakeImages

SEEDS = tuple(range(examples(3)))
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "lambda.amazonaws.com"}}]}'
)


def chain() -> list[Function]:
    """Return two functions, of which the first runs in Batch."""
    return [
        new_function(
            name="first",
            image="busybox:1",
            execution_mode=ExecutionMode.BATCH,
            input=(StorageSpec(path="fresh/in"),),
            output=(StorageSpec(path="fresh/middle"),),
            batch=BatchSpec(memory=2048),
        ),
        new_function(
            name="second",
            image="busybox:1",
            execution_mode=ExecutionMode.LAMBDA,
            input=(StorageSpec(path="fresh/middle"),),
            output=(StorageSpec(path="fresh/out"),),
        ),
    ]


@pytest.fixture
def account(closed: None) -> Iterator[AwsConnection]:
    with an_account(CallWaits(clock=scaled_clock, sleep=scaled_sleep)) as connected:
        yield connected


def conditions(account: AwsConnection, chaos: str = "") -> SessionConditions:
    return SessionConditions.attach(account.session, ConditionsSettings(chaos=chaos))


def test_init_keeps_within_the_limits(account: AwsConnection, images: FakeImages) -> None:
    attached = conditions(account)
    assert deploy(account, images, *chain()).changes
    assert ("PutBucketEncryption", "OperationAborted") not in attached.refused
    assert not deploy(account, images, *chain()).changes


@pytest.mark.parametrize("seed", SEEDS)
def test_init_and_rm_succeed_under_chaos(
    account: AwsConnection, images: FakeImages, seed: int
) -> None:
    attached = conditions(account, chaos=str(seed))
    assert deploy(account, images, *chain()).changes
    assert attached.refused, "chaos did nothing"
    assert not deploy(account, images, *chain()).changes
    for function in chain():
        remove(account, function.name)
    assert remaining_resources(account) == {}


def test_settings_of_one_bucket_at_the_same_time_conflict(account: AwsConnection) -> None:
    attached = conditions(account)
    s3 = account.session.client("s3")
    location: Any = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="fresh", CreateBucketConfiguration=location)
    begun, go_on = threading.Event(), threading.Event()

    def hold(**_: object) -> None:
        begun.set()
        assert go_on.wait(60)

    s3.meta.events.register("response-received.s3.PutBucketTagging", hold)
    first = threading.Thread(
        target=s3.put_bucket_tagging,
        kwargs={"Bucket": "fresh", "Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}},
    )
    first.start()
    assert begun.wait(60)
    with pytest.raises(ClientError, match="OperationAborted"):
        s3.put_public_access_block(
            Bucket="fresh", PublicAccessBlockConfiguration={"BlockPublicAcls": True}
        )
    go_on.set()
    first.join()
    s3.put_public_access_block(
        Bucket="fresh", PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    assert attached.refused == [("PutPublicAccessBlock", "OperationAborted")]


def test_a_control_plane_throttles_above_its_rate(account: AwsConnection) -> None:
    attached = conditions(account)
    attached.clock = lambda: 0.0
    client = account.session.client("lambda", config=Config(retries={"max_attempts": 0}))
    for _ in range(15):
        client.list_functions()
    with pytest.raises(client.exceptions.TooManyRequestsException) as raised:
        client.list_functions()
    response: Any = raised.value.response
    assert response["Reason"] == "CallerRateLimitExceeded"


def test_a_refused_request_is_not_executed(account: AwsConnection) -> None:
    attached = conditions(account)
    attached.clock = lambda: 0.0
    client = account.session.client("lambda", config=Config(retries={"max_attempts": 0}))
    iam = account.session.client("iam")
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    for number in range(20):
        with contextlib.suppress(client.exceptions.TooManyRequestsException):
            client.create_function(
                FunctionName=f"f{number}",
                Role=role,
                PackageType="Image",
                Code={"ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1"},
            )
    attached.clock = lambda: 100.0
    assert len(client.list_functions()["Functions"]) == 15


def test_a_new_role_is_not_found_for_a_moment(account: AwsConnection) -> None:
    attached = conditions(account, chaos="1")
    attached.clock, now = lambda: now, 0.0
    iam = account.session.client("iam")
    found = set()
    for number in range(20):
        iam.create_role(RoleName=f"r{number}", AssumeRolePolicyDocument=TRUST)
        try:
            iam.get_role(RoleName=f"r{number}")
            found.add("")
        except ClientError as error:
            found.add(error.response["Error"]["Code"])
    assert found == {"", "NoSuchEntity"}
    now = 10.0
    for number in range(20):
        iam.get_role(RoleName=f"r{number}")


def test_a_new_environment_is_not_valid_at_once(account: AwsConnection) -> None:
    attached = conditions(account, chaos="1")
    attached.clock, now = lambda: now, 0.0
    ec2 = account.session.client("ec2")
    (subnet, *_) = ec2.describe_subnets()["Subnets"]
    (group, *_) = ec2.describe_security_groups()["SecurityGroups"]
    batch = account.session.client("batch")
    resources: Any = {
        "type": "FARGATE",
        "maxvCpus": 2,
        "subnets": [subnet["SubnetId"]],
        "securityGroupIds": [group["GroupId"]],
    }
    statuses = []
    for number in range(10):
        batch.create_compute_environment(
            computeEnvironmentName=f"environment-{number}",
            type="MANAGED",
            computeResources=resources,
        )
    for moment in (0.1, 2.5, 20.0):
        now = moment
        found = batch.describe_compute_environments()["computeEnvironments"]
        statuses.append({each["status"] for each in found})
    assert "CREATING" in statuses[0]
    assert "INVALID" in statuses[1]
    assert statuses[2] == {"VALID"}
