"""Resources and API responses that AWS has and moto lacks. Imports no moto."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from scar.aws.client import sdk
from scar.aws.requests.notification_filters import is_encoded

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_ec2 import EC2Client

    from scar.aws.client.connection import AwsConnection

ACCOUNT = "123456789012"
_BATCH_SERVICE_ROLE = "AWSServiceRoleForBatch"


def new_session() -> boto3.Session:
    """Return a session with its own event handlers, for moto's account."""
    return boto3.Session(
        "testing", "testing", region_name="eu-west-1", botocore_session=sdk.new_session()
    )


def add_default_resources(connection: AwsConnection) -> None:
    """Create the resources that every AWS account has."""
    _open_default_network(connection.client("ec2"))
    connection.client("iam").create_role(
        RoleName=_BATCH_SERVICE_ROLE, AssumeRolePolicyDocument="{}"
    )


def fill_gaps(session: boto3.Session) -> None:
    """Complete requests and responses of a moto, in any process; call it before clients exist."""
    events = session.events
    events.register("provide-client-params.batch.CreateComputeEnvironment", _add_service_role)
    events.register("provide-client-params.batch.UpdateJobQueue", _use_arns)
    events.register("provide-client-params.batch.CreateJobQueue", _store_time_limits)
    events.register("provide-client-params.batch.UpdateJobQueue", _store_time_limits)
    events.register("after-call.batch.DescribeJobQueues", _add_time_limits)
    events.register("before-call.iam.SimulatePrincipalPolicy", _allow_pass_role)  # type: ignore[arg-type]
    events.register("after-call.s3.GetObject", _add_date)
    events.register("after-call.s3.PutObject", _add_date)
    events.register(
        "provide-client-params.s3.PutBucketNotificationConfiguration", _require_encoded_filters
    )
    events.register("provide-client-params.s3.PutBucketPolicy", _hide_conditional_denials)
    events.register("after-call.s3.GetBucketPolicy", _show_conditional_denials)
    events.register("before-call.lambda", _RecursionConfigs().respond)  # type: ignore[arg-type]


_HIDDEN = "hidden-from-moto:"


def _hide_conditional_denials(params: dict[str, Any], **_: object) -> None:
    """Store a statement that denies under a condition with resources that moto does not match.

    moto ignores conditions, so it would deny every request.
    """
    document = json.loads(params["Policy"])
    for statement in document["Statement"]:
        if statement["Effect"] == "Deny" and statement.get("Condition"):
            statement["Resource"] = [_HIDDEN + arn for arn in statement["Resource"]]
    params["Policy"] = json.dumps(document)


def _show_conditional_denials(parsed: dict[str, Any], **_: object) -> None:
    if "Policy" in parsed:
        parsed["Policy"] = parsed["Policy"].replace(_HIDDEN, "")


def _add_service_role(params: dict[str, Any], **_: object) -> None:
    """Add Batch's service-linked role, which AWS creates when none is given; moto requires one."""
    params.setdefault("serviceRole", f"arn:aws:iam::{ACCOUNT}:role/{_BATCH_SERVICE_ROLE}")


def _use_arns(params: dict[str, Any], **_: object) -> None:
    """Replace names of compute environments by ARNs: moto takes names for new queues only."""
    for each in params.get("computeEnvironmentOrder", []):
        arn = f"arn:aws:batch:eu-west-1:{ACCOUNT}:compute-environment/"
        each["computeEnvironment"] = arn + each["computeEnvironment"].removeprefix(arn)


_TIME_LIMITS: dict[str, Any] = {}  # by queue; moto drops them


def _store_time_limits(params: dict[str, Any], **_: object) -> None:
    """Remember what Batch does with jobs that block a queue; a new queue has no limits."""
    if "jobQueueName" in params:
        _TIME_LIMITS[params["jobQueueName"]] = params.get("jobStateTimeLimitActions", [])
    elif "jobStateTimeLimitActions" in params:
        _TIME_LIMITS[params["jobQueue"]] = params["jobStateTimeLimitActions"]


def _add_time_limits(parsed: dict[str, Any], **_: object) -> None:
    for queue in parsed.get("jobQueues", []):
        queue["jobStateTimeLimitActions"] = _TIME_LIMITS.get(queue["jobQueueName"], [])


def api_response(**fields: object) -> tuple[object, dict[str, object]]:
    """Return a successful response with these fields, for a handler of ``before-call``."""
    metadata = {"HTTPStatusCode": 200, "RequestId": "r-1", "HTTPHeaders": {}}
    return AWSResponse("", 200, HTTPHeaders(), None), {**fields, "ResponseMetadata": metadata}


def _allow_pass_role(**_: object) -> tuple[object, dict[str, object]]:
    """Respond that the caller may pass every role; moto lacks the operation."""
    return api_response(EvaluationResults=[])


class _RecursionConfigs:
    """The recursion configurations of functions; moto lacks the operations.

    Shared by all sessions, as moto's state is; a created function has the default.
    """

    _settings: ClassVar[dict[str, str]] = {}

    def respond(
        self, model: OperationModel, params: dict[str, Any], **_: object
    ) -> tuple[object, dict[str, object]] | None:
        path = params["url_path"].split("/")
        match model.name:
            case "CreateFunction":
                self._settings.pop(json.loads(params["body"])["FunctionName"], None)
            case "PutFunctionRecursionConfig":
                self._settings[path[3]] = json.loads(params["body"])["RecursiveLoop"]
                return api_response(RecursiveLoop=self._settings[path[3]])
            case "GetFunctionRecursionConfig":
                return api_response(RecursiveLoop=self._settings.get(path[3], "Terminate"))
            case _:
                pass
        return None


def _add_date(parsed: dict[str, Any], **_: object) -> None:
    """Add the Date header, which moto sets only behind a server."""
    parsed["ResponseMetadata"]["HTTPHeaders"].setdefault("date", format_datetime(datetime.now(UTC)))


def _require_encoded_filters(params: dict[str, Any], **_: object) -> None:
    """Fail on scar's rules with raw special characters: S3 accepts them and sends no events."""
    configuration = params["NotificationConfiguration"]
    for rule in configuration.get("LambdaFunctionConfigurations", ()):
        filters = rule.get("Filter", {}).get("Key", {}).get("FilterRules", ())
        raw = [f["Value"] for f in filters if not is_encoded(f["Value"])]
        assert not raw or not rule.get("Id", "").startswith("scar-"), raw


def _open_default_network(ec2: EC2Client) -> None:
    """Add a route to the internet to moto's default VPC, as AWS's has."""
    (table,) = ec2.describe_route_tables()["RouteTables"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=table["VpcId"])
    ec2.create_route(
        RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway
    )
