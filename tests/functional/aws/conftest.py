"""Deployment against moto: the same calls as on AWS, one account in memory per test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws

from scar.aws.connection import Connection
from supervisor import config as wire
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.aws.function import Function
    from supervisor.model import FunctionConfig


@dataclass
class FakeImages:
    """Composes images that are only digests, and keeps what was pushed."""

    pushed: set[tuple[str, str]] = field(default_factory=set)
    composed: dict[str, FunctionConfig] = field(default_factory=dict)

    def compose(
        self, function: Function, configure: Callable[[ImageDefaults], FunctionConfig]
    ) -> str:
        config = configure(ImageDefaults(command=("/bin/true",)))
        self.composed[function.name] = config
        script = function.script.read_bytes() if function.script else b""
        content = function.image_name.encode() + wire.dump(config).encode() + script
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    def holds(self, repository: str, digest: str) -> bool:
        return (repository, digest) in self.pushed

    def push(self, repository: str, digest: str) -> None:
        self.pushed.add((repository, digest))


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection that can only ever reach moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(config={"batch": {"use_docker": False}}):
        session = boto3.Session(region_name="eu-west-1")
        _open_default_network(session)
        _allow_service_linked_role(session)
        session.events.register("before-call.iam.SimulatePrincipalPolicy", _allow_passing)  # type: ignore[arg-type]
        session.events.register("after-call.s3.GetObject", _date)
        yield Connection(session=session, description="moto")


def _allow_service_linked_role(session: boto3.Session) -> None:
    """AWS makes Batch's own role when none is given; moto wants one that exists."""
    role = session.client("iam").create_role(
        RoleName="AWSServiceRoleForBatch", AssumeRolePolicyDocument="{}"
    )["Role"]["Arn"]

    def add(params: dict[str, Any], **_: object) -> None:
        params.setdefault("serviceRole", role)

    session.events.register("provide-client-params.batch.CreateComputeEnvironment", add)


def _allow_passing(**_: object) -> tuple[object, dict[str, object]]:
    """Answer what moto does not know: whoever asks may pass any role."""
    answered = AWSResponse("", 200, HTTPHeaders(), None)
    return answered, {"EvaluationResults": [], "ResponseMetadata": {"HTTPStatusCode": 200}}


def _date(parsed: dict[str, Any], **_: object) -> None:
    """S3 dates every answer; moto only does so behind a server."""
    parsed["ResponseMetadata"]["HTTPHeaders"].setdefault("date", format_datetime(datetime.now(UTC)))


def _open_default_network(session: boto3.Session) -> None:
    """Give moto's default VPC what AWS's has: a way to the internet."""
    ec2 = session.client("ec2")
    (table,) = ec2.describe_route_tables()["RouteTables"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=table["VpcId"])
    ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
