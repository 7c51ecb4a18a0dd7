"""Handlers read policies in every form in which AWS may return them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.stub import Stubber

from scar.aws.compile import policies
from scar.aws.handlers.iam import RoleHandler
from scar.aws.handlers.invoke_permissions import PermissionHandler
from scar.aws.model.account import Account
from scar.aws.model.plan import plan
from scar.aws.model.resources import InvokePermission, Role

ACCOUNT = Account("123456789012", "eu-west-1")
PERMISSION = InvokePermission(
    name="crop/scar-s3-photos", source_arn="arn:aws:s3:::photos", source_account=ACCOUNT.id
)
STATEMENT: dict[str, Any] = {
    "Sid": "scar-s3-photos",
    "Effect": "Allow",
    "Principal": {"Service": "s3.amazonaws.com"},
    "Action": "lambda:InvokeFunction",
    "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:crop",
    "Condition": {
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"},
        "StringEquals": {"AWS:SourceAccount": ACCOUNT.id},
    },
}


def client(service: Any) -> Any:  # noqa: ANN401 - one client type per service
    return boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


class RoleResponses:
    """IAM's answers for one role, with its documents in the given form."""

    def __init__(self, trust: object, policy: object) -> None:
        self.role = {"Path": "/scar/", "AssumeRolePolicyDocument": trust}
        self.policy = policy
        self.exceptions = client("iam").exceptions

    def get_role(self, **_: str) -> dict[str, Any]:
        return {"Role": self.role}

    def get_role_policy(self, **_: str) -> dict[str, Any]:
        return {"PolicyDocument": self.policy}

    def list_attached_role_policies(self, **_: str) -> dict[str, Any]:
        return {"AttachedPolicies": []}

    def list_role_policies(self, **_: str) -> dict[str, Any]:
        return {"PolicyNames": ["scar"]}


@pytest.mark.parametrize(
    "form", [json.loads, str, quote, lambda text: quote(text, safe="")], ids=range(4)
)
def test_documents_of_iam_may_be_url_encoded(form: Any) -> None:  # noqa: ANN401
    trust = policies.trust_policy("ecs-tasks", ACCOUNT)
    policy = policies.failure_handler_role(ACCOUNT, "handler")
    desired = Role(name="r", trust=trust, policy=policy)
    observed = RoleHandler(RoleResponses(form(trust), form(policy))).read(desired)  # type: ignore[arg-type]
    assert observed is not None
    assert plan([desired], {desired.key: observed}).changes == ()


def read_permission(statement: dict[str, Any]) -> InvokePermission | None:
    lambda_ = client("lambda")
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    with Stubber(lambda_) as stubber:
        stubber.add_response("get_policy", {"Policy": text})
        return PermissionHandler(lambda_).read(PERMISSION)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Action": ["Lambda:invokeFunction"]},
        {"Principal": {"Service": ["s3.amazonaws.com"]}},
        {
            "Condition": {
                "arnlike": {"aws:sourcearn": ["arn:aws:s3:::photos"]},
                "stringEquals": {"aws:SourceAccount": [ACCOUNT.id]},
            }
        },
        {
            "Condition": {
                "ArnEquals": {"aws:SourceArn": "arn:aws:s3:::photos"},
                "StringEquals": {"aws:SourceAccount": ACCOUNT.id},
            }
        },
    ],
)
def test_a_permission_in_another_form_is_no_change(change: dict[str, Any]) -> None:
    assert read_permission({**STATEMENT, **change}) == PERMISSION


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "Deny"},
        {"Action": "lambda:GetFunction"},
        {"Principal": "*"},
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Condition": {}},
        {"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::photos"}}},
        {"Condition": {**STATEMENT["Condition"], "Bool": {"aws:SecureTransport": "false"}}},
        {
            "Condition": {
                **STATEMENT["Condition"],
                "ArnLike": {"AWS:SourceArn": ["arn:aws:s3:::photos", "arn:aws:s3:::films"]},
            }
        },
    ],
)
def test_a_permission_with_another_meaning_is_a_change(change: dict[str, Any]) -> None:
    found = read_permission({**STATEMENT, **change})
    assert found is not None
    assert found.key == PERMISSION.key
    assert found != PERMISSION
