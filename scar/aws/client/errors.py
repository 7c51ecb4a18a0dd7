"""The SDK's errors in scar's own words."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from scar.errors import ConfigurationError, OperationRefusedError, ScarError

if TYPE_CHECKING:
    from collections.abc import Iterator

SdkError: TypeAlias = BotoCoreError | ClientError | ResponseParserError
# All that a call raises: to botocore, an answer that it cannot read is no BotoCoreError.
SDK_ERRORS = (BotoCoreError, ClientError, ResponseParserError)
NO_REGION = "Set AWS_REGION or give --region; `scar --local` needs no account."
_CREDENTIAL_ERROR_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_UNAUTHORIZED_MESSAGE = re.compile(
    r"(?:User: )?(?P<who>arn:\S+) is not authorized to perform: (?P<action>\w[\w-]*:\w+)"
    r"(?: on resource: (?P<on>\S+))?"
)
# Where S3's actions are not called like its operations (docs: Service Authorization Reference).
_S3_ACTIONS = {
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_ACCESS_DENIED_CODES = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
)


@contextlib.contextmanager
def translate_errors(doing: str, who: str = "") -> Iterator[None]:
    """Raise what the SDK raises as a ScarError that says what was being done.

    ``doing`` completes "Cannot …"; ``who`` is the ARN of whoever does it, where that is known
    and AWS may not say so itself. Credentials, Region and connection: ConfigurationError;
    an answer that says no: Refused.
    """
    try:
        yield
    except SDK_ERRORS as error:
        raise to_scar_error(error, doing, who) from error


class UnmanagedResourceError(OperationRefusedError):
    """Something of the name that scar would use exists already, and scar did not make it."""


def error_code(error: BaseException | None) -> str:
    """Return AWS's error code, such as ``NoSuchBucket``; for a HEAD it is the status.

    Empty if AWS did not answer at all, or not as AWS does.
    """
    if not isinstance(error, ClientError):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def to_scar_error(error: SdkError, doing: str, who: str = "") -> ScarError:
    if isinstance(error, ClientError):
        return _client_error_to_scar_error(error, doing, who)
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            remedy = "Run `aws configure`, set AWS_PROFILE, or use `scar --local`."
        case NoRegionError():
            remedy = NO_REGION
        case ProfileNotFound():
            remedy = "See ~/.aws/config for the profiles there are."
        case EndpointConnectionError() | ConnectTimeoutError():
            remedy = "Check the network, the Region's name and the endpoint's address."
        case ResponseParserError():
            remedy = (
                "Something else than AWS answers: check HTTPS_PROXY, HTTP_PROXY and the address"
                " after --endpoint-url or in AWS_ENDPOINT_URL."
            )
        case _:
            remedy = "Run the same command again; if it stays, run it with --debug."
    return ConfigurationError(f"Cannot {doing}: {error}", remedy=remedy)


def _client_error_to_scar_error(error: ClientError, doing: str, who: str) -> ScarError:
    code = error_code(error)
    what = f"Cannot {doing}: {error.operation_name} answered {code}: {error_message(error)}"
    if code in _CREDENTIAL_ERROR_CODES:
        return ConfigurationError(
            what, remedy="Renew or correct the credentials, then run the same command again."
        )
    if error_code(error) in _ACCESS_DENIED_CODES:
        return OperationRefusedError(what, remedy=_permission_remedy(error, who))
    return OperationRefusedError(
        what, remedy="Correct what the message names, then run the same command again."
    )


def _permission_remedy(error: ClientError, who: str) -> str:
    """Say who must be allowed which action on what, as far as AWS tells; S3 tells little."""
    if told := _UNAUTHORIZED_MESSAGE.search(error_message(error)):
        who, action, on = told["who"], told["action"], told["on"] or "this resource"
    else:
        operation = error.operation_name
        answered_by_s3 = "HostId" in error.response.get("ResponseMetadata", {})
        action = f"s3:{_S3_ACTIONS.get(operation, operation)}" if answered_by_s3 else operation
        on = "this resource"
    return (
        f"Let {who or 'these credentials'} do {action} on {on.rstrip('.')}: in its policy, and in"
        " the boundary and the organisation's policies if there are any. `scar policy`"
        " prints all that is needed."
    )
