"""A second check of the printed policy: moto denies what it does not allow.

moto (5.2) checks S3 by action and resource, but names five actions differently than AWS
(``NAMED_BY_AWS``) and checks the deletion of several objects by their bucket. It checks all other
services as if every call were on ``*``, which no narrower resource matches, and denies requests
with a condition that it cannot evaluate. So the statements of these services get the resource
``*`` and no condition: only the names of actions are compared, for Batch in lower case. moto
does not check iam:PassRole, and computes some signatures of requests without a body wrongly:
signatures are not verified, the access key identifies the user.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core import enable_iam_authentication
from moto.iam.access_control import IAMRequestBase
from moto.s3.responses import ACTION_MAP

from scar.aws.client.connection import AwsConnection
from scar.aws.compile.policies.iam_actions import IAM_ACTION_NAMES
from scar.aws.compile.policies.scope import scope_of
from scar.aws.compile.policies.user_policy import user_policies
from scar.errors import OperationRefusedError
from tests.fakes.iam_evaluation import as_list
from tests.functional.aws.support.factories import a_function, deploy, remaining_resources, remove
from tests.functional.aws.support.moto_account import enforce_aws_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.functional.aws.conftest import FakeImages

# By HTTP method and query parameter.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
NAMED_BY_AWS = {
    ("HEAD", "DEFAULT"): "ListBucket",
    ("GET", "encryption"): "GetEncryptionConfiguration",
    ("PUT", "encryption"): "PutEncryptionConfiguration",
    ("GET", "publicAccessBlock"): "GetBucketPublicAccessBlock",
    ("PUT", "publicAccessBlock"): "PutBucketPublicAccessBlock",
}
FUNCTION = a_function("lambda-batch")
NOTHING = "Nothing to change."


@pytest.fixture(autouse=True)
def _correct_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IAMRequestBase, "check_signature", lambda _: None)
    for (method, query), action in NAMED_BY_AWS.items():
        monkeypatch.setitem(ACTION_MAP["BUCKET"][method], query, action)


@contextmanager
def restricted_user(admin: AwsConnection, without: str = "") -> Iterator[AwsConnection]:
    """Connect as a user who has only the printed policies, without one action."""
    iam = admin.client("iam")
    user = iam.create_user(UserName="deployer")["User"]
    for number, text in enumerate(user_policies(scope_of([FUNCTION], admin.account))):
        policy = iam.create_policy(
            PolicyName=f"scar-{number}", PolicyDocument=convert_policy(text, without)
        )
        iam.attach_user_policy(UserName=user["UserName"], PolicyArn=policy["Policy"]["Arn"])
    key = iam.create_access_key(UserName=user["UserName"])["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="eu-west-1")
    enforce_aws_rules(session)
    session.events.register("after-call.s3", add_host_id)
    with enable_iam_authentication():
        yield AwsConnection(session=session, description="moto")


def add_host_id(parsed: dict[str, Any], **_: object) -> None:
    """Add the host id that S3 has in every response, and moto has not."""
    parsed["ResponseMetadata"].setdefault("HostId", "h-1")


def convert_policy(text: str, without: str) -> str:
    """Return the policy in the form that moto can check."""
    document = json.loads(text)
    statements = [convert_statement(s, without) for s in document["Statement"]]
    return json.dumps({**document, "Statement": [s for s in statements if s["Action"]]})


def operations_of(action: str) -> list[str]:
    """Return the operations of an action that is a pattern; the action itself, if it is none."""
    found = [o for o, pattern in IAM_ACTION_NAMES.items() if pattern == action and "*" in action]
    return found or [action]


def convert_statement(statement: dict[str, Any], without: str) -> dict[str, Any]:
    actions = as_list(statement["Action"])
    services = {action.partition(":")[0] for action in actions}
    resources: list[str] = ["*"]
    if services == {"s3"}:
        resources = as_list(statement["Resource"])
        if actions == ["s3:DeleteObject"]:
            resources += [r.removesuffix("/*/") for r in resources]
    # A pattern contains further operations: their names are those of the actions.
    actions = [o for a in actions for o in (operations_of(a) if fnmatch(without, a) else [a])]
    kept = [a.lower() if a.startswith("batch:") else a for a in actions if a != without]
    return {"Effect": statement["Effect"], "Action": kept, "Resource": resources}


def test_a_user_with_the_printed_policy_deploys_twice_and_removes(
    connection: AwsConnection, images: FakeImages
) -> None:
    with restricted_user(connection) as user:
        assert "+ function crop" in str(deploy(user, images, FUNCTION))
        assert str(deploy(user, images, FUNCTION)) == NOTHING
        assert "- function crop" in remove(user, "crop")
    assert remaining_resources(connection) == {}


@pytest.mark.parametrize(
    ("action", "on"),
    [
        ("batch:CreateComputeEnvironment", "compute-environment scar-"),
        ("batch:RegisterJobDefinition", "job-definition crop"),
        ("ecr:CreateRepository", "repository scar/"),
        ("iam:CreateRole", "role "),
        ("lambda:CreateFunction", "function "),
        ("lambda:PutFunctionEventInvokeConfig", "event-invoke-config "),
        ("logs:CreateLogGroup", "log-group /aws/"),
        ("s3:PutBucketNotification", "notification photos/scar-crop-"),
        ("s3:PutEncryptionConfiguration", "state-bucket scar-123456789012-eu-west-1"),
    ],
)
def test_a_denied_call_names_principal_action_resource_and_remedy_and_is_undone(
    connection: AwsConnection, images: FakeImages, action: str, on: str
) -> None:
    with (
        restricted_user(connection, without=action) as user,
        pytest.raises(OperationRefusedError) as caught,
    ):
        deploy(user, images, FUNCTION)
    error = caught.value
    assert on in error.problem
    assert f"Allow {action} on ".lower() in error.remedy.lower()
    assert "for arn:aws:iam::123456789012:user/deployer: " in error.remedy
    assert "`scar policy` prints all required permissions." in error.remedy
    # Roles and buckets that are as described stay.
    assert remaining_resources(connection).keys() <= {"buckets", "profiles", "roles"}
