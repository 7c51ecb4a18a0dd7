"""What AWS has and moto has not: given to its accounts, and answered for it. Imports no moto."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from scar.aws.client import sdk

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    from scar.aws.client.connection import AwsConnection

ACCOUNT = "123456789012"
_BATCHS_OWN = "AWSServiceRoleForBatch"


def a_session() -> boto3.Session:
    """Make a session as every process has its own."""
    return boto3.Session(
        "testing", "testing", region_name="eu-west-1", botocore_session=sdk.new_session()
    )


def furnish(connection: AwsConnection) -> None:
    """Give an empty account what AWS has in every one."""
    _open_default_network(connection.client("ec2"))
    connection.client("iam").create_role(RoleName=_BATCHS_OWN, AssumeRolePolicyDocument="{}")


def fill_gaps(session: boto3.Session) -> None:
    """Answer for a moto, here or elsewhere, what it does not; clients are made afterwards."""
    events = session.events
    events.register("provide-client-params.batch.CreateComputeEnvironment", _add_batchs_own_role)
    events.register("provide-client-params.batch.UpdateJobQueue", _name_in_full)
    events.register("before-call.iam.SimulatePrincipalPolicy", _allow_passing)  # type: ignore[arg-type]
    events.register("after-call.s3.GetObject", _date)


def _add_batchs_own_role(params: dict[str, Any], **_: object) -> None:
    """AWS makes Batch's own role when none is given; moto wants one that exists."""
    params.setdefault("serviceRole", f"arn:aws:iam::{ACCOUNT}:role/{_BATCHS_OWN}")


def _name_in_full(params: dict[str, Any], **_: object) -> None:
    """AWS takes names of environments; moto does so for new queues only."""
    for each in params.get("computeEnvironmentOrder", []):
        arn = f"arn:aws:batch:eu-west-1:{ACCOUNT}:compute-environment/"
        each["computeEnvironment"] = arn + each["computeEnvironment"].removeprefix(arn)


def answered(**fields: object) -> tuple[object, dict[str, object]]:
    """Return AWS's answer with these fields, for a handler of ``before-call``."""
    metadata = {"HTTPStatusCode": 200, "RequestId": "r-1", "HTTPHeaders": {}}
    return AWSResponse("", 200, HTTPHeaders(), None), {**fields, "ResponseMetadata": metadata}


def _allow_passing(**_: object) -> tuple[object, dict[str, object]]:
    """Answer what moto does not know: whoever asks may pass any role."""
    return answered(EvaluationResults=[])


def _date(parsed: dict[str, Any], **_: object) -> None:
    """S3 dates every answer; moto only does so behind a server."""
    parsed["ResponseMetadata"]["HTTPHeaders"].setdefault("date", format_datetime(datetime.now(UTC)))


def _open_default_network(ec2: EC2Client) -> None:
    """Give moto's default VPC what AWS's has: a way to the internet."""
    (table,) = ec2.describe_route_tables()["RouteTables"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=table["VpcId"])
    ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
