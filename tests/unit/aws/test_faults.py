"""An answer that says no is told with who, what, on which resource, and what to do."""

from __future__ import annotations

from botocore.exceptions import ClientError

from scar.aws.client import errors as faults

WHO = "arn:aws:iam::123456789012:user/ann"


def denied(operation: str, message: str, **metadata: str) -> ClientError:
    answer = {"Error": {"Code": "AccessDenied", "Message": message}, "ResponseMetadata": metadata}
    return ClientError(answer, operation)  # type: ignore[arg-type]


def test_what_aws_tells_is_in_the_remedy() -> None:
    role = "arn:aws:iam::123456789012:role/scar/crop"
    message = (
        f"User: {WHO} is not authorized to perform: iam:CreateRole on resource: {role} because no"
        " identity-based policy allows the iam:CreateRole action"
    )
    told = faults.to_scar_error(denied("CreateRole", message), "create role crop")
    assert told.problem.startswith("Cannot create role crop: CreateRole answered AccessDenied")
    assert told.remedy.startswith(f"Let {WHO} do iam:CreateRole on {role}:")


def test_where_s3_only_says_no_the_principal_and_the_action_are_added() -> None:
    error = denied("PutBucketNotificationConfiguration", "Access Denied", HostId="x")
    told = faults.to_scar_error(error, "create notification photos/x", WHO)
    assert told.remedy.startswith(f"Let {WHO} do s3:PutBucketNotification on this resource")


def test_without_any_name_the_credentials_stand_for_it() -> None:
    told = faults.to_scar_error(denied("CreateFunction", "no"), "create function crop")
    assert told.remedy.startswith("Let these credentials do CreateFunction")
