"""A denied request names the principal, the action, the resource and the remedy."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from scar.aws.client import errors

WHO = "arn:aws:iam::123456789012:user/ann"


def denied(operation: str, message: str, **metadata: str) -> ClientError:
    response = {"Error": {"Code": "AccessDenied", "Message": message}, "ResponseMetadata": metadata}
    return ClientError(response, operation)  # type: ignore[arg-type]


def test_the_details_of_aws_s_message_are_in_the_remedy() -> None:
    role = "arn:aws:iam::123456789012:role/scar/crop"
    message = (
        f"User: {WHO} is not authorized to perform: iam:CreateRole on resource: {role} because no"
        " identity-based policy allows the iam:CreateRole action"
    )
    translated = errors.to_scar_error(denied("CreateRole", message), "create role crop")
    assert translated.problem.startswith(
        "Cannot create role crop: CreateRole returned AccessDenied"
    )
    assert translated.remedy.startswith(f"Allow iam:CreateRole on {role} for {WHO}:")


def test_principal_and_action_are_added_to_s3_s_short_message() -> None:
    error = denied("PutBucketNotificationConfiguration", "Access Denied", HostId="x")
    translated = errors.to_scar_error(error, "create notification photos/x", WHO)
    assert translated.remedy.startswith(
        f"Allow s3:PutBucketNotification on this resource for {WHO}"
    )


def test_without_a_principal_the_credentials_are_named() -> None:
    translated = errors.to_scar_error(denied("CreateFunction", "no"), "create function crop")
    assert translated.remedy.startswith(
        "Allow CreateFunction on this resource for these credentials"
    )


CONSTRAINT = "failed to satisfy constraint: Member must have value less than or equal to 3008"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidParameterValueException", f"'MemorySize' value {CONSTRAINT}"),
        (
            "ValidationException",
            f"1 validation error detected: Value '4096' at 'memorySize' {CONSTRAINT}",
        ),
    ],
)
def test_a_reduced_memory_quota_is_explained(code: str, message: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "CreateFunction")
    translated = errors.to_scar_error(error, "create function crop")
    assert message in translated.problem
    assert "Lambda allows 3008 MB per function in this account" in translated.remedy
    assert "Set memory to 3008 or less" in translated.remedy
