"""The printed policy allows every call that scar makes, and has no unused grants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.iam_evaluation import IamRequest
from tests.fakes.moto_compat import ACCOUNT
from tests.fakes.service_reference import applies_to
from tests.functional.aws.support.command_replay import STATE, Replay, batch_spec, function
from tests.functional.aws.support.lifecycles import LIFECYCLES
from tests.functional.aws.support.moto_account import an_account

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from tests.fakes.iam_evaluation import IamGrant, Policy

pytestmark = pytest.mark.long

HERE = f"arn:aws:{{}}:eu-west-1:{ACCOUNT}:"
# A user who may replace the failure handler's code has its permissions anyway. A statement
# without these actions would cost 400 of the 6,144 characters that a policy may have.
OF_OTHER_FUNCTIONS_ONLY = {
    "iam:DeleteRolePermissionsBoundary",
    "iam:PutRolePermissionsBoundary",
    "iam:UntagRole",
    "lambda:AddPermission",
    "lambda:*FunctionConcurrency",
    "lambda:InvokeFunction",
    "lambda:RemovePermission",
    "logs:UntagResource",
}
# For those who call endpoints: scar sends no such request itself.
FOR_HTTP_CALLS = {"execute-api:Invoke", "lambda:InvokeFunctionUrl"}
# `scar invoke` stores large bodies there and reads large results: moto serves no endpoints.
BODIES = f"arn:aws:s3:::{STATE}/requests/"
# Whether a layer is mounted depends on which repository was pushed to first: a race.
FOR_MOUNTED_LAYERS = {"ecr:GetDownloadUrlForLayer"}
# CreateBucket sets the tag, except in us-east-1.
IN_THE_OLDEST_REGION = {"s3:PutBucketTagging"}


def is_explained(grant: IamGrant) -> bool:
    if "scar-failure-handler" in grant.resource and grant.action in OF_OTHER_FUNCTIONS_ONLY:
        return True
    if ":role/scar/scar-instances-" in grant.resource and grant.action == "iam:UntagRole":
        return True  # functions share the role, so it has no tags of the user
    if ":repository/scar/" in grant.resource and grant.action in FOR_MOUNTED_LAYERS:
        return True
    if "scar-failure-handler" in grant.resource and grant.action == "lambda:*FunctionUrlConfig":
        return True  # it has no endpoint
    if grant.resource.startswith(BODIES):
        return True
    return grant.action in IN_THE_OLDEST_REGION | FOR_HTTP_CALLS


def of_any_prefix(grants: set[IamGrant]) -> set[IamGrant]:
    """Return the grants with the user's repository prefix replaced by the default one."""
    return {g._replace(resource=g.resource.replace("team/images/", "scar/")) for g in grants}


@pytest.mark.usefixtures("closed")
def test_every_call_is_allowed_and_every_grant_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    granted: set[IamGrant] = set()
    used: set[IamGrant] = set()
    denied: dict[str, set[str]] = {}
    for name, lifecycle in LIFECYCLES.items():
        folder = tmp_path / name
        folder.mkdir()
        with an_account() as connection:
            replay = Replay.of(connection, folder, capsys)
            lifecycle(replay)
        granted |= of_any_prefix(replay.granted)
        used |= of_any_prefix(replay.used)
        if replay.denied:
            denied[name] = replay.denied
    assert denied == {}
    unused = {g for g in granted - used if applies_to(g.action, g.resource)}
    assert sorted(str(g) for g in unused if not is_explained(g)) == []
    assert {g.action for g in unused if is_explained(g)} >= OF_OTHER_FUNCTIONS_ONLY


@pytest.fixture
def printed(
    connection: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Policy:
    """Return the policy for a lambda-batch function on EC2 instances."""
    replay = Replay.of(connection, tmp_path, capsys)
    replay.write_fdl(function("lambda-batch", batch=batch_spec("EC2", disk=50)))
    return replay.policy()


S3, ROLE = "arn:aws:s3:::", f"arn:aws:iam::{ACCOUNT}:role/"
PASSED = {"iam:passedtoservice": "lambda.amazonaws.com"}


@pytest.mark.parametrize(
    "request_",
    [
        IamRequest("s3:PutObject", f"{S3}other/out/a"),
        IamRequest("s3:GetObject", f"{S3}photos2/in/a"),
        IamRequest("s3:DeleteObject", f"{S3}photos/in/a"),
        IamRequest("s3:DeleteObject", f"{S3}{STATE}/runs/crop/2026-09-21/r/claim.json"),
        IamRequest("s3:DeleteObject", f"{S3}{STATE}/runs/cut/2026-09-21/r/done.json"),
        IamRequest("s3:DeleteBucket", f"{S3}{STATE}"),
        IamRequest("s3:PutBucketPolicy", f"{S3}photos"),
        IamRequest("s3:PutBucketNotification", f"{S3}other"),
        IamRequest("s3:PutObject", f"{S3}{STATE}/runs/cut/2026-09-21/r/done.json"),
        IamRequest("s3:PutObject", f"{S3}{STATE}/functions/crop2.json"),
        IamRequest("lambda:UpdateFunctionCode", HERE.format("lambda") + "function:crop2"),
        IamRequest("lambda:DeleteFunction", HERE.format("lambda") + "function:cut"),
        IamRequest(
            "lambda:InvokeFunction", HERE.format("lambda").replace("west", "east") + "function:crop"
        ),
        IamRequest("ecr:PutImage", HERE.format("ecr") + "repository/scar/crop2"),
        IamRequest("logs:DeleteLogGroup", HERE.format("logs") + "log-group:/aws/lambda/crop2:*"),
        IamRequest("batch:DeleteJobQueue", HERE.format("batch") + "job-queue/theirs"),
        IamRequest("batch:RegisterJobDefinition", HERE.format("batch") + "job-definition/crop2"),
        IamRequest("batch:SubmitJob", HERE.format("batch") + "job-queue/theirs"),
        IamRequest("batch:SubmitJob", HERE.format("batch") + "job-definition/crop2"),
        IamRequest("iam:CreateRole", f"{ROLE}crop-eu-west-1-lambda"),
        IamRequest("iam:PutRolePolicy", f"{ROLE}scar/crop2-eu-west-1-lambda"),
        IamRequest("iam:AttachRolePolicy", f"{ROLE}scar/crop2-eu-west-1-lambda"),
        IamRequest("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/scar/me"),
        IamRequest("iam:PassRole", f"{ROLE}admin", PASSED),
        IamRequest("iam:PassRole", f"{ROLE}scar/cut-eu-west-1-lambda", PASSED),
        IamRequest("iam:PassRole", f"{ROLE}scar/crop-eu-west-1-lambda"),
        IamRequest(
            "iam:PassRole",
            f"{ROLE}scar/crop-eu-west-1-lambda",
            {"iam:passedtoservice": "glue.amazonaws.com"},
        ),
        IamRequest("iam:CreateServiceLinkedRole", f"{ROLE}aws-service-role/ecs.amazonaws.com/X"),
        IamRequest("ec2:CreateLaunchTemplate", HERE.format("ec2") + "launch-template/*"),
        IamRequest("ec2:DeleteLaunchTemplate", HERE.format("ec2") + "launch-template/lt-1"),
        IamRequest(
            "ec2:CreateTags",
            HERE.format("ec2") + "launch-template/lt-1",
            {"aws:requesttag/scar:managed": "true"},
        ),
        IamRequest("ec2:RunInstances", HERE.format("ec2") + "instance/*"),
    ],
    ids=str,
)
def test_calls_on_other_resources_are_denied(printed: Policy, request_: IamRequest) -> None:
    assert not printed.allowing(request_)


def test_another_function_s_resources_cannot_be_changed(
    connection: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = Replay.of(connection, tmp_path, capsys)
    replay.write_fdl(function("batch"))
    replay.scar("init", "-f", "FILE")
    changes = [
        request
        for request in replay.recording.requests
        if "crop" in request.resource or "photos" in request.resource
        if not request.action.partition(":")[2].startswith(("Get", "List", "Describe"))
    ]
    replay.write_fdl(function("batch", name="cut", input=[], output=[]))
    allowed = replay.policy()
    assert changes
    assert {str(c) for c in changes if allowed.allowing(c)} == set()


API = HERE.format("apigateway").replace(ACCOUNT, "") + "/{}"
TAG_OF = "aws:{}tag/scar:function"


@pytest.fixture
def printed_for_endpoints(
    connection: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Policy:
    """Return the policy for a function with a signed API, and one without."""
    replay = Replay.of(connection, tmp_path, capsys)
    signed = function(api_gateway={"name": "crop"})
    replay.write_fdl(signed, function(name="cut", input=[], output=[]))
    return replay.policy()


@pytest.mark.parametrize(
    "request_",
    [
        IamRequest("apigateway:POST", API.format("apis")),
        IamRequest("apigateway:POST", API.format("apis"), {TAG_OF.format("request"): "crop2"}),
        IamRequest("apigateway:DELETE", API.format("apis/a")),
        IamRequest("apigateway:DELETE", API.format("apis/a"), {TAG_OF.format("resource"): "crop2"}),
        IamRequest("apigateway:PATCH", API.format("apis/a"), {TAG_OF.format("request"): "crop"}),
        IamRequest("apigateway:PUT", API.format("apis/a")),
        IamRequest("apigateway:DELETE", API.format("apis/a/authorizers/b")),
        IamRequest("apigateway:TagResource", API.format("tags/a")),
        IamRequest("apigateway:PUT", API.format("tags/a"), {TAG_OF.format("request"): "crop2"}),
        IamRequest("apigateway:POST", API.format("restapis")),
        IamRequest("apigateway:GET", API.format("apis").replace("west", "east")),
        IamRequest("execute-api:Invoke", HERE.format("execute-api") + "a/prod/GET/"),
        IamRequest(
            "execute-api:Invoke",
            HERE.format("execute-api").replace("west", "east") + "a/$default/GET/",
        ),
        IamRequest("lambda:InvokeFunctionUrl", HERE.format("lambda") + "function:crop"),
        IamRequest("ssm:PutParameter", HERE.format("ssm") + "parameter/scar/crop/minio.lab/x"),
    ],
    ids=str,
)
def test_calls_on_others_apis_are_denied(
    printed_for_endpoints: Policy, request_: IamRequest
) -> None:
    assert not printed_for_endpoints.allowing(request_)


def test_calls_of_open_endpoints_need_no_permission(
    connection: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = Replay.of(connection, tmp_path, capsys)
    replay.write_fdl(function(api_gateway={"name": "crop", "authentication": "NONE"}))
    url = HERE.format("execute-api") + "a/$default/GET/"
    assert not replay.policy().allowing(IamRequest("execute-api:Invoke", url))


def test_only_secrets_of_functions_with_stores_are_stored(
    connection: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = Replay.of(connection, tmp_path, capsys)
    lab = {"endpoint": "http://127.0.0.1:1", "access_key": "me", "secret_key": "x"}
    output = [{"storage_provider": "minio.lab", "path": "out"}]
    stores = {"minio": {"lab": lab}}
    replay.write_fdl(
        function(output=output), function(name="cut", input=[]), storage_providers=stores
    )
    policy = replay.policy()
    parameter = HERE.format("ssm") + "parameter/scar/{}/minio.lab/secret_key"
    assert policy.allowing(IamRequest("ssm:PutParameter", parameter.format("crop")))
    assert not policy.allowing(IamRequest("ssm:PutParameter", parameter.format("cut")))
