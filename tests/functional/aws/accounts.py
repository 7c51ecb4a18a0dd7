"""One account in memory: moto, with what AWS has in every account, and the checker before it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto import mock_aws
from moto.backends import get_backend

from scar.aws import checker
from scar.aws.connection import Connection
from tests.fakes.moto_routers import make_routes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import OperationModel

ACCOUNT = "123456789012"
SERVICES = (
    "batch", "ec2", "ecr", "iam", "kms", "lambda", "logs", "s3", "service-quotas", "sqs", "sts",
)  # fmt: skip
_BATCHS_OWN = "AWSServiceRoleForBatch"


@contextmanager
def an_account() -> Iterator[Connection]:
    """Connect to an account that is empty but for a default VPC with a way to the internet.

    moto takes nearly everything: what AWS would refuse fails the test that asks for it.
    """
    make_routes(*SERVICES)
    with mock_aws(config={"batch": {"use_docker": False}}):
        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        _open_default_network(session)
        session.client("iam").create_role(RoleName=_BATCHS_OWN, AssumeRolePolicyDocument="{}")
        session = boto3.Session("testing", "testing", region_name="eu-west-1")
        amend(session)
        yield Connection(session=session, description="moto")


def amend(session: boto3.Session) -> None:
    """Let moto answer a session's clients as AWS would; the clients are made afterwards."""
    events = session.events
    events.register("provide-client-params.batch.CreateComputeEnvironment", _add_batchs_own_role)
    events.register("provide-client-params.batch.UpdateJobQueue", _name_in_full)
    events.register("before-call.iam.SimulatePrincipalPolicy", _allow_passing)  # type: ignore[arg-type]
    events.register("after-call.s3.GetObject", _date)
    events.register_last("before-parameter-build", _check)
    events.register("before-call.lambda.PutFunctionEventInvokeConfig", _replace)
    events.register("after-call.s3.CreateBucket", _tag)


def _check(params: dict[str, Any], model: OperationModel, **_: object) -> None:
    """Say what AWS would object to; moto would not."""
    service = model.service_model.service_name
    wrong = checker.check(service, model.name, params)
    assert not wrong, f"{service} {model.name}: {', '.join(map(str, wrong))}"


def _replace(params: dict[str, Any], **_: object) -> None:
    """A put replaces; moto keeps the first one for ever."""
    functions = get_backend("lambda")[ACCOUNT]["eu-west-1"]
    name = params["url_path"].split("/")[3]
    functions.get_function(name).event_invoke_config.clear()


def _tag(http_response: AWSResponse, context: dict[str, Any], **_: object) -> None:
    """A bucket has the tags it is made with; with moto, those of the last one of that name."""
    if http_response.status_code != 200:
        return
    given = context["s3_redirect"]["params"]
    tags = given.get("CreateBucketConfiguration", {}).get("Tags", [])
    arn, tagger = f"arn:aws:s3:::{given['Bucket']}", get_backend("s3")[ACCOUNT]["aws"].tagger
    tagger.delete_all_tags_for_resource(arn)
    tagger.tag_resource(arn, tags)


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


def _open_default_network(session: boto3.Session) -> None:
    """Give moto's default VPC what AWS's has: a way to the internet."""
    ec2 = session.client("ec2")
    (table,) = ec2.describe_route_tables()["RouteTables"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=table["VpcId"])
    ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
