"""Translate the SDK's errors into ScarError: what failed, why, and the remedy."""

from __future__ import annotations

import contextlib
import re
from functools import cache
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from scar.aws.client.foreign_responses import is_foreign_error
from scar.errors import ConfigurationError, OperationRefusedError, ScarError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError as ClientError  # noqa: PLC0414
    from botocore.parsers import ResponseParserError

    SdkError: TypeAlias = BotoCoreError | ClientError | ResponseParserError
    SDK_ERRORS = (BotoCoreError, ClientError, ResponseParserError)

NO_REGION = "Set AWS_REGION or pass --region; `scar --local` needs no account."
CORRECT_REGION = "Correct --region, AWS_REGION, the profile's Region or the FDL's region."
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
_NOT_AWS = (
    "The response is not AWS's: log in to the network, or check HTTPS_PROXY, HTTP_PROXY and the"
    " address after --endpoint-url or in AWS_ENDPOINT_URL."
)
WAITED = "ScarWaited"
"""Key in ``ResponseMetadata`` of an error that did not pass: seconds waited, and the remedy."""
_UNAUTHORIZED_MESSAGE = re.compile(
    r"(?:User: )?(?P<who>arn:\S+) is not authorized to perform: (?P<action>\w[\w-]*:\w+)"
    r"(?: on resource: (?P<on>\S+))?"
)
# Lambda's ValidationException or InvalidParameterValueException for more memory than the account
# may use: "'MemorySize' value failed to satisfy constraint: Member must have value less than …".
_MEMORY_QUOTA = re.compile(
    r"memory_?size.*less than or equal to (?P<most>\d+)", re.IGNORECASE | re.DOTALL
)
# S3 operations whose IAM actions have another name (docs: Service Authorization Reference).
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


def __getattr__(name: str) -> object:
    """Return ``ClientError`` or ``SDK_ERRORS``, all errors of an API call.

    Python evaluates what follows ``except`` when there is an error. So `except errors.ClientError`
    imports the SDK then; a command that has no use for the SDK starts in half the time.
    """
    if name == "ClientError":
        from botocore.exceptions import ClientError

        return ClientError
    if name == "SDK_ERRORS":
        return _sdk_errors()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _sdk_errors() -> tuple[type[BotoCoreError], type[ClientError], type[ResponseParserError]]:
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError as ClientError  # noqa: PLC0414
    from botocore.parsers import ResponseParserError

    # botocore's ResponseParserError, for a response that is not AWS's, is not a BotoCoreError.
    return BotoCoreError, ClientError, ResponseParserError


@cache
def _remedies() -> tuple[tuple[tuple[type[Exception], ...], str], ...]:
    """Return the remedies of errors without a response, the most specific first.

    The network's come before all others that are OSErrors: SSLError, ProxyConnectionError and
    timeouts are.
    """
    from botocore import exceptions as sdk
    from botocore.parsers import ResponseParserError

    return (
        (
            (sdk.NoCredentialsError, sdk.PartialCredentialsError),
            "Run `aws configure`, set AWS_PROFILE, or use `scar --local`.",
        ),
        ((sdk.NoRegionError,), NO_REGION),
        ((sdk.InvalidRegionError,), CORRECT_REGION),
        ((sdk.ProfileNotFound,), "See ~/.aws/config for the existing profiles."),
        (
            (sdk.EndpointConnectionError, sdk.ConnectTimeoutError),
            "Check the network, the Region's name and the endpoint's address.",
        ),
        ((sdk.SSLError,), "TLS failed: check the address, the clock, proxies and AWS_CA_BUNDLE."),
        ((sdk.ProxyConnectionError,), "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."),
        ((sdk.HTTPClientError,), "Check the network, then run the same command again."),
        ((ResponseParserError,), _NOT_AWS),
        ((Exception,), "Run the same command again; if the error persists, run it with --debug."),
    )


def _is_client_error(error: BaseException | None) -> TypeGuard[ClientError]:
    from botocore.exceptions import ClientError

    return isinstance(error, ClientError)


def is_access_denied(error: BaseException | None) -> bool:
    """Return whether an error of the SDK says that the caller lacks a permission."""
    return _is_client_error(error) and error_code(error) in _ACCESS_DENIED_CODES


@contextlib.contextmanager
def translate_errors(doing: str, who: str = "") -> Iterator[None]:
    """Translate SDK errors raised in the block into a ScarError that names the failed step.

    ``doing`` completes "Cannot …"; ``who`` is the ARN of the caller, if known: S3's messages
    do not name it. Raise ConfigurationError for credentials, Region and connection, and
    OperationRefusedError for an error response.
    """
    try:
        yield
    except _sdk_errors() as error:
        raise to_scar_error(error, doing, who) from error


class UnmanagedResourceError(OperationRefusedError):
    """A resource with the name that scar needs exists already and is not managed by scar."""


class MadeByScar4Error(UnmanagedResourceError):
    """A function was made by SCAR 4, whose resources scar neither changes nor deletes."""

    def __init__(self, function: str) -> None:
        super().__init__(
            f"The function {function} was made by SCAR 4, and is not managed by scar.",
            remedy=f"`scar import -n {function} -p FOLDER` writes its FDL file and lists what to"
            " remove before `scar init`.",
        )


def error_code(error: BaseException | None) -> str:
    """Return AWS's error code, such as ``NoSuchBucket``; for a HEAD request the HTTP status.

    Empty for every other error: no response, or one that is not AWS's.
    """
    if not _is_client_error(error):
        return ""
    return str(error.response.get("Error", {}).get("Code", ""))


def error_message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def to_scar_error(error: SdkError, doing: str, who: str = "") -> ScarError:
    if _is_client_error(error) and is_foreign_error(error):
        return ConfigurationError(
            f"Cannot {doing}: the response to {error.operation_name} could not be parsed.",
            remedy=_NOT_AWS,
        )
    if _is_client_error(error):
        return _client_error_to_scar_error(error, doing, who)
    remedy = next(remedy for kinds, remedy in _remedies() if isinstance(error, kinds))
    return ConfigurationError(f"Cannot {doing}: {error}", remedy=remedy)


def _client_error_to_scar_error(error: ClientError, doing: str, who: str) -> ScarError:
    code = error_code(error)
    what = f"Cannot {doing}: {error.operation_name} returned {code}: {error_message(error)}"
    waited = error.response.get("ResponseMetadata", {}).get(WAITED)
    if isinstance(waited, dict):
        what += f" (scar repeated the call for {waited['seconds']:.0f} s)"
        return OperationRefusedError(what, remedy=waited["remedy"])
    if match := _MEMORY_QUOTA.search(error_message(error)):
        return OperationRefusedError(what, remedy=_memory_remedy(match["most"]))
    if code in _CREDENTIAL_ERROR_CODES:
        return ConfigurationError(
            what, remedy="Renew or correct the credentials, then run the same command again."
        )
    if error_code(error) in _ACCESS_DENIED_CODES and _is_write_denied_by_policy(error):
        return OperationRefusedError(
            what,
            remedy="If the policy requires x-amz-server-side-encryption, set sse (AES256 or"
            " aws:kms) of the input or output, or lambda.sse (SCAR_SSE) for scar's own bucket too.",
        )
    if error_code(error) in _ACCESS_DENIED_CODES:
        return OperationRefusedError(what, remedy=_permission_remedy(error, who))
    return OperationRefusedError(
        what, remedy="Correct the cause named above, then run the same command again."
    )


def _memory_remedy(most: str) -> str:
    return (
        f"Lambda allows {most} MB per function in this account: new accounts have a reduced memory"
        f" quota, which AWS raises with the account's usage. Set memory to {most} or less in the"
        " FDL, or ask AWS Support to raise Lambda's memory quota; then run the same command again."
    )


def _is_write_denied_by_policy(error: ClientError) -> bool:
    """Return whether a policy of a bucket or an organization denies what IAM may allow."""
    is_write = error.operation_name in ("PutObject", "CreateMultipartUpload")
    return is_write and "explicit deny in a" in error_message(error)


def _permission_remedy(error: ClientError, who: str) -> str:
    """Name the principal, the action and the resource, as far as the message contains them.

    S3's messages contain none of the three: its action is derived from the operation.
    """
    if match := _UNAUTHORIZED_MESSAGE.search(error_message(error)):
        who, action, on = match["who"], match["action"], match["on"] or "this resource"
    else:
        operation = error.operation_name
        # Only S3's responses carry a host id.
        is_s3 = "HostId" in error.response.get("ResponseMetadata", {})
        action = f"s3:{_S3_ACTIONS.get(operation, operation)}" if is_s3 else operation
        on = "this resource"
    return (
        f"Allow {action} on {on.rstrip('.')} for {who or 'these credentials'}: in an identity"
        " policy, and in the permissions boundary and service control policies, if any."
        " `scar policy` prints all required permissions."
    )
