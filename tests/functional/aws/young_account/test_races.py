"""Errors about what was made moments ago pass by themselves: ``init`` waits for them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.deploy.deploy import init
from scar.errors import OperationRefusedError
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function, a_role, deploy, remaining_resources
from tests.functional.aws.support.service_errors import ServiceError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages
    from tests.functional.aws.support.service_errors import ServiceErrors
    from tests.virtual_time import VirtualTime

INVALID = "InvalidParameterValueException"
ABORTED = "A conflicting conditional operation is currently in progress against this resource."


@dataclass(frozen=True)
class Case:
    """One error of one operation, and words of the line that ``init`` shows while it waits."""

    service: str
    operation: str
    error: ServiceError
    shown: str

    def __str__(self) -> str:
        return f"{self.operation}-{self.error.code}-{self.error.message[-30:]}"


def lambda_case(operation: str, message: str, shown: str) -> Case:
    return Case("lambda", operation, ServiceError(code=INVALID, message=message), shown)


def s3_case(operation: str, code: str = "OperationAborted", shown: str = "earlier change") -> Case:
    status = 409 if code == "OperationAborted" else 404
    return Case("s3", operation, ServiceError(code=code, message=ABORTED, status=status), shown)


CASES = [
    lambda_case(
        "CreateFunction",
        "The role defined for the function cannot be assumed by Lambda.",
        "cannot assume the new role yet",
    ),
    lambda_case(
        "CreateFunction",
        "The provided execution role does not have permissions to call CreateNetworkInterface on"
        " EC2",
        "network interfaces",
    ),
    lambda_case(
        "CreateFunction",
        "Lambda was unable to configure access to your environment variables because the KMS key"
        " is invalid for CreateGrant. Please check your KMS key settings.",
        "KMS key",
    ),
    lambda_case(
        "CreateFunction",
        "Your request has been throttled by EC2, please make sure you have enough API rate limit.",
        "EC2 throttles",
    ),
    lambda_case(
        "CreateFunction",
        "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
        "repository's policy",
    ),
    lambda_case(
        "CreateFunction",
        "Source image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/scar/crop@sha256:00 is not"
        " valid. Provide a valid source image.",
        "read the new image",
    ),
    lambda_case(
        "PutFunctionEventInvokeConfig",
        "The destination ARN arn:aws:lambda:eu-west-1:123456789012:function:scar-failure-handler"
        " is invalid.",
        "does not see the on-failure destination",
    ),
    lambda_case(
        "PutFunctionEventInvokeConfig",
        "The function's execution role does not have permissions to call InvokeFunction on"
        " arn:aws:lambda:eu-west-1:123456789012:function:scar-failure-handler",
        "invoke the on-failure destination",
    ),
    Case(
        "lambda",
        "AddPermission",
        ServiceError(
            code="ResourceConflictException",
            message="The operation cannot be performed at this time. An update is in progress for"
            " resource: arn:aws:lambda:eu-west-1:123456789012:function:crop",
            status=409,
        ),
        "earlier change of the function",
    ),
    Case(
        "lambda",
        "AddPermission",
        ServiceError(
            code="ResourceNotFoundException", message="Function not found: crop", status=404
        ),
        "does not see the new function",
    ),
    Case(
        "iam",
        "PutRolePolicy",
        ServiceError(
            code="NoSuchEntity", message="The role with name x cannot be found.", status=404
        ),
        "does not see the new role",
    ),
    Case(
        "iam",
        "PutRolePolicy",
        ServiceError(code="ConcurrentModification", message="Try again.", status=409),
        "earlier change",
    ),
    s3_case("CreateBucket", shown="not freed the name"),
    s3_case("PutBucketEncryption"),
    s3_case("PutBucketLifecycleConfiguration"),
    s3_case("PutPublicAccessBlock"),
    s3_case("PutBucketNotificationConfiguration"),
    s3_case("PutPublicAccessBlock", "NoSuchBucket", "does not see the new bucket"),
    s3_case("PutBucketLifecycleConfiguration", "NoSuchBucket", "does not see the new bucket"),
    Case(
        "logs",
        "PutRetentionPolicy",
        ServiceError(code="OperationAbortedException", message="A conflicting operation"),
        "earlier change of the log group",
    ),
    Case(
        "ecr",
        "SetRepositoryPolicy",
        ServiceError(code="RepositoryNotFoundException", message="does not exist"),
        "does not see the new repository",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_init_waits_until_a_race_has_passed(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors, case: Case
) -> None:
    service_errors.refuse(case.service, case.operation, case.error, times=8)
    reported: list[str] = []
    function = a_function("batch")
    init([function], connection, reported.append, images=images)
    shown = [line for line in reported if "waiting, at most" in line]
    assert case.shown in shown[0]
    assert case.operation in shown[0]
    assert len(shown) <= 4  # one for each of the resources that wait
    assert str(deploy(connection, images, function)) == "Nothing to change."


def test_an_instance_profile_waits_minutes_for_its_role(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors, time: VirtualTime
) -> None:
    """Whichever of the two was created first."""
    absent = ServiceError(
        code="NoSuchEntity", message="The role with name x cannot be found.", status=404
    )
    service_errors.refuse("iam", "AddRoleToInstanceProfile", absent, times=20)
    deploy(connection, images, a_function("batch"))
    assert time.now > 30
    assert str(deploy(connection, images, a_function("batch"))) == "Nothing to change."


def test_a_wait_ends_after_five_minutes_with_the_remedy(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    time: VirtualTime,
) -> None:
    case = CASES[1]
    service_errors.refuse(case.service, case.operation, case.error, times=10_000)
    with pytest.raises(OperationRefusedError, match=r"repeated the call for [23]\d\d s") as caught:
        deploy(connection, images, a_function())
    assert case.error.message in caught.value.problem
    assert "ec2:CreateNetworkInterface" in caught.value.remedy
    # The role counts as new for five minutes after it was made, not after the first error.
    assert 300 <= time.now < 330


def test_a_role_that_was_not_changed_moments_ago_is_waited_for_one_minute_only(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    time: VirtualTime,
) -> None:
    deploy(connection, images, a_function())  # creates other roles, also recently
    role = a_role(connection, "mine", "lambda")
    time.sleep(301)
    function = changed(a_function(name="cut"), role=role)
    service_errors.refuse("lambda", "CreateFunction", CASES[0].error, times=10_000)
    started = time.now
    with pytest.raises(OperationRefusedError, match=r"repeated the call for 6\d s") as caught:
        deploy(connection, images, function)
    assert "lambda.amazonaws.com to the role's trust policy" in caught.value.remedy
    assert time.now - started < 90


def test_the_name_of_a_deleted_bucket_is_waited_for_and_then_explained(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors
) -> None:
    service_errors.refuse("s3", "CreateBucket", s3_case("CreateBucket").error, times=10_000)
    with pytest.raises(OperationRefusedError, match="OperationAborted") as caught:
        deploy(connection, images, a_function())
    assert "one to two hours" in caught.value.remedy
    assert "another bucket name" in caught.value.remedy


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("CreateFunction", INVALID, "The image manifest media type is not supported."),
        ("CreateFunction", INVALID, "Unzipped size must be smaller than 1 byte"),
        ("PutFunctionEventInvokeConfig", INVALID, "no such thing"),
        ("AddPermission", "PreconditionFailedException", "The RevisionId does not match"),
    ],
)
def test_other_errors_are_raised_at_once(
    connection: AwsConnection,
    images: FakeImages,
    service_errors: ServiceErrors,
    operation: str,
    code: str,
    message: str,
) -> None:
    service_errors.refuse("lambda", operation, ServiceError(code=code, message=message))
    with pytest.raises(OperationRefusedError, match=code):
        deploy(connection, images, a_function())
    # Once for each of the two functions, and once more if the other function's call failed.
    assert service_errors.requests[operation] <= 2


def test_an_init_after_a_race_that_did_not_pass_makes_no_role_again(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors
) -> None:
    service_errors.refuse("lambda", "CreateFunction", CASES[1].error, times=10_000)
    with pytest.raises(OperationRefusedError):
        deploy(connection, images, a_function())
    assert remaining_resources(connection).keys() == {"roles", "buckets"}
    made = service_errors.requests["CreateRole"], service_errors.requests["CreateBucket"]
    service_errors.clear()
    deploy(connection, images, a_function())
    assert made == (service_errors.requests["CreateRole"], service_errors.requests["CreateBucket"])


def test_the_settings_of_the_state_bucket_are_changed_one_after_the_other(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors
) -> None:
    running: list[str] = []
    overlapping: list[str] = []
    settings = ("PutBucketEncryption", "PutBucketLifecycleConfiguration", "PutPublicAccessBlock")

    def begin(model: OperationModel, **_: object) -> None:
        overlapping.extend(running)
        running.append(model.name)
        threading.Event().wait(0.05)

    def end(model: OperationModel, **_: object) -> None:
        running.remove(model.name)

    events = connection.client("s3").meta.events
    for operation in settings:
        events.register_first(f"before-call.s3.{operation}", begin)
        events.register(f"after-call.s3.{operation}", end)
    deploy(connection, images, a_function())
    assert overlapping == []
    assert service_errors.requests["PutBucketLifecycleConfiguration"] == 1


def test_a_new_state_bucket_that_is_private_and_encrypted_gets_only_its_lifecycle(
    connection: AwsConnection, images: FakeImages, service_errors: ServiceErrors
) -> None:
    """So are all new buckets on AWS since 2023; moto's are not."""
    bucket, created = "scar-123456789012-eu-west-1", list[str]()

    def set_defaults(http_response: AWSResponse, context: dict[str, Any], **_: object) -> None:
        if context["s3_redirect"]["params"]["Bucket"] != bucket or http_response.status_code != 200:
            return
        created.append(bucket)
        s3, default = connection.session.client("s3"), {"SSEAlgorithm": "AES256"}
        rules: Any = [{"ApplyServerSideEncryptionByDefault": default}]
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
        names = (
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        )
        blocks: Any = dict.fromkeys(names, True)
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)

    connection.client("s3").meta.events.register("after-call.s3.CreateBucket", set_defaults)
    deploy(connection, images, a_function())
    # No more than the test's own, in place of S3.
    assert service_errors.requests["PutBucketEncryption"] == len(created)
    assert service_errors.requests["PutPublicAccessBlock"] == len(created)
    assert service_errors.requests["PutBucketLifecycleConfiguration"] == 1
